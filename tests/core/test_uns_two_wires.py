"""uns behind two guaranteed wires, of which one is behind. A file of its own: it fills a heap of 128 KiB."""

import json

from probes import gear, gear_of, id_of, rig, settings
from uns_bench import GUARANTEED, config

from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost


async def test_two_wires_catch_up_side_by_side():
    host = MemoryHost()
    sources = [(id_of(name), {"p": "acme/site/" + name}) for name in ("a", "b")]
    gears = [gear("a", "source"), gear("b", "source"), gear("ca", "correlator"), gear("cb", "correlator")]
    gears.append(gear("uns", "uns", config(sources=sources, backlog_rate=1), outputs=("err",)))
    wires: list = [(name, "out", "c" + name, "in") for name in ("a", "b")]
    wires += [("c" + name, "out", "uns", "in") + GUARANTEED for name in ("a", "b")]
    rack = Rack(host, rig(gears, wires, settings(commit_count=1, segment_bytes=2048)))
    host.network.broker.go_down()
    await rack.start()
    for n in range(6):
        gear_of(rack, "a").emit({"p": n})
        await host.clock.advance(1)  # one group, and soon another segment, for each: the disk is in RAM here
    gear_of(rack, "b").emit({"p": 0})
    await host.clock.advance(1500)
    host.network.broker.up = True
    await host.clock.advance(3800)
    assert gear_of(rack, "uns").stats()["backlog"] == 1, "b has caught up, a has not"
    got: dict = {"a": [], "b": []}
    for n in range(6, 9):
        await host.clock.advance(50)
        gear_of(rack, "a").emit({"p": n})
        gear_of(rack, "b").emit({"p": n})
        await host.clock.advance(10)
        live = [json.loads(host.network.broker.retained["acme/site/" + name])["v"] for name in ("a", "b")]
        assert live == [n, n], "though a is behind"
    await host.clock.advance(10_000)
    for topic, payload, _ in host.network.broker.published:
        name = topic[len("acme/site/") :]
        if name in got:
            got[name].append(json.loads(payload)["v"])
    assert sorted(got["a"]) == list(range(9)) and got["b"] == [0, 6, 7, 8]
    assert gear_of(rack, "uns").stats()["backlog"] == 0
