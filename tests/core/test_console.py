import json

from probes import chain, gear, gear_of

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
