"""Makes names of tags and gears valid, and tells which were changed."""

from __future__ import annotations

import re
import unicodedata

from fluxrig_tooling.rig.importing.model import ListedDevice
from fluxrig_tooling.rig.problems import Location, Problems
from fluxrig_tooling.wording.text import quoted

MAX_LENGTH = 100

_VALID = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_LENGTH}}}")


def settle_names(device: ListedDevice, problems: Problems) -> None:
    """Give each tag of `device` a valid name of its own. A second tag of one name is reported, and left out."""
    first: dict[str, Location] = {}
    taken = {tag.name for tag in device.tags}
    kept = []
    for tag in device.tags:
        if tag.name in first:
            message = f"there is a second tag called {quoted(tag.name)}, the first is at {first[tag.name]}"
            problems.error(tag.at, message, "rename one of them")
            continue
        first[tag.name] = tag.at
        name = valid_name(tag.name)
        if not name:
            problems.error(tag.at, f"{quoted(tag.name)} has no letter or digit that a tag's name could have")
            continue
        if name != tag.name:
            name = _free(name, taken)
            problems.warning(tag.at, f"the tag {quoted(tag.name)} becomes {name!r}")
            taken.add(name)
        tag.name = name
        kept.append(tag)
    device.tags = kept


def valid_name(text: str) -> str:
    """`text` in the characters that a tag's name may have; empty when none is left."""
    if _VALID.fullmatch(text):
        return text
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9-]+", "_", plain).strip("_-")[:MAX_LENGTH]


def gear_name(text: str, default: str) -> str:
    """`text` in the characters that the name of a rig or a gear may have."""
    return valid_name(text).lower()[:40] or default


def _free(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free = f"{name[: MAX_LENGTH - 8]}_{number}"
        number += 1
    return free
