"""Tables in CSV files. The oracle for what a cell holds is Python's csv module."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig_tooling.rig.problems import Problems
from fluxrig_tooling.rig.table import MAX_SIZE, read_rows, read_table


def rows(data: bytes | str) -> list[list[str]]:
    problems = Problems("t.csv")
    found = read_rows(data.encode() if isinstance(data, str) else data, problems)
    assert found is not None, [str(problem) for problem in problems]
    return [[cell.text for cell in row] for row in found]


def refused(data: bytes | str) -> list[str]:
    problems = Problems("t.csv")
    assert read_table(data.encode() if isinstance(data, str) else data, problems, "t.csv") is None
    return [f"{each.line}:{each.column} {each.message} | {each.hint}" for each in problems]


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n",
        "a;b\r\n1;2\r\n",
        "a\tb\r1\t2\r",
        "sep=;\r\na;b\r\n1;2",
        "\ufeffa;b\n1;2\n;\n",
        '"a","b"\n"1","2"\n',
        "\n\na,b\n\n 1 , 2\n,,\n",
    ],
    ids=["comma", "semicolon", "tab", "sep line", "byte order mark", "quotes", "empty rows and spaces"],
)
def test_what_spreadsheets_write_is_the_same_table(text):
    assert [row[:2] for row in rows(text)] == [["a", "b"], ["1", "2"]]


def test_utf_16_with_a_byte_order_mark_as_excel_writes_unicode_text():
    assert rows("a\tb\r\nü\t2\r\n".encode("utf-16")) == [["a", "b"], ["ü", "2"]]


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=8)


@given(st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=4), st.sampled_from(",;\t"))
def test_cells_are_those_that_a_csv_writer_wrote(table, separator):
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)
    written = [row for row in table if any(row)]
    if not written:
        return
    assert rows(f"sep={separator}\n{stream.getvalue()}") == written


@given(st.binary(max_size=60) | st.text(st.sampled_from('ab,;\t"\r\n= \ufeff'), max_size=40).map(str.encode))
def test_any_bytes_are_rows_or_a_problem(data):
    problems = Problems("t.csv")
    assert (read_rows(data, problems) is None) == bool(problems.errors)


def test_every_cell_has_its_place():
    problems = Problems("t.csv")
    table = read_table(b'id, note ,n\n m1 ,"two\nlines",3\nm2,x\n', problems, "t.csv")
    assert table
    assert [str(at) for at in table.columns.values()] == [
        "line 1, column 1 of t.csv",
        "line 1, column 5 of t.csv",
        "line 1, column 11 of t.csv",
    ]
    places = [[(name, at.at.line, at.at.column) for name, at in cells.items()] for _, cells in table.rows]
    assert places == [[("id", 2, 2), ("note", 2, 6), ("n", 3, 8)], [("id", 4, 1), ("note", 4, 4)]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "0:0 the table is empty | its first line has the names of the columns"),
        ("a,,b\n1,2,3\n", "1:3 this column has no name | the first line has the names of the columns"),
        ("a,b,a\n", "1:5 there is a second column 'a' | rename one of them"),
        ("a,b\n1,2,3\n", "2:5 '3' stands beyond the last of 2 columns | put text with a separator in it in quotes"),
        ('a,b\n1,"2\n', "2:3 the quotes that open here are not closed | add the closing quote"),
        ('a,b\n"1"2,3\n', "2:4 text follows a closing quote | double each quote that stands within quotes"),
        (b"a,b\n1,\xe9\n", "2:3 byte 0xe9 is not UTF-8 | save the file as `CSV UTF-8`"),
        (b"PK\x03\x04\0\0", "0:0 this is not a text file | save the table as CSV"),
        (b"x" * (MAX_SIZE + 1), f"0:0 the file has more than the {MAX_SIZE} bytes of the largest table | split it"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(data, message):
    assert refused(data) == [message]


def test_a_wider_header_of_empty_cells_is_what_was_deleted():
    problems = Problems("t.csv")
    table = read_table(b"a;b;;\n1;2;;\n", problems)
    assert table and list(table.columns) == ["a", "b"]
