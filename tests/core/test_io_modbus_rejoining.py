"""Reads that were cut because a device refused them, and that are tried in one piece again."""

from modbus_bench import config, poll
from modbus_device import DeviceBench, Unit

EVERY_MS = 300
RETRY_MS = 1500
MANY = 10


class Bench(DeviceBench):
    def __init__(self, unit, requests):
        self.unit = unit
        compiled = config([poll("all", requests, EVERY_MS)], address="gateway", retry_refused_ms=RETRY_MS)
        super().__init__(compiled, {7: unit})


async def test_reads_that_stay_cut_survive_an_outage_longer_than_their_rest():
    # Every other register is there, and all are asked for in one request: as many reads remain as there are tags.
    tags = [[f"r{i}", "raw"] for i in range(MANY)]
    order = b"".join([bytes([4 * i, 4 * i + 1]) for i in range(MANY)])
    unit = Unit({2 * i: i for i in range(MANY)})
    bench = Bench(unit, [[3, 0, 2 * MANY - 1, order, f">{MANY}H", tags]])
    await bench.run(5 * EVERY_MS)
    assert bench.qualities("all")[-1] == {"good"}
    refusals = bench.gear._polls[0]._refusals[0]
    refusals.MAX_SEARCH = MANY - 1  # fewer than reads, as with a hundred tags
    unit.always = "silent"
    await bench.run(2 * RETRY_MS)
    unit.always = None
    bench.got.clear()
    await bench.run(RETRY_MS)
    assert bench.got[-1].data == {f"r{i}": i for i in range(MANY)}
    bad = [msg for msg in bench.got if None in msg.data.values()]
    assert len(bad) < 5, "the outage, until its pause is over, and one poll that finds out"
    assert len(refusals._refused_spans) < MANY, "what is refused again and again is remembered once"


async def test_a_read_that_is_in_one_piece_again_keeps_no_parts():
    unit = Unit({})
    tags = [[f"r{i}", "raw"] for i in range(12)]
    bench = Bench(unit, [[3, 0, 12, b"", ">12H", tags]])
    await bench.run(4 * EVERY_MS)
    unit.registers.update({i: i for i in range(12)})
    await bench.run(RETRY_MS + 14 * EVERY_MS)
    assert bench.qualities("all")[-1] == {"good"} and bench.gear.refused_tags == 0
    assert [len(read.parts) for read in bench.gear._polls[0].reads] == [0]


async def test_a_refused_tag_that_meets_a_busy_device_is_asked_for_again_soon():
    unit = Unit({0: 0, 2: 2})
    tags = [[f"r{i}", "raw"] for i in range(3)]
    bench = Bench(unit, [[3, 0, 3, b"", ">3H", tags]])
    await bench.run(RETRY_MS - 1)
    assert bench.gear.refused_tags == 1
    unit.registers[1] = 1
    unit.faults = [None, None, 6]  # two reads, and then the tag by itself
    await bench.run(1)
    assert bench.got[-1].quality("r1") == "bad:device_busy"
    await bench.run(2 * EVERY_MS)
    assert bench.got[-1].data == {"r0": 0, "r1": 1, "r2": 2}
