"""Reads that were cut because a device refused them, and that are tried in one piece again."""

from modbus_bench import config, poll
from modbus_device import DeviceBench, Unit

from fluxrig.gears.io_modbus.refusals import Refusals

EVERY_MS = 300
RETRY_MS = 1500
MANY = 10


class Bench(DeviceBench):
    def __init__(self, unit, requests):
        self.unit = unit
        compiled = config([poll("all", requests, EVERY_MS)], address="gateway", retry_refused_ms=RETRY_MS)
        super().__init__(compiled, {7: unit})


async def test_reads_that_stay_cut_survive_an_outage_after_which_they_are_due():
    # Every other register is there, and all are asked for in one request: as many reads remain as there are tags.
    tags = [[f"r{i}", "raw"] for i in range(MANY)]
    order = b"".join([bytes([4 * i, 4 * i + 1]) for i in range(MANY)])
    unit = Unit({2 * i: i for i in range(MANY)})
    bench = Bench(unit, [[3, 0, 2 * MANY - 1, order, f">{MANY}H", tags]])
    await bench.run(5 * EVERY_MS)
    assert bench.qualities("all")[-1] == {"good"}
    unit.always = "silent"
    await bench.run(2 * RETRY_MS)
    unit.always = None
    bench.got.clear()
    usual = Refusals.MAX_SEARCH
    Refusals.MAX_SEARCH = MANY - 1  # fewer than reads, as with a hundred tags
    try:
        await bench.run(RETRY_MS)
    finally:
        Refusals.MAX_SEARCH = usual
    assert bench.got[-1].data == {f"r{i}": i for i in range(MANY)}
    bad = [msg for msg in bench.got if None in msg.data.values()]
    assert len(bad) < 5, "the outage, until its pause is over, and one poll that finds out"


async def test_a_read_that_is_in_one_piece_again_is_cut_anew_when_it_is_refused_again():
    unit = Unit({})
    tags = [[f"r{i}", "raw"] for i in range(12)]
    bench = Bench(unit, [[3, 0, 12, b"", ">12H", tags]])
    await bench.run(4 * EVERY_MS)
    unit.registers.update({i: i for i in range(12)})
    await bench.run(RETRY_MS + 14 * EVERY_MS)
    assert bench.qualities("all")[-1] == {"good"} and bench.gear.refused_tags == 0
    unit.requests.clear()
    del unit.registers[5]
    await bench.run(EVERY_MS)
    spans = [(int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")) for pdu in unit.requests]
    assert spans[:3] == [(0, 12), (0, 6), (6, 6)], "in halves, and not in the parts of before"


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
