"""Modbus devices for tests under the virtual clock: units with registers and coils that can be read and written.

Written from the specification and apart from the code under test: no part of `fluxrig.modbus` is used here.
"""

import gc

from probes import chain, gear, gear_of

from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost, streams

LOADED = (streams,)
"""What a Rack would import in the first test, loaded while the heap is in one piece."""

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, BUSY = 1, 2, 3, 6


class Unit:
    """One device. `registers` and `coils` are what it has: {address: value}; other addresses are illegal.

    `faults` holds what to do instead with the next requests, in order: "silent", an exception code, or "deaf" (carry it
    out and say nothing); None is no fault. `always` is the fault when that list is empty. `longest` is how many
    registers it reads at once. `requests` are the PDUs that came.
    """

    def __init__(self, registers=None, coils=None):
        self.registers = dict(registers or {})
        self.coils = dict(coils or {})
        self.read_only = set()
        self.faults = []
        self.always = None
        self.longest = 125
        self.requests = []

    def answer(self, pdu):
        """The answer PDU, None for silence."""
        self.requests.append(pdu)
        fault = self.faults.pop(0) if self.faults else self.always
        if fault == "silent":
            return None
        if isinstance(fault, int):
            return bytes([pdu[0] | 0x80, fault])
        code, answer = self._carry_out(pdu)
        if fault == "deaf":
            return None
        return bytes([pdu[0] | 0x80, code]) if code else answer

    def _carry_out(self, pdu):
        function = pdu[0]
        address = int.from_bytes(pdu[1:3], "big")
        number = int.from_bytes(pdu[3:5], "big")
        if function in (1, 2):
            if not all([address + i in self.coils for i in range(number)]):
                return ILLEGAL_ADDRESS, b""
            bits = 0
            for i in range(number):
                bits |= self.coils[address + i] << i
            return 0, bytes([function, (number + 7) // 8]) + bits.to_bytes((number + 7) // 8, "little")
        if function in (3, 4):
            if number > self.longest:
                return ILLEGAL_VALUE, b""
            if not all([address + i in self.registers for i in range(number)]):
                return ILLEGAL_ADDRESS, b""
            return 0, bytes([function, 2 * number]) + self.image(address, number)
        if address in self.read_only:
            return ILLEGAL_ADDRESS, b""
        if function == 5:
            self.coils[address] = number == 0xFF00
            return 0, pdu
        if function == 6:
            self.registers[address] = number
            return 0, pdu
        if function == 15:
            for i in range(number):
                self.coils[address + i] = bool(pdu[6 + i // 8] >> i % 8 & 1)
            return 0, pdu[:5]
        if function == 16:
            self.store(address, pdu[6:])
            return 0, pdu[:5]
        if function == 22:
            or_mask = int.from_bytes(pdu[5:7], "big")
            self.registers[address] = self.registers[address] & number | or_mask & ~number & 0xFFFF
            return 0, pdu
        if function == 23:
            self.store(int.from_bytes(pdu[5:7], "big"), pdu[10:])
            return 0, bytes([23, 2 * number]) + self.image(address, number)
        return ILLEGAL_FUNCTION, b""

    def image(self, address, count):
        return b"".join([self.registers[address + i].to_bytes(2, "big") for i in range(count)])

    def store(self, address, data):
        for i in range(len(data) // 2):
            self.registers[address + i] = int.from_bytes(data[2 * i : 2 * i + 2], "big")


class Plant:
    """Units behind one TCP address and one serial line. `log`: (ms since the start, unit id, PDU) of each request."""

    def __init__(self, host, units):
        self.clock = host.clock
        self.network = host.network
        self.units = units
        self.log = []
        self.connections = 0
        self.closed = 0  # serial lines that the Rack has closed
        self.streams = []
        self.delay_ms = 0
        self.shape = None  # (frame) -> bytes to send instead
        self._began = host.clock.wall_ns()
        self.up()
        host.network.listen_serial("/dev/ttyUSB0", self.serve_rtu)

    def up(self):
        self.network.listen("gateway", 502, self.serve_tcp)

    async def serve_tcp(self, stream):
        self.connections += 1
        self.streams.append(stream)
        while True:
            head = await _exactly(stream, 7)
            if head is None:
                return
            pdu = await _exactly(stream, int.from_bytes(head[4:6], "big") - 1)
            answer = await self._answer(head[6], pdu)
            if answer is not None:
                await stream.write(head[:4] + (len(answer) + 1).to_bytes(2, "big") + head[6:] + answer)

    async def serve_rtu(self, stream):
        """A frame is what comes in one piece: there is no time between its bytes under the virtual clock."""
        self.connections += 1
        while True:
            frame = await stream.read(300)
            if not frame:
                self.closed += 1
                return
            assert crc(frame) == 0, f"a frame with a wrong checksum: {frame}"
            answer = await self._answer(frame[0], frame[1:-2])
            if answer is not None:
                body = frame[:1] + answer
                sent = body + crc(body).to_bytes(2, "little")
                await stream.write(sent if self.shape is None else self.shape(sent))

    async def _answer(self, unit_id, pdu):
        self.log.append(((self.clock.wall_ns() - self._began) // 1_000_000, unit_id, pdu))
        if unit_id == 0:
            for unit in self.units.values():
                unit.answer(pdu)
            return None
        answer = self.units[unit_id].answer(pdu) if unit_id in self.units else None
        if self.delay_ms:
            await self.clock.sleep_ms(self.delay_ms)
        return answer


class DeviceBench:
    """A Rack with one Gear under test, a plant of `units` for it, and what it sends."""

    def __init__(self, compiled, units):
        gc.collect()  # a test may make several: what the one before left must not split the heap of this one
        self.host = MemoryHost(seed=1)
        self.units = units
        self.plant = Plant(self.host, units)
        self.rack = Rack(self.host, self.rig(gear("plc", "io_modbus", compiled)))
        self.gear = gear_of(self.rack, "plc")
        self.got = gear_of(self.rack, "sink").got
        self.started = False

    def rig(self, plc):
        return chain(plc, gear("sink", "sink"))

    async def run(self, ms):
        """Start if need be, and let virtual time pass."""
        if not self.started:
            self.started = True
            await self.rack.start()
        await self.host.clock.advance(ms)
        return self

    def of(self, name):
        """The messages of a poll."""
        return [msg for msg in self.got if msg.meta["group"] == name]

    def qualities(self, name):
        """For each message of a poll in turn, the set of the qualities of its tags."""
        return [{msg.quality(tag) for tag in msg.data} for msg in self.of(name)]


async def _exactly(stream, size):
    data = b""
    while len(data) < size:
        chunk = await stream.read(size - len(data))
        if not chunk:
            return None
        data += chunk
    return data


def crc(data):
    """CRC-16 of Modbus, bit by bit."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value
