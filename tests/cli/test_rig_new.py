"""`fluxrig rig new` and `fluxrig profile`, as a user runs them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FLUXRIG = str(Path(sys.executable).parent / "fluxrig")
SAMPLES = Path(__file__).resolve().parents[1] / "tooling/samples"
LIMIT_S = 60


def fluxrig(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [FLUXRIG, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=folder)


def document(*arguments: str | Path, folder: Path, exit_code: int = 0) -> Any:
    result = fluxrig(*arguments, "--json", folder=folder)
    assert result.returncode == exit_code, result.stderr
    return json.loads(result.stdout)


def checks(rig: Path) -> bool:
    return fluxrig("rig", "check", rig, folder=rig.parent).returncode == 0


def test_without_a_list_it_writes_a_rig_to_start_with(tmp_path: Path):
    result = fluxrig("rig", "new", "--link", "tcp://10.1.2.3", "--name", "My Press", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    text = (tmp_path / "rig.yaml").read_text()
    assert "tcp://10.1.2.3" in text and "name: my_press" in text and text.startswith("#")
    assert checks(tmp_path / "rig.yaml")


def test_a_file_that_exists_is_replaced_only_with_force(tmp_path: Path):
    rig = tmp_path / "rig.yaml"
    rig.write_text("mine")
    result = fluxrig("rig", "new", folder=tmp_path)
    assert result.returncode == 1 and "--force" in result.stderr
    assert rig.read_text() == "mine"
    assert fluxrig("rig", "new", "--force", folder=tmp_path).returncode == 0
    assert checks(rig)


@pytest.mark.parametrize("sample", ["spreadsheet_de.csv", "kepware.csv", "telegraf.conf"])
def test_a_list_becomes_a_rig_that_checks(tmp_path: Path, sample: str):
    result = fluxrig("rig", "new", "--from", SAMPLES / sample, "-o", "new.yaml", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert checks(tmp_path / "new.yaml")
    assert result.stdout.startswith("new.yaml: ")


def test_a_link_that_nobody_gave_is_asked_for(tmp_path: Path):
    (tmp_path / "tags.csv").write_text("name,address,type\nt1,40001,float32\n")
    new = ("rig", "new", "--from", "tags.csv", "--force")
    result = fluxrig(*new, folder=tmp_path)
    assert result.stdout.splitlines() == [
        "rig.yaml: 1 tag of tags.csv (plain)",
        "set its link: tcp://192.0.2.1 in rig.yaml stands for an address that the list does not have",
    ]
    assert (tmp_path / "rig.yaml").read_text().startswith("# 1 tag of tags.csv, ")
    assert "link" not in fluxrig(*new, "--link", "tcp://10.0.0.5", folder=tmp_path).stdout
    (tmp_path / "tags.csv").write_text("name,address,type,unit id\nt1,40001,float32,1\nt2,40001,float32,2\n")
    assert "set the link of 2 devices: " in fluxrig(*new, folder=tmp_path).stdout
    assert "set its link: tcp://127.0.0.1:5020" in fluxrig("rig", "new", "--force", folder=tmp_path).stdout


def test_what_is_left_out_is_said_line_by_line_and_counted(tmp_path: Path):
    result = fluxrig("rig", "new", "--from", SAMPLES / "kepware.csv", folder=tmp_path)
    lines = result.stderr.splitlines()
    assert (
        f"{SAMPLES}/kepware.csv:6:38: error: 'Press.Flow' is left out: the scaling 'Square Root' is not supported"
        in lines
    )
    assert lines[-1] == "5 lines left out, 7 warnings: see above"
    report = document("rig", "new", "--from", SAMPLES / "kepware.csv", "--force", folder=tmp_path)
    assert (report["ok"], report["format"], report["tags"], report["left_out"]) == (True, "kepware", 11, 5)
    assert len(report["problems"]) == 12


def test_when_nothing_can_be_taken_over_nothing_is_written(tmp_path: Path):
    (tmp_path / "tags.csv").write_text("name,address\na,100\n")
    result = fluxrig("rig", "new", "--from", "tags.csv", folder=tmp_path)
    assert result.returncode == 1
    assert "tags.csv:2:3: error: the bare number 100 can mean hr:100" in result.stderr
    assert "--base 0 or --base 1" in result.stderr
    assert not (tmp_path / "rig.yaml").exists()
    report = document("rig", "new", "--from", "tags.csv", folder=tmp_path, exit_code=1)
    assert report["ok"] is False and report["problems"][0]["line"] == 2
    result = fluxrig("rig", "new", "--from", "tags.csv", "--base", "1", "--table", "ir", folder=tmp_path)
    assert result.returncode == 0
    assert "ir:99" in (tmp_path / "rig.yaml").read_text()


def test_order_link_name_and_unit_are_taken_from_the_options(tmp_path: Path):
    options = ("--order", "ABCD", "--link", "tcp://10.9.9.9", "--name", "press", "--unit-id", "7")
    assert fluxrig("rig", "new", "--from", SAMPLES / "kepware.csv", *options, folder=tmp_path).returncode == 0
    text = (tmp_path / "rig.yaml").read_text()
    for part in ("order: ABCD", "link: tcp://10.9.9.9", "meta: {name: press,", "unit_id: 7"):
        assert part in text
    assert "CDAB" not in text


def test_profiles_are_listed_and_shown_within_80_columns(tmp_path: Path):
    names = [each["profile"] for each in document("profile", "list", folder=tmp_path)]
    assert "eastron/sdm630" in names
    pages = [fluxrig("profile", "list", folder=tmp_path).stdout]
    pages += [fluxrig("profile", "show", name, folder=tmp_path).stdout for name in names]
    assert [line for page in pages for line in page.splitlines() if len(line) > 80] == []
    assert "power_l1" in pages[names.index("eastron/sdm630") + 1]
    shown = document("profile", "show", "eastron/sdm630", folder=tmp_path)
    assert shown["tags"]["frequency"]["address"] == "ir:70"
    assert shown["defaults"]["baud"] == 9600 and shown["source"]


def test_an_unknown_profile_is_a_negative_answer_with_the_nearest(tmp_path: Path):
    result = fluxrig("profile", "show", "Eastron/SDM63", folder=tmp_path)
    assert result.returncode == 1
    assert "did you mean 'eastron/sdm630'?" in result.stderr


def test_profiles_beside_the_rig_are_listed_and_broken_ones_named(tmp_path: Path):
    folder = tmp_path / "profiles" / "acme"
    folder.mkdir(parents=True)
    (folder / "x.yaml").write_text("meta: {vendor: A, model: X, doc: d, source: s}\ntags: {x: {address: hr:1}}\n")
    assert "acme/x" in fluxrig("profile", "list", folder=tmp_path).stdout
    (folder / "y.yaml").write_text("tags: {x: {address: hr:1}}\n")
    result = fluxrig("profile", "list", folder=tmp_path)
    assert result.returncode == 1
    assert (
        "acme/x" in result.stdout
        and "profiles/acme/y.yaml:1:1: error: the profile lacks the key 'meta'" in result.stderr
    )
    (folder / "x.yaml").write_text("meta: {vendor: A, model: X, doc: d, source: s}\ntags: {x: {adress: hr:1}}\n")
    result = fluxrig("profile", "show", "acme/x", folder=tmp_path)
    assert result.returncode == 1 and "did you mean 'address'?" in result.stderr
