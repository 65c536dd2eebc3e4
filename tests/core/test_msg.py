from expect import raises

from fluxrig.errors import LocalError
from fluxrig.ids import NIL_ID, IdSource
from fluxrig.msg import FluxMsg


def message(**fields):
    base: dict = {
        "id": b"i" * 16,
        "trace": "ab" * 16,
        "src_id": b"s" * 16,
        "meta": {"machine.id": "m"},
        "data": {"a": 1, "b": 2},
        "ts": 123,
    }
    base.update(fields)
    return FluxMsg(**base)


def test_defaults_are_the_absent_values():
    msg = message()
    assert (msg.ref_id, msg.flags, msg.raw, msg.path) == (NIL_ID, 0, None, ())


def test_derive_keeps_the_event_and_gets_its_own_identity():
    ids = IdSource(lambda: 5_000_000, lambda count: bytes(count))
    msg = message(mint=ids.mint, path=((b"g" * 16, b"p" * 16, 123),), raw=b"\x01", flags=1)
    derived = msg.derive(data={"a": 5})
    assert derived.data == {"a": 5}
    assert msg.data == {"a": 1, "b": 2}
    assert derived.id not in (msg.id, NIL_ID)
    assert derived.ref_id == msg.id
    assert (derived.trace, derived.src_id, derived.ts, derived.flags) == (msg.trace, msg.src_id, msg.ts, 1)
    assert derived.path == msg.path
    assert derived.meta is msg.meta, "what does not change is shared"
    assert derived.raw is None, "raw bytes no longer describe the data"
    assert derived.derive().ref_id == derived.id


def test_derive_needs_an_id_source():
    assert "id source" in str(raises(LocalError, message().derive))


def test_quality():
    msg = message(meta={"q.a": "bad:timeout"})
    assert (msg.quality("a"), msg.quality("b")) == ("bad:timeout", "good")
