"""A volume in RAM whose n-th step fails, and whose files end in zeros while they are open, as they do on a gateway."""

from fluxrig.errors import TransientError
from fluxrig.host import Appender
from fluxrig_ports.memory import MemoryVolume

NOTHING, HALF, ALL = 0, 1, 2
"""How much of what an append was to write is there after it failed."""


class FaultyVolume(MemoryVolume):
    """Each create, append, replace and remove is a step. From `fail_step` on (-1: never), `fails` of them fail; of an
    append, `wrote` is there nevertheless. `steps` counts them, `kinds` names them. `unconfirmed` is (name, bytes) of an
    append that hangs."""

    def __init__(self, files=None, fail_step=-1, wrote=NOTHING, fails=1, reserve=0):
        super().__init__(files)
        self.fail_step = fail_step
        self.fails = fails
        self.wrote = wrote
        self.reserve = reserve
        self.steps = 0
        self.kinds = []
        self.unconfirmed = None

    def step(self, kind) -> bool:
        """Whether this one fails."""
        self.kinds.append(kind)
        self.steps += 1
        return self.fail_step >= 0 and self.fail_step < self.steps <= self.fail_step + self.fails

    def may(self, kind):
        if self.step(kind):
            raise TransientError(f"cannot {kind}: the test says so")

    async def create(self, name, reserve):
        self.may("create")
        await super().create(name, reserve)
        return FaultyAppender(self, name)

    async def replace(self, name, data):
        self.may("replace")
        await super().replace(name, data)

    async def remove(self, name):
        if name in self.files:
            self.may("remove")
        await super().remove(name)

    def again(self, part=100):
        """What the next process finds: the same files, and nothing fails any more. Of what was not confirmed, `part`
        percent."""
        files = {name: bytearray(data) for name, data in self.files.items()}
        if self.unconfirmed is not None:
            name, count = self.unconfirmed
            data = files[name]
            end = len(data) - self.reserve
            kept = end - count + count * part // 100
            files[name] = data[:kept] + bytes(len(data) - kept)
        return FaultyVolume(files, reserve=self.reserve)


class FaultyAppender(Appender):
    def __init__(self, volume, name):
        self.volume = volume
        self.name = name
        self.end = 0
        self.ended = False

    async def append(self, pieces):
        volume = self.volume
        assert not self.ended, "an append after one that failed, or after close"
        data = b"".join([bytes(piece) for piece in pieces])
        self.ended = volume.step("append")
        if self.ended:
            data = data[: len(data) * volume.wrote // ALL]
        volume.files[self.name] = volume.files[self.name][: self.end] + data + bytes(volume.reserve)
        self.end += len(data)
        if volume.hang is not None and not self.ended:
            self.ended, volume.unconfirmed = True, (self.name, len(data))
            await volume.hang.wait()
            self.ended, volume.unconfirmed = False, None
        if self.ended:
            raise TransientError("cannot append: the test says so")

    async def close(self):
        if not self.ended:
            self.ended = True
            self.volume.files[self.name] = self.volume.files[self.name][: self.end]
