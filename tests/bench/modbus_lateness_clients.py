"""Prints how late (us) each of COUNT polls began to be sent.

`python -m tests.bench.modbus_lateness_clients fluxrig COUNT PERIOD_MS FLUX`: the Rack that runs this compiled rig.
`python -m tests.bench.modbus_lateness_clients pymodbus COUNT PERIOD_MS PORT`: asyncio, sleeping to absolute deadlines.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

FIRST_POLLS = 5
"""They open the connection, and are not counted."""


def fluxrig(count: int, flux: str) -> list[float]:
    from fluxrig.flux import unpack
    from fluxrig.rack import Rack
    from fluxrig_ports.cpython.host import CPythonHost
    from fluxrig_ports.cpython.loop import run

    late: list[float] = []
    due = 0
    done = asyncio.Event()

    class ListeningHost(CPythonHost):
        async def connect(self, address, port, timeout_ms):
            stream = await super().connect(address, port, timeout_ms)
            write = stream.write

            async def noting(data):
                note()
                await write(data)

            stream.write = noting  # type: ignore[method-assign]
            return stream

    rack = Rack(ListeningHost(tempfile.gettempdir()), unpack(Path(flux).read_bytes()))
    ticker = rack.schedule.tickers[0]

    def note() -> None:
        """Something is sent. A deadline that was skipped is late, too."""
        nonlocal due
        if ticker.ticks <= FIRST_POLLS:
            due = ticker.deadline + ticker.period_us
        now = rack.host.clock.ticks_us()
        while due <= ticker.deadline:
            late.append(now - due)
            due += ticker.period_us
        if len(late) >= count:
            done.set()

    async def main() -> None:
        await rack.run(done.wait())

    run(main())
    return late[:count]


def pymodbus(count: int, period_ms: int, port: str) -> list[float]:
    from pymodbus.client import AsyncModbusTcpClient

    late: list[float] = []
    deadline = 0.0

    def note(sending: bool, data: bytes) -> bytes:
        if sending:
            late.append((asyncio.get_running_loop().time() - deadline) * 1e6)
        return data

    async def main() -> None:
        nonlocal deadline
        client = AsyncModbusTcpClient("127.0.0.1", port=int(port), trace_packet=note)
        assert await client.connect()
        loop = asyncio.get_running_loop()
        deadline = loop.time()
        for _ in range(FIRST_POLLS + count):
            deadline += period_ms / 1000
            await asyncio.sleep(deadline - loop.time())
            await client.read_holding_registers(1000, count=3, device_id=1)
        client.close()

    asyncio.run(main())
    return late[FIRST_POLLS:]


if __name__ == "__main__":
    name, count, period_ms, argument = sys.argv[1:]
    found = fluxrig(int(count), argument) if name == "fluxrig" else pymodbus(int(count), int(period_ms), argument)
    print("\n".join(map(str, found)))
