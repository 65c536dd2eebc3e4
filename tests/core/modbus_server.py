"""A Modbus server on a null modem that does what it is told, right or wrong.

Every register that it sends says which one it is and which request it answers: `32 * request + address`. So a value
that reached the wrong tag, or came from an earlier request, shows.
"""

from fluxrig.errors import TransientError

ADDRESS, PORT, UNIT = "plc", 502, 7
TIMEOUT_MS = 50
"""The timeout of the clients that these faults are made for."""


class Server:
    """Answers reads as the specification says; `faults` holds what to do instead with the next requests, in order."""

    def __init__(self, host):
        self.clock = host.clock
        self.network = host.network
        self.asked = []  # (ms since the start, transaction, PDU) of each request; its number is its position
        self.connections = 0
        self.faults = []
        self.always = None
        self.open = 0
        self._began = host.clock.wall_ns()
        self.up()

    def up(self):
        self.network.listen(ADDRESS, PORT, self.serve)

    def down(self):
        self.network.unlisten(ADDRESS, PORT)

    def ms(self):
        return (self.clock.wall_ns() - self._began) // 1_000_000

    async def serve(self, stream):
        self.connections += 1
        self.open += 1
        try:
            while True:
                frame = b""
                while len(frame) < 12:
                    chunk = await stream.read(12 - len(frame))
                    if not chunk:
                        return
                    frame += chunk
                await self.answer(stream, frame)
        except TransientError:
            pass  # the client went away while it was being answered
        finally:
            self.open -= 1

    async def answer(self, stream, frame):
        self.asked.append((self.ms(), frame[:2], frame[7:]))
        fault = self.faults.pop(0) if self.faults else self.always
        if fault is None:
            await stream.write(self.good(frame))
        else:
            await fault(self, stream, frame)

    def good(self, frame, number=None):
        number = len(self.asked) - 1 if number is None else number
        address = int.from_bytes(frame[8:10], "big")
        count = int.from_bytes(frame[10:12], "big")
        if frame[7] in (1, 2):
            bits = 0
            for offset in range(count):
                if (address + offset) % 2:
                    bits |= 1 << offset
            data = bits.to_bytes((count + 7) // 8, "little")
        else:
            data = b"".join([(32 * number + address + i).to_bytes(2, "big") for i in range(count)])
        return reply(frame, bytes([frame[7], len(data)]) + data)


def reply(frame, pdu, transaction=None, protocol=0, unit=UNIT, length=None):
    """A frame that answers `frame`, with the fields of its header to choose."""
    header = frame[:2] if transaction is None else transaction.to_bytes(2, "big")
    length = len(pdu) + 1 if length is None else length
    return header + protocol.to_bytes(2, "big") + length.to_bytes(2, "big") + bytes([unit]) + pdu


# What a server may do instead of answering.


async def silent(server, stream, frame):
    pass


async def close(server, stream, frame):
    await stream.close()


async def half_then_close(server, stream, frame):
    await stream.write(server.good(frame)[:9])
    await stream.close()


async def half_then_silent(server, stream, frame):
    await stream.write(server.good(frame)[:11])


async def late(server, stream, frame):
    await server.clock.sleep_ms(TIMEOUT_MS + 30)
    await stream.write(server.good(frame))


async def drip(server, stream, frame):
    for byte in server.good(frame):
        await stream.write(bytes([byte]))
        await server.clock.sleep_ms(1)


async def garbage(server, stream, frame):
    await stream.write(b"\xffSSH-2.0-OpenSSH_9.2\r\n")


async def wrong_transaction(server, stream, frame):
    """An id that was never used."""
    await stream.write((int.from_bytes(frame[:2], "big") + 1 & 0xFFFF).to_bytes(2, "big") + server.good(frame)[2:])


async def wrong_protocol(server, stream, frame):
    await stream.write(reply(frame, server.good(frame)[7:], protocol=1))


async def wrong_unit(server, stream, frame):
    await stream.write(reply(frame, server.good(frame)[7:], unit=UNIT + 1))


async def wrong_function(server, stream, frame):
    pdu = server.good(frame)[7:]
    await stream.write(reply(frame, bytes([pdu[0] ^ 7]) + pdu[1:]))


async def fewer_registers(server, stream, frame):
    pdu = server.good(frame)[7:]
    await stream.write(reply(frame, bytes([pdu[0], pdu[1] - 2]) + pdu[2:-2]))


async def more_registers(server, stream, frame):
    pdu = server.good(frame)[7:]
    await stream.write(reply(frame, bytes([pdu[0], pdu[1] + 2]) + pdu[2:] + b"\x00\x01"))


async def wrong_count(server, stream, frame):
    pdu = server.good(frame)[7:]
    await stream.write(reply(frame, bytes([pdu[0], pdu[1] - 2]) + pdu[2:]))


async def huge_length(server, stream, frame):
    await stream.write(reply(frame, b"", length=0xFFFF))


async def answered_twice(server, stream, frame):
    await stream.write(server.good(frame) + server.good(frame))


async def answered_again_later(server, stream, frame):
    """The duplicate arrives when nobody waits, so the next request finds it."""
    await stream.write(server.good(frame))
    await server.clock.sleep_ms(10)
    await stream.write(server.good(frame))


BROKEN = (
    (silent, "timeout"),
    (half_then_silent, "timeout"),
    (late, "timeout"),
    (close, "not_connected"),
    (half_then_close, "not_connected"),
    (garbage, "protocol_error"),
    (wrong_transaction, "protocol_error"),
    (wrong_protocol, "protocol_error"),
    (wrong_unit, "protocol_error"),
    (wrong_function, "protocol_error"),
    (fewer_registers, "protocol_error"),
    (more_registers, "protocol_error"),
    (wrong_count, "protocol_error"),
    (huge_length, "protocol_error"),
)
"""Each kind of fault, and the quality it gives when it answers the first request of a connection."""


def exception(code):
    async def refuse(server, stream, frame):
        await stream.write(reply(frame, bytes([frame[7] | 0x80, code])))

    return refuse
