"""Lowers the config of a `filter` Gear: one rule a tag, as `fluxrig.gears.filter.filter` reads it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from fluxrig.errors import LocalError
from fluxrig.gears.filter.filter import ABSOLUTE, CHANGE, RELATIVE
from fluxrig_tooling.rig.exact import exact_number, written
from fluxrig_tooling.rig.model import GearSpec, Location, Problems, RigModel, Tag
from fluxrig_tooling.rig.nodes import location
from fluxrig_tooling.wording.suggest import did_you_mean
from fluxrig_tooling.wording.units import parse_percent

OF_LAST = " of last"

NUMBERS = ("int", "float")
"""The kinds of tags that can move a distance."""

Rule = list[Any]
"""[kind, width, floor, max_interval_ms]"""


def lower(gear: GearSpec, rig: RigModel, problems: Problems) -> dict[str, Any]:
    """The compiled config: {"tags": {tag: rule}, "default": rule}."""
    return _Lowering(gear, rig, problems).config()


class _Lowering:
    def __init__(self, gear: GearSpec, rig: RigModel, problems: Problems):
        self._gear = gear
        self._rig = rig
        self._problems = problems
        self._is_read = rig.is_read_into(gear)
        self._own: dict[str, dict[str, Any]] = gear.config.get("tags", {})
        self._fractions: dict[str, Fraction] = {}  # of one, for each deadband in percent

    def config(self) -> dict[str, Any]:
        tags = self._tags()
        self._check_names(tags)
        self._check_rule((), self._gear.config, self._gear.config["deadband"])
        for name, rule in self._own.items():
            self._check_rule(("tags", name), rule, rule.get("deadband", self._gear.config["deadband"]))
        rules = {name: self._rule(name, tag) for name, tag in tags.items()}
        # Tags that are ruled here and that no source declares, such as those of a Gear that computes them.
        rules |= {name: self._rule(name, None) for name in self._own if name not in rules}
        return {"tags": rules, "default": self._rule("", None)}

    def _tags(self) -> dict[str, Tag]:
        tags: dict[str, Tag] = {}
        for tag in self._rig.tags_into(self._gear):
            first = tags.setdefault(tag.name, tag)
            if first is not tag:
                message = f"the tag {tag.name!r} arrives from {first.gear!r} and from {tag.gear!r}"
                hint = "the filter would compare the one with the other: give each source a filter of its own"
                self._problems.error(location(self._gear.node, "name"), message, hint)
        return tags

    def _check_names(self, tags: dict[str, Tag]) -> None:
        if not (self._is_read and self._rig.declares_tags_into(self._gear)):
            return
        for name in self._own:
            if name not in tags:
                hint = did_you_mean(name, tags) or "no source of this filter has tags"
                self._problems.error(self._gear.key_location("tags", name), f"no tag {name!r} arrives here", hint)

    def _check_rule(self, path: tuple[str, ...], rule: dict[str, Any], deadband: float | str) -> None:
        """Check what `rule` says, where `deadband` is the one that holds."""
        own = rule.get("deadband")
        if isinstance(own, str):
            try:
                self._fractions[own] = parse_percent(own.removesuffix(OF_LAST))
            except LocalError as exc:
                self._problems.error(self._gear.location(*path, "deadband"), f"deadband: {exc}")
        if "floor" in rule and not _is_of_last(deadband):
            message = f"floor: the deadband {deadband} has no use for it"
            hint = "a floor goes with a percentage of the last value, such as `deadband: 5% of last`"
            self._problems.error(self._gear.key_location(*path, "floor"), message, hint)

    def _rule(self, name: str, tag: Tag | None) -> Rule:
        """The rule for a tag, which may be one that nothing is known of."""
        config: dict[str, Any] = {**self._gear.config, **self._own.get(name, {})}
        deadband = config["deadband"]
        interval_ms = config.get("max_interval", 0)
        change = [CHANGE, 0.0, 0.0, interval_ms]
        if tag and tag.kind not in NUMBERS:
            return change
        if not isinstance(deadband, str):
            return [ABSOLUTE, exact_number(written(deadband)), 0.0, interval_ms]
        fraction = self._fractions.get(deadband)
        if fraction is None:
            return change  # what is wrong with it is reported
        if _is_of_last(deadband):
            floor = exact_number(written(config.get("floor", 0)))
            return [RELATIVE, exact_number(fraction), floor, interval_ms]
        if tag and tag.range:
            # Exact until the end: 29% of 0 to 100 is 29, where floats make 28.999999999999996 of it.
            low, high = (written(limit) for limit in tag.range)
            return [ABSOLUTE, exact_number(fraction * (high - low)), 0.0, interval_ms]
        self._check_needs_no_range(name, tag, deadband)
        return change

    def _check_needs_no_range(self, name: str, tag: Tag | None, deadband: str) -> None:
        """`deadband` is a percentage of a range that is not there. An integer may still pass when it changes."""
        is_unknown = tag is None and self._is_read and "deadband" in self._own.get(name, {})
        if is_unknown or (tag and tag.kind == "float"):
            of = f" of gear {tag.gear!r}" if tag else ""
            message = f"{deadband} of what? The tag {name!r}{of} has no range"
            hint = f"declare its range, or use an absolute number, or `{deadband}{OF_LAST}` with a floor"
            self._problems.error(self._deadband_at(name), message, hint)

    def _deadband_at(self, name: str) -> Location:
        own = "deadband" in self._own.get(name, {})
        return self._gear.location("tags", name, "deadband") if own else self._gear.location("deadband")


def _is_of_last(deadband: Any) -> bool:
    return isinstance(deadband, str) and deadband.endswith(OF_LAST)
