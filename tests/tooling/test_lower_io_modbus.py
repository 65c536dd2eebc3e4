"""From the rig file to the compiled config of an io_modbus Gear, through the loader, as a user meets it."""

from typing import Any

import pytest

from fluxrig.cbor import dumps, loads
from fluxrig_tooling.rig import compile_rig, load_text
from fluxrig_tooling.rig.problems import Problem
from tests.tooling.modbus_points import CONFIG_AT, text_of


def compiled(config: str) -> dict[str, Any]:
    """The compiled config, having been through a compiled rig's CBOR."""
    model, problems = load_text(text_of(config))
    assert model, list(map(str, problems))
    rig = loads(dumps(compile_rig(model)))
    return next(gear["config"] for gear in rig["gears"] if gear["name"] == "plc")


def problems_of(config: str) -> list[Problem]:
    model, problems = load_text(text_of(config))
    assert model is None or not problems.errors
    return list(problems)


def test_a_rig_file_becomes_read_plans():
    config = compiled(
        """
        link: tcp://10.0.0.5
        every: 100ms
        tags:
          pressure: {address: hr:0, type: float32, order: CDAB, unit: bar, range: [0, 250]}
          temp: {address: hr:2, type: int16, scale: 0.1, unit: degC, range: [0, 120]}
          running: {address: co:0}
        """.replace("\n        ", "\n")
    )
    assert config == {
        "line": "tcp://10.0.0.5:502",
        "link": {
            "kind": "tcp",
            "address": "10.0.0.5",
            "port": 502,
            "byte_us": 0,
            "silence_us": 0,
            "pipeline": 1,
            "timeout_ms": 1000,
            "connect_timeout_ms": 3000,
            "reconnect_min_ms": 500,
            "reconnect_max_ms": 30_000,
            "pause_after_connect_ms": 0,
            "request_delay_ms": 0,
            "turnaround_ms": 100,
        },
        "raw": False,
        "retry_refused_ms": 600_000,
        "polls": [
            {
                "name": "default",
                "group": "default",
                "unit_id": 1,
                "every_ms": 100,
                "phase_ms": 0,
                "requests": [
                    [1, 0, 1, b"", ">B", [["running", "bit", 1, False, True]]],
                    [3, 0, 3, b"\2\3\0\1\4\5", ">fh", [["pressure", "float"], ["temp", "decimal", 1, 0, -1]]],
                ],
            }
        ],
        "writes": [],
        "expires_ms": 2000,
        "write_queue": 64,
    }


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("every: 0s", "every: expected at least 1ms, got 0ms"),
        ("groups: {default: {every: 1s}}", "called 'default' already"),
        ("groups: {slow: {every: 0s}}", "every: expected at least 1ms, got 0ms"),
        ("groups: {slow: {every: 1s, phase: 1s}}", "phase: expected less than the period, 1s, got 1s"),
        ("unit_id: 256", "at most 255"),
        ("max_registers: 126", "at most 125"),
        ("max_bits: 0", "at least 1"),
        ("max_registers: 1", "tag 'x' takes 2 registers, and a request reads at most 1 (max_registers)"),
        ("write_queue: 0", "at least 1"),
        ("expires: 0s", "expires: expected at least 1ms, got 0ms"),
        ("retry_refused: 0s", "retry_refused: expected at least 1ms, got 0ms"),
    ],
)
def test_a_mistake_in_what_is_polled_is_reported(config: str, says: str):
    slow = "\n  y: {address: hr:2, group: slow}" if "slow" in config else ""
    found = problems_of(f"link: tcp://a\n{config}\ntags:\n  x: {{address: hr:0, type: float32}}{slow}")
    assert len(found) == 1, list(map(str, found))
    assert found[0].severity == "error"
    assert says in found[0].message


def test_groups_have_their_own_periods_and_requests():
    config = compiled(
        "link: tcp://a\n"
        "every: 200ms\n"
        "groups:\n"
        "  fast: {every: 20ms, phase: 5ms}\n"
        "  slow: {every: 1m}\n"
        "tags:\n"
        "  a: {address: hr:0}\n"
        "  b: {address: hr:1, group: fast}\n"
        "  c: {address: hr:2, group: slow}\n"
        "  d: {address: hr:3, group: fast}\n"
    )
    timings = {poll["name"]: (poll["group"], poll["every_ms"]) for poll in config["polls"]}
    assert timings == {"fast": ("fast", 20), "slow": ("slow", 60_000), "default": ("default", 200)}
    spans = {poll["name"]: [request[1:3] for request in poll["requests"]] for poll in config["polls"]}
    assert spans == {"default": [[0, 1]], "fast": [[1, 1], [3, 1]], "slow": [[2, 1]]}


def test_units_of_a_group_are_polled_each_by_itself():
    config = compiled(
        "link: tcp://a\n"
        "unit_id: 7\n"
        "groups: {slow: {every: 4s}}\n"
        "tags:\n"
        "  a: {address: hr:0}\n"
        "  b: {address: hr:1, unit_id: 3}\n"
        "  c: {address: hr:2}\n"
        "  d: {address: hr:3, unit_id: 3, group: slow}\n"
    )
    polls = [(poll["name"], poll["group"], poll["unit_id"], poll["phase_ms"]) for poll in config["polls"]]
    assert polls == [("slow", "slow", 3, 666), ("default.3", "default", 3, 0), ("default.7", "default", 7, 333)]
    assert [[request[1] for request in poll["requests"]] for poll in config["polls"]] == [[3], [1], [0, 2]]


def test_a_group_without_tags_is_pointed_out():
    found = problems_of("link: tcp://a\ngroups: {slow: {every: 1m}}\ntags: {x: {address: hr:0}}")
    assert [(problem.severity, problem.message) for problem in found] == [("warning", "no tag is in group 'slow'")]


def test_limits_of_requests():
    tags = "tags: {a: {address: hr:0}, b: {address: hr:4}, c: {address: hr:8}, d: {address: co:0}, e: {address: co:9}}"

    def spans(limits: str) -> list[list[int]]:
        return [request[:3] for request in compiled(f"link: tcp://a\n{limits}\n{tags}")["polls"][0]["requests"]]

    assert spans("") == [[1, 0, 1], [1, 9, 1], [3, 0, 1], [3, 4, 1], [3, 8, 1]]
    assert spans("max_gap: 3") == [[1, 0, 1], [1, 9, 1], [3, 0, 9]]
    assert spans("max_gap: 8") == [[1, 0, 10], [3, 0, 9]]
    assert spans("max_gap: 8\nmax_bits: 9\nmax_registers: 8") == [[1, 0, 1], [1, 9, 1], [3, 0, 1], [3, 4, 5]]
    assert spans('max_gap: 8\nforbidden: ["hr:2", "co:1-3", "ir:6"]') == [[1, 0, 1], [1, 9, 1], [3, 0, 1], [3, 4, 5]]
    assert spans('max_gap: 8\nforbidden: ["40006-40008"]') == [[1, 0, 10], [3, 0, 5], [3, 8, 1]]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("hr:5-", "expected a range of addresses such as hr:0-9, got 'hr:5-'"),
        ("xr:5", "expected a range of addresses such as hr:0-9, got 'xr:5'"),
        ("40101-30102", "expected a range of addresses such as hr:0-9, got '40101-30102'"),
        ("40000", "expected a range of addresses such as hr:0-9, got '40000'"),
        ("5", "expected a range of addresses such as hr:0-9, got 5"),
        ("hr:9-5", "hr:9-5 goes from high to low"),
        ("hr:65536", "hr:65536 goes beyond the last address, 65535"),
        ("hr:0-99999", "hr:0-99999 goes beyond the last address, 65535"),
    ],
)
def test_a_mistake_in_a_forbidden_range_is_reported(written: str, says: str):
    quoted = written if written == "5" else f'"{written}"'
    found = problems_of(f"link: tcp://a\nforbidden: [{quoted}]\ntags: {{x: {{address: hr:0}}}}")
    assert [(each.severity, each.message) for each in found] == [("error", says)]
    assert (found[0].line, found[0].column) == (CONFIG_AT + 1, 19)


def test_a_tag_in_a_forbidden_range_is_reported_with_both_places():
    text = "link: tcp://a\nforbidden: [ir:5, hr:100-199]\ntags:\n  x: {address: hr:99, type: float32}"
    (found,) = problems_of(text)
    wanted = f"tag 'x' reads hr:99-100, and hr:100-199 is forbidden (line {CONFIG_AT + 1}, column 25)"
    assert (found.message, found.line, found.column) == (wanted, CONFIG_AT + 3, 22)


COMMANDS = """\
fluxrig: 1
meta: {name: test, version: 1.0.0}
gears:
  - {name: other, type: io_modbus, config: {link: tcp://b, tags: {y: {address: hr:0}}}}
  - {name: plc, type: io_modbus, config: {link: tcp://a, tags: {x: {address: hr:0}}}}
  - {name: show, type: console}
wires:
  - {from: plc, to: show}
  - {from: other, to: plc}
"""


def test_commands_for_a_gear_without_writable_tags_are_an_error():
    _, problems = load_text(COMMANDS)
    assert [str(problem) for problem in problems] == [
        "rig.yaml:9:23: error: this wire brings commands to gear 'plc', which has no tag that may be written\n"
        "    put `writable: true` at a tag, or take the wire out"
    ]


def test_no_guaranteed_wire_brings_commands():
    _, problems = load_text(COMMANDS.replace("to: plc}", "to: plc, lane: guaranteed}"))
    assert "rig.yaml:9:34: error: no guaranteed wire may lead to plc.in: a command that arrives late" in str(
        problems.errors[-1]
    )
