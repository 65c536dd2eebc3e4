"""YAML 1.2 with positions, on PyYAML's scanner and parser, which know nothing of what a scalar means.

Refused, each with its place: duplicate keys, keys that are not scalars, tags, merge keys, more than one document, other
versions of YAML, and files beyond the limits. Anchors and aliases are allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from fluxrig_tooling.rig.nodes import Field, Mapping, Node, Scalar, mapping, sequence
from fluxrig_tooling.rig.problems import WHOLE_FILE, Location, Problems
from fluxrig_tooling.rig.yaml_errors import in_plain_words
from fluxrig_tooling.wording.suggest import did_you_mean
from fluxrig_tooling.wording.text import quoted

MAX_SIZE = 1024 * 1024
"""Bytes of a file."""

MAX_DEPTH = 16
"""Levels of lists and mappings; a compiled rig holds no more."""

MAX_NODES = 100_000
"""Keys, values and items, those that aliases repeat counted each time."""

# Line breaks to YAML 1.1, ordinary characters to 1.2, invisible to the author: their lines would be miscounted.
_UNUSUAL = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(data: bytes, problems: Problems) -> Node | None:
    """The tree of a file, or None with the reasons in `problems`."""
    try:
        text = _decoded(data)
        tree = _Builder(text, problems).document()
    except _Refused as exc:
        problems.error(exc.at, exc.message, exc.hint)
        return None
    except yaml.MarkedYAMLError as exc:
        problems.error(*in_plain_words(exc))
        return None
    return tree


class _Refused(Exception):
    """Reading cannot go on."""

    def __init__(self, at: Location, message: str, hint: str = ""):
        super().__init__(message)
        self.at, self.message, self.hint = at, message, hint


class _Events(Reader, Scanner, Parser):
    """PyYAML's event stream, without its composer, which would decide about scalars."""

    def __init__(self, text: str):
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def check_key(self) -> bool:
        """Whether the `?` here marks a key: only before white space, since YAML 1.2 also within { } and [ ]."""
        return self.peek(1) in "\0 \t\r\n"


def _decoded(data: bytes) -> str:
    if len(data) > MAX_SIZE:
        raise _Refused(WHOLE_FILE, f"the file has {len(data)} bytes, more than the {MAX_SIZE} of the largest rig file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        at = _position(data[: exc.start].decode("utf-8", "replace"))
        raise _Refused(at, f"byte 0x{data[exc.start]:02x} is not UTF-8", "save the file as UTF-8") from None
    if unusual := _UNUSUAL.search(text):
        at = _position(text[: unusual.start()])
        raise _Refused(at, f"the character U+{ord(unusual[0]):04X} has no place in a rig file", "delete it") from None
    return text


def _position(before: str) -> Location:
    """The place after the text `before`."""
    lines = re.split(r"\r\n|\r|\n", before)
    return Location(len(lines), len(lines[-1]) + 1)


class _Builder:
    """Makes the tree from PyYAML's events. Goes on after what spoils one key or value only, stops after the rest."""

    def __init__(self, text: str, problems: Problems):
        self._events = _Events(text)
        self._problems = problems
        self._anchors: dict[str, Node] = {}
        self._open: set[str] = set()
        self._nodes = 0

    def document(self) -> Node | None:
        """The tree of the only document; None when it is empty, or when something spoiled it."""
        self._next()
        start = self._next()
        if isinstance(start, yaml.StreamEndEvent):
            raise _Refused(WHOLE_FILE, "the file is empty", "a rig begins with `fluxrig: 1`")
        if start.version not in (None, (1, 2)):
            version = ".".join(map(str, start.version))
            raise _Refused(_at(start), f"this is YAML {version}, and rig files are YAML 1.2", "delete this line")
        before = len(self._problems)
        tree = self._node(self._next(), 0)
        self._next()
        after = self._next()
        if isinstance(after, yaml.DocumentStartEvent):
            raise _Refused(_at(after), "a second document begins here", "a file holds one rig: delete the `---`")
        return tree if len(self._problems) == before else None

    def _next(self) -> Any:
        try:
            return self._events.get_event()
        except (ValueError, OverflowError):
            # What PyYAML leaves to `chr` and `int`: an escape beyond Unicode, a version number of thousands of digits.
            mark = self._events.get_mark()
            at = Location(mark.line + 1, mark.column + 1)
            raise _Refused(at, "this number means no character", "write the character itself") from None

    def _node(self, event: Any, depth: int) -> Node:
        at = _at(event)
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event.anchor or "", at, depth)
        if event.tag is not None:
            self._problems.error(at, f"the tag {quoted(event.tag)} has no meaning in a rig", "delete it")
        if event.anchor is not None:
            self._open.add(event.anchor)
        if isinstance(event, yaml.ScalarEvent):
            node: Node = self._scalar(event, at)
        elif depth == MAX_DEPTH:
            self._refuse(at, f"this is nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.SequenceStartEvent):
            node = sequence(at, list(self._items(yaml.SequenceEndEvent, depth)))
        else:
            node = self._mapping(at, depth)
        if event.anchor is not None:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = node
        self._count(1, at)
        return node

    def _items(self, end: type[yaml.Event], depth: int) -> Iterator[Node]:
        while not isinstance(event := self._next(), end):
            yield self._node(event, depth + 1)

    def _mapping(self, at: Location, depth: int) -> Mapping:
        entries: dict[str, Field] = {}
        items = self._items(yaml.MappingEndEvent, depth)
        for key in items:
            value = next(items)
            if not isinstance(key, Scalar) or not key.text:
                self._problems.error(key.at, "a key is a name", "put text in quotes if it has { } [ ] or : in it")
            elif key.plain and key.text == "<<":
                self._problems.error(key.at, "merge keys (<<) are not part of YAML 1.2", "write the keys out")
            elif key.text in entries:
                first = entries[key.text].key_at
                self._problems.error(key.at, f"the key {quoted(key.text)} stands here a second time, first at {first}")
            else:
                entries[key.text] = Field(key.at, value)
        return mapping(at, entries)

    def _scalar(self, event: Any, at: Location) -> Scalar:
        if _SURROGATE.search(event.value):
            self._problems.error(at, "a \\u escape here is half a character", "write the character itself")
        return Scalar(at, event.value, plain=event.style is None)

    def _aliased(self, name: str, at: Location, depth: int) -> Node:
        if name in self._open:
            self._refuse(at, f"*{quoted(name)} stands inside &{quoted(name)}, so it would never end")
        if name not in self._anchors:
            hint = did_you_mean(name, self._anchors)
            self._refuse(at, f"*{quoted(name)} stands for nothing", hint or "no value is marked with & before this")
        node = self._anchors[name]
        if depth + node.height > MAX_DEPTH:
            self._refuse(at, f"what *{quoted(name)} stands for is nested deeper than {MAX_DEPTH} levels here")
        self._count(node.size, at)
        return node

    def _count(self, nodes: int, at: Location) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._refuse(at, f"the file has more than {MAX_NODES} keys and values, those that aliases repeat included")

    def _refuse(self, at: Location, message: str, hint: str = "") -> NoReturn:
        raise _Refused(at, message, hint)


def _at(event: Any) -> Location:
    return Location(event.start_mark.line + 1, event.start_mark.column + 1)
