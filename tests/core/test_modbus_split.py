"""The reference of these tests is a memory of registers and coils, and what each tag is when all of it is read."""

import random

from fluxrig.modbus.split import extent, split
from fluxrig.modbus.values import ReadPlan

START = 100  # address of the first item of every request here
SIZES = {"B": 1, "b": 1, "H": 2, "h": 2, "i": 4, "f": 4, "q": 8, "5s": 5, "6s": 6}
KINDS = {
    "B": "raw",
    "b": "raw",
    "H": "raw",
    "h": "raw",
    "i": "raw",
    "f": "float",
    "q": "raw",
    "5s": "bytes",
    "6s": "bytes",
}


def register_request(tags: list) -> list:
    """[function, address, …] for tags [(offset, code, swapped)], sorted by where they begin and end."""
    order = bytearray()
    end = 0
    for offset, code, swapped in tags:
        size = SIZES[code]
        picks = list(range(2 * offset, 2 * offset + size))
        if swapped:
            picks.reverse()
        order.extend(bytes(picks))
        end = max(end, offset + (size + 1) // 2)
    slots = [[f"t{index}", KINDS[code]] for index, (_, code, _) in enumerate(tags)]
    layout = ">" + "".join([code for _, code, _ in tags])
    return [3, START, end, bytes(order), layout, slots]


def coil_request(offsets: list) -> list:
    order = bytes([offset // 8 for offset in offsets])
    slots = [[f"t{index}", "bit", 1 << offset % 8, "off", index] for index, offset in enumerate(offsets)]
    return [1, START, offsets[-1] + 1, order, ">" + "B" * len(offsets), slots]


def read(request: list, memory: bytes) -> dict:
    """The values of a request when the items from START on are `memory`."""
    function, address, count, order, layout, slots = request
    first = address - START
    if function == 1:
        bits = [memory[item // 8] >> item % 8 & 1 for item in range(first, first + count)]
        padded = bits + [random.getrandbits(1)] * (-count % 8)
        payload = bytes([sum([padded[at + bit] << bit for bit in range(8)]) for at in range(0, len(padded), 8)])
    else:
        payload = memory[2 * first : 2 * (first + count)]
    data: dict = {}
    ReadPlan(order, layout, slots).read(payload, data, {})
    return data


def check(request: list, extents: list, memory: bytes) -> None:
    """Every part of the request reads the values that the whole reads, and the items of its tags only."""
    whole = read(request, memory)
    tags = [slot[0] for slot in request[5]]
    assert [extent(request, index) for index in range(len(tags))] == extents
    for first in range(len(tags)):
        for end in range(first + 1, len(tags) + 1):
            part = split(request, first, end)
            assert read(part, memory) == {tag: whole[tag] for tag in tags[first:end]}
            begins = min([offset for offset, _ in extents[first:end]])
            ends = max([offset + count for offset, count in extents[first:end]])
            assert part[:3] == [request[0], START + begins, ends - begins]
            assert [extent(part, index) for index in range(end - first)] == [
                (offset - begins, count) for offset, count in extents[first:end]
            ]


def test_parts_of_registers():
    random.seed(3)
    codes = sorted(SIZES)
    for _ in range(40):
        tags = [
            (random.getrandbits(4), random.choice(codes), random.getrandbits(1))
            for _ in range(1 + random.getrandbits(3))
        ]
        tags.sort(key=lambda tag: (tag[0], tag[0] + SIZES[tag[1]]))
        tags[0] = (0, tags[0][1], tags[0][2])
        memory = bytes([random.getrandbits(7) for _ in range(60)])
        check(register_request(tags), [(offset, (SIZES[code] + 1) // 2) for offset, code, _ in tags], memory)


def test_parts_of_coils():
    random.seed(4)
    for _ in range(40):
        offsets = sorted([random.getrandbits(6) for _ in range(1 + random.getrandbits(3))])
        offsets[0] = 0
        memory = bytes([random.getrandbits(8) for _ in range(8)])
        check(coil_request(offsets), [(offset, 1) for offset in offsets], memory)


def test_a_part_is_as_the_compiler_would_have_made_it():
    request = [3, 7, 6, b"", ">3HfH", [["a", "raw"], ["b", "raw"], ["c", "raw"], ["d", "float"], ["e", "raw"]]]
    assert split(request, 0, 5)[:4] == [3, 7, 6, b""]
    assert split(request, 1, 4) == [3, 8, 4, b"", ">HHf", [["b", "raw"], ["c", "raw"], ["d", "float"]]]
    assert split(request, 4, 5) == [3, 12, 1, b"", ">H", [["e", "raw"]]]
    assert extent(request, 3) == (3, 2)


def test_the_low_byte_of_a_register_is_still_the_low_byte():
    request = [3, 7, 2, b"\0\1\3", ">HB", [["a", "raw"], ["b", "bit", 4, False, True]]]
    assert split(request, 1, 2) == [3, 8, 1, b"\1", ">B", [["b", "bit", 4, False, True]]]


def test_a_coil_that_moves_to_another_bit_takes_its_mask_along():
    request = [2, 0, 12, b"\0\0\1", ">3B", [["a", "bit", 1, 0, 1], ["b", "bit", 128, 0, 1], ["c", "bit", 8, 0, 1]]]
    assert split(request, 1, 3) == [2, 7, 5, b"\0\0", ">BB", [["b", "bit", 1, 0, 1], ["c", "bit", 16, 0, 1]]]


def test_other_kinds_stay_as_they_are():
    slots = [["a", "text"], ["b", "within", 0, 9, "decimal", 1, 0, -1], ["c", "label", [[0, "off"]]]]
    request = [4, 0, 6, b"", ">6sHI", slots]
    assert split(request, 1, 3) == [4, 3, 3, b"", ">HI", slots[1:]]
    assert split(request, 0, 1) == [4, 0, 3, b"", ">6s", slots[:1]]
