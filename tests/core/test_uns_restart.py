"""uns behind guaranteed wires: after a power cut, and with two wires of which one is behind."""

import json

from probes import gear, gear_of, id_of, rig, settings
from uns_bench import GUARANTEED, P, behind_the_archive, config, fresh_order

from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost


async def test_after_a_power_cut_what_the_broker_retains_never_goes_back():
    bench = behind_the_archive(backlog_rate=5)
    bench.broker.go_down()
    await bench.start()
    for n in range(12):
        bench.source.emit({"p": n})
    await bench.pass_ms(1000)
    bench.broker.up = True
    await bench.pass_ms(2000)
    assert bench.at(P)["v"] == 11 and 0 < bench.uns.backlog_published < 11
    await bench.cut_power()
    published = len(bench.broker.published)
    after = behind_the_archive(after=bench, backlog_rate=1000)
    del bench  # on a device, two of them do not fit
    await after.start()
    await after.pass_ms(3000)
    again = [(name, retain) for name, _, retain in after.broker.published[published:] if name == P and retain]
    assert again == [(P, True)], "the newest, and none of those before it"
    assert after.at(P)["v"] == 11
    assert fresh_order([value for value, retain in after.published(P) if not retain]) == list(range(11))


async def test_two_wires_catch_up_side_by_side():
    host = MemoryHost()
    sources = [(id_of(name), {"p": "acme/site/" + name}) for name in ("a", "b")]
    gears = [gear("a", "source"), gear("b", "source"), gear("ca", "correlator"), gear("cb", "correlator")]
    gears.append(gear("uns", "uns", config(sources=sources, backlog_rate=3), outputs=("err",)))
    wires: list = [(name, "out", "c" + name, "in") for name in ("a", "b")]
    wires += [("c" + name, "out", "uns", "in") + GUARANTEED for name in ("a", "b")]
    rack = Rack(host, rig(gears, wires, settings(commit_count=1, segment_bytes=2048)))
    host.network.broker.go_down()
    await rack.start()
    for n in range(12):
        gear_of(rack, "a").emit({"p": n})
        await host.clock.advance(1)  # one group, and soon another segment, for each: the disk is in RAM here
    gear_of(rack, "b").emit({"p": 0})
    await host.clock.advance(1500)
    host.network.broker.up = True
    await host.clock.advance(3800)
    assert gear_of(rack, "uns").backlog == 1, "b has caught up, a has not"
    got: dict = {"a": [], "b": []}
    for n in range(12, 15):
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
    assert sorted(got["a"]) == list(range(15)) and got["b"] == [0, 12, 13, 14]
    assert gear_of(rack, "uns").backlog == 0
