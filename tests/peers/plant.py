"""Units whose registers say who they are, and the tags that read them: so a value that reached the wrong tag shows.

Two units of the same make, so that every answer has the form of some other. A register holds IDS * generation + id: the
id is its own, the generation is the number of the request that it answers.
"""

from typing import Any

from fluxrig.msg import FluxMsg

IDS = 64
GENERATIONS = 0x10000 // IDS
REGISTERS = 16
"""Of each table that a unit has."""

FIRST_IDS = {(7, 3): 0, (7, 4): 16, (8, 3): 32}
"""{(unit id, function that reads the table): the id of its first register}"""

EVERY_MS = 100

THREE = b"", ">HHH"
REQUESTS = {
    7: [
        [3, 0, 3, *THREE, [["a", "raw"], ["b", "raw"], ["c", "raw"]]],
        [3, 10, 3, *THREE, [["d", "raw"], ["e", "raw"], ["f", "raw"]]],
        [4, 0, 3, bytes([4, 5, 2, 3, 0, 1]), ">HHH", [["i", "raw"], ["h", "raw"], ["g", "raw"]]],
        [3, 1, 3, b"", ">HI", [["b2", "raw"], ["wide", "raw"]]],
    ],
    8: [
        [3, 0, 3, *THREE, [["a", "raw"], ["b", "raw"], ["c", "raw"]]],
        [3, 10, 3, *THREE, [["d", "raw"], ["e", "raw"], ["f", "raw"]]],
    ],
}

TAG_IDS: dict[str, dict[str, tuple[int, ...]]] = {
    "7": {tag: (number,) for tag, number in zip("abcdefghi", (0, 1, 2, 10, 11, 12, 16, 17, 18), strict=True)},
    "8": {tag: (number,) for tag, number in zip("abcdef", (32, 33, 34, 42, 43, 44), strict=True)},
}
"""{unit id: {tag: the ids of its registers}}"""

TAG_IDS["7"] |= {"b2": (1,), "wide": (2, 3)}


def config(link: dict[str, Any], retry_refused_ms: int) -> dict[str, Any]:
    """The compiled config of a Gear that polls both units over `link`."""
    defaults = {
        "connect_timeout_ms": 1000,
        "reconnect_min_ms": 20,
        "pause_after_connect_ms": 0,
        "request_delay_ms": 0,
        "turnaround_ms": 0,
        "local_echo": False,
        "byte_us": 0,
        "silence_us": 0,
        "pipeline": 1,
    }
    polls = [
        {
            "name": f"fast.{unit}",
            "group": "fast",
            "unit_id": unit,
            "every_ms": EVERY_MS,
            "phase_ms": 0,
            "requests": requests,
        }
        for unit, requests in REQUESTS.items()
    ]
    return {
        "line": "line",
        "link": defaults | link,
        "raw": False,
        "retry_refused_ms": retry_refused_ms,
        "polls": polls,
        "writes": [],
        "expires_ms": 1000,
        "write_queue": 1,
    }


class Plant:
    """The units. `asked` counts the requests that they answered, or would have: the next one has that generation."""

    def __init__(self) -> None:
        self.asked = 0

    def registers(self, unit: int, function: int) -> list[int]:
        """What the table holds for one more request."""
        generation = self.asked
        self.asked += 1
        return [(IDS * generation + FIRST_IDS[unit, function] + at) & 0xFFFF for at in range(REGISTERS)]

    def answer(self, unit: int, pdu: bytes) -> bytes:
        """The PDU of the good answer to a read."""
        function, address, count = pdu[0], int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        values = self.registers(unit, function)[address : address + count]
        return bytes([function, 2 * count]) + b"".join(value.to_bytes(2, "big") for value in values)


class Got(list):
    """The messages of the Gear. `asked[n]` is how many requests the plant had got before the nth."""

    def __init__(self, plant: Plant):
        super().__init__()
        self.asked: list[int] = []
        self.plant = plant

    def append(self, msg: FluxMsg) -> None:
        self.asked.append(self.plant.asked)
        super().append(msg)

    def check(self) -> int:
        """Every value is of the register of its tag, and of a request of the very poll that its message tells of.

        Returns how many values there are.
        """
        assert self.plant.asked < GENERATIONS, "so many requests that their numbers begin again"
        values = 0
        since = dict.fromkeys(TAG_IDS, 0)
        for msg, asked in zip(self, self.asked, strict=True):
            unit = msg.meta["unit_id"]
            qualities = {tag: msg.quality(tag) for tag in msg.data}
            for tag, generation in check_tags(unit, msg.data, qualities):
                assert generation >= since[unit], f"{tag} of unit {unit} has a value of an earlier poll"
                values += 1
            since[unit] = asked
        return values

    def recovered(self) -> bool:
        """Whether the last poll of each unit was good."""
        last = {msg.meta["unit_id"]: msg for msg in self}
        return all(unit in last and is_good(last[unit]) for unit in TAG_IDS)


def check_tags(unit: str, data: dict[str, Any], qualities: dict[str, str]) -> list[tuple[str, int]]:
    """Every tag of the unit is there, good with a value of its own registers, or bad without any.

    Returns (tag, generation) of each value.
    """
    assert set(data) == set(TAG_IDS[unit])
    found = []
    for tag, value in data.items():
        if value is None:
            assert qualities[tag].startswith("bad:"), f"{tag} of unit {unit} is None and said to be good"
            continue
        assert qualities[tag] == "good", f"{tag} of unit {unit} has a value and is said to be {qualities[tag]}"
        registers = (value >> 16, value & 0xFFFF) if tag == "wide" else (value,)
        parts = [divmod(register, IDS) for register in registers]
        assert tuple(number for _, number in parts) == TAG_IDS[unit][tag], f"{tag} of unit {unit} has {parts}"
        assert len({generation for generation, _ in parts}) == 1, f"{tag} of unit {unit} has parts of two answers"
        found.append((tag, parts[0][0]))
    return found


def is_good(msg: FluxMsg) -> bool:
    return all(msg.quality(tag) == "good" for tag in msg.data)
