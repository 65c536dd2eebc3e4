"""Puts profiles under the configs of gears: what the rig says goes over what the profile says."""

from __future__ import annotations

from fnmatch import filter as matching
from pathlib import Path

from fluxrig.errors import LocalError
from fluxrig_tooling.rig.nodes import Field, Mapping, Node, Scalar, Sequence, child, find, mapping, resolve, sequence
from fluxrig_tooling.rig.problems import Problems
from fluxrig_tooling.rig.profile import TYPE, Profile, Profiles
from fluxrig_tooling.wording.suggest import did_you_mean

PROFILE, SELECT, TAGS, GROUPS = "profile", "select", "tags", "groups"

EXCEPT = "!"
"""Before a pattern of `select`: without these."""

SERIAL = ("baud", "parity", "stop_bits")
"""Defaults that mean something on a serial line only."""

_LEVELS = 3
"""Keys of the config, names of tags and groups, keys of those: what stands deeper is replaced as a whole."""


def apply_profiles(root: Node, folder: Path, problems: Problems) -> tuple[Node, set[str]]:
    """The tree `root` of a rig in `folder` with each profile under the config that names it.

    Also the names of gears whose profile cannot be had, which is then in `problems`.
    """
    gears = child(root, "gears")
    if not (isinstance(root, Mapping) and isinstance(gears, Sequence) and any(map(_has_profile, gears.items))):
        return root, set()
    merger = _Merger(Profiles(folder), problems)
    items = [merger.gear(item) if isinstance(item, Mapping) and _has_profile(item) else item for item in gears.items]
    entry = Field(root.entries["gears"].key_at, sequence(gears.at, items))
    return mapping(root.at, root.entries | {"gears": entry}), merger.unsound


class _Merger:
    """Merges gear by gear. `unsound`: the names of those whose profile cannot be had."""

    def __init__(self, profiles: Profiles, problems: Problems):
        self.unsound: set[str] = set()
        self._profiles = profiles
        self._problems = problems

    def gear(self, item: Mapping) -> Node:
        config, name = child(item, "config"), child(item, "name")
        named = child(config, PROFILE)
        if not isinstance(config, Mapping) or (named and not _is_text(named)):
            return item
        if not isinstance(named, Scalar):
            at = config.entries[SELECT].key_at
            self._problems.error(at, "select: there is no profile to take tags from", "add `profile: vendor/model`")
            return item
        profile = self._profile(named)
        selected = self._selected(profile, config) if profile else None
        if profile is None or selected is None:
            self.unsound.add(name.text if isinstance(name, Scalar) else "")
            return item
        wanted = selected | set(_entries(config, TAGS))
        merged = _merged(_under(profile, config, wanted), config, _LEVELS)
        entry = Field(item.entries["config"].key_at, _without_idle_groups(merged, config))
        return mapping(item.at, item.entries | {"config": entry})

    def _profile(self, named: Scalar) -> Profile | None:
        try:
            return self._profiles.profile(named.text, self._problems)
        except LocalError as exc:
            self._problems.error(named.at, str(exc), exc.fields.get("hint", ""))
            return None

    def _selected(self, profile: Profile, config: Mapping) -> set[str] | None:
        """The tags that `select` takes, all without one. None when it has mistakes, which are reported."""
        before = len(self._problems)
        names = list(profile.tags.entries)
        select = child(config, SELECT)
        patterns = [each for each in select.items if isinstance(each, Scalar)] if isinstance(select, Sequence) else []
        selected = set() if patterns and not patterns[0].text.startswith(EXCEPT) else set(names)
        for node in patterns:
            pattern = node.text.removeprefix(EXCEPT)
            found = matching(names, pattern)
            # To take away all of a kind is no mistake where there is none; to take away one tag that is not there is.
            is_broad = pattern != node.text and any(each in pattern for each in "*?[")
            if not found and not is_broad:
                hint = did_you_mean(pattern, names)
                self._problems.error(node.at, f"the profile {profile.name!r} has no tag {pattern!r}", hint)
            selected = selected - set(found) if node.text.startswith(EXCEPT) else selected | set(found)
        return selected if len(self._problems) == before else None


def _under(profile: Profile, config: Mapping, wanted: set[str]) -> Mapping:
    """What the profile says for this config: its defaults, and those of its tags that are `wanted`."""
    link = child(config, "link")
    is_serial = isinstance(link, Scalar) and link.text.startswith("serial:")
    entries = dict(profile.defaults.entries) if profile.defaults else {}
    for key in () if is_serial else SERIAL:
        entries.pop(key, None)
    tags = {name: entry for name, entry in profile.tags.entries.items() if name in wanted}
    entries[TAGS] = Field(profile.tags.at, mapping(profile.tags.at, tags))
    return mapping(profile.tags.at, entries)


def _merged(below: Mapping, above: Mapping, levels: int) -> Mapping:
    """`above` over `below`: its keys win, mappings under the same key are merged `levels` deep."""
    entries = dict(below.entries)
    for key, entry in above.entries.items():
        node, under = entry.node, entries[key].node if key in entries else None
        if levels > 1 and isinstance(node, Mapping) and isinstance(under, Mapping):
            node = _merged(under, node, levels - 1)
        entries[key] = Field(entry.key_at, node)
    return mapping(above.at, entries)


def _without_idle_groups(merged: Mapping, config: Mapping) -> Mapping:
    """Without the groups that come from the profile only and have no tag: none of theirs was selected."""
    used = {
        group.text for name in _entries(merged, TAGS) if isinstance(group := find(merged, TAGS, name, "group"), Scalar)
    }
    used |= set(_entries(config, GROUPS))
    groups = child(merged, GROUPS)
    if not isinstance(groups, Mapping):
        return merged
    kept = mapping(groups.at, {name: entry for name, entry in groups.entries.items() if name in used})
    entries = dict(merged.entries)
    entries[GROUPS] = Field(entries[GROUPS].key_at, kept)
    if not kept.entries and GROUPS not in config.entries:
        del entries[GROUPS]
    return mapping(merged.at, entries)


def _entries(node: Mapping, key: str) -> dict[str, Field]:
    """The entries of the mapping at `key`, none when there is none."""
    below = child(node, key)
    return below.entries if isinstance(below, Mapping) else {}


def _has_profile(item: Node) -> bool:
    kind, config = child(item, "type"), child(item, "config")
    if not (isinstance(kind, Scalar) and kind.text == TYPE and isinstance(config, Mapping)):
        return False
    return PROFILE in config.entries or SELECT in config.entries


def _is_text(node: Node) -> bool:
    return isinstance(node, Scalar) and not (node.plain and resolve(node.text) is None)
