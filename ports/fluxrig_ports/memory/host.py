"""The Host in RAM, put together."""

from fluxrig.errors import LocalError
from fluxrig.host import Host, Store, Stream
from fluxrig_ports.memory.broker import MemoryMqtt
from fluxrig_ports.memory.clock import VirtualClock
from fluxrig_ports.memory.net import Network
from fluxrig_ports.memory.volume import MemoryVolume


class MemoryStore(Store):
    def __init__(self):
        self.files: dict = {}

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = bytes(data)

    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    def names(self) -> list[str]:
        return sorted(self.files)


class MemoryHost(Host):
    """A platform without hardware. `logged` and `lines` keep what the rig said, for assertions."""

    name = "memory"
    clock: VirtualClock
    store: MemoryStore

    def __init__(self, seed: int = 0, network: Network | None = None, secrets: dict | None = None):
        self.clock = VirtualClock()
        self.store = MemoryStore()
        self.network = Network() if network is None else network
        self.secrets = {} if secrets is None else secrets
        self.volumes: dict = {}  # {name: MemoryVolume}; what is put here is the volume of that name
        self.logged: list = []  # (level, who, text)
        self.lines: list = []
        self._random = seed & 0xFFFFFFFF or 0x9E3779B9

    def entropy(self, count: int) -> bytes:
        """Reproducible bytes (xorshift32, Marsaglia 2003): the same seed gives the same run. Not for keys."""
        out = bytearray(count)
        x = self._random
        for index in range(count):
            x ^= (x << 13) & 0xFFFFFFFF
            x ^= x >> 17
            x ^= (x << 5) & 0xFFFFFFFF
            out[index] = x & 0xFF
        self._random = x
        return bytes(out)

    def volume(self, name: str) -> MemoryVolume:
        if name not in self.volumes:
            self.volumes[name] = MemoryVolume()
        return self.volumes[name]

    def log(self, level: str, who: str, text: str) -> None:
        self.logged.append((level, who, text))

    def secret(self, name: str) -> str:
        if name not in self.secrets:
            raise LocalError(f"secret {name!r} is not set: pass secrets={{...}} to MemoryHost", secret=name)
        return self.secrets[name]

    async def connect(self, address: str, port: int, timeout_ms: int) -> Stream:
        return self.network.dial(address, port, self.clock)

    async def serial(self, options: dict) -> Stream:
        return self.network.open_serial(options, self.clock)

    def mqtt(self, options: dict) -> MemoryMqtt:
        return MemoryMqtt(self.network.broker, options)

    def write_out(self, text: str) -> None:
        self.lines.append(text)
