"""What is taken from a tag list: devices with their tags, and what there is to say about each line."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from fluxrig_tooling.modbus.types import LAYOUTS, registers_of
from fluxrig_tooling.rig.problems import Location

WIDE = {kind for kind in LAYOUTS if registers_of(kind) > 1}
"""Types of several registers, which alone have an order."""


@dataclass(frozen=True)
class Options:
    """What the user says about a list that does not say it itself.

    `base` and `table` are how bare numbers are read: counted from 0 or 1, in that table. `order` goes where the list
    has none for a value over several registers. `link` and `unit_id` are those of a list that names no device.
    """

    link: str = ""
    unit_id: int = 1
    base: int | None = None
    table: str = ""
    order: str = ""


@dataclass
class TagEntry:
    """One tag. `address` counts from 0; `every_ms` is 0 and `group` empty where the list says nothing.

    `keys` are further keys as they will stand in the rig. `doc` becomes a comment.
    """

    name: str
    at: Location
    table: str
    address: int
    type: str = ""
    order: str = ""
    bit: int | None = None
    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    unit: str = ""
    range: tuple[Fraction, Fraction] | None = None
    every_ms: int = 0
    group: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    doc: str = ""


@dataclass
class ListedDevice:
    """What one Gear polls. `settings` are keys of its config, as they will stand in the rig."""

    name: str
    link: str
    unit_id: int
    tags: list[TagEntry] = field(default_factory=list)
    every_ms: int = 0
    settings: dict[str, str] = field(default_factory=dict)
