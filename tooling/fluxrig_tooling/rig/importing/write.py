"""Writes a rig file for imported devices: readers, filters and a screen, with comments for whoever goes on with it."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction

from fluxrig_tooling.modbus.tables import BIT_TABLES
from fluxrig_tooling.rig.importing.model import ListedDevice, TagEntry
from fluxrig_tooling.rig.importing.names import gear_name
from fluxrig_tooling.rig.yaml_text import scalar
from fluxrig_tooling.wording.text import counted
from fluxrig_tooling.wording.units import duration_text

PLACEHOLDER_LINK = "tcp://192.0.2.1"
"""An address that no machine has (RFC 5737): what stands where the list does not say where the device is."""

DEFAULT_EVERY_MS = 1000

DIGITS = 9
"""Of a scale that is no decimal number, such as 100/65535: with a value of 32 bits they fit into 64."""

MAX_COMMENT = 60

_UNPRINTABLE = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufdff]")


def rig_text(devices: list[ListedDevice], name: str, source: str) -> tuple[str, dict[int, TagEntry]]:
    """The text of a rig, and which tag stands in which of its lines, counted from 1.

    `devices` have valid names of tags and at least one tag each; `source` is what the comments call the list.
    """
    return _Writer(devices, name, source).text()


def decimal_text(number: Fraction) -> str:
    """`number` in decimal digits, rounded to `DIGITS` of them where it has no end."""
    exact = is_decimal(number)
    if exact and number.denominator == 1:
        return str(number.numerator)
    places = 0
    while (number * 10**places).denominator != 1 and (exact or abs(number) * 10**places < 10 ** (DIGITS - 1)):
        places += 1
    digits = str(abs(round(number * 10**places))).rjust(places + 1, "0")
    sign = "-" if number < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def is_decimal(number: Fraction) -> bool:
    """Whether `number` has an end in decimal digits."""
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


class _Writer:
    def __init__(self, devices: list[ListedDevice], name: str, source: str):
        self._devices = devices
        self._name = name
        self._source = source
        self._lines: list[str] = []
        self._tags: dict[int, TagEntry] = {}

    def text(self) -> tuple[str, dict[int, TagEntry]]:
        count = counted(sum(len(device.tags) for device in self._devices), "tag")
        self._add(f"# {count} of {_one_line(self._source)}, made by `fluxrig rig new`. What to look at now:")
        self._add("# - `link` and `unit_id` of each device; `fluxrig doctor` says whether it can be reached")
        self._add(
            "# - `every`: how often it is polled; `fluxrig rig check` says everything that is wrong with this file"
        )
        self._add("fluxrig: 1")
        self._add(f"meta: {{name: {self._name}, version: 0.1.0}}")
        self._add("uns: {enterprise: enterprise, site: site}  # levels of the topics, if the values are published")
        self._add("gears:")
        names = self._gear_names()
        for device, name in zip(self._devices, names, strict=True):
            self._add_device(device, name)
            self._add(f"  - name: {name}-changes")
            self._add("    type: filter  # passes what changed, and all of it once a minute")
            self._add("    config: {deadband: 0, max_interval: 1m}")
        self._add("  - name: screen  # one line a message; a gear of type uns publishes them instead")
        self._add("    type: console")
        self._add("wires:")
        for name in names:
            self._add(f"  - {{from: {name}, to: {name}-changes}}")
        changes = ", ".join(f"{name}-changes" for name in names)
        self._add(f"  - {{from: [{changes}], to: screen}}")
        return "\n".join(self._lines) + "\n", self._tags

    def _gear_names(self) -> list[str]:
        """One for each device: its name, with the unit id or a number where that does not tell them apart."""
        names = [gear_name(device.name, "plc") for device in self._devices]
        for label in ("{name}-{unit}", "{name}-{number}"):
            count = Counter(names)
            names = [
                label.format(name=name, unit=device.unit_id, number=number) if count[name] > 1 else name
                for number, (name, device) in enumerate(zip(names, self._devices, strict=True), 1)
            ]
        return names

    def _add_device(self, device: ListedDevice, name: str) -> None:
        rates = self._rates(device)
        self._add(f"  - name: {name}")
        self._add("    type: io_modbus")
        self._add("    config:")
        comment = "" if device.link else "  # put the address of the device here"
        self._add(f"      link: {_scalar(device.link or PLACEHOLDER_LINK)}{comment}")
        self._add(f"      unit_id: {device.unit_id}")
        for key, value in device.settings.items():
            self._add(f"      {key}: {value}")
        self._add(f"      every: {duration_text(rates.pop('', DEFAULT_EVERY_MS))}")
        if rates:
            self._add("      groups:")
            for group, every_ms in rates.items():
                self._add(f"        {group}: {{every: {duration_text(every_ms)}}}")
        self._add("      tags:")
        for tag in device.tags:
            self._tags[len(self._lines) + 1] = tag
            comment = f"  # {_one_line(tag.doc)[:MAX_COMMENT]}" if _one_line(tag.doc) else ""
            self._add(f"        {scalar(tag.name)}: {{{', '.join(_keys(tag))}}}{comment}")

    def _rates(self, device: ListedDevice) -> dict[str, int]:
        """The period of each group, that of tags without one under the empty name; gives tags the group they need."""
        usual = Counter(tag.every_ms for tag in device.tags if tag.every_ms and not tag.group).most_common(1)
        rates = {"": device.every_ms or (usual[0][0] if usual else DEFAULT_EVERY_MS)}
        for tag in device.tags:
            if tag.group:
                tag.group = gear_name(tag.group, "group")
                if tag.group == "default":
                    tag.group = "default-group"  # the Gear calls the tags without a group `default`
                rates.setdefault(tag.group, tag.every_ms or rates[""])
            elif tag.every_ms not in (0, rates[""]):
                tag.group = duration_text(tag.every_ms)
                rates[tag.group] = tag.every_ms
        return rates

    def _add(self, line: str) -> None:
        self._lines.append(line)


def _keys(tag: TagEntry) -> list[str]:
    keys = [f"address: {tag.table}:{tag.address}"]
    if tag.type not in ("", "bool") or (tag.type and tag.table not in BIT_TABLES and tag.bit is None):
        keys.append(f"type: {tag.type}")
    if tag.bit is not None:
        keys.append(f"bit: {tag.bit}")
    keys += [f"{key}: {value}" for key, value in tag.keys.items()]
    if tag.order:
        keys.append(f"order: {tag.order}")
    if tag.scale != 1:
        keys.append(f"scale: {decimal_text(tag.scale)}")
    if tag.offset:
        keys.append(f"offset: {decimal_text(tag.offset)}")
    if tag.unit:
        keys.append(f"unit: {_scalar(tag.unit)}")
    if tag.range:
        keys.append(f"range: [{decimal_text(tag.range[0])}, {decimal_text(tag.range[1])}]")
    if tag.group:
        keys.append(f"group: {_scalar(tag.group)}")
    return keys


def _scalar(text: str) -> str:
    """Text of a list, which may hold anything."""
    return scalar(_one_line(text))


def _one_line(text: str) -> str:
    """`text` without line breaks, and without characters that have no place in a rig file."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())
