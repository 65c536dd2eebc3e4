"""Telegraf configurations: the sections `[[inputs.modbus]]` of a TOML file.

Each style is read: lists of registers (`holding_registers = […]`), `request` and `metric`. Addresses count from 0.
TOML says nothing of where its values stand, so a problem is placed where the name of the field does.
"""

from __future__ import annotations

import re
import tomllib
from fractions import Fraction
from typing import Any

from fluxrig.errors import LocalError
from fluxrig_tooling.modbus.tables import BIT_TABLES
from fluxrig_tooling.modbus.unit_ids import MAX_TCP_UNIT_ID
from fluxrig_tooling.rig.importing import reading
from fluxrig_tooling.rig.importing.model import WIDE, ListedDevice, Options, TagEntry
from fluxrig_tooling.rig.problems import WHOLE_FILE, Location, Problems
from fluxrig_tooling.rig.table import MAX_SIZE
from fluxrig_tooling.wording.text import quoted

_LISTS = {"discrete_inputs": "di", "coils": "co", "holding_registers": "hr", "input_registers": "ir"}
_REGISTERS = {"coil": "co", "discrete": "di", "holding": "hr", "input": "ir"}
_SIGNED = {1: "int16", 2: "int32", 4: "int64"}
_BYTES = {"INT8L": ("int8", "low"), "INT8H": ("int8", "high"), "UINT8L": ("uint8", "low"), "UINT8H": ("uint8", "high")}
_OLD_NAMES = {"FLOAT32": "UFIXED"}
"""What a type of a list of registers is called in the other styles, where FLOAT32 is one by IEEE 754."""

_WIDTHS = {"16": 1, "32": 2, "64": 4}
_PARITY = {"N": "none", "E": "even", "O": "odd"}


def read_telegraf(data: bytes, options: Options, problems: Problems) -> list[ListedDevice]:
    """The devices of a configuration, one for each section and unit id. What cannot be taken over is reported."""
    if len(data) > MAX_SIZE:
        problems.error(WHOLE_FILE, f"the file has more than the {MAX_SIZE} bytes of the largest list")
        return []
    try:
        text = data.decode("utf-8-sig")
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(exc))
        at = Location(int(place[1]), int(place[2])) if place else WHOLE_FILE
        problems.error(at, f"this is not TOML: {str(exc).splitlines()[0][:100]}")
        return []
    inputs = _table(_table(document, "inputs"), "modbus", default=[])
    agent = _table(document, "agent")
    reader = _Reader(text, options, problems)
    for section in inputs if isinstance(inputs, list) else [inputs]:
        if isinstance(section, dict):
            reader.section(section, agent.get("interval"))
    if not reader.devices:
        problems.error(WHOLE_FILE, "there is no section [[inputs.modbus]] with fields")
    return list(reader.devices.values())


def looks_like_telegraf(data: bytes) -> bool:
    """Whether a file has a section of Telegraf's Modbus plugin."""
    return bool(re.search(rb"^\s*\[\[\s*inputs\.modbus\s*\]\]", data, re.MULTILINE))


class _Reader:
    """Reads section by section into `devices`, which are told apart by section and unit id."""

    def __init__(self, text: str, options: Options, problems: Problems):
        self.devices: dict[tuple[int, int], ListedDevice] = {}
        self._places = _Places(text)
        self._options = options
        self._problems = problems
        self._section = 0
        self._settings: tuple[str, str, int, dict[str, str]] = ("", "", 0, {})

    def section(self, section: dict[str, Any], interval: Any) -> None:
        """Read one `[[inputs.modbus]]`."""
        self._section += 1
        name = str(section.get("name", "")) or "modbus"
        link, settings = self._link(section, name)
        every_ms = self._interval(section.get("interval", interval))
        self._settings = (name, link, every_ms, settings)
        unit_id = section.get("slave_id", self._options.unit_id)
        for key, table in _LISTS.items():
            for entry in _entries(section.get(key)):
                kind = str(entry.get("data_type", ""))
                self._add(entry, table, _OLD_NAMES.get(kind, kind), entry.get("byte_order", ""), unit_id)
        for request in _entries(section.get("request")):
            table = _REGISTERS.get(str(request.get("register", "holding")), "hr")
            for entry in _entries(request.get("fields")):
                if entry.get("omit") is not True:
                    self._add(
                        entry, table, entry.get("type", ""), request.get("byte_order", ""), request.get("slave_id")
                    )
        for metric in _entries(section.get("metric")):
            for entry in _entries(metric.get("fields")):
                table = _REGISTERS.get(str(entry.get("register", "holding")), "hr")
                self._add(entry, table, entry.get("type", ""), metric.get("byte_order", ""), metric.get("slave_id"))

    def _add(self, entry: dict[str, Any], table: str, kind: Any, order: Any, unit_id: Any) -> None:
        name = entry.get("name")
        at = self._places.of(name)
        if not isinstance(name, str) or not name:
            self._problems.error(at, "a field has no name, and is left out")
            return
        try:
            if type(unit_id) is not int or not 0 <= unit_id <= MAX_TCP_UNIT_ID:
                raise LocalError(f"its slave_id {unit_id!r} is not a number from 0 to {MAX_TCP_UNIT_ID}")
            tag = self._tag(entry, name, at, table, str(kind).upper(), str(order).upper())
        except LocalError as exc:
            self._problems.error(at, f"{quoted(name)} is left out: {exc}", exc.fields.get("hint", ""))
            return
        device_name, link, every_ms, settings = self._settings
        key = (self._section, unit_id)
        device = self.devices.setdefault(key, ListedDevice(device_name, link, unit_id, [], every_ms, settings))
        if tag.doc and any(each.name == tag.name for each in device.tags):
            tag.name = f"{tag.doc}_{tag.name}"  # names are told apart by their measurement
        device.tags.append(tag)

    def _tag(self, entry: dict[str, Any], name: str, at: Location, table: str, kind: str, order: str) -> TagEntry:
        address, count = _address(entry.get("address"))
        tag = TagEntry(name, at, table, address, doc=str(entry.get("measurement", "")))
        if table in BIT_TABLES:
            return tag
        if kind == "BIT":
            tag.bit = reading.integer_of(str(entry.get("bit", 0)), 0, 15)
        elif kind in _BYTES:
            tag.type, tag.keys["byte"] = _BYTES[kind]
        elif kind == "STRING":
            length = entry.get("length", count) if count == 1 else count
            tag.type, tag.keys["length"] = "string", str(2 * reading.integer_of(str(length), 1, 125))
            tag.order = "BADC" if order in ("BA", "BADC", "MSW-LE", "DCBA", "LSW-LE") else ""
        else:
            tag.type = _number_type(kind, count)
            width = _WIDTHS[tag.type[-2:]]
            if count != width and isinstance(entry.get("address"), list):
                raise LocalError(f"a {kind} takes {width} registers, and its address has {count}")
        if tag.type in WIDE:
            tag.order = reading.order_of(order) if order else self._options.order
        elif order in ("BA", "BADC", "DCBA", "MSW-LE", "LSW-LE") and tag.type not in ("string", ""):
            raise LocalError("a single register with its bytes swapped is not supported")
        scale = entry.get("scale", 1)
        if isinstance(scale, bool) or not isinstance(scale, int | float):
            raise LocalError(f"its scale {scale!r} is not a number")
        tag.scale = reading.number_of(str(scale)) if tag.type != "string" and tag.bit is None else Fraction(1)
        return tag

    def _link(self, section: dict[str, Any], name: str) -> tuple[str, dict[str, str]]:
        controller = str(section.get("controller", ""))
        mode = str(section.get("transmission_mode", "auto")).upper()
        at = self._places.of(controller)
        scheme = controller.partition("://")[0]
        if scheme == "file":
            settings = {}
            for key, theirs, usual in (("baud", "baud_rate", 9600), ("stop_bits", "stop_bits", 1)):
                value = section.get(theirs, usual)
                settings[key] = str(value if type(value) is int else usual)
            settings["parity"] = _PARITY.get(str(section.get("parity", "N")).upper()[:1], "none")
            if section.get("data_bits", 8) != 8:
                self._problems.warning(at, f"{quoted(name)}: data_bits are always 8 here")
            return "serial://" + controller.removeprefix("file://"), settings
        if "ASCII" in mode:
            self._problems.warning(at, f"{quoted(name)}: Modbus ASCII is not supported, and becomes Modbus/TCP")
        if re.fullmatch(r"tcp://[^/\s]+", controller):
            return ("rtu+" if mode == "RTUOVERTCP" else "") + controller, {}
        if controller:
            self._problems.warning(at, f"{quoted(name)}: the controller {quoted(controller)} is not supported")
        return self._options.link, {}

    def _interval(self, interval: Any) -> int:
        if not isinstance(interval, str):
            return 0
        try:
            return reading.duration_of(interval)
        except LocalError as exc:
            self._problems.warning(self._places.of(interval), f"interval: {exc}, and is not taken over")
            return 0


class _Places:
    """Where names stand in the text: the first time, then the second, and so on."""

    def __init__(self, text: str):
        self._text = text
        self._next: dict[str, int] = {}

    def of(self, name: Any) -> Location:
        if not isinstance(name, str) or not name:
            return WHOLE_FILE
        start = self._next.get(name, 0)
        place = min((at for quote in "\"'" if (at := self._text.find(f"{quote}{name}{quote}", start)) >= 0), default=-1)
        if place < 0:
            return WHOLE_FILE
        self._next[name] = place + 1
        before = self._text[:place]
        return Location(before.count("\n") + 1, place - before.rfind("\n"))


def _number_type(kind: str, count: int) -> str:
    """The type of a number of `count` registers."""
    if kind in ("FIXED", "UFIXED"):  # scaled integers, whose width the address says
        if count not in _SIGNED:
            raise LocalError(f"a {kind} of {count} registers is not supported")
        return _SIGNED[count] if kind == "FIXED" else "u" + _SIGNED[count]
    number = kind.removesuffix("-IEEE")
    if number not in ("INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64", "FLOAT32", "FLOAT64"):
        raise LocalError(f"the type {kind} is not supported" if kind else "it has no type")
    return number.lower()


def _address(address: Any) -> tuple[int, int]:
    """First register and how many there are, of a number or of a list of registers one after the other."""
    registers = [address] if isinstance(address, int) else address
    if not isinstance(registers, list) or not registers or not all(type(each) is int for each in registers):
        raise LocalError("it has no address")
    if registers != list(range(registers[0], registers[0] + len(registers))):
        raise LocalError(f"its registers {registers} do not stand one after the other")
    return registers[0], len(registers)


def _table(value: Any, key: str, default: Any = None) -> Any:
    """What stands at `key`, an empty table when there is none."""
    fallback = {} if default is None else default
    found = value.get(key, fallback) if isinstance(value, dict) else fallback
    return found if isinstance(found, dict | list) else fallback


def _entries(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
