"""The file form of a compiled rig, `*.flux`: data, not code. A device reads and checks it, it never executes it.

    {"flux": 1, "payload": bytes, "signatures": list}

in deterministic CBOR. The payload is the compiled rig (see `fluxrig.rack`) in the same encoding, as a byte string: what
will be signed is exactly the bytes that are stored. This version writes no signatures and looks at none.
"""

from fluxrig import cbor
from fluxrig.compat import is_int
from fluxrig.errors import RemoteError
from fluxrig.ids import ID_SIZE

VERSION = 1
"""Of the file form, not of the rig file it was compiled from."""

_KEYS = ["flux", "payload", "signatures"]

_DAY_MS = 86_400_000

_ARCHIVE = {
    "checkpoint_ms": (1, 36_500 * _DAY_MS),
    "commit_bytes": (0, 1 << 30),
    "commit_count": (1, 1 << 16),
    "commit_ms": (0, _DAY_MS),
    "keep_ms": (0, 36_500 * _DAY_MS),
    "max_bytes": (0, 1 << 62),
    "ram_bytes": (1, 1 << 30),
    "segment_bytes": (0, 1 << 30),
}
"""The least and the most of each number in `archive`. What they mean is in `fluxrig.rack`."""

_POLICIES = ("block", "drop_oldest", "drop_oldest_sent")

_DELIVERY = {
    "max_attempts": (1, (1 << 16) - 1),
    "retry_max_ms": (1, _DAY_MS),
    "retry_min_ms": (1, _DAY_MS),
}
"""The same of what a guaranteed wire has."""


def pack(rig: dict) -> bytes:
    """The file for a compiled rig. The same rig gives the same bytes.

    LocalError, its `path` the offending value, for what CBOR cannot hold.
    """
    return cbor.dumps({"flux": VERSION, "payload": cbor.dumps(rig), "signatures": []})


def unpack(data) -> dict:
    """The compiled rig in a file (bytes, bytearray or memoryview): whole, and of the types that a Rack relies on.

    RemoteError for anything else: with `offset` where the encoding is broken (within the payload, if the text says so),
    with `path` where a value is not what it should be. Config is not judged: that is for the Gear that gets it.
    """
    outer = cbor.loads(data)
    if not isinstance(outer, dict) or "flux" not in outer:
        raise _wrong("flux", "this is not a compiled rig")
    if not is_int(outer["flux"]) or outer["flux"] != VERSION:
        raise _wrong("flux", f"file form {outer['flux']!r}, and this release reads {VERSION}")
    if sorted(outer) != _KEYS:
        raise _wrong("", f"expected the keys {', '.join(_KEYS)}")
    _expect("payload", outer["payload"], bytes)
    _expect("signatures", outer["signatures"], list)
    try:
        rig = cbor.loads(outer["payload"])
    except RemoteError as exc:
        raise RemoteError(f"payload: {exc}", offset=exc.offset)
    _check_rig(rig)
    return rig


def _check_rig(rig) -> None:
    _expect("payload", rig, dict)
    for key in ("rig", "version", "rack", "machine"):
        _expect(key, rig.get(key), str)
    for key in ("gears", "wires"):
        _expect(key, rig.get(key), list)
    for index, gear in enumerate(rig["gears"]):
        _check_gear(f"gears[{index}]", gear)
    lanes = [_check_wire(f"wires[{index}]", wire, len(rig["gears"])) for index, wire in enumerate(rig["wires"])]
    if "archive" in rig:
        _check_archive(rig["archive"])
    elif "guaranteed" in lanes:
        raise _wrong("archive", "a rig with guaranteed wires has one")


def _check_archive(archive) -> None:
    _expect("archive", archive, dict)
    _check_numbers("archive", {key: archive[key] for key in archive if key != "policy"}, _ARCHIVE)
    if archive.get("policy") not in _POLICIES:
        raise _wrong("archive.policy", f"expected {', '.join(_POLICIES)}")


def _check_numbers(path: str, values: dict, limits: dict) -> None:
    """`values` has the keys of `limits` and no others, each a whole number within its limits."""
    for key in sorted(limits):
        least, most = limits[key]
        _expect(f"{path}.{key}", values.get(key), int)
        if not least <= values[key] <= most:
            raise _wrong(f"{path}.{key}", f"expected {least} to {most}, got {values[key]}")
    if len(values) > len(limits):
        raise _wrong(path, f"expected the keys {', '.join(sorted(limits))}")


def _check_gear(path: str, gear) -> None:
    _expect(path, gear, dict)
    for key in ("name", "type", "on_error"):
        _expect(f"{path}.{key}", gear.get(key), str)
    for key in ("config", "outputs"):
        _expect(f"{path}.{key}", gear.get(key), dict)
    if not isinstance(gear.get("sends_outside", False), bool):
        raise _wrong(f"{path}.sends_outside", "expected true or false")
    _check_id(f"{path}.id", gear.get("id"))
    for port, port_id in gear["outputs"].items():
        _check_id(f"{path}.outputs.{port}", port_id)


def _check_id(path: str, value) -> None:
    _expect(path, value, bytes)
    if len(value) != ID_SIZE:
        raise _wrong(path, f"expected {ID_SIZE} bytes, got {len(value)}")


def _check_wire(path: str, wire, gears: int) -> str:
    """The lane of the wire."""
    _expect(path, wire, list)
    if not 5 <= len(wire) <= 6:
        raise _wrong(path, f"expected 5 or 6 items, got {len(wire)}")
    for position, kind in enumerate((int, str, int, str, str)):
        _expect(f"{path}[{position}]", wire[position], kind)
    source, _, target, _, lane, *delivery = wire
    if lane not in ("hot", "guaranteed"):
        raise _wrong(f"{path}[4]", f"expected hot or guaranteed, got {lane!r}")
    if len(delivery) != (0 if lane == "hot" else 1):
        raise _wrong(path, f"a {lane} wire does not have {len(wire)} items")
    for options in delivery:
        _expect(f"{path}[5]", options, dict)
        _check_numbers(f"{path}[5]", options, _DELIVERY)
        if options["retry_max_ms"] < options["retry_min_ms"]:
            raise _wrong(f"{path}[5].retry_max_ms", "less than retry_min_ms")
    # Forward only: that is what makes a circle of hot wires impossible.
    if not 0 <= source < target < gears:
        raise _wrong(path, f"gears {source} to {target} of {gears}: a wire goes from a lower index to a higher one")
    return lane


def _expect(path: str, value, kind) -> None:
    if not (is_int(value) if kind is int else isinstance(value, kind)):
        raise _wrong(path, f"expected {kind.__name__}, got {type(value).__name__}")


def _wrong(path: str, text: str) -> RemoteError:
    return RemoteError(f"{path}: {text}" if path else text, path=path)
