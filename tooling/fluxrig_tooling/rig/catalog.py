"""Which Gear types there are, and where: built in, offered by a package, or in the folder `gears` beside the rig.

- Built in: `fluxrig/gears/<type>/`.
- A package: the entry-point group `fluxrig.gears` with `<type> = "module:Class"`; `manifest.toml` stands beside the
  module.
- Beside the rig: `gears/<type>/` with `manifest.toml` and `<type>.py`, which holds the class that the manifest's key
  `class` names. To run, that folder becomes a part of the package `fluxrig.gears`, so the code has the name that it has
  on a device: `fluxrig.gears.<type>.<type>`.

No Gear's code is imported here. A type that exists twice is refused, whichever is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

import fluxrig.gears
from fluxrig import registry
from fluxrig.errors import LocalError
from fluxrig_tooling.rig.manifest import BESIDE_RIG, BUILT_IN, FILE, PACKAGE, Manifest, read_manifest
from fluxrig_tooling.wording.suggest import did_you_mean

GROUP = "fluxrig.gears"
"""The entry-point group, and the package that the code of built-in Gears stands in."""

FOLDER = "gears"
"""Where Gears stand beside a rig."""

_HOME = Path(fluxrig.gears.__path__[0])


class Catalog:
    """The Gear types that a rig in `folder` can use; without a folder, those that every rig can."""

    def __init__(self, folder: Path | None = None):
        self._readers: dict[str, list[tuple[str, Callable[[], Manifest]]]] = {}
        self._manifests: dict[str, Manifest] = {}
        for name, (module, class_name) in registry.types().items():
            if (_HOME / name / FILE).is_file():
                self._add(name, BUILT_IN, partial(_built_in, _HOME / name, module, class_name))
        for point in entry_points(group=GROUP):
            self._add(point.name, f"in the package of {point.value}", partial(_from_entry_point, point))
        if folder:
            for path in sorted((folder / FOLDER).glob(f"*/{FILE}")):
                name = path.parent.name
                module = f"{GROUP}.{name}.{name}"
                self._add(
                    name, f"in {path.parent}", partial(read_manifest, path.parent.resolve(), module, "", BESIDE_RIG)
                )

    def types(self) -> list[str]:
        """The names of all types, sorted."""
        return sorted(self._readers)

    def manifest(self, type_name: str) -> Manifest:
        """The manifest of a type. LocalError, with a `hint`, when there is none, two, or one that is not valid."""
        if type_name not in self._manifests:
            found = self._readers.get(type_name, [])
            if not found:
                hint = did_you_mean(type_name, self.types())
                raise LocalError(f"unknown gear type {type_name!r}", hint=hint)
            if len(found) > 1:
                places = " and ".join(place for place, _ in found)
                raise LocalError(f"gear type {type_name!r} exists twice: {places}", hint="rename one of them")
            self._manifests[type_name] = found[0][1]()
        return self._manifests[type_name]

    def _add(self, name: str, place: str, read: Callable[[], Manifest]) -> None:
        self._readers.setdefault(name, []).append((place, read))


def register_gears(manifests: Iterable[Manifest]) -> None:
    """Make the code of these Gear types known to `fluxrig.registry`, so that a Rack in this process can run them.

    LocalError when another rig of this process brought a type of the same name.
    """
    for manifest in manifests:
        if manifest.origin == BESIDE_RIG:
            _join_package(manifest)
        registry.register(manifest.type, manifest.module, manifest.class_name)


def _join_package(manifest: Manifest) -> None:
    portions = fluxrig.gears.__path__
    home = str(manifest.folder.parent)
    for portion in portions:
        if portion != home and (Path(portion) / manifest.type).is_dir():
            raise LocalError(f"gear type {manifest.type!r} is in {home} and, for another rig, in {portion}")
    if home not in portions:
        portions.append(home)


@cache
def _built_in(folder: Path, module: str, class_name: str) -> Manifest:
    """Once a process: checking the manifests takes longer than anything else in reading a small rig."""
    return read_manifest(folder, module, class_name, BUILT_IN)


def _from_entry_point(point: EntryPoint) -> Manifest:
    try:
        spec = find_spec(point.module)
    except ImportError as exc:
        raise LocalError(f"gear type {point.name!r}: {point.value} cannot be found: {exc}") from exc
    if spec is None or spec.origin is None:
        raise LocalError(f"gear type {point.name!r}: there is no module {point.module}")
    return read_manifest(Path(spec.origin).parent, point.module, point.attr, PACKAGE)
