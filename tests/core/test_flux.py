"""The .flux file: what goes in comes out, and nothing else comes in. The broken files are made by hand."""

from expect import raises

from fluxrig import cbor
from fluxrig.errors import LocalError, RemoteError
from fluxrig.flux import pack, unpack

A, B = bytes(range(16)), bytes(range(16, 32))


def gear(name="plc", **changes):
    entry = {"name": name, "type": "console", "id": A, "config": {"format": "text"}, "on_error": "drop"}
    entry["outputs"] = {"out": B}
    entry.update(changes)
    return entry


def rig(**changes):
    whole: dict = {"rig": "r", "version": "1", "rack": "line-1", "machine": "m"}
    whole["gears"] = [gear("a"), gear("b")]
    whole["wires"] = [[0, "out", 1, "in", "hot"]]
    whole.update(changes)
    return whole


def archive(**changes):
    whole = {"keep_ms": 0, "max_bytes": 1 << 30, "policy": "block", "segment_bytes": 0, "commit_ms": 1000}
    whole.update({"commit_bytes": 0, "commit_count": 64, "checkpoint_ms": 60_000, "ram_bytes": 8192})
    whole.update(changes)
    return whole


def guaranteed(**changes):
    delivery = {"max_attempts": 5, "retry_min_ms": 500, "retry_max_ms": 60_000}
    delivery.update(changes)
    return [0, "out", 1, "in", "guaranteed", delivery]


def packed(value, **changes):
    outer = {"flux": 1, "payload": cbor.dumps(value), "signatures": []}
    outer.update(changes)
    return cbor.dumps(outer)


def refused(data):
    return raises(RemoteError, unpack, data)


def test_a_rig_comes_out_as_it_went_in():
    assert unpack(pack(rig())) == rig()


def test_an_archive_a_guaranteed_wire_and_a_gear_that_sends_outside_come_out_too():
    whole = rig(archive=archive(), wires=[guaranteed()], gears=[gear("a"), gear("b", sends_outside=True)])
    assert unpack(pack(whole)) == whole


def test_the_file_is_the_documented_bytes():
    empty = {"rig": "", "version": "", "rack": "", "machine": "", "gears": [], "wires": []}
    # Keys in the order of their encoded bytes (RFC 8949 section 4.2.1), so the shorter ones first.
    payload = b"\xa6\x63rig\x60\x64rack\x60\x65gears\x80\x65wires\x80\x67machine\x60\x67version\x60"
    outer = b"\xa3\x64flux\x01\x67payload\x58" + bytes([len(payload)]) + payload + b"\x6asignatures\x80"
    assert pack(empty) == outer
    assert unpack(outer) == empty


def test_reads_from_a_buffer():
    data = pack(rig())
    assert unpack(bytearray(data)) == rig()
    assert unpack(memoryview(data)) == rig()


def test_signatures_are_carried_and_not_looked_at():
    assert unpack(packed(rig(), signatures=[{"key": A, "value": B}])) == rig()


def test_what_cbor_cannot_hold_is_refused_with_its_path():
    exc = raises(LocalError, pack, rig(gears=[gear(config={"limit": object})]))
    assert exc.path == "gears[0].config.limit"


def test_any_cut_is_refused():
    data = pack(rig())
    for end in range(len(data)):
        refused(data[:end])
    refused(data + b"\x00")


def test_a_broken_encoding_names_its_offset():
    data = bytearray(pack(rig()))
    data[0] = 0xBF  # a map of indefinite length
    assert refused(bytes(data)).offset == 0
    broken = packed(rig(), payload=b"\xa1\x63rig")
    exc = refused(broken)
    assert exc.offset == 5 and str(exc).startswith("payload: ")


def test_something_else_than_a_flux_file():
    others: tuple = ([], {}, {"fluxrig": 1}, 7, "rig")
    for value in others:
        assert "not a compiled rig" in str(refused(cbor.dumps(value)))


def test_another_version_is_refused_by_its_number():
    for version in (0, 2, "1", None, True, 1.0):
        exc = refused(packed(rig(), flux=version))
        assert exc.path == "flux" and repr(version) in str(exc)


def test_keys_more_or_less_are_refused():
    refused(packed(rig(), more=1))
    refused(cbor.dumps({"flux": 1, "payload": cbor.dumps(rig())}))
    assert refused(packed(rig(), payload="text")).path == "payload"
    assert refused(packed(rig(), signatures=None)).path == "signatures"


def test_a_wrong_value_is_named_by_its_path():
    for value, path in (
        ([], "payload"),
        (rig(rig=1), "rig"),
        (rig(version=None), "version"),
        (rig(rack=b"r"), "rack"),
        (rig(machine=[]), "machine"),
        (rig(gears={}), "gears"),
        (rig(wires=None), "wires"),
        (rig(gears=[gear(), 1], wires=[]), "gears[1]"),
        (rig(gears=[gear(name=1)], wires=[]), "gears[0].name"),
        (rig(gears=[gear(type=None)], wires=[]), "gears[0].type"),
        (rig(gears=[gear(on_error=0)], wires=[]), "gears[0].on_error"),
        (rig(gears=[gear(config=[])], wires=[]), "gears[0].config"),
        (rig(gears=[gear(outputs=[])], wires=[]), "gears[0].outputs"),
        (rig(gears=[gear(id="a")], wires=[]), "gears[0].id"),
        (rig(gears=[gear(id=b"short")], wires=[]), "gears[0].id"),
        (rig(gears=[gear(outputs={"out": 1})], wires=[]), "gears[0].outputs.out"),
        (rig(gears=[gear(outputs={"out": bytes(17)})], wires=[]), "gears[0].outputs.out"),
        (rig(wires=[{}]), "wires[0]"),
        (rig(wires=[[0, "out", 1, "in"]]), "wires[0]"),
        (rig(wires=[[0, "out", 1, "in", "hot", 1]]), "wires[0]"),
        (rig(wires=[["0", "out", 1, "in", "hot"]]), "wires[0][0]"),
        (rig(wires=[[False, "out", 1, "in", "hot"]]), "wires[0][0]"),
        (rig(wires=[[0, 1, 1, "in", "hot"]]), "wires[0][1]"),
        (rig(wires=[[0, "out", True, "in", "hot"]]), "wires[0][2]"),
        (rig(wires=[[0, "out", 1, None, "hot"]]), "wires[0][3]"),
        (rig(wires=[[0, "out", 1, "in", 0]]), "wires[0][4]"),
        (rig(wires=[[0, "out", 1, "in", "warm"]]), "wires[0][4]"),
        (rig(gears=[gear(sends_outside=1)], wires=[]), "gears[0].sends_outside"),
        (rig(gears=[gear(sends_outside=None)], wires=[]), "gears[0].sends_outside"),
        (rig(archive=None), "archive"),
        (rig(archive=[]), "archive"),
        (rig(archive={}), "archive.checkpoint_ms"),
        (rig(archive=archive(more=1)), "archive"),
    ):
        exc = refused(packed(value))
        assert exc.path == path, (path, str(exc))


def test_numbers_of_the_archive_have_their_bounds():
    for key, most in (
        ("keep_ms", 36_500 * 86_400_000),
        ("max_bytes", 1 << 62),
        ("segment_bytes", 1 << 30),
        ("commit_ms", 86_400_000),
        ("commit_bytes", 1 << 30),
        ("commit_count", 1 << 16),
        ("checkpoint_ms", 36_500 * 86_400_000),
        ("ram_bytes", 1 << 30),
    ):
        unpack(packed(rig(archive=archive(**{key: most}))))
        for value in (-1, most + 1, 1.0, True, "1", None, [1], 1 << 63):
            exc = refused(packed(rig(archive=archive(**{key: value}))))
            assert exc.path == "archive." + key, (value, str(exc))
        cut = archive()
        del cut[key]
        assert refused(packed(rig(archive=cut))).path == "archive." + key
    others: tuple = ("drop", "", None, 1, ["block"], {})
    for other in others:
        assert refused(packed(rig(archive=archive(policy=other)))).path == "archive.policy"
    for policy in ("block", "drop_oldest_sent", "drop_oldest"):
        assert unpack(packed(rig(archive=archive(policy=policy))))["archive"]["policy"] == policy


def test_a_guaranteed_wire_says_how_it_tries_again_and_a_hot_one_does_not():
    for wire in (
        [0, "out", 1, "in", "guaranteed"],
        guaranteed() + [1],
        guaranteed()[:4] + ["hot", guaranteed()[5]],
    ):
        assert refused(packed(rig(archive=archive(), wires=[wire]))).path == "wires[0]"
    for delivery, path in (
        (None, ""),
        ([], ""),
        (5, ""),
        ({}, ".max_attempts"),
        (guaranteed(more=1)[5], ""),
        (guaranteed(max_attempts=0)[5], ".max_attempts"),
        (guaranteed(max_attempts=65_536)[5], ".max_attempts"),
        (guaranteed(max_attempts=True)[5], ".max_attempts"),
        (guaranteed(retry_min_ms=0)[5], ".retry_min_ms"),
        (guaranteed(retry_min_ms=1.5)[5], ".retry_min_ms"),
        (guaranteed(retry_max_ms=86_400_001)[5], ".retry_max_ms"),
        (guaranteed(retry_max_ms=499)[5], ".retry_max_ms"),
    ):
        exc = refused(packed(rig(archive=archive(), wires=[guaranteed()[:5] + [delivery]])))
        assert exc.path == "wires[0][5]" + path, (delivery, str(exc))


def test_guaranteed_wires_want_an_archive():
    assert refused(packed(rig(wires=[guaranteed()]))).path == "archive"


def test_a_key_that_is_missing_is_wrong_too():
    for key in ("rig", "version", "rack", "machine", "gears", "wires"):
        value = rig()
        del value[key]
        assert refused(packed(value)).path == key
    for key in ("name", "type", "id", "config", "on_error", "outputs"):
        entry = gear()
        del entry[key]
        assert refused(packed(rig(gears=[entry], wires=[]))).path == "gears[0]." + key


def test_a_wire_goes_forward_between_gears_that_are_there():
    for source, target in ((-1, 1), (0, 2), (2, 3), (1, 0), (0, 0), (0, -1), (1 << 60, 1)):
        assert refused(packed(rig(wires=[[source, "out", target, "in", "hot"]]))).path == "wires[0]"
