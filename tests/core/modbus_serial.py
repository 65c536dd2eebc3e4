"""Polls on a serial line, and two units on it."""

from modbus_bench import config, poll
from modbus_device import DeviceBench, Unit

TIMEOUT_MS = 30
OPTIONS = {
    "path": "/dev/ttyUSB0",
    "baud": 19200,
    "parity": "even",
    "stop_bits": 1,
    "rs485": False,
    "direction_pin": None,
    "tx_pin": None,
    "rx_pin": None,
}


def tag_block(name, count=2, first=0):
    return [3, first, count, b"", ">" + "H" * count, [[f"{name}{i}", "raw"] for i in range(count)]]


def serial(polls, **more):
    link = {
        "kind": "rtu",
        "serial": OPTIONS,
        "byte_us": 573,
        "silence_us": 2006,
        "turnaround_ms": 100,
        "local_echo": False,
        "timeout_ms": TIMEOUT_MS,
        "connect_timeout_ms": 80,
        "reconnect_min_ms": 150,
        "reconnect_max_ms": 600,
        "pause_after_connect_ms": 0,
        "request_delay_ms": 0,
    }
    for key in list(more):
        if key in link:
            link[key] = more.pop(key)
    compiled = config(polls, **more)
    compiled["line"] = "serial:///dev/ttyUSB0"
    compiled["link"] = link
    return compiled


def two_polls():
    return [poll("one", [tag_block("a")], unit_id=1), poll("two", [tag_block("b")], unit_id=2, phase_ms=40)]


def bench_of(compiled):
    return DeviceBench(compiled, {1: Unit({0: 10, 1: 11}), 2: Unit({0: 20, 1: 21})})


def good(bench, name):
    return sum([quality == {"good"} for quality in bench.qualities(name)])
