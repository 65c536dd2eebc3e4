"""What PyYAML says about broken YAML, in the words of somebody who writes rig files."""

from __future__ import annotations

import re

import yaml

from fluxrig_tooling.rig.problems import WHOLE_FILE, Location

_NEVER_CLOSED = "never closed: "

# (what PyYAML says, our message, our hint). `{0}` is the first group, `{begin}` where the construct began. A message
# that starts with `never closed: ` is placed where the construct began, because that is where it is mended.
_WORDS = (
    (r"found character '\\t' that cannot start", "a tab stands here", "indent with spaces"),
    (r"found character '([@`?%])' that cannot start", "a value cannot begin with {0}", "put it in quotes"),
    (
        r"mapping values are not allowed",
        "a `:` is not expected here",
        "put text with `: ` in it in quotes, and check the indentation",
    ),
    (r"sequence entries are not allowed", "a list item is not expected here", "begin it on a line of its own"),
    (r"mapping keys are not allowed", "a `?` is not expected here", "put text that begins with `? ` in quotes"),
    (
        r"could not find expected ':'",
        "this line is not `key: value`",
        "write `: ` after a key, or close the quotes and brackets before it",
    ),
    (
        r"expected <block end>, but found",
        "this does not belong to what begins at {begin}",
        "check the indentation, and the quotes and brackets before it",
    ),
    (
        r"expected ',' or '([\]}])', but got",
        "expected `,` or `{0}` to go on with what begins at {begin}",
        "close it, or put text with , ? [ ] {{ }} in it in quotes",
    ),
    (
        r"found unexpected (?:end of stream|document separator)",
        _NEVER_CLOSED + "the quotes that open here are not closed",
        "add the closing quote",
    ),
    (
        r"found unknown escape character '(.*)'",
        "\\{0} means nothing in double quotes",
        "write \\\\ for a backslash, or use single quotes",
    ),
    (
        r"expected escape sequence of (\d) hexadecimal",
        "expected {0} hexadecimal digits after the escape",
        "use single quotes if no escape is meant",
    ),
    (r"found duplicate YAML directive", "a second %YAML line", "delete it"),
    (r"found incompatible YAML document", "rig files are YAML 1.2", "delete this line"),
    (
        r"expected '<document start>'",
        "what stands here does not belong to the document before",
        "check the indentation",
    ),
    (
        r"expected the node content, but found",
        "a value is missing here",
        "put text that begins with , ] }} or : in quotes",
    ),
    (
        r"found undefined tag handle|expected URI",
        "tags (!) have no meaning in a rig",
        "put text that begins with ! in quotes",
    ),
)

_IN_CONTEXT = (
    (
        r"scanning an (anchor|alias)",
        "a name of letters and digits follows & and *",
        "put text that begins with & or * in quotes",
    ),
    (r"(?:scanning|parsing) a tag", "tags (!) have no meaning in a rig", "put text that begins with ! in quotes"),
    (r"scanning a directive", "lines that begin with % have no meaning in a rig", "delete the line"),
    (r"scanning a block scalar", "expected a line break after | or >", "put text that begins with | or > in quotes"),
)


def in_plain_words(exc: yaml.MarkedYAMLError) -> tuple[Location, str, str]:
    """Place, message and hint."""
    at, begin = _location(exc.problem_mark), _location(exc.context_mark)
    for pattern, message, hint in _WORDS:
        if match := re.search(pattern, exc.problem or ""):
            message = message.format(*match.groups(), begin=begin)
            if message.startswith(_NEVER_CLOSED):
                return begin, message.removeprefix(_NEVER_CLOSED), hint.format()
            return at, message, hint.format()
    for pattern, message, hint in _IN_CONTEXT:
        if re.search(pattern, exc.context or ""):
            return at, message, hint
    return at, f"not valid YAML: {exc.problem}", ""


def _location(mark: yaml.Mark | None) -> Location:
    return WHOLE_FILE if mark is None else Location(mark.line + 1, mark.column + 1)
