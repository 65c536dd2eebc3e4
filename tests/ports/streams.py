"""What the tests of TCP streams have in common."""

from tests.ports.peer import HERE, open_port
from tests.ports.subject import new_host

LIMIT_MS = 5000
KIB = 1024


async def connected(behaviour):
    """A host, and a stream to a peer with that behaviour."""
    return await connected_to(open_port(behaviour))


async def connected_to(port):
    host = new_host()
    return host, await host.connect(HERE, port, LIMIT_MS)


async def take(host, stream, count):
    """Exactly `count` bytes, however they arrive."""
    data = b""
    while len(data) < count:
        chunk = await host.clock.wait_for(stream.read(count - len(data)), LIMIT_MS)
        assert chunk, "the stream ended early"
        data += chunk
    return data


async def finished(task):
    return await task
