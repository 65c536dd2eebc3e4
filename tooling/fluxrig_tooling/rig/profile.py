"""`profile: vendor/model` in the config of `io_modbus`: the tags of a common device, kept as data.

A profile is `profiles/<vendor>/<model>.yaml`, in this package or in the folder of a rig:
    meta:       vendor, model, doc, source: what the device is, and where its addresses were taken from
    defaults:   keys of the config that a rig may leave out then, such as its groups
    tags:       as in a rig
It is put under the config of the gear before that is read: what the rig says goes over it, key by key of each tag and
of each group. Everything keeps its place, so a mistake in a profile is reported where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fluxrig.errors import LocalError
from fluxrig_tooling.rig.nodes import Mapping, find, moved
from fluxrig_tooling.rig.problems import Location, Problems
from fluxrig_tooling.rig.schema import read
from fluxrig_tooling.rig.yaml12 import parse
from fluxrig_tooling.wording.suggest import did_you_mean

FOLDER = "profiles"

BUILT_IN = Path(__file__).resolve().parents[1] / FOLDER

TYPE = "io_modbus"
"""The Gear type that profiles are for."""

_TEXT = {"type": "string", "minLength": 1}

_PROFILE = {
    "type": "object",
    "required": ["meta", "tags"],
    "additionalProperties": False,
    "properties": {
        "meta": {
            "type": "object",
            "required": ["vendor", "model", "doc", "source"],
            "additionalProperties": False,
            "properties": {
                "vendor": {**_TEXT, "description": "Who makes the device."},
                "model": {**_TEXT, "description": "What it is called."},
                "doc": {**_TEXT, "description": "What it is, and what to set on it."},
                "source": {
                    "type": ["string", "array"],
                    "items": _TEXT,
                    "minLength": 1,
                    "minItems": 1,
                    "description": "The documents that the addresses come from.",
                },
            },
        },
        "defaults": {
            "type": "object",
            "propertyNames": {
                "not": {"enum": ["link", "tags", "profile", "select"]},
                "patternErrorMessage": "defaults are keys of the config of io_modbus, but for link, tags and profile",
            },
        },
        "tags": {"type": "object", "minProperties": 1},
    },
}


@dataclass(frozen=True)
class Profile:
    """One profile. `defaults` and `tags` are what stands in its file."""

    name: str
    path: Path
    vendor: str
    model: str
    doc: str
    source: tuple[str, ...]
    defaults: Mapping | None
    tags: Mapping


class Profiles:
    """The profiles that a rig in `folder` can use; without a folder, those that every rig can."""

    def __init__(self, folder: Path | None = None):
        self._paths: dict[str, list[Path]] = {}
        self._read: dict[str, Profile | None] = {}
        for home in (BUILT_IN, *([folder / FOLDER] if folder else [])):
            for path in sorted(home.glob("*/*.yaml")):
                self._paths.setdefault(f"{path.parent.name}/{path.stem}", []).append(path)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._paths)

    def profile(self, name: str, problems: Problems) -> Profile | None:
        """The profile called `name`. None when its file has mistakes, which then are in `problems`.

        LocalError, with a `hint`, when there is none of that name, or when there are two.
        """
        paths = self._paths.get(name, [])
        if not paths:
            raise LocalError(f"there is no profile {name!r}", hint=did_you_mean(name, self.names()))
        if len(paths) > 1:
            raise LocalError(f"the profile {name!r} exists twice: built in and as {paths[1]}", hint="rename yours")
        if name not in self._read:
            self._read[name] = _read(name, paths[0], problems)
        return self._read[name]


def _read(name: str, path: Path, problems: Problems) -> Profile | None:
    inner = problems.within(str(path))
    try:
        data = path.read_bytes()
    except OSError as exc:
        inner.error(Location(0, 0), f"cannot be read: {exc.strerror or exc}")
        return None
    root = parse(data, inner)
    if root is None:
        return None
    root = moved(root, lambda at: replace(at, file=str(path)))
    value = read(root, _PROFILE, "the profile", problems)
    tags, defaults = find(root, "tags"), find(root, "defaults")
    if value is None or not isinstance(tags, Mapping):
        return None
    meta: dict[str, Any] = value["meta"]
    return Profile(
        name=name,
        path=path,
        vendor=meta["vendor"],
        model=meta["model"],
        doc=meta["doc"],
        source=(meta["source"],) if isinstance(meta["source"], str) else tuple(meta["source"]),
        defaults=defaults if isinstance(defaults, Mapping) else None,
        tags=tags,
    )
