"""YAML 1.2 with positions. The oracle for scalars is ruamel.yaml, which implements 1.2 on its own."""

import io
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fluxrig_tooling.rig.nodes import Mapping, Node, Scalar, Sequence, find, key_location, location, resolve
from fluxrig_tooling.rig.problems import Problems
from fluxrig_tooling.rig.yaml12 import MAX_DEPTH, MAX_NODES, MAX_SIZE, parse


def tree(text: str) -> Node:
    problems = Problems()
    node = parse(text.encode(), problems)
    assert not list(problems), [str(problem) for problem in problems]
    assert node is not None
    return node


def refused(text: str | bytes) -> list[str]:
    """The problems as `line:column: message`."""
    problems = Problems()
    node = parse(text if isinstance(text, bytes) else text.encode(), problems)
    assert node is None
    return [f"{problem.line}:{problem.column}: {problem.message}" for problem in problems]


def value(node: Node | None) -> Any:
    """A tree as Python values, each plain scalar resolved."""
    if isinstance(node, Mapping):
        return {key: value(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [value(item) for item in node.items]
    assert node is not None
    return resolve(node.text) if node.plain else node.text


# What resolves how: https://yaml.org/spec/1.2.2/#1032-tag-resolution


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("NO", "NO"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("true", True), ("True", True), ("FALSE", False), ("tRUE", "tRUE"),
        ("null", None), ("Null", None), ("~", None), ("", None), ("nil", "nil"),
        ("0", 0), ("-12", -12), ("+7", 7), ("0x1F", 31), ("0o17", 15), ("0b11", "0b11"), ("0x", "0x"),
        ("-0x1F", "-0x1F"),
        ("1.10", 1.1), ("1e-1", 0.1), ("1E3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-.5e1", -5.0), ("1.2.3", "1.2.3"),
        ("1_000", "1_000"), ("12:30", "12:30"), ("2024-01-01", "2024-01-01"), ("10.0.0.5", "10.0.0.5"),
        ("00017", "00017"), ("007.5", "007.5"), ("-01", "-01"), ("0", 0), ("0.5", 0.5), ("00", "00"),
        ("5%", "5%"), ("100ms", "100ms"), ("1e", "1e"), (".", "."), ("+", "+"),
    ],
)  # fmt: skip
def test_a_plain_scalar_means_what_yaml_1_2_says(text, meaning):
    got = resolve(text)
    assert (type(got), got) == (type(meaning), meaning)


# Where ruamel.yaml leaves the core schema: it takes underscores, binary numbers, signs before 0x and 0o, timestamps,
# and `.5e1` for text. Where we leave it: a number with leading zeros is text.
ELSEWHERE = re.compile(r".*_.*|[-+]?0b.*|[-+]0[xo].*|\d{4}-\d.*|[-+]?\.\d+[eE].*|[-+]?0[0-9].*")


@given(st.text("-+0123456789.eExoabcdfINFnulTrstyYA~", min_size=1, max_size=9))
@example("1e-1")
@example("-.inf")
@example("0o8")
@example("NULL")
def test_scalars_mean_what_they_mean_to_another_implementation(text):
    if ELSEWHERE.fullmatch(text) or text in ("-", "---", "..."):
        return
    expected = YAML(typ="safe", pure=True).load(f"- {text}\n")[0]
    got = resolve(text)
    assert type(got) is type(expected)
    assert got == expected or (got != got and expected != expected)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x7f\u2028\u2029\ufeff\x85"), max_size=12).filter(
    lambda text: text.isprintable()
)
PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXT
KEYS = TEXT.filter(lambda key: key not in ("", "<<"))
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)),
    min_size=1,
    max_size=5,
)


@given(DOCUMENTS, st.booleans())
def test_what_another_implementation_writes_is_read_as_it_was(document, flow):
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = flow
    out = io.StringIO()
    writer.dump(document, out)
    text = out.getvalue()
    if "? " in text:
        return  # ruamel.yaml writes a key such as "? x" without the quotes that it needs
    if re.search(r"<<|[\[{\s]:\S", text) or (flow and "?" in text):
        # Merge keys; and PyYAML wants quotes where text begins with a colon, or has a ? within { }.
        problems = Problems()
        assert parse(text.encode(), problems) is None or value(tree(text)) == document, list(problems)
    else:
        assert value(tree(text)) == document


def test_quotes_make_text():
    assert value(tree("""{a: "1", b: 'true', c: 1, d: ""}""")) == {"a": "1", "b": "true", "c": 1, "d": ""}


def test_a_key_is_its_text():
    assert list(value(tree("{0: off, 1: on, true: x, 1.10: y, ~: z}"))) == ["0", "1", "true", "1.10", "~"]


def test_lines_and_columns_count_from_one_and_in_characters():
    root = tree("a: ä\n# comment\nlist:\n  - x\n  - {k: [1,\n    2]}\n")
    assert str(location(root, "a")) == "line 1, column 4"
    assert str(location(root, "list", 0)) == "line 4, column 5"
    assert str(key_location(root, "list", 1, "k")) == "line 5, column 6"
    assert str(location(root, "list", 1, "k", 1)) == "line 6, column 5"


def test_line_ends_of_windows_count_once():
    assert str(location(tree("a: 1\r\nb:\r\n  c: 2\r\n"), "b", "c")) == "line 3, column 6"


def test_what_is_not_there_stands_at_its_nearest_parent():
    root = tree("a:\n  b: 1\n")
    assert location(root, "a", "x", "y") == location(root, "a")
    assert key_location(root, "a", "x") == location(root, "a")
    assert find(root, "a", 0) is None


def test_an_alias_repeats_its_anchor():
    assert value(tree("a: &x {k: [1, 2]}\nb: *x\nc: [*x, *x]\n"))["c"] == [{"k": [1, 2]}] * 2


def test_a_byte_order_mark_is_no_content():
    problems = Problems()
    root = parse(b"\xef\xbb\xbfa: 1\n", problems)
    assert isinstance(root, Mapping) and str(root.entries["a"].key_at) == "line 1, column 1"


def test_a_document_may_say_that_it_is_yaml_1_2():
    assert value(tree("%YAML 1.2\n---\na: 1\n...\n")) == {"a": 1}


# What is refused, and where it says so


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "0:0: the file is empty"),
        ("# nothing\n", "0:0: the file is empty"),
        ("a: 1\nb: 2\na: 3\n", "3:1: the key 'a' stands here a second time, first at line 1, column 1"),
        ('{a: 1, "a": 2}', "1:8: the key 'a' stands here a second time, first at line 1, column 2"),
        ("a: &x {k: 1}\nb:\n  <<: *x\n", "3:3: merge keys (<<) are not part of YAML 1.2"),
        ("a: !!int 3\n", "1:4: the tag 'tag:yaml.org,2002:int' has no meaning in a rig"),
        ("a: !Ref b\n", "1:4: the tag '!Ref' has no meaning in a rig"),
        ("a: ! b\n", "1:4: the tag '!' has no meaning in a rig"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document begins here"),
        ("%YAML 1.1\n---\na: 1\n", "1:1: this is YAML 1.1, and rig files are YAML 1.2"),
        ("a: *b\n", "1:4: *'b' stands for nothing"),
        ("a: &a [*a]\n", "1:8: *'a' stands inside &'a', so it would never end"),
        ("[a]: 1\n", "1:1: a key is a name"),
        ("? {a: 1}\n: 1\n", "1:3: a key is a name"),
        ('"": 1\n', "1:1: a key is a name"),
        ("a: 1\n\tb: 2\n", "2:1: a tab stands here"),
        ("a:\n  - b\n c: 2\n", "3:2: this does not belong to what begins at line 1, column 1"),
        ("a: b: c\n", "1:5: a `:` is not expected here"),
        ("a: 1\nb\nc: 2\n", "3:1: this line is not `key: value`"),
        ("a: @x\n", "1:4: a value cannot begin with @"),
        ("a: `x`\n", "1:4: a value cannot begin with `"),
        ("a: {?x: 1}\n", "1:5: a value cannot begin with ?"),
        ("a: %x\n", "1:4: a value cannot begin with %"),
        ("a: 'x\nb: 1\n", "1:4: the quotes that open here are not closed"),
        ("a:\n  - [1, 2\nb: 3\n", "3:2: expected `,` or `]` to go on with what begins at line 2, column 5"),
        ("a: {b: 1\nc: 2\n", "2:2: expected `,` or `}` to go on with what begins at line 1, column 4"),
        ('a: "C:\\Temp"\n', "1:8: \\T means nothing in double quotes"),
        ('a: "\\xZZ"\n', "1:7: expected 2 hexadecimal digits after the escape"),
        ('a: "\\UFFFFFFFF"\n', "1:7: this number means no character"),
        ('a: "\\uD83D"\n', "1:4: a \\u escape here is half a character"),
        ("a: &\n", "1:5: a name of letters and digits follows & and *"),
        ("a: b\u2028c\n", "1:5: the character U+2028 has no place in a rig file"),
        ("a: 1\nb: \x07\n", "2:4: the character U+0007 has no place in a rig file"),
        (b"a: 1\nb: caf\xe9\n", "2:7: byte 0xe9 is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "1:1: byte 0xff is not UTF-8"),
    ],
)  # fmt: skip
def test_what_is_refused_and_where(text, problem):
    assert refused(text) == [problem]


def test_several_problems_are_all_reported():
    assert refused("a: !x 1\na: 2\nb: {<<: 1, c: 3, c: 4}\n") == [
        "1:4: the tag '!x' has no meaning in a rig",
        "2:1: the key 'a' stands here a second time, first at line 1, column 1",
        "3:5: merge keys (<<) are not part of YAML 1.2",
        "3:18: the key 'c' stands here a second time, first at line 3, column 12",
    ]


def test_the_size_is_bounded():
    fits = "a: " + "x" * (MAX_SIZE - 4) + "\n"
    assert isinstance(find(tree(fits), "a"), Scalar)
    assert "more than the 1048576" in refused(fits + "\n")[0]


def test_the_depth_is_bounded_also_through_aliases():
    # The scalar within the innermost list is no level of its own.
    tree("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH)
    assert refused("[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1)) == [
        f"1:{MAX_DEPTH + 1}: this is nested deeper than {MAX_DEPTH} levels"
    ]
    half = MAX_DEPTH // 2
    deep = "[" * half + "1" + "]" * half
    tree(f"a: &a {deep}\nb: {'[' * (half - 1)}*a{']' * (half - 1)}\n")
    message = f"what *'a' stands for is nested deeper than {MAX_DEPTH} levels here"
    assert refused(f"a: &a {deep}\nb: {'[' * half}*a{']' * half}\n")[0].endswith(message)
    assert refused("[" * 200_000)[0].endswith(f"nested deeper than {MAX_DEPTH} levels")


def test_what_aliases_expand_to_is_bounded():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 10):
        bomb += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    assert refused(bomb)[0].endswith(f"more than {MAX_NODES} keys and values, those that aliases repeat included")


@given(st.text(max_size=60) | st.text("a1:-[]{}&*!|>'\"%@`#?,\\ \t\r\n<.~", max_size=60))
@example('"\\U00110000"')
@example("%YAML 1." + "9" * 5000)
@example("--- |0\n")
@example("\ufeff\ufeffa")
def test_any_text_is_read_or_refused(text):
    problems = Problems()
    node = parse(text.encode(errors="surrogatepass"), problems)
    assert (node is None) == bool(problems.errors)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    problems = Problems()
    node = parse(data, problems)
    assert (node is None) == bool(problems.errors)
