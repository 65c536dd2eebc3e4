"""The file form of a compiled rig, `*.flux`: data, not code. A device reads and checks it, it never executes it.

    {"flux": 1, "payload": bytes, "signatures": list}

in deterministic CBOR. The payload is the compiled rig (see `fluxrig.rack`) in the same encoding, as a byte string: what
will be signed is exactly the bytes that are stored. This version writes no signatures and looks at none.
"""

from fluxrig import cbor
from fluxrig.compat import exact_int
from fluxrig.errors import RemoteError

VERSION = 1
"""Of the file form, not of the rig file it was compiled from."""

ID_SIZE = 16

_KEYS = ["flux", "payload", "signatures"]


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
    if not exact_int(outer["flux"]) or outer["flux"] != VERSION:
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
    for index, wire in enumerate(rig["wires"]):
        _check_wire(f"wires[{index}]", wire, len(rig["gears"]))


def _check_gear(path: str, gear) -> None:
    _expect(path, gear, dict)
    for key in ("name", "type", "on_error"):
        _expect(f"{path}.{key}", gear.get(key), str)
    for key in ("config", "outputs"):
        _expect(f"{path}.{key}", gear.get(key), dict)
    _check_id(f"{path}.id", gear.get("id"))
    for port, port_id in gear["outputs"].items():
        _check_id(f"{path}.outputs.{port}", port_id)


def _check_id(path: str, value) -> None:
    _expect(path, value, bytes)
    if len(value) != ID_SIZE:
        raise _wrong(path, f"expected {ID_SIZE} bytes, found {len(value)}")


def _check_wire(path: str, wire, gears: int) -> None:
    _expect(path, wire, list)
    if len(wire) != 5:
        raise _wrong(path, f"expected 5 items, found {len(wire)}")
    for position, kind in enumerate((int, str, int, str, str)):
        _expect(f"{path}[{position}]", wire[position], kind)
    # Forward only: that is what makes a circle of hot wires impossible.
    if not 0 <= wire[0] < wire[2] < gears:
        raise _wrong(path, f"gears {wire[0]} to {wire[2]} of {gears}: a wire goes from a lower index to a higher one")


def _expect(path: str, value, kind) -> None:
    if not (exact_int(value) if kind is int else isinstance(value, kind)):
        raise _wrong(path, f"expected {kind.__name__}, found {type(value).__name__}")


def _wrong(path: str, text: str) -> RemoteError:
    return RemoteError(f"{path}: {text}" if path else text, path=path)
