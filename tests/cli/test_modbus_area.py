"""Reading around registers that do not exist: everything that is there is found, and nothing else is done."""

import asyncio
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from fluxrig.errors import TransientError
from fluxrig_ports.memory import MemoryHost
from fluxrig_tooling.cli.modbus.area import Area
from fluxrig_tooling.cli.modbus.options import Target
from fluxrig_tooling.cli.modbus.session import Session
from fluxrig_tooling.cli.modbus.small_rig import ANY_TAG, device

LAST = 299
DEVICE = device(Target("tcp://plc", 5, {}).config(ANY_TAG))

Refuses = Callable[[int, int], int]
"""The exception code for a read of so many registers from an address on, 0 for none."""


class Server:
    """Registers that hold their address plus 7. `asked` has (function, address, count) of each request."""

    def __init__(self, refuses: Refuses):
        self.host = MemoryHost()
        self.asked: list[tuple[int, int, int]] = []
        self._refuses = refuses
        self.host.network.listen("plc", 502, self._serve)

    async def _serve(self, stream) -> None:
        while frame := await stream.read(12):
            function, address, count = frame[7], int.from_bytes(frame[8:10], "big"), int.from_bytes(frame[10:12], "big")
            self.asked.append((function, address, count))
            code = self._refuses(address, count)
            registers = b"".join((address + index + 7).to_bytes(2, "big") for index in range(count))
            pdu = bytes([function | 0x80, code]) if code else bytes([function, 2 * count]) + registers
            await stream.write(frame[:4] + (1 + len(pdu)).to_bytes(2, "big") + frame[6:7] + pdu)


def without(holes: set[int], code: int = 2) -> Refuses:
    return lambda address, count: code if holes & set(range(address, address + count)) else 0


def explored(refuses: Refuses, first: int = 0, last: int = LAST) -> tuple[dict[int, int], Area, Server, int]:
    """What is found, and how many registers `progress` was told of."""
    told: list[int] = []

    async def explore() -> tuple[dict[int, int], Area, Server, int]:
        server = Server(refuses)
        session = Session(server.host, DEVICE)
        area = Area(5, "ir", first, last)
        found = await area.explore(session, told.append)
        assert await area.sample(session) == found
        await session.line.close()
        return found, area, server, sum(told)

    return asyncio.run(explore())


@settings(max_examples=60)
@given(st.sets(st.integers(0, LAST), max_size=40) | st.sets(st.integers(0, 9)).map(lambda s: set(range(LAST + 1)) - s))
def test_all_that_exists_is_found_and_the_rest_is_asked_for_by_reads_only(holes: set[int]):
    found, _, server, told = explored(without(holes))
    assert found == {address: address + 7 for address in range(LAST + 1) if address not in holes}
    assert {function for function, _, _ in server.asked} == {4}
    assert all(address + count - 1 <= LAST for _, address, count in server.asked)
    assert told == LAST + 1


@given(st.sets(st.integers(0, LAST // 2), max_size=20))
def test_a_device_that_gives_away_whole_pairs_only_is_read_nevertheless(pairs: set[int]):
    holes = {2 * pair for pair in pairs} | {2 * pair + 1 for pair in pairs}

    def refuses(address: int, count: int) -> int:
        return 3 if address % 2 or count % 2 else without(holes)(address, count)

    found, _, _, _ = explored(refuses)
    assert found == {address: address + 7 for address in range(LAST + 1) if address not in holes}


def test_a_device_that_reads_few_at_once_is_read_in_parts():
    found, _, _, _ = explored(lambda _, count: 3 if count > 16 else 0)
    assert set(found) == set(range(LAST + 1))


def test_one_request_is_enough_to_learn_that_a_table_is_not_there():
    found, area, server, told = explored(lambda _address, _count: 1)
    assert found == {} and told <= LAST + 1
    assert len(server.asked) == 1
    assert area.refusal is not None and area.refusal.reason == "illegal_function"


def test_what_exists_is_said_in_few_words():
    _, area, _, _ = explored(without({10, 200, 201}))
    assert area.text == "ir:0-9, ir:11-199, ir:202-299"


async def test_silence_is_an_error_and_no_hole():
    host = MemoryHost()

    async def silent(stream) -> None:
        while await stream.read(12):
            pass

    host.network.listen("plc", 502, silent)
    session = Session(host, DEVICE)
    task = asyncio.create_task(Area(5, "hr", 0, 9).explore(session, lambda _: None))
    while not task.done():
        await host.clock.advance(100)
    assert isinstance(task.exception(), TransientError)
    assert "unit 5 is silent" in str(task.exception())
