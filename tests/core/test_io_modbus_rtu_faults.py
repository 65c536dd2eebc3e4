"""The Gear on a serial line where frames are damaged, late, doubled or another's."""

from modbus_bench import poll
from modbus_device import crc
from modbus_serial import bench_of, good, serial, tag_block, two_polls
from probes import counted


async def test_a_damaged_answer_is_asked_for_again_at_once():
    bench = bench_of(serial([two_polls()[0]]))
    damaged = [True]

    def shape(frame):
        if damaged.pop() if damaged else False:
            return frame[:3] + bytes([frame[3] ^ 0x10]) + frame[4:]
        return frame

    bench.plant.shape = shape
    await bench.run(90)
    assert bench.qualities("one") == [{"good"}]
    assert bench.of("one")[0].data == {"a0": 10, "a1": 11}
    assert len(bench.units[1].requests) == 2 and counted(bench.rack)["protocol_errors"] == 1


async def test_a_line_that_damages_everything_gives_bad_values_only():
    bench = bench_of(serial([two_polls()[0]]))
    bench.plant.shape = lambda frame: frame[:4] + bytes([frame[4] ^ 1]) + frame[5:]
    await bench.run(1000)
    assert {frozenset(quality) for quality in bench.qualities("one")} == {frozenset({"bad:protocol_error"})}


async def test_noise_around_an_answer_is_passed_over():
    bench = bench_of(serial([two_polls()[0]]))
    bench.plant.shape = lambda frame: b"\x00\xff\x01\x03\x01" + frame + b"\xfe\xfe"
    await bench.run(1000)
    assert bench.qualities("one") == [{"good"}] * 11
    assert bench.of("one")[-1].data == {"a0": 10, "a1": 11}


async def test_an_answer_of_another_unit_is_not_taken():
    bench = bench_of(serial([two_polls()[0]]))

    def shape(frame):
        body = b"\x02" + frame[1:-2]
        return body + crc(body).to_bytes(2, "little")

    bench.plant.shape = shape
    await bench.run(1000)
    assert good(bench, "one") == 0


async def test_what_was_sent_comes_back_where_the_adapter_echoes():
    for says_so in (True, False):
        bench = bench_of(serial([two_polls()[0]], local_echo=says_so))
        plain = bench.plant.serve_rtu

        async def serve(stream, plain=plain):
            class Echoing:
                """The request is on the line before the answer."""

                async def read(self, limit):
                    frame = await stream.read(limit)
                    if frame:
                        await stream.write(frame)
                    return frame

                async def write(self, data):
                    await stream.write(data)

            await plain(Echoing())

        bench.host.network.listen_serial("/dev/ttyUSB0", serve)
        await bench.run(500)
        assert bench.of("one")[-1].data == {"a0": 10, "a1": 11}, "a read is told from its echo either way"
        assert bench.qualities("one")[-1] == {"good"}


async def test_a_late_answer_meets_no_request_of_its_unit():
    # The same unit, the same function, the same count: only the time tells the answers apart.
    polls = [poll("one", [tag_block("a", 1, 0), tag_block("c", 1, 1)], unit_id=1)]
    polls[0]["every_ms"] = 20
    # The timeout and the time of the bytes on the wire are 39 ms; what comes after twice the timeout, nobody can tell.
    for delay_ms in (45, 55, 65):
        await check_late(polls, delay_ms)


async def check_late(polls, delay_ms):
    bench = bench_of(serial(polls, reconnect_min_ms=1))
    await bench.run(25)
    bench.plant.delay_ms = delay_ms
    await bench.run(300)
    bench.plant.delay_ms = 0
    await bench.run(400)
    for msg in bench.got:
        assert msg.data["a0"] in (None, 10) and msg.data["c0"] in (None, 11)
    assert bench.qualities("one")[-1] == {"good"}
    assert counted(bench.rack)["timeouts"] >= 2


async def test_a_pulled_adapter_is_found_again():
    bench = await bench_of(serial(two_polls())).run(500)
    serve = bench.plant.serve_rtu
    await bench.host.network.unlisten_serial("/dev/ttyUSB0")
    await bench.run(1000)
    assert bench.qualities("one")[-1] == bench.qualities("two")[-1] == {"bad:not_connected"}
    bench.host.network.listen_serial("/dev/ttyUSB0", serve)
    await bench.run(1000)
    assert bench.qualities("one")[-1] == bench.qualities("two")[-1] == {"good"}
    assert counted(bench.rack)["reconnects"] == 1
