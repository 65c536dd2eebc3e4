"""`fluxrig rig new --from`: rigs of tag lists, as spreadsheets, Kepware and Telegraf export them."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fluxrig.errors import LocalError
from fluxrig_tooling.rig import compile_rig, load_text
from fluxrig_tooling.rig.importing import FORMATS, Imported, Options, import_tags, reading
from fluxrig_tooling.rig.importing.names import valid_name
from fluxrig_tooling.rig.importing.write import decimal_text
from fluxrig_tooling.rig.model import RigModel

SAMPLES = Path(__file__).parent / "samples"

OPTIONS = {
    "spreadsheet_de.csv": Options(link="tcp://10.0.0.5"),
    "zero_based.csv": Options(base=0),
    "kepware.csv": Options(link="tcp://10.0.0.5"),
    "telegraf.conf": Options(),
}


def imported(data: bytes | str, options: Options | None = None, format_name: str = "auto") -> Imported:
    raw = data.encode() if isinstance(data, str) else data
    return import_tags(raw, "tags.csv", "r", options or Options(), format_name)


def sample(name: str) -> Imported:
    return import_tags((SAMPLES / name).read_bytes(), name, "r", OPTIONS[name])


def rig_of(result: Imported) -> RigModel:
    rig, problems = load_text(result.text)
    assert rig, [str(problem) for problem in problems]
    return rig


def tags_of(result: Imported, gear: int = 0) -> dict[str, dict[str, Any]]:
    """The tags of one device, as its Gear's config has them."""
    polls = [each for each in rig_of(result).gears if each.type == "io_modbus"]
    return polls[gear].config["tags"]


def said(result: Imported) -> list[str]:
    return [f"{each.line}:{each.column} {each.severity} {each.message}" for each in result.problems]


# The samples


@pytest.mark.parametrize("name", OPTIONS)
def test_each_sample_makes_a_rig_that_checks_and_compiles(name):
    result = sample(name)
    rig, problems = load_text(result.text)
    assert rig and not problems.errors, [str(problem) for problem in problems]
    assert len(compile_rig(rig)["gears"]) == 2 * len(result.devices) + 1
    assert result.text.startswith(f"# {result.tags} tags of {name}, made by `fluxrig rig new`.")
    assert max(map(len, result.text.splitlines())) < 160


def test_a_spreadsheet_of_another_country():
    result = sample("spreadsheet_de.csv")
    assert result.format == "plain"
    assert tags_of(result) == {
        "Druck_Ol": {
            "address": "hr:0", "type": "float32", "order": "CDAB", "scale": 0.1, "unit": "bar", "range": [0, 250]
        },
        "Temperatur": {"address": "hr:2", "type": "int16", "scale": 0.1, "unit": "°C", "range": [-20, 120]},
        "Stuckzahl": {"address": "hr:3", "type": "uint32", "order": "ABCD", "group": "5s"},
        "Freigabe": {"address": "co:16", "writable": True},
        "Storung": {"address": "hr:9", "bit": 3},
        "Sollwert": {
            "address": "hr:19", "type": "float32", "order": "CDAB", "unit": "bar", "range": [0, 250], "writable": True
        },
    }  # fmt: skip
    (gear,) = [gear for gear in rig_of(result).gears if gear.type == "io_modbus"]
    assert (gear.config["every"], gear.config["groups"]) == (100, {"5s": {"every": 5000}})
    assert "# Hydraulik, Hauptpumpe" in result.text
    assert [each.split(" warning ")[1] for each in said(result)] == [
        "the tag 'Druck Öl' becomes 'Druck_Ol'",
        "the tag 'Stückzahl' becomes 'Stuckzahl'",
        "the tag 'Störung' becomes 'Storung'",
    ]


def test_a_list_with_function_codes_and_units_of_a_gateway():
    result = sample("zero_based.csv")
    assert [(device.unit_id, len(device.tags)) for device in result.devices] == [(1, 2), (2, 2)]
    assert tags_of(result) == {
        "flow": {"address": "hr:0", "type": "float32", "unit": "l/min"},
        "level": {"address": "hr:2", "type": "uint16", "unit": "mm"},
    }
    assert tags_of(result, 1) == {"pump": {"address": "co:7"}, "alarm": {"address": "di:16"}}


def test_an_export_of_kepware():
    result = sample("kepware.csv")
    assert result.format == "kepware"
    assert tags_of(result) == {
        "Press_Pressure": {"address": "hr:0", "type": "float32", "order": "CDAB"},
        "Press_Temperature": {
            "address": "hr:2", "type": "int16", "scale": 0.1, "unit": "degC", "range": [0, 100], "group": "1s"
        },
        "Press_Level": {
            "address": "hr:4", "type": "uint16", "scale": -0.00152590219, "unit": "%", "range": [-100, 0], "group": "1s"
        },
        "Ready": {"address": "hr:5", "bit": 3},
        "Coil": {"address": "co:0"},
        "Limit_Switch": {"address": "di:1"},
        "Serial": {"address": "hr:199", "type": "string", "length": 20, "group": "10s"},
        "Name": {"address": "hr:219", "type": "string", "length": 10, "order": "BADC", "group": "10s"},
        "Count": {"address": "ir:9", "type": "uint32", "order": "CDAB"},
        "Total": {"address": "hr:229", "type": "float64", "order": "CDAB"},
        "Preset": {"address": "hr:239", "type": "bcd32", "order": "CDAB"},
    }  # fmt: skip
    assert [each for each in said(result) if " error " in each] == [
        "6:38 error 'Press.Flow' is left out: the scaling 'Square Root' is not supported",
        "16:10 error 'Recipe' is left out: 400300 [4] is an array, which a tag cannot be",
        "17:18 error 'Shift' is left out: the data type Date is not supported",
        "18:7 error 'Odd' is left out: a register has no bit 16",
        "19:17 error 'Bool' is left out: a Boolean in a register needs a bit, such as 400001.0",
    ]
    assert "3:46 warning 3 tags can be written there, and are only read here" in said(result)


def test_a_configuration_of_telegraf_in_all_its_styles():
    result = sample("telegraf.conf")
    assert result.format == "telegraf"
    gears = [gear for gear in rig_of(result).gears if gear.type == "io_modbus"]
    assert [(gear.name, gear.config["link"], gear.config["unit_id"], gear.config["every"]) for gear in gears] == [
        ("meter", "tcp://meter.local:502", 1, 10_000),
        ("drives-2", "serial:///dev/ttyUSB0", 2, 5000),
        ("drives-3", "serial:///dev/ttyUSB0", 3, 5000),
        ("gateway", "rtu+tcp://gw.local:4001", 7, 10_000),
    ]
    assert [gears[1].config[key] for key in ("baud", "parity", "stop_bits")] == [38400, "even", 1]
    assert tags_of(result) == {
        "start": {"address": "di:0"},
        "motor1_run": {"address": "co:0"},
        "power_factor": {"address": "hr:8", "type": "int16", "scale": 0.01},
        "energy": {"address": "hr:5", "type": "uint32", "order": "ABCD", "scale": 0.001},
        "frequency": {"address": "hr:17", "type": "float32", "order": "CDAB"},
        "total": {"address": "hr:19", "type": "uint64", "order": "CDAB"},
        "firmware": {"address": "hr:30", "type": "string", "length": 8},
        "low_byte": {"address": "hr:50", "type": "uint8", "byte": "low"},
        "tank_level": {"address": "ir:0", "type": "int16"},
        "pump1_speed": {"address": "ir:3", "type": "int32", "order": "ABCD"},
    }
    assert tags_of(result, 1) == {
        "speed": {"address": "ir:0", "type": "float32", "order": "CDAB"},
        "state": {"address": "ir:3", "type": "uint16"},
        "ready": {"address": "ir:4", "bit": 2},
    }
    assert tags_of(result, 2) == {"enable": {"address": "co:5"}}
    assert [each for each in said(result) if " error " in each] == [
        "16:14 error 'half' is left out: the type FLOAT16-IEEE is not supported",
        "18:14 error 'gap' is left out: its registers [40, 42] do not stand one after the other",
        "65:52 error there is a second tag called 'temp', the first is at line 64, column 52",
    ]


# Addresses, types, orders, numbers


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("hr:0", ("hr", 0, None)),
        ("IR:65535", ("ir", 65535, None)),
        ("hr:7.15", ("hr", 7, 15)),
        ("40001", ("hr", 0, None)),
        ("465536", ("hr", 65535, None)),
        ("300010", ("ir", 9, None)),
        ("10001", ("di", 0, None)),
        ("00001", ("co", 0, None)),
        ("40010.3", ("hr", 9, 3)),
        ("4x00001", ("hr", 0, None)),
        ("3x0017", ("ir", 16, None)),
    ],
)
def test_addresses_that_name_their_table(text, place):
    assert reading.address_of(text, Options()) == place


@pytest.mark.parametrize(
    ("text", "options", "place"),
    [
        ("100", Options(base=0, table="hr"), ("hr", 100, None)),
        ("100", Options(base=1, table="ir"), ("ir", 99, None)),
        ("0x64", Options(base=0, table="co"), ("co", 100, None)),
        ("5.3", Options(base=0, table="hr"), ("hr", 5, 3)),
        ("40001", Options(base=0, table="hr"), ("hr", 40001, None)),
    ],
)
def test_bare_numbers_are_read_as_they_are_said_to_count(text, options, place):
    assert reading.address_of(text, options) == place


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("100", Options(), "the bare number 100 can mean hr:100 (counted from 0) or hr:99 (counted from 1)"),
        ("100", Options(base=1), "the bare number 100 can mean"),
        ("100", Options(table="ir"), "the bare number 100 can mean ir:100 (counted from 0) or ir:99"),
        ("0", Options(base=1, table="hr"), "there is not an address 0 where counting begins with 1"),
        ("40000", Options(), "40000 does not exist: references count from 1"),
        ("hr:1.16", Options(), "a register has no bit 16"),
        ("DB1.DBW0", Options(), "'DB1.DBW0' is not an address"),
    ],
)
def test_addresses_that_mean_nothing_or_two_things_are_refused(text, options, message):
    with pytest.raises(LocalError) as refused:
        reading.address_of(text, options)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0,1", Fraction(1, 10)), ("-12,5", Fraction(-25, 2)), ("0,125", Fraction(1, 8)), ("1e-3", Fraction(1, 1000)),
     ("+5", Fraction(5)), (".5", Fraction(1, 2)), ("\N{MINUS SIGN}40", Fraction(-40))],
)  # fmt: skip
def test_numbers_with_a_point_or_a_comma(text, number):
    assert reading.number_of(text) == number


@pytest.mark.parametrize("text", ["1,000", "12,345", "1.234,5", "1,2,3", "x", "", "nan", "1e999", "0x10", "9" * 50])
def test_numbers_that_could_be_others_are_refused(text):
    with pytest.raises(LocalError):
        reading.number_of(text)


@given(st.fractions(max_denominator=10**6))
def test_a_number_is_written_as_it_is_or_rounded_to_nine_digits(number):
    written = Fraction(decimal_text(number))
    assert abs(written - number) <= abs(number) * Fraction(1, 10**8)


@given(st.integers(-(10**9), 10**9), st.integers(0, 6))
def test_a_decimal_number_is_written_exactly(mantissa, places):
    number = Fraction(mantissa, 10**places)
    assert Fraction(decimal_text(number)) == number


@pytest.mark.parametrize(
    ("text", "name"),
    [("a", "a"), ("Tank 1/Level", "Tank_1_Level"), ("Düse", "Duse"), ("__x__", "__x__"), ("温度", ""), ("%MW0", "MW0"),
     ("a.b.c", "a_b_c"), ("x" * 200, "x" * 100)],
)  # fmt: skip
def test_names_are_made_valid(text, name):
    assert valid_name(text) == name


# Nothing is lost silently


def test_names_that_become_alike_are_told_apart():
    result = imported("name,address\nTank 1,40001\nTank_1,40002\nTank.1,40003\n")
    assert list(tags_of(result)) == ["Tank_1_2", "Tank_1", "Tank_1_3"]
    assert len(result.problems.warnings) == 2


def test_a_second_tag_of_one_name_is_left_out():
    result = imported("name,address\na,40001\na,40002\n")
    assert said(result) == ["3:1 error there is a second tag called 'a', the first is at line 2, column 1"]
    assert tags_of(result) == {"a": {"address": "hr:0"}}


def test_what_the_rig_would_refuse_is_left_out_and_said_at_its_line():
    result = imported("name,address,type\na,40001,float\nb,465536,float\nc,40003,bool\nd,10001,float\n")
    assert list(tags_of(result)) == ["a"]
    assert [each.partition(":")[0] for each in said(result)] == ["3", "4", "5"]
    assert "'b' is left out: float32 at hr:65535 ends at address 65536, beyond 65535" in said(result)[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,40001,flaot,", "2:9 error unknown type 'flaot'"),
        ("a,40001,int16,fast", "2:15 error 'fast' is not a number"),
        (",40001,,", "2:1 error this row has no name, and is left out"),
        ("a,,,", "2:1 error the tag 'a' has no address, and is left out"),
        ("a,40001,,,more", "2:11 warning 'more' stands beyond the last column, and is not taken over"),
        ("温度,40001,,", "2:1 error '温度' has no letter or digit that a tag's name could have"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_where_it_is(line, message):
    result = imported(f"name,address,type,scale\n{line}\nlast,40009,,\n")
    assert message in said(result)
    assert "last" in tags_of(result)


def test_columns_that_are_not_known_or_there_twice_are_named():
    result = imported("name,address,owner,register\na,40001,me,1\n")
    assert said(result) == [
        "1:14 warning the column 'owner' is not known, and not taken over",
        "1:20 warning 'register' is a second column for the address, and not taken over",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "0:0 error the file is empty"),
        ("a,b\n1,2\n", "1:1 error this is not a tag list that is known"),
        (b"name,address\na,\xff\n", "2:3 error byte 0xff is not UTF-8"),
        ("[[inputs.modbus]]\n  x = \n", "2:7 error this is not TOML: Invalid value (at line 2, column 7)"),
        ("[[inputs.modbus]]\n  name = 'x'\n", "0:0 error there is no section [[inputs.modbus]] with fields"),
        ("name,address\na,100\n", "2:3 error the bare number 100 can mean"),
    ],
)
def test_a_file_without_a_usable_tag_gives_no_rig(data, message):
    result = imported(data)
    assert result.text == "" and result.devices == []
    assert said(result)[0].startswith(message)


def test_a_link_that_is_none_gives_no_rig():
    result = imported("name,address\na,40001\n", Options(link="http://x"))
    assert result.text == ""
    assert "no rig can be made" in said(result)[0]


def test_text_of_any_kind_stays_text():
    result = imported('name;address;unit;description\na;40001;"m: [x], #1";"{ "" # \'"\nb;40002;no;\nc;40003;5;\n')
    assert [tag["unit"] for tag in tags_of(result).values()] == ["m: [x], #1", "no", "5"]


# Whatever a file holds

CONTENT = [(SAMPLES / name).read_bytes() for name in OPTIONS]


def taken(data: bytes, format_name: str, options: Options) -> None:
    """Either a rig that checks, or none and the reasons."""
    result = imported(data, options, format_name)
    assert bool(result.text) == bool(result.devices)
    if result.text:
        _, problems = load_text(result.text)
        assert not problems.errors, [str(problem) for problem in problems]
    else:
        assert result.problems.errors or not result.tags
    assert all("\n" not in each.message and len(each.message) < 500 for each in result.problems)


CHOICES = st.sampled_from(["auto", *FORMATS])
OPTION = st.builds(
    Options,
    base=st.sampled_from([None, 0, 1]),
    table=st.sampled_from(["", "hr", "di"]),
    order=st.sampled_from(["", "DCBA"]),
)


@given(st.binary(max_size=200), CHOICES, OPTION)
@example(b"[[inputs.modbus]]\nslave_id = 1\ncoils = [{name = 'a', address = [true]}]", "telegraf", Options())
@example(b"[[inputs.modbus]]\nslave_id = 1\nholding_registers = [{name = 'a', data_type = [1]}]", "telegraf", Options())
@example(
    b"[[inputs.modbus]]\ncontroller='file://x'\nbaud_rate='1\\n x: y'\ncoils=[{name='a',address=[1]}]",
    "telegraf",
    Options(),
)
@example(b"[inputs]\nmodbus = 7", "telegraf", Options())
@example(b"inputs = 1\nagent = 2", "telegraf", Options())
@example(
    b"[[inputs.modbus]]\nholding_registers=[{name='a',data_type='FIXED',address=[1],scale=nan}]", "telegraf", Options()
)
@example(
    b"[[inputs.modbus]]\nholding_registers=[{name='a',data_type='INT16',address=[1],scale=1e300}]",
    "telegraf",
    Options(),
)
def test_any_bytes(data, format_name, options):
    taken(data, format_name, options)


LITTER = st.sampled_from(
    [b",", b";", b"\n", b'"', b"40001", b"-1", b"[", b"]", b"{", b"}", b"=", b"\xff", b"", b"1e9", b"#", b"'"]
)


def test_a_row_that_ends_early_is_left_out():
    data = (SAMPLES / "kepware.csv").read_bytes() + b'"Cut"\n'
    assert (
        said(import_tags(data, "t.csv", "r", Options()))[-1]
        == "20:1 error 'Cut' is left out: '' is not a Modbus address"
    )


@given(st.sampled_from(CONTENT), st.data(), CHOICES)
def test_a_sample_with_a_piece_replaced(content, data, format_name):
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 30, len(content))))
    piece = b"".join(data.draw(st.lists(LITTER, max_size=4)))
    taken(content[:start] + piece + content[end:], format_name, Options(base=0, table="hr"))


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6) | st.sampled_from(
    ["40001", "hr:3", "float", "bool", "0,1", "CDAB", "yes", "a", "b", "100ms"]
)


@given(st.lists(st.lists(CELL, min_size=9, max_size=9), min_size=1, max_size=4))
def test_any_cells(table):
    head = "name;address;type;scale;offset;unit;order;group;description"
    rows = [";".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in table]
    taken("\n".join([head, *rows]).encode(), "plain", Options(base=0, table="hr"))
