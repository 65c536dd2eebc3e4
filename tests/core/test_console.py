import json

from probes import chain, gear, gear_of

from fluxrig.decimal import Decimal
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost


def printed(format_name, data, meta):
    host = MemoryHost()
    rack = Rack(host, chain(gear("a", "source"), gear("c", "console", {"format": format_name}), gear("s", "sink")))
    msg = gear_of(rack, "a").emit(data, meta, ts=1_767_225_600_123_456_789)
    assert gear_of(rack, "s").got[0] is msg, "a console passes on what it shows"
    assert rack.stats()["gears"]["c"]["lines"] == 1
    return host.lines[0]


def test_text_is_one_legible_line():
    line = printed("text", {"temp": None, "pressure": 101.5, "raw": b"\x01\xff"}, {"q.temp": "bad:timeout"})
    assert line == "1767225600.123 pressure=101.5 raw=01ff temp=bad:timeout"


def test_json_is_one_object():
    document = json.loads(printed("json", {"n": 1, "b": b"\x01", "l": [1, b"\x02"], "m": {"x": b"\x03"}}, {"k": "v"}))
    assert document["data"] == {"n": 1, "b": "01", "l": [1, "02"], "m": {"x": "03"}}
    assert document["meta"] == {"k": "v", "machine.id": "machine-1"}
    assert document["ts"] == 1_767_225_600_123_456_789
    assert len(document["id"]) == 36


def test_decimals_have_their_places():
    data = {"temp": Decimal(2060, -2), "energy": Decimal((1 << 64) - 1, -1), "list": [Decimal(5, -1), b"\x01", True]}
    line = printed("text", data, {})
    assert line == '1767225600.123 energy=1844674407370955161.5 list=[0.5, "01", true] temp=20.60'
    line = printed("json", data, {})
    assert line.endswith('"data": {"energy": 1844674407370955161.5, "list": [0.5, "01", true], "temp": 20.60}}')
    assert json.loads(line)["data"]["temp"] == 20.6


def test_what_is_no_number_in_json_is_null():
    data = {"a": float("nan"), "b": [float("inf")]}
    assert json.loads(printed("json", data, {}))["data"] == {"a": None, "b": [None]}
    assert printed("text", data, {}) == "1767225600.123 a=nan b=[null]"
