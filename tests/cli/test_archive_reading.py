"""`fluxrig archive show`, `stats`, `export` and `extract`, as a user runs them."""

import csv
import io
import json
import os
import signal
import stat
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fluxrig.decimal import Decimal
from tests.cli.archives import COLUMNS, FLUXRIG, archive, document, documents, on_terminal, page
from tests.peers import journal_format as fmt
from tests.peers.archived import METER, PLC, filled, identity, message, note, trace_of, wire
from tests.peers.journal_format import SECOND, T0, Writer
from tests.plant import EXAMPLES

VALUES = {
    "temp": None,
    "scaled": Decimal(1010, -1),
    "big": 1 << 63,
    "ratio": 0.1,
    "running": True,
    "state": 'hold "press"\x1b[31m\u202e, now',
    "blob": b"\x01\xff",
    "list": [1, Decimal(25, -1), None],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """63 messages, then one with a value of each kind that is an alarm, then a note, then one not committed."""
    writer = filled(63)
    one = message(64, VALUES, meta={"q.temp": "bad:timeout"}, flags=1, trace=trace_of(3), ref_id=identity(3))
    writer.record(wire(one))
    writer.record(wire(note(65, "recovered", {"dropped_bytes": 7})))
    writer.link()
    writer.record(wire(message(66)))
    return writer.write(tmp_path / "archive")


def test_nothing_that_an_archive_says_of_itself_steers_the_terminal(tmp_path: Path):
    writer = filled(5, writer=Writer(machine="press\x1b]0;owned\x07\x1b[2J\u202e"))
    writer.record(wire(note(6, "re\x1b]0;owned\x07", {"what": "\x1b[2J"})))
    writer.link()
    folder = writer.write(tmp_path / "archive")
    for verb in ("verify", "stats", "show"):
        text = "\n".join(page(verb, folder))
        assert "owned" in text, verb
        assert not {"\x1b", "\x07", "\u202e"} & set(text), verb


def test_show_is_one_line_a_message_within_the_terminal(folder: Path):
    lines = on_terminal("show", folder)
    assert len(lines) == 65 and max(map(len, lines)) == COLUMNS
    assert lines[0].split() == ["1", "2026-01-01", "00:00:01.000", "00000002", "pieces=1", "pressure=0.125"]
    assert "[alarm]" in lines[63] and lines[63].endswith("…")
    assert "[recovered] dropped_bytes=7" in lines[64]


def test_show_is_whole_in_a_pipe_and_steers_no_terminal(folder: Path):
    line = archive("show", folder, "--from", "64", "--to", "64").stdout  # COLUMNS says 80
    assert "temp=- (bad:timeout)" in line and "scaled=101.0" in line and "big=9223372036854775808" in line
    assert "\x1b" not in line and "\u202e" not in line


@pytest.mark.parametrize(
    ("options", "positions"),
    [
        (("--from", "61"), range(61, 66)),
        (("--from", "10", "--to", "12"), range(10, 13)),
        (("--last", "3"), range(63, 66)),
        (("--last", "2", "--to", "30"), range(29, 31)),
        (("--from", "2026-01-01T00:00:50Z", "--to", "2026-01-01T00:00:52.5Z"), range(50, 53)),
        (("--from", "2026-01-01T01:00:50+01:00", "--to", "51"), range(50, 52)),
        (("--tag", "scaled"), range(64, 65)),
        (("--tag", "scaled", "--tag", "pieces", "--last", "2"), (63, 64)),
        (("--from", "2100-01-01"), ()),
        (("--to", "0"), ()),
        (("--to", "2025-12-31"), ()),
        (("--to", "2026-01-01", "--from", "2026-01-01T00:01:03"), (63, 64, 65)),
        (("--from", "1h", "--to", "5"), ()),
    ],
)
def test_show_selects(folder: Path, options: tuple[str, ...], positions: range):
    assert [each["position"] for each in documents("show", folder, *options)] == list(positions)


def test_a_point_that_is_none_is_wrong_usage(folder: Path):
    assert "2026-11-25T10:30" in archive("show", folder, "--from", "yesterday", exit_code=2).stderr
    assert archive("show", folder, "--follow", "--to", "5", exit_code=2).stderr


@pytest.mark.parametrize(
    ("begin", "end", "said"),
    [
        ("10", "9", "--from (position 10) comes after --to (position 9)"),
        ("2s", "5s", "UTC) comes after --to (20"),
        ("2026-01-02", "2026-01-01", "--from (2026-01-02 00:00:00 UTC) comes after --to (2026-01-01 23:59:59 UTC)"),
    ],
)
def test_what_ends_before_it_begins_is_wrong_usage(folder: Path, tmp_path: Path, begin: str, end: str, said: str):
    for verb, more in (("show", ()), ("export", ("-o", str(tmp_path / "x.csv")))):
        error = archive(verb, folder, "--from", begin, "--to", end, *more, exit_code=2).stderr
        assert said in " ".join(error.split()), error


def test_where_nothing_matches_it_says_what_there_is(folder: Path, tmp_path: Path):
    result = archive("show", folder, "--tag", "presure")
    known = ", ".join(sorted(["pieces", "pressure", *VALUES]))
    assert (result.stdout, result.stderr) == ("", f"no message matches; tags: {known}\n")
    extent = "there are positions 1 to 65, 2026-01-01 00:00:01 to 2026-01-01 00:01:05 UTC"
    assert archive("show", folder, "--from", "2100-01-01").stderr == f"no message matches; {extent}\n"
    assert "tags:" in archive("export", folder, "--tag", "x", "-o", tmp_path / "x.csv").stderr
    writer = Writer()
    writer.begin()
    assert "no message is committed" in archive("show", writer.write(tmp_path / "empty")).stderr


def test_only_the_values_that_were_asked_for(folder: Path, tmp_path: Path):
    (line,) = archive("show", folder, "--tag", "temp", "--tag", "scaled").stdout.splitlines()
    assert line.endswith("[alarm] scaled=101.0 temp=- (bad:timeout)")
    output = tmp_path / "out.csv"
    assert document("export", folder, "--tag", "pressure", "-o", output)["rows"] == 63
    assert {row["tag"] for row in csv.DictReader(output.open(newline=""))} == {"pressure"}
    assert document("export", folder, "--tag", "pressure", "-o", tmp_path / "out.parquet")["rows"] == 63
    (whole,) = documents("show", folder, "--tag", "temp")
    assert whole["data"].keys() == VALUES.keys()


def test_json_lines_hold_all_of_a_message(folder: Path):
    (found,) = documents("show", folder, "--from", "64", "--to", "64")
    assert (found["time"], found["ts"]) == ("2026-01-01T00:01:04.000000000Z", T0 + 64 * SECOND)
    assert (found["trace"], found["flags"], found["quality"]) == (trace_of(3), 1, {"temp": "bad:timeout"})
    assert found["data"]["scaled"] == 101.0 and found["data"]["big"] == 1 << 63
    assert found["data"]["blob"] == "01ff" and found["data"]["temp"] is None
    assert found["data"]["state"] == VALUES["state"]
    assert found["ref_id"].replace("-", "") == identity(3).hex()
    assert [hop["gear"].replace("-", "") for hop in found["path"]] == [PLC.hex()]


def test_follow_prints_what_comes_in_once_it_is_committed(tmp_path: Path):
    writer = filled(22)
    folder = writer.write(tmp_path / "archive")
    process = subprocess.Popen(
        [FLUXRIG, "archive", "show", str(folder), "--follow", "--last", "1", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        assert process.stdout

        def positions(count: int) -> list[int]:
            return [json.loads(process.stdout.readline())["position"] for _ in range(count)]  # type: ignore[union-attr]

        assert positions(1) == [20], "21 and 22 are not committed"
        writer.link()
        writer.write(folder)
        assert positions(2) == [21, 22]
        filled(20, writer=writer).write(folder)  # to the end of this segment, and into the next one
        writer.link()
        writer.write(folder)
        assert positions(20) == list(range(23, 43))
        writer.record(wire(message(43)))
        writer.end(junk=b"torn")  # a crash, and the Rack goes on in a new segment
        filled(7, writer=writer).write(folder)
        assert positions(8) == list(range(43, 51))
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        watchdog.cancel()


def test_stats_are_figures_a_person_can_read(folder: Path):
    text = "\n".join(page("stats", folder))
    for part in ("65 messages", "1 recovered", "pressure", "messages by source", "not committed"):
        assert part in text
    stats = document("stats", folder)
    assert (stats["first"], stats["position"], stats["messages"], stats["segments"], stats["sealed"]) == (
        1,
        65,
        65,
        4,
        3,
    )
    assert stats["groups"] == 13 and stats["uncommitted"] == 1 and stats["events"] == {"recovered": 1}
    assert stats["tags"]["pieces"] == 63 and stats["tags"]["temp"] == 1
    assert {key.replace("-", ""): count for key, count in stats["sources"].items()} == {METER.hex(): 32, PLC.hex(): 32}
    assert stats["messages_per_day"] == pytest.approx(65 * 86_400 / 12, rel=1e-6)


def test_gears_are_named_as_a_rig_does(tmp_path: Path):
    from fluxrig_tooling.rig import load

    rig, _ = load(EXAMPLES / "press.yaml")
    assert rig
    plc = next(gear for gear in rig.gears if gear.name == "plc")
    writer = Writer()
    writer.record(wire(message(1, src_id=plc.id, trace="a" * 32)))
    writer.link()
    folder = writer.write(tmp_path / "archive")
    flux = tmp_path / "press.flux"
    subprocess.run([FLUXRIG, "rig", "compile", str(EXAMPLES / "press.yaml"), "-o", str(flux)], check=True)
    for file in (EXAMPLES / "press.yaml", flux):
        assert page("show", folder, "--rig", file)[0].split()[3] == "plc"
        assert document("stats", folder, "--rig", file)["sources"] == {"plc": 1}
        assert "  source  plc" in page("extract", folder, "--trace", "a" * 32, "--rig", file)


def test_extract_shows_the_path_of_an_event(folder: Path):
    lines = page("extract", folder, "--trace", trace_of(3).upper())
    assert [line for line in lines if line.startswith("position")] == [
        "position 3, 2026-01-01 00:00:03.000000 UTC",
        "position 64, 2026-01-01 00:01:04.000000 UTC",
    ]
    assert "  after   position 3" in lines
    assert any("+0.001000 s" in line for line in lines)
    assert [each["position"] for each in documents("extract", folder, "--trace", trace_of(3))] == [3, 64]


def test_extract_says_what_is_referred_to_in_other_traces(tmp_path: Path):
    writer = filled(20)
    writer.record(wire(message(21, trace="b" * 32, ref_id=identity(7))))
    writer.record(wire(message(22, trace="b" * 32, ref_id=identity(1000))))
    writer.link()
    lines = page("extract", writer.write(tmp_path / "archive"), "--trace", "b" * 32)
    assert f"  position 7: trace {trace_of(7)}" in lines
    assert lines[-1].endswith("not in this archive")


def test_extract_of_nothing(folder: Path):
    assert "no message" in archive("extract", folder, "--trace", "0" * 32, exit_code=1).stderr
    assert "32 hex digits" in archive("extract", folder, "--trace", "xyz", exit_code=2).stderr


def test_csv_has_a_row_a_value(folder: Path, tmp_path: Path):
    output = tmp_path / "out.csv"
    report = document("export", folder, "-o", output)
    assert (report["ok"], report["messages"], report["rows"], report["format"]) == (True, 65, 63 * 2 + 8 + 1, "csv")
    rows = list(csv.DictReader(output.open(newline="")))
    assert len(rows) == report["rows"]
    assert list(rows[0]) == ["time", "position", "id", "trace", "source", "tag", "value", "quality"]
    values = {row["tag"]: (row["value"], row["quality"]) for row in rows if row["position"] == "64"}
    assert values["scaled"] == ("101.0", "good") and values["temp"] == ("", "bad:timeout")
    assert values["big"] == (str(1 << 63), "good") and values["state"] == (VALUES["state"], "good")
    assert values["list"][0] == "[1, 2.5, null]" and values["running"][0] == "true"
    assert rows[0]["time"] == "2026-01-01T00:00:01.000000000Z"


def test_csv_has_no_text_that_a_spreadsheet_takes_for_a_formula(tmp_path: Path):
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'x", "''=1", "", "x=1", "1"]
    values: dict[str, object] = {f"t{number}": text for number, text in enumerate(texts)}
    writer = Writer()
    writer.record(wire(message(1, {**values, "=cmd": -5, "n": Decimal(-15, -1), "f": -0.5, "l": ["=1"]})))
    writer.link()
    output = tmp_path / "out.csv"
    archive("export", writer.write(tmp_path / "archive"), "-o", output)
    cells = {row["tag"]: row["value"] for row in csv.DictReader(output.open(newline=""))}
    assert (cells.pop("'=cmd"), cells.pop("n"), cells.pop("f"), cells.pop("l")) == ("-5", "-1.5", "-0.5", '["=1"]')
    assert not [cell for cell in cells.values() if cell[:1] in set("=+-@\t\r")]
    assert [cell.removeprefix("'") for cell in cells.values()] == [values[tag] for tag in cells]


def test_parquet_collects_no_more_text_than_it_says(monkeypatch: pytest.MonkeyPatch):
    import pyarrow.parquet as pq

    from fluxrig_tooling.archive.export import exporter, parquet
    from fluxrig_tooling.archive.names import Names

    monkeypatch.setattr(parquet, "MAX_TEXT", 1000)
    file = io.BytesIO()
    writer = exporter("parquet", file, Names())
    for number in range(1, 31):
        writer.write(number, message(number, {"image": bytes(100), "n": number}))
    writer.close()
    found = pq.ParquetFile(file)
    assert [found.metadata.row_group(index).num_rows for index in range(found.num_row_groups)] == [10] * 6
    assert found.read().column("position").to_pylist() == [number for number in range(1, 31) for _ in range(2)]


def test_parquet_has_a_column_for_each_kind_of_value(folder: Path, tmp_path: Path):
    import pyarrow.parquet as pq

    output = tmp_path / "out.parquet"
    report = document("export", folder, "-o", output)
    table = pq.read_table(output)
    assert table.num_rows == report["rows"]
    rows = {row["tag"]: row for row in table.to_pylist() if row["position"] == 64}
    assert rows["big"]["text"] == str(1 << 63) and rows["big"]["integer"] is None and rows["big"]["kind"] == "int"
    assert rows["scaled"]["number"] == 101.0 and rows["scaled"]["text"] == "101.0"
    assert rows["running"]["boolean"] is True and rows["running"]["number"] is None
    assert rows["temp"]["kind"] == "none" and rows["temp"]["quality"] == "bad:timeout"
    assert rows["ratio"]["number"] == 0.1 and rows["state"]["text"] == VALUES["state"]
    first = table.column("time")[0].as_py()
    assert first == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert str(table.schema.field("time").type) == "timestamp[ns, tz=UTC]"
    assert table.column("integer").to_pylist()[0] == 1


def test_export_to_standard_output_is_what_show_prints_as_json(folder: Path):
    exported = archive("export", folder, "--format", "jsonl", "-o", "-", "--from", "5").stdout
    assert exported == archive("show", folder, "--json", "--from", "5").stdout
    assert archive("export", folder, "--format", "jsonl", "-o", "-", "--json", exit_code=2).stderr


def test_an_export_is_there_whole_or_not_at_all(folder: Path, tmp_path: Path):
    output = tmp_path / "out.csv"
    output.write_text("mine")
    assert "--force" in archive("export", folder, "-o", output, exit_code=1).stderr
    assert output.read_text() == "mine"
    assert "cannot be written" in archive("export", folder, "-o", tmp_path / "no/out.csv", exit_code=1).stderr
    archive("export", folder, "-o", output, "--force")
    assert output.read_text().startswith("time,position")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "out.csv"]
    assert "--format" in archive("export", folder, "-o", tmp_path / "out", exit_code=2).stderr


def test_an_export_replaces_nothing_but_files(folder: Path, tmp_path: Path):
    pipe, held = tmp_path / "pipe", tmp_path / "folder.csv"
    os.mkfifo(pipe)
    held.mkdir()
    for target in (pipe, tmp_path / "to-pipe"):
        if target != pipe:
            target.symlink_to(pipe)
        error = archive("export", folder, "--format", "csv", "--force", "-o", target, exit_code=1).stderr
        assert f"{target} is a pipe: write to standard output with -o -" in error
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert f"{held} is a folder" in archive("export", folder, "--force", "-o", held, exit_code=1).stderr
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    assert "link to itself" in archive("export", folder, "--force", "-o", loop, exit_code=1).stderr
    assert loop.is_symlink()


def test_an_export_goes_to_what_a_link_points_to(folder: Path, tmp_path: Path):
    real, link = tmp_path / "shelf" / "real.csv", tmp_path / "link.csv"
    real.parent.mkdir()
    link.symlink_to(real)
    archive("export", folder, "-o", link)
    assert link.is_symlink() and real.read_text().startswith("time,position")
    assert "--force" in archive("export", folder, "-o", link, exit_code=1).stderr
    real.write_text("old")
    archive("export", folder, "-o", link, "--force")
    assert link.is_symlink() and real.read_text().startswith("time,position")
    assert [path.name for path in real.parent.iterdir()] == ["real.csv"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_an_export_that_is_ended_leaves_nothing(tmp_path: Path, number: signal.Signals):
    folder = filled(40_000, group=1000, segment=20_000).write(tmp_path / "archive")
    output = tmp_path / "out" / "big.csv"
    output.parent.mkdir()
    # Whoever runs the tests may ignore some signals, as nohup does, and so would what is started here.
    command = ["env", "--default-signal", FLUXRIG, "archive", "export", str(folder), "-o", str(output)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        while not list(output.parent.iterdir()):
            assert process.poll() is None
        process.send_signal(number)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == (1 if number == signal.SIGINT else -number)
    assert not list(output.parent.iterdir())


def test_parquet_without_pyarrow_says_what_to_install(folder: Path, tmp_path: Path):
    (tmp_path / "pyarrow.py").write_text("raise ImportError('none')")
    result = subprocess.run(
        [FLUXRIG, "archive", "export", str(folder), "-o", str(tmp_path / "out.parquet")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert result.returncode == 1 and "pip install 'fluxrig[parquet]'" in result.stderr
    assert not list(tmp_path.glob("*out.parquet*"))


def test_what_is_damaged_is_left_out_and_said(folder: Path, tmp_path: Path):
    path = folder / fmt.name(21)
    data = bytearray(path.read_bytes())
    data[[each for each in fmt.frames(bytes(data)) if each.kind == b"M"][4].offset + 50] ^= 1
    path.write_bytes(data)
    result = archive("show", folder, "--json", exit_code=1)
    shown = [json.loads(line)["position"] for line in result.stdout.splitlines()]
    assert shown == [position for position in range(1, 66) if position != 25]
    assert f"{path.name}, position 25" in result.stderr
    assert document("export", folder, "-o", tmp_path / "x.csv", exit_code=1)["damaged"] == 1
    stats = document("stats", folder, exit_code=1)
    assert (stats["messages"], stats["unreadable"], stats["ok"]) == (64, 1, False)


def test_a_rig_that_is_not_of_the_archive_is_said(folder: Path, tmp_path: Path):
    rig = EXAMPLES / "press.yaml"
    options = {"show": [], "stats": [], "export": ["-o", str(tmp_path / "x.csv")], "extract": ["--trace", trace_of(3)]}
    for verb, more in options.items():
        error = archive(verb, folder, "--rig", rig, *more).stderr
        assert "has none of the gears in this archive" in error, verb


def test_a_checkpoint_as_a_document(folder: Path, tmp_path: Path):
    found = document("checkpoint", folder)
    line = json.loads(archive("checkpoint", folder).stdout)
    assert found == {"ok": True, **line}
    (tmp_path / "kept").write_text(json.dumps(found, indent=2))
    assert document("verify", folder, "--anchor", tmp_path / "kept")["ok"]
    assert document("checkpoint", tmp_path, exit_code=1)["ok"] is False


def test_pages_fit_the_terminal_whatever_names_are_in_them(tmp_path: Path):
    writer = Writer(machine="m" * 100)
    long = message(1, {"tag/" + "x" * 200: "y" * 300}, meta={"machine.id": "other" * 30})
    writer.record(wire(long))
    writer.link()
    folder = writer.write(tmp_path / "archive")
    for verb in ("verify", "stats"):
        assert page(verb, folder)
    assert [len(line) for line in on_terminal("show", folder)] == [COLUMNS]
    assert len(page("extract", folder, "--trace", long.trace)) > 3
    assert COLUMNS == 80
