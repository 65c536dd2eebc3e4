"""How long what does not answer is left alone before the next attempt."""


class RetryPause:
    """Pauses that double with every failure, from a minimum to a maximum, and start over with a success.

    `reason` and `why` are those of the first failure since the last success, as a word and as a sentence; None and ""
    while it works. `known` is False until either is known.
    """

    def __init__(self, min_ms: int, max_ms: int):
        self.reason: str | None = None
        self.why = ""
        self.known = False
        self._min_ms = min_ms
        self._max_ms = max_ms
        self._pause_ms = 0
        self._failed_ns = 0

    def failed(self, reason: str, why: str, now_ns: int) -> bool:
        """Take note of a failure at `now_ns` (Unix ns). Whether that is news."""
        self._pause_ms = self._min_ms if self.reason is None else min(self._pause_ms * 2, self._max_ms)
        is_news = reason != self.reason
        self.known = True
        self.reason = reason
        self.why = why
        self._failed_ns = now_ns
        return is_news

    def worked(self) -> bool:
        """Take note of a success. Whether that is news."""
        is_news = not self.known or self.reason is not None
        self.known = True
        self.reason = None
        self.why = ""
        return is_news

    def is_on(self, now_ns: int) -> bool:
        """Whether it is to be left alone still.

        By the wall clock, because ticks wrap within minutes and attempts may be hours apart. When that is stepped, the
        next attempt only comes early.
        """
        return self.reason is not None and 0 <= now_ns - self._failed_ns < self._pause_ms * 1_000_000
