from expect import raises

from fluxrig.codec import Codec
from fluxrig.decimal import Decimal
from fluxrig.errors import LocalError, RemoteError
from fluxrig.ids import NIL_ID, IdSource
from fluxrig.msg import FluxMsg

TRACE = "0af7651916cd43dd8448eb211c80319c"

# One message byte by byte, written by hand from RFC 8949: (name of the item, its hex). A key has the name of its value
# with a colon. 1750000000123456789 is 0x18493fba6c4acd15, and one less is …14.
PARTS = (
    ("map", "aa"),
    ("id:", "626964"),
    ("id", "50" + "0190163d8694739b8aea966c26f8ad91"),
    ("ts:", "627473"),
    ("ts", "1b18493fba6c4acd15"),
    ("raw:", "63726177"),
    ("raw", "420102"),
    ("data:", "6464617461"),
    ("data", "a3"),
    ("on:", "626f6e"),
    ("on", "f5"),
    ("temp:", "6474656d70"),
    ("temp", "fb403499999999999a"),
    ("count:", "65636f756e74"),
    ("count", "190100"),
    ("meta:", "646d657461"),
    ("meta", "a1"),
    ("machine.id:", "6a6d616368696e652e6964"),
    ("machine.id", "6770726573732d31"),
    ("path:", "6470617468"),
    ("path", "81"),
    ("hop", "a3"),
    ("g:", "6167"),
    ("g", "50" + "67676767676767676767676767676767"),
    ("p:", "6170"),
    ("p", "50" + "70707070707070707070707070707070"),
    ("t:", "6174"),
    ("t", "1b18493fba6c4acd14"),
    ("flags:", "65666c616773"),
    ("flags", "03"),
    ("trace:", "657472616365"),
    ("trace", "7820" + "3061663736353139313663643433646438343438656232313163383033313963"),
    ("ref_id:", "667265665f6964"),
    ("ref_id", "50" + "72727272727272727272727272727272"),
    ("src_id:", "667372635f6964"),
    ("src_id", "50" + "73737373737373737373737373737373"),
)


def wire(**changes):
    """The message with the hex of some parts replaced. A change named `x__key` replaces the key `x`."""
    changes = {name.replace("__key", ":").replace("machine_id", "machine.id"): text for name, text in changes.items()}
    assert all([name in dict(PARTS) for name in changes]), changes
    return bytes.fromhex("".join([changes.get(name, text) for name, text in PARTS]))


def offset_of(name):
    size = 0
    for part, text in PARTS:
        if part == name:
            return size
        size += len(text) // 2
    raise AssertionError(name)


def message(**fields):
    base: dict = {
        "id": bytes.fromhex("0190163d8694739b8aea966c26f8ad91"),
        "trace": TRACE,
        "src_id": b"s" * 16,
        "meta": {"machine.id": "press-1"},
        "data": {"temp": 20.6, "on": True, "count": 256},
        "ts": 1750000000123456789,
        "ref_id": b"r" * 16,
        "flags": 3,
        "raw": b"\x01\x02",
        "path": ((b"g" * 16, b"p" * 16, 1750000000123456788),),
    }
    base.update(fields)
    return FluxMsg(**base)


def fields(msg):
    return (msg.id, msg.ref_id, msg.trace, msg.src_id, msg.meta, msg.data, msg.flags, msg.raw, msg.path, msg.ts)


def refused(data):
    return raises(RemoteError, Codec().decode, data)


def test_a_message_is_these_bytes():
    assert Codec().encode(message()) == wire()


def test_these_bytes_are_that_message():
    msg = Codec().decode(wire())
    assert fields(msg) == fields(message())
    assert msg.data["on"] is True
    assert type(msg.path) is tuple and type(msg.path[0]) is tuple


def test_a_scaled_register_travels_as_a_decimal():
    msg = message(data={"temp": Decimal(206, -1), "on": True, "count": [Decimal(1 << 32, -3)]})
    data = wire(temp="c4822018ce", count="81c482221b0000000100000000")
    assert Codec().encode(msg) == data
    received = Codec().decode(data).data
    assert repr(received["temp"]) == "Decimal(206, -1)"
    assert repr(received["count"]) == "[Decimal(4294967296, -3)]"


def test_a_decimal_that_is_wrong_is_refused_where_it_is():
    for text, offset in (("c401", 1), ("c482184101", 2), ("c48220c24101", 3), ("c482200a0a", 4), ("c5822001", 0)):
        assert refused(wire(temp=text)).offset == offset_of("temp") + offset, text
    error = raises(LocalError, Codec().encode, message(data={"a": {"b": [0, Decimal(1, 65)]}}))
    assert error.path == "data.a.b[1]"


def test_the_least_message():
    least = FluxMsg(b"i" * 16, "", NIL_ID, {}, {}, 0)
    data = Codec().encode(least)
    assert data == (
        b"\xaa\x62id\x50" + b"i" * 16 + b"\x62ts\x00\x63raw\xf6\x64data\xa0\x64meta\xa0\x64path\x80"
        b"\x65flags\x00\x65trace\x60\x66ref_id\x50" + bytes(16) + b"\x66src_id\x50" + bytes(16)
    )
    assert fields(Codec().decode(data)) == fields(least)


def test_null_stands_for_what_is_empty_and_is_not_written():
    msg = Codec().decode(wire(raw="f6", ref_id="f6", src_id="f6"))
    assert (msg.raw, msg.ref_id, msg.src_id) == (None, NIL_ID, NIL_ID)
    data = bytes.fromhex(
        "aa626964500190163d8694739b8aea966c26f8ad9162747300637261774064646174"
        "61f6646d657461f66470617468f665666c616773006574726163656066726566"
        "5f6964f6667372635f6964f6"
    )
    msg = Codec().decode(data)
    assert (msg.data, msg.meta, msg.path, msg.raw, msg.trace) == ({}, {}, (), b"", "")
    assert msg.wire == data, "what was received is what is forwarded"
    msg.wire = None
    assert Codec().encode(msg) == (
        b"\xaa\x62id\x50" + msg.id + b"\x62ts\x00\x63raw\x40\x64data\xa0\x64meta\xa0\x64path\x80"
        b"\x65flags\x00\x65trace\x60\x66ref_id\x50" + bytes(16) + b"\x66src_id\x50" + bytes(16)
    )


def test_null_stands_for_nothing_else():
    for name in ("id", "ts", "flags", "trace", "machine.id", "g", "p", "t"):
        changes = {name.replace(".", "_"): "f6"}
        assert refused(wire(**changes)).offset == offset_of(name), name


def test_what_is_received_is_forwarded_as_it_came():
    received = bytearray(wire())
    msg = Codec().decode(received)
    received[20] ^= 0xFF
    assert Codec().encode(msg) == wire()
    assert type(Codec().decode(memoryview(wire())).wire) is bytes


def test_a_message_is_encoded_once():
    msg = message()
    first = Codec().encode(msg)
    assert msg.wire is first
    assert Codec().encode(msg) is first


def test_decoded_messages_derive_with_the_ids_of_this_node():
    ids = IdSource(lambda: 5_000_000, lambda count: bytes(count))
    msg = Codec(ids.mint).decode(wire())
    derived = msg.derive(data={"a": 1})
    assert derived.ref_id == msg.id
    data = Codec().encode(derived)
    assert data != msg.wire
    assert Codec().decode(data).data == {"a": 1}


def test_keys_are_these_ten_in_this_order():
    for name in ("id", "ts", "raw", "data", "meta", "path", "flags", "trace", "ref_id", "src_id", "g", "p", "t"):
        key = name + "__key"
        at = offset_of(name + ":")
        if name in ("id", "g"):  # the head of the map and its first key are checked together
            at -= 1
        text = dict(PARTS)[name + ":"]
        error = refused(wire(**{key: text[:-2] + "7a"}))
        assert error.offset == at, f"another key for {name}: {error}"
        assert name in str(error)
        assert refused(wire(**{key: "", name: ""})).offset == at, f"{name} missing"
        assert refused(wire(**{key: text + dict(PARTS)[name] + text})).offset >= at, f"{name} twice"
        assert refused(wire(**{key: "01"})).offset == at, f"an integer for the key {name}"
        assert refused(wire(**{key: "78" + "%02x" % len(name) + text[2:]})).offset >= at, f"{name}, long form"
    assert refused(wire(map="a9")).offset == 0
    assert refused(wire(map="ab")).offset == 0
    assert refused(wire(map="b80a")).offset == 0
    assert refused(wire(map="bf")).offset == 0
    assert refused(wire(hop="a2")).offset == offset_of("hop")
    assert refused(wire(hop="a4")).offset == offset_of("hop")


def test_types_and_ranges():
    cases = (
        ("id", "4f" + "69" * 15),
        ("id", "51" + "69" * 17),
        ("id", "5810" + "69" * 16),
        ("id", "70" + "69" * 16),
        ("ref_id", "40"),
        ("src_id", "00"),
        ("g", "4f" + "67" * 15),
        ("p", "51" + "70" * 17),
        ("ts", "1b8000000000000000"),
        ("ts", "3b8000000000000000"),
        ("ts", "1a00000001"),
        ("ts", "f90000"),
        ("ts", "f5"),
        ("t", "1b8000000000000000"),
        ("t", "6131"),
        ("raw", "6161"),
        ("raw", "80"),
        ("raw", "580101"),
        ("data", "83"),
        ("meta", "82"),
        ("machine.id", "00"),
        ("machine.id", "4161"),
        ("machine.id", "61ff"),
        ("path", "a1"),
        ("path", "9801"),
        ("hop", "83"),
        ("flags", "1b0000000100000000"),
        ("flags", "20"),
        ("flags", "f4"),
        ("trace", "781f" + "61" * 31),
        ("trace", "7821" + "61" * 33),
        ("trace", "7820" + "41" * 32),
        ("trace", "7820" + "67" * 32),
        ("trace", "7820" + "61" * 31 + "20"),
        ("trace", "5820" + "61" * 32),
        ("trace", "6130"),
        ("temp", "c000"),
        ("temp", "f7"),
        ("temp", "fb4034000000000000"),
        ("count", "1900ff"),
        ("count:", "616e"),
        ("count:", "626f6e"),
    )
    for name, text in cases:
        error = refused(wire(**{name.replace(":", "__key").replace(".", "_"): text}))
        assert error.offset == offset_of(name), f"{name} {text}: {error}"
        assert str(error).startswith(f"byte {error.offset}: ")


def test_ranges_end_where_they_should():
    for name, text, value in (
        ("ts", "1b7fffffffffffffff", (1 << 63) - 1),
        ("ts", "3b7fffffffffffffff", -(1 << 63)),
        ("ts", "00", 0),
        ("flags", "1affffffff", (1 << 32) - 1),
        ("trace", "60", ""),
        ("raw", "40", b""),
    ):
        data = wire(**{name: text})
        msg = Codec().decode(data)
        assert getattr(msg, name) == value
        msg.wire = None
        assert Codec().encode(msg) == data


def test_cut_short_or_followed_by_more():
    data = wire()
    for size in range(len(data)):
        assert 0 <= refused(data[:size]).offset <= size
    assert refused(data + b"\x00").offset == len(data)


def test_hops_are_limited_both_ways():
    hop = (b"g" * 16, b"p" * 16, 7)
    data = Codec().encode(message(path=(hop,) * 64))
    assert len(Codec().decode(data).path) == 64
    error = raises(LocalError, Codec().encode, message(path=(hop,) * 65))
    assert (error.path, "65" in str(error)) == ("path", True)
    hops = bytes.fromhex("a3616750" + "67" * 16 + "617050" + "70" * 16 + "617407") * 65
    start = wire().index(b"\x64path") + 5
    end = wire().index(b"\x65flags")
    error = refused(wire()[:start] + b"\x98\x41" + hops + wire()[end:])
    assert (error.offset, "65" in str(error)) == (start, True)


def test_a_device_sets_lower_limits():
    class Small(Codec):
        max_size = len(wire())
        max_depth = 3
        max_hops = 1

    small = Small()
    assert small.decode(wire()).flags == 3
    assert small.encode(message()) == wire()
    larger = Codec().encode(message(raw=b"\x01\x02\x03"))
    assert raises(RemoteError, small.decode, larger).offset == len(wire())
    assert "bytes" in str(raises(LocalError, small.encode, message(raw=b"\x01\x02\x03")))
    raises(LocalError, small.encode, message(raw=None, data={}, path=message().path * 2))
    assert small.decode(small.encode(message(data={"temp": [1]}))).data == {"temp": [1]}
    assert raises(LocalError, small.encode, message(data={"temp": [[]]})).path == "data.temp[0]"


def test_depth_counts_the_message_and_its_data():
    def nested(depth):
        value: object = 0
        for _ in range(depth):
            value = [value]
        return {"n": value}

    data = Codec().encode(message(data=nested(14)))
    assert Codec().decode(data).data == nested(14)
    raises(LocalError, Codec().encode, message(data=nested(15)))
    deeper = data.replace(b"\x61n\x81", b"\x61n\x81\x81")
    assert refused(deeper).offset == deeper.index(b"\x61n") + 2 + 14


def test_what_cannot_be_encoded_is_named():
    hop = (b"g" * 16, b"p" * 16, 7)
    for fields, path in (
        ({"id": b"short"}, "id"),
        ({"id": "i" * 16}, "id"),
        ({"id": None}, "id"),
        ({"ref_id": None}, "ref_id"),
        ({"src_id": b""}, "src_id"),
        ({"trace": "xyz"}, "trace"),
        ({"trace": TRACE.upper()}, "trace"),
        ({"trace": None}, "trace"),
        ({"trace": bytes(32)}, "trace"),
        ({"ts": 1 << 63}, "ts"),
        ({"ts": 1.5}, "ts"),
        ({"ts": True}, "ts"),
        ({"flags": -1}, "flags"),
        ({"flags": 1 << 32}, "flags"),
        ({"flags": False}, "flags"),
        ({"raw": "text"}, "raw"),
        ({"raw": [1]}, "raw"),
        ({"meta": None}, "meta"),
        ({"meta": {"a": 1}}, "meta.a"),
        ({"meta": {"a": {}}}, "meta.a"),
        ({"meta": {1: "a"}}, "meta"),
        ({"data": None}, "data"),
        ({"data": [1]}, "data"),
        ({"data": {"a": {"b": [0, 1 << 64]}}}, "data.a.b[1]"),
        ({"data": {"a": object}}, "data.a"),
        ({"data": {"\ud800": 1}}, "data"),
        ({"path": None}, "path"),
        ({"path": (hop, hop[:2])}, "path[1]"),
        ({"path": (7,)}, "path[0]"),
        ({"path": (hop, (b"g", b"p" * 16, 7))}, "path[1].g"),
        ({"path": ((b"g" * 16, "p" * 16, 7),)}, "path[0].p"),
        ({"path": ((b"g" * 16, b"p" * 16, -(1 << 63) - 1),)}, "path[0].t"),
    ):
        msg = message(**fields)
        error = raises(LocalError, Codec().encode, msg)
        assert error.path == path, f"{fields}: {error}"
        assert str(error).startswith(path + ": "), error
        assert msg.wire is None


def test_noise_is_refused():
    seed = 1
    for size in range(0, 200, 3):
        noise = bytearray(size)
        for index in range(size):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            noise[index] = seed >> 16 & 0xFF
        refused(noise)
        refused(b"\xaa\x62id\x50" + noise)
