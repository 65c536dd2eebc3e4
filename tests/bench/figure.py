"""One figure of the benchmark: ours beside a peer measured in the same run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`ours` and `peer_value` are in `unit`; `goal` bounds the ratio of the two.

    Lower is better, unless `higher_is_better`: then the ratio must reach the goal instead of staying below it.
    A figure without a goal is there for reference.
    """

    area: str
    name: str
    unit: str
    ours: float
    peer: str
    peer_value: float
    goal: float | None = None
    higher_is_better: bool = False

    @property
    def ratio(self) -> float:
        return self.ours / self.peer_value

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.ratio >= self.goal if self.higher_is_better else self.ratio <= self.goal

    @property
    def ours_text(self) -> str:
        return _text(self.ours, self.unit)

    @property
    def peer_text(self) -> str:
        return f"{self.peer}: {_text(self.peer_value, self.unit)}"

    def as_dict(self) -> dict[str, object]:
        return {
            "area": self.area,
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer,
            "peer_value": self.peer_value,
            "ratio": self.ratio,
            "goal": self.goal,
            "met": self.met,
        }


def _text(value: float, unit: str) -> str:
    """Three digits, and no powers of ten: 0.118 s, 27.4 us, 1,270 MB/s."""
    digits = f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{digits} {unit}"
