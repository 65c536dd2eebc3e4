"""Lowers the config of a `correlator` Gear: what it joins and compares, as `fluxrig.gears.correlator` reads it.

What it says of the archive is the Rack's: see `rig.archive`.
"""

from __future__ import annotations

from typing import Any

from fluxrig.decimal import Decimal
from fluxrig.gears.correlator.compare import ABSOLUTE, RELATIVE
from fluxrig.gears.correlator.join import DATA, META, TRACE
from fluxrig_tooling.rig.exact import exact_number, written
from fluxrig_tooling.rig.model import GearSpec, Problems, RigModel, Tag
from fluxrig_tooling.rig.nodes import location
from fluxrig_tooling.rig.ranges import check_range
from fluxrig_tooling.wording.suggest import did_you_mean, listed
from fluxrig_tooling.wording.units import parse_percent

TICK_MS = (10, 1000)
"""The shortest and the longest time between two looks at what has waited long enough. It is a quarter of the shortest
wait where that lies between."""

MIN_REPORT_MS = 1000

DIFF = "diff_"
"""Stands before the name of a field in the tag of its difference."""

Rule = list[Any]
"""[kind, width, floor]"""


def lower(gear: GearSpec, rig: RigModel, problems: Problems) -> dict[str, Any]:
    """The compiled config, with `join`, `compare` and `tick_ms` only where the rig has what needs them."""
    compiled: dict[str, Any] = {}
    waits = []
    if gear.config.get("join"):
        compiled["join"] = _Joins(gear, rig, problems).rules()
        waits += [rule["wait_us"] // 1000 for rule in compiled["join"]]
    if "compare" in gear.config:
        compiled["compare"] = _Comparison(gear, rig, problems).config()
        waits += [compiled["compare"]["hold_us"] // 1000, compiled["compare"]["report_ms"]]
    if waits:
        compiled["tick_ms"] = min(max(min(waits) // 4, TICK_MS[0]), TICK_MS[1])
    if rig.complete:
        _check_ports(gear, rig, problems)
    return compiled


def own_tags(gear: GearSpec, rig: RigModel) -> list[Tag] | None:
    """The tags of joined events, differences and reports; None if not all are known.

    The tags of other gears have to be there already.
    """
    tags = [
        Tag(name, gear.name, gear.id, tag.kind, tag.unit, tag.range, "joined")
        for rule in gear.config.get("join", ())
        for name, tag in _joined_tags(rule, rig).items()
    ]
    if any(not _declared(rule, rig) for rule in gear.config.get("join", ())):
        return None
    compare = gear.config.get("compare")
    if compare is None:
        return tags
    tags.append(Tag("parity", gear.name, gear.id, "float", "%", (0, 100), "parity"))
    tags.append(Tag("parity_fields", gear.name, gear.id, "map", port="parity"))
    names = compare.get("fields")
    if names is None:
        live, shadow = _tags_on(gear, rig, "live"), _tags_on(gear, rig, "shadow")
        if live is None or shadow is None:
            return None
        names = [name for name in live if name in shadow]
    return tags + [Tag(DIFF + name, gear.name, gear.id, "map", port="diff") for name in names]


class _Joins:
    def __init__(self, gear: GearSpec, rig: RigModel, problems: Problems):
        self._gear = gear
        self._rig = rig
        self._problems = problems
        self._arriving, self._passing = _upstream(gear, rig, "in")

    def rules(self) -> list[dict[str, Any]]:
        rules = self._gear.config["join"]
        names: set[str] = set()
        for index, rule in enumerate(rules):
            if rule["name"] in names:
                message = f"there is a second join called {rule['name']!r}"
                self._problems.error(self._gear.location("join", index, "name"), message, "rename one of them")
            names.add(rule["name"])
        return [self._rule(index, rule) for index, rule in enumerate(rules)]

    def _rule(self, index: int, rule: dict[str, Any]) -> dict[str, Any]:
        for key in ("within", "wait"):
            if key in rule:
                check_range(self._gear.location("join", index, key), key, rule[key], (1, None), self._problems)
        parts = _parts(rule)
        for position, (name, _, _) in enumerate(parts):
            self._check_part(index, position, name, [part[0] for part in parts[:position]])
        if self._rig.complete:
            self._check_tags(index, rule)
        kinds = {key.partition(".")[0] for _, _, key in parts}
        known = {gear.name for gear in self._rig.gears}
        return {
            "name": rule["name"],
            "parts": [
                [self._rig.gear(name).id, name, prefix, *_split_key(key)]
                for name, prefix, key in parts
                if name in known
            ],
            "within_ns": rule["within"] * 1_000_000,
            "wait_us": rule.get("wait", rule["within"]) * 1000,
            "partial": rule["partial"],
            "max_open": rule["max_open"],
            # Meta is text: an integer in data is the same key when it has the same digits.
            "text_keys": kinds >= {META, DATA},
        }

    def _check_part(self, index: int, position: int, name: str, before: list[str]) -> None:
        rig, problems = self._rig, self._problems
        path = ("join", index, "parts", position)
        at = (
            self._gear.location(*path, "gear")
            if isinstance(_at(self._gear.config, path), dict)
            else self._gear.location(*path)
        )
        names = [gear.name for gear in rig.gears if gear.name != self._gear.name]
        if name in before:
            problems.error(at, f"{name!r} is a part already", "each part comes from another gear")
        elif not rig.complete or not rig.wires_into(self._gear):
            return  # what is not there may only have been misspelt; without any wire that is what there is to say
        elif name not in names:
            problems.error(at, f"parts: unknown gear {name!r}", did_you_mean(name, names))
        elif name in self._passing and name not in self._arriving:
            message = f"parts: gear {name!r} only passes on what others send"
            problems.error(at, message, f"name the gear it comes from: {listed(sorted(self._arriving), 'or')}")
        elif name not in self._arriving:
            message = f"parts: nothing of gear {name!r} arrives on the input in of {self._gear.name!r}"
            problems.error(at, message, f"add a wire such as {{from: {name}, to: {self._gear.name}}}")

    def _check_tags(self, index: int, rule: dict[str, Any]) -> None:
        """Tags that parts share, and keys that a part does not have."""
        owners: dict[str, str] = {}
        for position, (name, prefix, key) in enumerate(_parts(rule)):
            tags = _tags_of(name, self._rig)
            if tags is None:
                continue
            kind, key_tag = _split_key(key)
            if kind == DATA and key_tag not in tags and self._rig.gear(name).sound:
                own = isinstance(rule["parts"][position], dict) and "key" in rule["parts"][position]
                at = ("join", index, "parts", position, "key") if own else ("join", index, "key")
                message = f"key: gear {name!r} has no tag {key_tag!r}"
                self._problems.error(self._gear.location(*at), message, did_you_mean(key_tag, tags))
            for tag in tags:
                if kind == DATA and tag == key_tag and prefix + tag in owners:
                    continue
                first = owners.setdefault(prefix + tag, name)
                if first != name:
                    message = f"the tag {prefix + tag!r} is one of {first!r} and one of {name!r}"
                    hint = f"tell them apart by a prefix: {{gear: {name}, prefix: {name}_}}"
                    self._problems.error(self._gear.location("join", index, "parts", position), message, hint)


class _Comparison:
    def __init__(self, gear: GearSpec, rig: RigModel, problems: Problems):
        self._gear = gear
        self._rig = rig
        self._problems = problems
        self._compare = gear.config["compare"]
        self._fields: dict[str, dict[str, Any]] = self._compare.get("fields", {})

    def config(self) -> dict[str, Any]:
        compare = self._compare
        self._check_floor((), compare.get("floor"), compare["tolerance"])
        for name, field in self._fields.items():
            self._check_floor(("fields", name), field.get("floor"), field.get("tolerance", compare["tolerance"]))
        self._check_names()
        at = self._gear.location("compare", "report")
        check_range(at, "report", compare["report"], (MIN_REPORT_MS, None), self._problems)
        return {
            "fields": {
                name: [field.get("shadow", name), *self._rule(field)] for name, field in sorted(self._fields.items())
            },
            "other": None if self._fields else self._rule({}),
            "align_ns": compare["align"] * 1_000_000,
            "hold_us": (compare["align"] + compare["grace"]) * 1000,
            "report_ms": max(compare["report"], MIN_REPORT_MS),
            "max_waiting": compare["max_waiting"],
            "queue": compare["queue"],
            "max_diffs": compare["max_diffs"],
        }

    def _rule(self, field: dict[str, Any]) -> Rule:
        common = {} if "tolerance" in field else {key: self._compare[key] for key in ("floor",) if key in self._compare}
        tolerance = field.get("tolerance", self._compare["tolerance"])
        if not isinstance(tolerance, str):
            return [ABSOLUTE, exact_number(written(tolerance)), Decimal(0, 0)]
        floor = (common | field).get("floor", 0)
        return [RELATIVE, exact_number(parse_percent(tolerance)), exact_number(written(floor))]

    def _check_floor(self, path: tuple[str, ...], floor: float | None, tolerance: float | str) -> None:
        if floor is not None and not isinstance(tolerance, str):
            message = f"floor: the tolerance {tolerance} has no use for it"
            hint = "a floor goes with a tolerance in percent, such as `tolerance: 1%`"
            self._problems.error(self._gear.key_location("compare", *path, "floor"), message, hint)

    def _check_names(self) -> None:
        """Fields that arrive on neither path, and two of them that are the same one on the other."""
        live, shadow = _tags_on(self._gear, self._rig, "live"), _tags_on(self._gear, self._rig, "shadow")
        owners: dict[str, str] = {}
        for name, field in self._fields.items():
            other = field.get("shadow", name)
            at = self._gear.key_location("compare", "fields", name)
            first = owners.setdefault(other, name)
            if first != name:
                message = f"{other!r} on shadow is compared with {first!r} and with {name!r}"
                self._problems.error(at, message, "give one of them another `shadow:`")
            for port, tag, tags in (("live", name, live), ("shadow", other, shadow)):
                if tags is not None and tag not in tags:
                    message = f"no tag {tag!r} arrives on the input {port} of {self._gear.name!r}"
                    self._problems.error(at, message, did_you_mean(tag, tags))


def _check_ports(gear: GearSpec, rig: RigModel, problems: Problems) -> None:
    """Inputs that nothing feeds, or that feed nothing, and results that go nowhere."""
    fed = {wire.input for wire in rig.wires_into(gear)}
    wired = {wire.output for wire in rig.wires_from(gear)}
    if "compare" in gear.config:
        for port in sorted({"live", "shadow"} - fed):
            message = f"nothing feeds the input {port!r} of gear {gear.name!r}, which compares it"
            problems.error(
                gear.key_location("compare"), message, f"add a wire such as {{from: …, to: {gear.name}.{port}}}"
            )
        if not wired & {"diff", "parity"}:
            message = f"compare: neither diff nor parity of gear {gear.name!r} goes anywhere but into the archive"
            problems.warning(
                gear.key_location("compare"), message, f"add a wire such as {{from: {gear.name}.parity, to: …}}"
            )
    else:
        for wire in rig.wires_into(gear):
            if wire.input in ("live", "shadow"):
                message = f"gear {gear.name!r} does not compare what arrives on its input {wire.input!r}"
                problems.error(wire.to_at, message, f"add `compare: {{}}` to the config of {gear.name!r}")
        if not fed:
            message = f"nothing feeds the input 'in' of gear {gear.name!r}"
            problems.error(location(gear.node, "name"), message, f"add a wire such as {{from: …, to: {gear.name}}}")
    if gear.config.get("join") and "joined" not in wired:
        message = f"join: what gear {gear.name!r} joins goes nowhere but into the archive"
        problems.warning(gear.key_location("join"), message, f"add a wire such as {{from: {gear.name}.joined, to: …}}")


def _parts(rule: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The parts of a join: gear, prefix and key of each."""
    parts = [{"gear": part} if isinstance(part, str) else part for part in rule["parts"]]
    return [(part["gear"], part.get("prefix", ""), part.get("key", rule["key"])) for part in parts]


def _split_key(key: str) -> tuple[str, str]:
    """Kind and name of a key: meta, data or trace, which has no name."""
    kind, _, name = key.partition(".")
    return (TRACE, "") if key == TRACE else (kind, name)


def _declared(rule: dict[str, Any], rig: RigModel) -> bool:
    return all(_tags_of(name, rig) is not None for name, _, _ in _parts(rule))


def _joined_tags(rule: dict[str, Any], rig: RigModel) -> dict[str, Tag]:
    """The tags of a joined event that are known, by the names that they have in it."""
    tags: dict[str, Tag] = {}
    for name, prefix, _ in _parts(rule):
        for tag in (_tags_of(name, rig) or {}).values():
            tags.setdefault(prefix + tag.name, tag)
    return tags


def _tags_of(name: str, rig: RigModel) -> dict[str, Tag] | None:
    """What the gear called `name` sends as a source, by name; None if that is not known."""
    gear = next((gear for gear in rig.gears if gear.name == name), None)
    return None if gear is None or gear.tags is None else {tag.name: tag for tag in gear.tags}


def _tags_on(gear: GearSpec, rig: RigModel, port: str) -> list[str] | None:
    """The names of the tags that arrive on one input; None if they are not all known, or nothing is wired to it."""
    names, _ = _upstream(gear, rig, port)
    sources = [source for source in rig.gears if source.name in names]
    if not rig.complete or not sources or not all(source.sound and source.tags is not None for source in sources):
        return None
    return [tag.name for source in sources for tag in source.tags or ()]


def _upstream(gear: GearSpec, rig: RigModel, port: str) -> tuple[set[str], set[str]]:
    """The gears whose own messages can arrive on one input, and those that pass them on."""
    outputs, passing = rig.upstream(gear, port)
    return {name for name, _ in outputs}, passing


def _at(config: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        config = config[key]
    return config
