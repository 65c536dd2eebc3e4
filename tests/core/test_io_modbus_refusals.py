"""Blocks that a device refuses: the tag to blame is found and suspended, the others go on at their rate."""

from modbus_bench import EVERY_MS, config, poll
from modbus_device import DeviceBench, Unit

RETRY_MS = 1500


def block(count, first=0):
    """One request for `count` registers, a tag each, called r0, r1, …"""
    tags = [[f"r{first + i}", "raw"] for i in range(count)]
    return [3, first, count, b"", ">" + "H" * count, tags]


class Bench(DeviceBench):
    def __init__(self, unit, requests):
        self.unit = unit
        super().__init__(config([poll("all", requests)], address="gateway", retry_refused_ms=RETRY_MS), {7: unit})

    def bad(self):
        """{tag: quality} of what is not good in the last message."""
        msg = self.got[-1]
        return {tag: msg.quality(tag) for tag in msg.data if msg.quality(tag) != "good"}

    def asked(self):
        """(address, count) of the requests since this was last asked."""
        spans = [(int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")) for pdu in self.unit.requests]
        self.unit.requests.clear()
        self.plant.log.clear()  # there is not much room
        return spans


def registers_without(*missing, count=16):
    return {address: 100 + address for address in range(count) if address not in missing}


async def test_the_one_tag_to_blame_is_found_within_the_first_poll_and_all_others_are_good():
    for missing in (0, 5, 15):
        bench = await Bench(Unit(registers_without(missing)), [block(16)]).run(10)
        assert bench.bad() == {f"r{missing}": "bad:illegal_address"}
        data = bench.got[0].data
        assert data == {f"r{i}": None if i == missing else 100 + i for i in range(16)}
        assert len(bench.asked()) <= 1 + 2 * 4, "found by halving"
        assert bench.gear.refused_tags == 1


async def test_afterwards_the_rest_is_read_with_the_fewest_requests_and_the_bad_one_is_left_alone():
    bench = await Bench(Unit(registers_without(5)), [block(16)]).run(EVERY_MS + 10)
    bench.asked()
    await bench.run(10 * EVERY_MS)
    assert set(bench.asked()) == {(0, 5), (6, 10)}
    assert len(bench.got) == 12 and bench.gear.values_read == 12 * 15
    assert bench.bad() == {"r5": "bad:illegal_address"}
    assert bench.got[-1].meta["registers"] == "hr:0-4 hr:6-15"


async def test_several_bad_ones_are_found():
    bench = await Bench(Unit(registers_without(2, 3, 11)), [block(16), block(4, 40)]).run(3 * EVERY_MS)
    unknown = {"r40", "r41", "r42", "r43"}
    assert set(bench.bad()) == {"r2", "r3", "r11"} | unknown
    bench.asked()
    await bench.run(EVERY_MS)
    assert bench.asked() == [(0, 2), (4, 7), (12, 4)]


async def test_a_tag_over_two_registers_is_blamed_as_a_whole():
    tags = [["a", "raw"], ["long", "raw"], ["b", "raw"]]
    unit = Unit({0: 1, 1: 2, 3: 4})
    bench = await Bench(unit, [[3, 0, 4, b"", ">HIH", tags]]).run(2 * EVERY_MS)
    assert bench.bad() == {"long": "bad:illegal_address"}
    assert bench.got[-1].data == {"a": 1, "long": None, "b": 4}


async def test_bits_of_coils_keep_their_places_when_a_block_is_cut():
    coils = {address: address % 3 == 0 for address in range(20) if address != 9}
    slots = [[f"c{i}", "bit", 1 << i % 8, False, True] for i in range(20)]
    order = bytes([i // 8 for i in range(20)])
    unit = Unit(coils=coils)
    bench = await Bench(unit, [[1, 0, 20, order, ">" + "B" * 20, slots]]).run(3 * EVERY_MS)
    assert bench.bad() == {"c9": "bad:illegal_address"}
    assert bench.got[-1].data == {f"c{i}": coils.get(i) for i in range(20)}


async def test_a_span_that_is_too_long_for_the_device_stays_cut_and_nobody_is_blamed():
    unit = Unit(registers_without())
    unit.longest = 10
    bench = await Bench(unit, [block(16)]).run(EVERY_MS + 10)
    assert bench.bad() == {} and bench.gear.refused_tags == 0
    bench.asked()
    await bench.run(EVERY_MS)
    assert bench.asked() == [(0, 8), (8, 8)]


async def test_a_refused_tag_is_asked_for_again_and_comes_back():
    unit = Unit(registers_without(5))
    bench = await Bench(unit, [block(16)]).run(RETRY_MS - EVERY_MS)
    bench.asked()
    await bench.run(3 * EVERY_MS)
    assert (5, 1) in bench.asked(), "it is asked for by itself"
    assert bench.bad() == {"r5": "bad:illegal_address"}
    unit.registers[5] = 55
    await bench.run(RETRY_MS + EVERY_MS)
    assert bench.bad() == {} and bench.got[-1].data["r5"] == 55
    assert bench.gear.refused_tags == 0
    bench.asked()
    await bench.run(EVERY_MS)
    assert bench.asked() == [(0, 16)], "in one piece, as it was compiled"


async def test_a_function_that_the_device_does_not_have_is_not_asked_for_at_every_poll():
    unit = Unit(registers_without())
    bench = Bench(unit, [block(4)])
    unit.always = 1
    await bench.run(10 * EVERY_MS)
    assert len(bench.asked()) == 1
    assert set(bench.bad().values()) == {"bad:illegal_function"} and len(bench.bad()) == 4
    unit.always = None
    await bench.run(RETRY_MS)
    assert bench.bad() == {}


async def test_exceptions_that_may_pass_cut_nothing():
    unit = Unit(registers_without())
    bench = await Bench(unit, [block(16)]).run(10)
    unit.faults = [6, 4, 8]
    await bench.run(3 * EVERY_MS)
    assert [msg.quality("r0") for msg in bench.got] == [
        "good", "bad:device_busy", "bad:device_failure", "bad:memory_parity_error",
    ]  # fmt: skip
    assert set(bench.asked()) == {(0, 16)}


async def test_a_device_that_refuses_everything_is_not_flooded():
    bench = Bench(Unit({}), [block(24)])
    while not bench.got:
        await bench.run(1)
    assert len(bench.asked()) <= 1 + 32, "a poll that finds out spends no more than this"
    await bench.run(8 * EVERY_MS)
    assert len(bench.bad()) == 24 and set(bench.bad().values()) == {"bad:illegal_address"}
    bench.asked()
    before = len(bench.got)
    await bench.run(5 * EVERY_MS)
    assert bench.asked() == [], "every tag is suspended"
    assert len(bench.got) == before + 5, "and the polls go on telling so"


async def test_a_timeout_during_the_search_blames_nobody():
    unit = Unit(registers_without(5))
    unit.faults = [None, None, "silent"]
    bench = await Bench(unit, [block(16)]).run(10 * EVERY_MS)
    assert bench.bad() == {"r5": "bad:illegal_address"}
    assert bench.got[-1].data["r4"] == 104
