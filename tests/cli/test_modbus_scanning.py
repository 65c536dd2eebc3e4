"""What `fluxrig modbus scan` asks, how often, and what it makes of what comes back, under the virtual clock.

The devices are written from the specification; the checksum is pymodbus's.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from pymodbus.framer.rtu import FramerRTU

from fluxrig.errors import TransientError
from fluxrig_ports.memory import MemoryHost
from fluxrig_tooling.cli.modbus.listening import PER_SECOND
from fluxrig_tooling.cli.modbus.options import Target
from fluxrig_tooling.cli.modbus.scanning import ANSWER, EXCEPTION, LATE, LIKELY_UNITS, Scan, Setting

PATH, LINK = "/dev/ttyUSB0", "serial:///dev/ttyUSB0"
GAP_MS = 1000 // PER_SECOND
TIMEOUT_MS = 200
SLOW, PLAIN = Setting(9600, "none"), Setting(19200, "even")
SETTINGS = [SLOW, PLAIN]

Respond = Callable[["Line", bytes], Awaitable[None]]


def framed(body: bytes) -> bytes:
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


def refused(unit: int, function: int, code: int) -> bytes:
    return framed(bytes([unit, function | 0x80, code]))


def register(unit: int, value: int) -> bytes:
    return framed(bytes([unit, 3, 2]) + value.to_bytes(2, "big"))


class Line:
    """A serial line with whatever hangs on it: `respond` is called with each frame. `asked` has (ms, baud, frame)."""

    def __init__(self, respond: Respond):
        self.host = MemoryHost()
        self.asked: list[tuple[int, int, bytes]] = []
        self.opened = 0
        self._respond = respond
        self.host.network.listen_serial(PATH, self.serve)

    async def serve(self, stream) -> None:
        self.opened += 1
        self.stream = stream
        self.baud: int = stream.options["baud"]
        while True:
            frame = await stream.read(512)
            if not frame:
                return
            self.asked.append((self.host.clock.wall_ns() // 1_000_000, self.baud, frame))
            try:
                await self._respond(self, frame)
            except TransientError:
                return  # the line was closed meanwhile

    async def say(self, data: bytes, after_ms: int = 0) -> None:
        if after_ms:
            await self.host.clock.sleep_ms(after_ms)
        await self.stream.write(data)

    def scan(self, units: range, settings: list[Setting] = SETTINGS, all_settings: bool = False) -> Scan:
        target = Target(LINK, 1, {"timeout": f"{TIMEOUT_MS}ms"})
        return Scan(self.host, target, settings, list(units), all_settings=all_settings)

    def units(self) -> list[tuple[int, int]]:
        """(baud, unit) of each read, in the order in which they came."""
        return [(baud, frame[0]) for _, baud, frame in self.asked if frame[1] == 3]


async def finished(host: MemoryHost, scan: Scan, until: Callable[[Scan], bool] = lambda _: False) -> Scan:
    """The scan after it has ended, or was cancelled because of `until`."""
    task = asyncio.create_task(scan.run(lambda _: None))
    while not task.done():
        await host.clock.advance(10)
        if until(scan):
            task.cancel()
    if not task.cancelled():
        task.result()
    return scan


async def silence(_line: Line, _frame: bytes) -> None:
    pass


def units_at(baud: int, answers: dict[int, bytes]) -> Respond:
    """Devices that hear one baud rate only."""

    async def respond(line: Line, frame: bytes) -> None:
        if line.baud == baud and frame[0] in answers and frame[1] == 3:
            await line.say(answers[frame[0]])
        elif line.baud == baud and frame[0] in answers:
            await line.say(refused(frame[0], frame[1], 1))

    return respond


async def test_it_only_reads_and_at_most_ten_times_a_second_whatever_comes_back():
    async def damaged(line: Line, frame: bytes) -> None:
        # The line asks once more when an answer came damaged, which is a request too.
        await line.say(register(frame[0], 7)[:-1] + b"\xff")

    for respond in (silence, damaged, units_at(9600, {unit: register(unit, 1) for unit in range(1, 30)})):
        line = Line(respond)
        scan = await finished(line.host, line.scan(range(1, 30)))
        times = [ms for ms, _, _ in line.asked]
        assert len(times) == scan.requests > 29
        assert min(later - earlier for earlier, later in pairwise(times)) >= GAP_MS
        assert {frame[1:3] for _, _, frame in line.asked} <= {b"\x03\x00", b"\x2b\x0e"}


async def test_units_are_found_by_their_answers_and_by_their_exceptions():
    line = Line(units_at(19200, {3: register(3, 17), 7: refused(7, 3, 2)}))
    scan = await finished(line.host, line.scan(range(1, 12)))
    found = [(each.unit_id, each.setting, each.how, each.detail) for each in scan.found]
    assert found == [
        (3, PLAIN, ANSWER, "hr:0 is 17"),
        (7, PLAIN, EXCEPTION, "exception 2 (illegal_address)"),
    ]
    assert scan.complete and scan.error is None
    assert not scan.noise and not scan.echoes


async def test_the_likely_comes_first_and_a_find_settles_the_setting():
    line = Line(units_at(19200, {2: register(2, 1)}))
    await finished(line.host, line.scan(range(1, 14)))
    at_first = [(9600, unit) for unit in range(1, LIKELY_UNITS + 1)]
    assert line.units() == at_first + [(19200, unit) for unit in range(1, 14)]


async def test_without_a_find_every_unit_is_tried_at_every_setting():
    line = Line(silence)
    scan = await finished(line.host, line.scan(range(1, 14)))
    assert sorted(line.units()) == sorted((baud, unit) for baud in (9600, 19200) for unit in range(1, 14))
    assert scan.found == [] and scan.silences == 26
    assert scan.complete


async def test_all_settings_are_tried_if_wanted():
    line = Line(units_at(9600, {1: register(1, 1)}))
    scan = await finished(line.host, line.scan(range(1, 3), all_settings=True))
    assert line.units() == [(9600, 1), (9600, 2), (19200, 1), (19200, 2)]
    assert [each.unit_id for each in scan.found] == [1]


async def test_echo_is_told_from_silence_and_does_not_hide_the_answer():
    async def echo(line: Line, frame: bytes) -> None:
        await line.say(frame)
        if frame[0] == 2:
            await line.say(register(2, 9) if frame[1] == 3 else refused(2, frame[1], 1), after_ms=20)

    line = Line(echo)
    scan = await finished(line.host, line.scan(range(1, 4), [SLOW]))
    assert [(each.unit_id, each.detail) for each in scan.found] == [(2, "hr:0 is 9")]
    assert scan.echoes == 3 and scan.silences == 2 and not scan.noise


async def test_noise_is_told_from_silence():
    async def noise(line: Line, _frame: bytes) -> None:
        await line.say(b"\x00\xfe\x13" if line.baud == 9600 else b"")

    line = Line(noise)
    scan = await finished(line.host, line.scan(range(1, 3)))
    assert [(each.setting, each.unit_id, each.data) for each in scan.noise] == [
        (SLOW, 1, b"\x00\xfe\x13"),
        (SLOW, 2, b"\x00\xfe\x13"),
    ]
    assert scan.silences == 2 and not scan.found


async def test_an_answer_that_comes_late_is_a_unit_that_is_there():
    async def slow(line: Line, frame: bytes) -> None:
        if frame[0] == 1:
            await line.say(register(1, 5), after_ms=TIMEOUT_MS + 30)

    line = Line(slow)
    scan = await finished(line.host, line.scan(range(1, 3), [SLOW]))
    assert [(each.unit_id, each.how, each.detail) for each in scan.found] == [(1, LATE, "hr:0 is 5")]
    assert scan.silences == 1


async def test_an_answer_at_one_setting_is_not_a_late_one_at_the_setting_before():
    line = Line(units_at(19200, {1: register(1, 5)}))
    scan = await finished(line.host, line.scan(range(1, 2)))
    assert [(each.setting, each.how) for each in scan.found] == [(PLAIN, ANSWER)]
    assert scan.silences == 1


async def test_a_gateway_that_cannot_reach_a_unit_is_not_that_unit():
    line = Line(units_at(9600, {1: refused(1, 3, 11), 2: refused(2, 3, 10)}))
    scan = await finished(line.host, line.scan(range(1, 3), [SLOW]))
    assert scan.found == [] and scan.silences == 2


async def test_who_answers_is_asked_who_it_is():
    objects = b"\x00\x04Acme\x01\x02PM\x02\x02V1"

    async def named(line: Line, frame: bytes) -> None:
        if frame[1] == 3:
            await line.say(register(frame[0], 0))
        else:
            await line.say(framed(bytes([frame[0]]) + b"\x2b\x0e\x01\x01\x00\x00\x03" + objects))

    line = Line(named)
    scan = await finished(line.host, line.scan(range(4, 5), [SLOW]))
    assert scan.found[0].identity is not None
    assert scan.found[0].identity.summary() == "Acme PM V1"


async def test_what_was_found_stays_when_it_is_ended():
    line = Line(units_at(9600, {2: register(2, 1)}))
    scan = await finished(line.host, line.scan(range(1, 60)), until=lambda scan: scan.done >= 5)
    assert [each.unit_id for each in scan.found] == [2]
    assert not scan.complete and scan.total > scan.done
    assert line.stream.closed


async def test_a_line_that_is_not_there_ends_it():
    host = MemoryHost()
    scan = Scan(host, Target(LINK, 1, {}), SETTINGS, [1, 2])
    await finished(host, scan)
    assert "no such serial line" in str(scan.error)
    assert not scan.complete and scan.done == 1


async def test_a_server_that_closes_the_connection_is_not_a_unit():
    host = MemoryHost()
    asked = []

    async def closes(stream) -> None:
        asked.append(await stream.read(512))
        await stream.close()

    host.network.listen("plc", 502, closes)
    scan = Scan(host, Target("tcp://plc", 1, {}), [Setting()], [1, 2])
    await finished(host, scan)
    assert scan.found == [] and scan.closed == 2 and scan.error is None
    assert [frame[6] for frame in asked] == [1, 2]


async def test_a_server_that_is_no_modbus_server_is_noise():
    host = MemoryHost()

    async def ssh(stream) -> None:
        while await stream.read(512):
            await stream.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    host.network.listen("plc", 502, ssh)
    scan = Scan(host, Target("tcp://plc", 1, {}), [Setting()], [1])
    await finished(host, scan)
    assert [each.data[:3] for each in scan.noise] == [b"SSH"]


@pytest.mark.parametrize("attempts", [1, Scan.CONNECT_ATTEMPTS])
async def test_a_server_that_goes_away_is_given_a_few_attempts(attempts: int):
    host = MemoryHost()

    async def one_connection(stream) -> None:
        host.network.unlisten("plc", 502)
        frame = await stream.read(512)
        await stream.write(frame[:4] + b"\x00\x05" + frame[6:8] + b"\x02\x00\x2a")
        await stream.read(512)
        await stream.close()
        if attempts == 1:
            await host.clock.sleep_ms(Scan.CONNECT_PAUSE_MS // 2)
            host.network.listen("plc", 502, one_connection)

    host.network.listen("plc", 502, one_connection)
    scan = Scan(host, Target("tcp://plc", 1, {}), [Setting()], [1, 2, 3, 4])
    await finished(host, scan)
    assert scan.found[0].unit_id == 1
    assert (scan.error is None) == (attempts == 1)
