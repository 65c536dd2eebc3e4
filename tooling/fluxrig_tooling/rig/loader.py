"""Loads a rig file: read, expand, build, cover, check, lower. Every stage reports all it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fluxrig_tooling.rig import invariant, lower, skeleton
from fluxrig_tooling.rig.archive import check_archives
from fluxrig_tooling.rig.build import build
from fluxrig_tooling.rig.catalog import Catalog
from fluxrig_tooling.rig.check import check
from fluxrig_tooling.rig.expand import expand
from fluxrig_tooling.rig.merge import apply_profiles
from fluxrig_tooling.rig.model import Problems, RigModel
from fluxrig_tooling.rig.nodes import Mapping, Node, Scalar, find, resolve
from fluxrig_tooling.rig.overrides import override, overrides_of_instances
from fluxrig_tooling.rig.problems import WHOLE_FILE
from fluxrig_tooling.rig.yaml12 import parse


def load(path: str | Path, overrides: dict[str, Any] | None = None) -> tuple[RigModel | None, Problems]:
    """The rig in a file, and what there is to say about it. The model is None when that includes an error.

    `overrides` replaces values: {"gears.plc.config.link": "tcp://127.0.0.1:5020"}; see `overrides.override`.
    Gear types are also looked for in the folder `gears` beside the file. Raises nothing for what a file may hold.
    """
    rig, problems = draft(path, overrides)
    return (None if problems.errors else rig), problems


def draft(path: str | Path, overrides: dict[str, Any] | None = None) -> tuple[RigModel | None, Problems]:
    """Like `load`, but there may be a model with errors too, to be shown and not to be compiled."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as exc:
        problems = Problems(str(path))
        problems.error(WHOLE_FILE, f"cannot be read: {exc.strerror or exc}")
        return None, problems
    return _read(data, path, overrides)


def load_text(
    data: bytes | str, path: str | Path = "rig.yaml", overrides: dict[str, Any] | None = None
) -> tuple[RigModel | None, Problems]:
    """Like `load`, for the content of a file that is called `path`."""
    rig, problems = _read(data, Path(path), overrides)
    return (None if problems.errors else rig), problems


def _read(data: bytes | str, path: Path, overrides: dict[str, Any] | None) -> tuple[RigModel | None, Problems]:
    problems = Problems(str(path))
    root = parse(data.encode(errors="surrogatepass") if isinstance(data, str) else data, problems)
    if root is None or not _is_readable_format(root, problems):
        return None, problems
    in_file, in_instances = overrides_of_instances(root, overrides or {})
    tree = expand(override(root, in_file, problems), path.parent, problems)
    tree.root = override(tree.root, in_instances, problems)
    tree.root, tree.unsound = apply_profiles(tree.root, path.parent, problems)
    catalog = Catalog(path.parent)
    rig = build(tree, catalog, path, problems)
    rig = invariant.covered(rig, catalog, problems)
    check(rig, problems)
    check_archives(rig, problems)
    _lower(rig, problems)
    if not problems.errors:
        invariant.report(rig, problems)
    return rig, problems


def _is_readable_format(root: Node, problems: Problems) -> bool:
    """Whether the file is of a format that this release reads; only then can the rest be judged."""
    if not isinstance(root, Mapping):
        problems.error(root.at, "a rig file holds keys and values", "it begins with `fluxrig: 1`")
        return False
    node = find(root, "fluxrig")
    version = resolve(node.text) if isinstance(node, Scalar) and node.plain else None
    if node is None or not isinstance(version, int) or skeleton.OLDEST <= version <= skeleton.VERSION:
        return True  # what is wrong with another value is said with the rest
    if version > skeleton.VERSION:
        message = f"this rig has format {version}; this release of fluxrig reads up to {skeleton.VERSION}"
        problems.error(node.at, message, f"update fluxrig, or write the rig in format {skeleton.VERSION}")
    else:
        problems.error(node.at, f"fluxrig: expected {_formats()}, got {version}", f"write fluxrig: {skeleton.VERSION}")
    return False


def _formats() -> str:
    oldest, newest = skeleton.OLDEST, skeleton.VERSION
    return str(newest) if oldest == newest else f"{oldest} to {newest}"


def _lower(rig: RigModel, problems: Problems) -> None:
    """Compile the configuration of each gear whose configuration is valid."""
    sound = [gear for gear in rig.gears if gear.sound]
    lower.declare_tags(sound, rig)
    compiled = lower.lower_all(sound, rig, problems)
    for gear in sound:
        gear.compiled = compiled[gear.name]
