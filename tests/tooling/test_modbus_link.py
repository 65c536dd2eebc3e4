"""`link:` and the keys that belong to it, from the rig file to what the runtime opens."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxrig.cbor import dumps, loads
from fluxrig_tooling.rig import compile_rig, load_text
from fluxrig_tooling.rig.problems import Problem

GEAR = "  - {{name: {name}, type: io_modbus, config: {{link: {link}, {config}tags: {{x: {{address: hr:0}}}}}}}}\n"
HEAD = "fluxrig: 1\nmeta: {name: test, version: 1.0.0}\nracks: [{name: r, board: BOARD}]\ngears:\n"


def rig_of(*gears: tuple[str, str]) -> str:
    """A rig with a gear for each (link, keys beside it), called a, b, c."""
    lines = [
        GEAR.format(name=name, link=link, config=f"{config}, " if config else "")
        for name, (link, config) in zip("abc", gears, strict=False)
    ]
    names = ", ".join("abc"[: len(gears)])
    head = HEAD.replace("BOARD", "ESP32_GENERIC" if "uart" in gears[0][0] else "GENERIC")
    return f"{head}{''.join(lines)}  - {{name: show, type: console}}\nwires:\n  - {{from: [{names}], to: show}}\n"


def compiled(link: str, config: str = "") -> dict[str, Any]:
    model, problems = load_text(rig_of((link, config)))
    assert model, list(map(str, problems))
    gears = loads(dumps(compile_rig(model)))["gears"]
    return next(gear["config"] for gear in gears if gear["name"] == "a")


def problems_of(*gears: tuple[str, str]) -> list[Problem]:
    return list(load_text(rig_of(*gears))[1])


def only_error(*gears: tuple[str, str]) -> Problem:
    (found,) = problems_of(*gears)
    assert found.severity == "error"
    return found


@pytest.mark.parametrize(
    ("link", "kind", "address", "port", "line"),
    [
        ("tcp://10.0.0.5", "tcp", "10.0.0.5", 502, "tcp://10.0.0.5:502"),
        ("tcp://plc-1.local:5020", "tcp", "plc-1.local", 5020, "tcp://plc-1.local:5020"),
        ("tcp://PLC-1", "tcp", "plc-1", 502, "tcp://plc-1:502"),
        ('"tcp://[fe80::1]:503"', "tcp", "fe80::1", 503, "tcp://[fe80::1]:503"),
        ("rtu+tcp://10.0.0.6:4001", "rtu+tcp", "10.0.0.6", 4001, "rtu+tcp://10.0.0.6:4001"),
        ("rtu+tcp://gateway", "rtu+tcp", "gateway", 502, "rtu+tcp://gateway:502"),
    ],
)
def test_links_over_tcp(link: str, kind: str, address: str, port: int, line: str):
    config = compiled(link)
    found = config["link"]
    assert (found["kind"], found["address"], found["port"], config["line"]) == (kind, address, port, line)
    assert (found["byte_us"], found["silence_us"], found["pipeline"], found["timeout_ms"]) == (0, 0, 1, 1000)
    assert "serial" not in found
    assert ("local_echo" in found) == (kind == "rtu+tcp")


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("serial:///dev/ttyUSB0", "/dev/ttyUSB0"),
        ("serial:///dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0", None),
        ("serial://uart1", "uart1"),
        ("serial://COM3", "COM3"),
        ("serial://com12", "COM12"),
    ],
)
def test_serial_links(link: str, path: str | None):
    config = compiled(link)
    path = path or link.removeprefix("serial://")
    assert config["line"] == f"serial://{path}"
    assert config["link"] == {
        "kind": "rtu",
        "serial": {
            "path": path,
            "baud": 19_200,
            "parity": "even",
            "stop_bits": 1,
            "rs485": False,
            "direction_pin": None,
            "tx_pin": None,
            "rx_pin": None,
        },
        "local_echo": False,
        "byte_us": 573,  # 11 bits at 19200 baud are 572.9 us
        "silence_us": 2006,  # 38.5 bits are 2005.2 us
        "pipeline": 1,
        "timeout_ms": 500,
        "connect_timeout_ms": 3000,
        "reconnect_min_ms": 500,
        "reconnect_max_ms": 30_000,
        "pause_after_connect_ms": 0,
        "request_delay_ms": 0,
        "turnaround_ms": 100,
    }


@pytest.mark.parametrize(
    ("config", "byte_us", "silence_us"),
    [
        ("baud: 9600", 1146, 4011),
        ("baud: 1200", 9167, 32_084),
        ("baud: 19201", 573, 1750),
        ("baud: 115200", 96, 1750),
        ("baud: 9600, parity: none", 1146, 4011),
        ("baud: 9600, parity: none, stop_bits: 2", 1146, 4011),
        ("baud: 9600, parity: odd, stop_bits: 2", 1250, 4375),
    ],
)
def test_times_on_a_serial_line(config: str, byte_us: int, silence_us: int):
    link = compiled("serial://uart0", config)["link"]
    assert (link["byte_us"], link["silence_us"]) == (byte_us, silence_us)


def test_every_option_reaches_the_runtime():
    times = "timeout: 1ms, connect_timeout: 2ms, reconnect_min: 3ms, reconnect_max: 4ms, pause_after_connect: 5ms"
    link = compiled(
        "serial://uart1",
        f"{times}, request_delay: 6ms, turnaround: 7ms, local_echo: true, response_time: 0ms, "
        "direction_pin: 4, tx_pin: 17, rx_pin: 16, parity: none, stop_bits: 2, baud: 4800",
    )["link"]
    keys = ("timeout", "connect_timeout", "reconnect_min", "reconnect_max", "pause_after_connect", "request_delay")
    assert [link[f"{key}_ms"] for key in (*keys, "turnaround")] == [1, 2, 3, 4, 5, 6, 7]
    assert link["local_echo"] is True
    assert link["serial"] == {
        "path": "uart1",
        "baud": 4800,
        "parity": "none",
        "stop_bits": 2,
        "rs485": False,
        "direction_pin": 4,
        "tx_pin": 17,
        "rx_pin": 16,
    }
    assert compiled("serial:///dev/ttyS0", "rs485: true")["link"]["serial"]["rs485"] is True
    assert compiled("tcp://a", "pipeline: 64")["link"]["pipeline"] == 64


@pytest.mark.parametrize(
    ("link", "hint"),
    [
        ("10.0.0.5", "write tcp://HOST, rtu+tcp://HOST, serial:///dev/ttyUSB0"),
        ("tpc://10.0.0.5", "did you mean tcp://?"),
        ("mqtt://10.0.0.5", "write tcp://HOST"),
        ("tcp://", "write tcp://HOST or tcp://HOST:port"),
        ("tcp://10.0.0.5:0", "the port from 1 to 65535"),
        ("tcp://10.0.0.5:65536", "the port from 1 to 65535"),
        ("tcp://10.0.0.5:modbus", "the port from 1 to 65535"),
        ("tcp://10.0.0.5/1", "write tcp://HOST"),
        ("tcp://user@10.0.0.5", "write tcp://HOST"),
        ('"tcp://[fe80::1"', "write tcp://HOST"),
        ("tcp://plc 1", "write tcp://HOST"),
        ("tcp://plc/", "write tcp://HOST"),
        ("rtu+tcp://", "write rtu+tcp://HOST or rtu+tcp://HOST:port"),
        ("serial://", "write tcp://HOST"),
        ("serial://ttyUSB0", "did you mean serial:///dev/ttyUSB0?"),
        ("serial://dev/ttyUSB0", "did you mean serial:///dev/ttyUSB0?"),
        ('"serial:///dev/tty USB0"', "write tcp://HOST"),
        ('"serial:///dev/ttyUSB0?baud=9600"', "write tcp://HOST"),
    ],
)
def test_what_is_no_link(link: str, hint: str):
    found = only_error((link, ""))
    assert found.message.endswith("is not a link")
    assert hint in found.hint
    assert (found.line, found.column) == (5, 1 + len("  - {name: a, type: io_modbus, config: {link: "))


@pytest.mark.parametrize(
    ("link", "config", "says"),
    [
        ("tcp://a", "baud: 9600", "baud is for serial:// links, and this one is tcp://"),
        ("rtu+tcp://a", "parity: none", "parity is for serial:// links, and this one is rtu+tcp://"),
        ("tcp://a", "max_dead: 1", "max_dead is for serial:// links, and this one is tcp://"),
        ("tcp://a", "direction_pin: 1", "direction_pin is for serial:// links, and this one is tcp://"),
        ("tcp://a", "turnaround: 1s", "turnaround is for serial:// or rtu+tcp:// links, and this one is tcp://"),
        ("tcp://a", "local_echo: true", "local_echo is for serial:// or rtu+tcp:// links, and this one is tcp://"),
        ("serial://uart0", "pipeline: 2", "pipeline is for tcp:// links, and this one is serial://"),
        ("rtu+tcp://a", "pipeline: 2", "pipeline is for tcp:// links, and this one is rtu+tcp://"),
        ("serial://uart0", "rs485: true", "rs485 is for ports with a driver that does it, not for uart0"),
        ("serial:///dev/ttyS0", "direction_pin: 4", "direction_pin is for the UART of a microcontroller"),
        ("serial://COM3", "tx_pin: 4", "tx_pin is for the UART of a microcontroller"),
        ("serial://uart0", "baud: 299", "expected at least 300"),
        ("serial://uart0", "stop_bits: 3", "3 is not one of 1 or 2"),
        ("serial://uart0", "parity: mark", "'mark' is not one of even, none or odd"),
        ("tcp://a", "pipeline: 65", "expected at most 64"),
        ("tcp://a", "timeout: 0s", "timeout: expected 1ms to 4m, got 0ms"),
        ("tcp://a", "connect_timeout: 0s", "connect_timeout: expected 1ms to 4m, got 0ms"),
        ("tcp://a", "reconnect_min: 0s", "reconnect_min: expected at least 1ms, got 0ms"),
        ("tcp://a", "timeout: 5m", "timeout: expected 1ms to 4m, got 5m"),
        ("tcp://a", "request_delay: 1h", "request_delay: expected 0ms to 4m, got 1h"),
        (
            "tcp://a",
            "reconnect_min: 2s, reconnect_max: 1s",
            "expected at least reconnect_min, 2s, got 1s",
        ),
        ("serial://uart0", "timeout: 10ms", "the timeout is shorter than the response_time, 20ms"),
        ("tcp://a", "response_time: 2s", "the timeout is shorter than the response_time, 2s"),
        ("serial://uart0", "unit_id: 0", "unit_id 0 means all units on a serial line, and none of them answers"),
        ("rtu+tcp://a", "unit_id: 0", "unit_id 0 means all units on a serial line, and none of them answers"),
        ("serial://uart0", "unit_id: 248", "unit_id 248 is reserved on a serial line"),
        ("rtu+tcp://a", "unit_id: 255", "unit_id 255 is reserved on a serial line"),
    ],
)
def test_what_does_not_go_with_a_link(link: str, config: str, says: str):
    assert says in only_error((link, config)).message


@pytest.mark.parametrize("unit_id", [0, 1, 247, 248, 255])
def test_over_tcp_every_unit_id_is_a_unit(unit_id: int):
    assert compiled("tcp://a", f"unit_id: {unit_id}")["polls"][0]["unit_id"] == unit_id


def test_every_mistake_is_reported_at_once():
    found = problems_of(("serial://ttyUSB0", "pipeline: 2, timeout: 0s, reconnect_max: 1ms"))
    assert len(found) == 4, list(map(str, found))


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("baud: 9600", "", "baud is 9600 in the one and 19200 in the other"),
        ("parity: none", "parity: odd", "parity is none in the one and odd in the other"),
        ("timeout: 200ms", "", "timeout is 200ms in the one and 500ms in the other"),
        ("request_delay: 1s", "request_delay: 2s", "request_delay is 1s in the one and 2s in the other"),
        ("local_echo: true", "", "local_echo is true in the one and false in the other"),
        ("max_dead: 1", "max_dead: 2", "max_dead is 1 in the one and 2 in the other"),
    ],
)
def test_gears_that_share_a_line_agree_on_it(first: str, second: str, says: str):
    found = only_error(
        ("serial:///dev/ttyS0", first), ("serial:///dev/ttyS0", f"unit_id: 2, every: 9s{second and ', '}{second}")
    )
    assert found.message == f"gears 'a' and 'b' share the line serial:///dev/ttyS0, but {says}"
    assert found.line == 6


def test_what_belongs_to_a_gear_may_differ():
    first = "response_time: 10ms, max_gap: 1, every: 2s, max_dead: 0"
    second = "response_time: 30ms, max_gap: 2, every: 5s, unit_id: 2"
    assert problems_of(("serial:///dev/ttyS0", first), ("serial:///dev/ttyS0", second)) == []


def test_another_line_or_another_rack_is_none_of_their_business():
    assert problems_of(("serial:///dev/ttyS0", "baud: 9600"), ("serial:///dev/ttyS1", "")) == []
    text = rig_of(("serial:///dev/ttyS0", "baud: 9600"), ("serial:///dev/ttyS0", ""))
    text = text.replace("[{name: r, board: GENERIC}]", "[{name: r1}, {name: r2}]")
    text = text.replace("name: a,", "name: a, deploy: r1,").replace("name: b,", "name: b, deploy: r2,")
    text = text.replace("name: show,", "name: show, deploy: r1,").replace("[a, b]", "a")
    _, problems = load_text(text)
    assert [problem.severity for problem in problems] == ["warning"], list(map(str, problems))


@pytest.mark.parametrize(
    ("link", "board", "says", "hint"),
    [
        ("serial://uart1", "GENERIC", "uart1: board 'GENERIC' has no UARTs", "serial:///dev/ttyUSB0"),
        ("serial://uart1", "RASPBERRY_PI", "uart1: board 'RASPBERRY_PI' has no UARTs", "serial:///dev/ttyUSB0"),
        ("serial://uart1", "UNIX", "uart1: board 'UNIX' has no UARTs", "serial:///dev/ttyUSB0"),
        ("serial:///dev/ttyS0", "RPI_PICO_W", "board 'RPI_PICO_W' has no serial ports", "serial://uart1"),
    ],
)
def test_a_board_has_uarts_or_serial_ports(link: str, board: str, says: str, hint: str):
    text = rig_of((link, "")).replace("GENERIC}", f"{board}}}").replace(f"ESP32_{board}", board)
    (found,) = load_text(text)[1]
    assert says in found.message
    assert hint in found.hint


@settings(max_examples=50)
@given(st.text(st.sampled_from("tcprusial+:/[]@?#.0123456789 COMuart-dev\n"), max_size=20))
def test_any_link_is_read_or_reported(link: str):
    model, problems = load_text(rig_of(("placeholder", "")), overrides={"gears.a.config.link": link})
    assert (model is None) == bool(problems.errors)
