"""Which samples of one topic the broker has as live values already, so that they are not delivered twice."""


class Sent:
    """Positions in the archive, as ranges over samples of one topic that follow one another.

    It forgets the oldest ranges beyond `LIMIT`: what was in them is published twice, which does no harm. While the
    broker keeps up with the samples there is one range.
    """

    LIMIT = 16

    def __init__(self):
        self._ranges: list = []  # [first, last], ascending
        self._barrier = 0  # no range grows over it
        self._last = 0  # the last sample; -1 where its position is not known
        self.before = 0  # the sample before it

    def next(self, position: int) -> None:
        """A sample that is newer than all before it; 0: its position is not known."""
        self.before, self._last = self._last, position or -1

    def passed_over(self, position: int) -> None:
        """The sample at `position` is older than the live value, so it never was one itself."""
        self._barrier = max(self._barrier, position)
        self._last = max(self._last, position)
        for index in range(len(self._ranges)):
            first, last = self._ranges[index]
            if first <= position <= last:
                parts = [[first, position - 1], [position + 1, last]]
                self._ranges[index : index + 1] = [part for part in parts if part[0] <= part[1]]
                return

    def add(self, position: int, before: int) -> None:
        """The broker has the sample at `position`; `before` is the one that came before it."""
        ranges = self._ranges
        if ranges and ranges[-1][1] == before and before >= self._barrier:
            ranges[-1][1] = position
        elif not ranges or ranges[-1][1] < position:
            ranges.append([position, position])
            if len(ranges) > self.LIMIT:
                ranges.pop(0)

    def covers(self, position: int) -> bool:
        """Whether the broker has the sample at `position`."""
        return any([first <= position <= last for first, last in self._ranges])

    def forget(self, position: int) -> None:
        """Nobody will ask for positions up to `position` again."""
        while self._ranges and self._ranges[0][1] <= position:
            self._ranges.pop(0)
