"""One entry of `tags:` while it is being read: what it says, and where to report what is wrong with it."""

from __future__ import annotations

from typing import Any

from fluxrig_tooling.rig.model import GearSpec, Problems


class TagSpec:
    """The keys of one tag, which the manifest's schema has found valid, each for itself.

    `sound` until an error is reported. `table` and `address` are set once they are read.
    """

    def __init__(self, gear: GearSpec, name: str, problems: Problems):
        self.gear = gear
        self.name = name
        self.keys: dict[str, Any] = gear.config["tags"][name]
        self.sound = True
        self.table, self.address = "hr", 0
        self._problems = problems

    @property
    def where(self) -> str:
        return f"{self.table}:{self.address}"

    def __contains__(self, key: str) -> bool:
        return key in self.keys

    def get(self, key: str, default: Any = None) -> Any:
        return self.keys.get(key, default)

    def error(self, key: str, message: str, hint: str = "") -> None:
        """Something is wrong with what `key` says, or with its absence."""
        self.sound = False
        self._problems.error(self.gear.location("tags", self.name, key), message, hint)

    def refuse(self, key: str, message: str, hint: str = "") -> None:
        """`key` has no place at this tag."""
        if key in self.keys:
            self.error(key, message, hint or f"leave out {key}:")
