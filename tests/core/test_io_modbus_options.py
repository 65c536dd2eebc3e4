"""What a rig may ask of a line: answers as they came, pauses for fragile devices, several requests at once."""

from modbus_bench import EVERY_MS, Bench, config, poll
from modbus_server import ADDRESS, PORT, silent

from fluxrig.modbus.raw import answers


async def test_raw_keeps_the_answers_from_which_the_values_can_be_derived_again():
    bench = await Bench(config(raw=True)).run(EVERY_MS + 10)
    for number, msg in enumerate(bench.got):
        found = answers(msg.raw)
        assert [entry[:3] for entry in found] == [(3, 0, 3), (4, 10, 2)]
        first, second = [data for _, _, _, data in found]
        registers = [int.from_bytes(first[at : at + 2], "big") for at in (0, 2, 4)]
        assert registers == [msg.data["a"], msg.data["b"], msg.data["c"]] == [64 * number + at for at in range(3)]
        # The tags of the second request stand in the other order.
        assert int.from_bytes(second[:2], "big") == msg.data["x"] and int.from_bytes(second[2:], "big") == msg.data["y"]


async def test_raw_has_only_what_was_answered_and_is_absent_unless_it_is_wanted():
    bench = Bench(config(raw=True))
    bench.server.faults = [None, silent]
    await bench.run(90)
    assert [entry[:3] for entry in answers(bench.got[0].raw)] == [(3, 0, 3)]
    bench = await Bench(config()).run(10)
    assert bench.got[0].raw is None


async def test_a_device_is_given_its_pause_after_connecting():
    bench = await Bench(config(pause_after_connect_ms=30)).run(EVERY_MS + 20)
    assert [ms for ms, _, pdu in bench.server.asked if pdu[0] == 3] == [30, 100]


async def test_a_device_is_given_its_pause_between_requests():
    bench = await Bench(config(request_delay_ms=7, pipeline=4)).run(50)
    assert [ms for ms, _, _ in bench.server.asked] == [0, 7], "and the requests go one by one"
    await bench.run(EVERY_MS)
    assert [ms for ms, _, _ in bench.server.asked] == [0, 7, 100, 107]


async def test_as_many_requests_are_under_way_as_the_pipeline_says():
    for pipeline in (1, 3, 16):
        await check_pipeline(pipeline)


async def check_pipeline(pipeline):
    reads = [[3, at, 1, b"", ">H", [[f"r{at}", "raw"]]] for at in range(7)]
    bench = Bench(config([poll("all", reads)], pipeline=pipeline))
    together = []

    async def serve(stream):
        """Takes what has come before it answers any of it."""
        requests = await stream.read(12 * 64)
        while requests:
            frames = [requests[at : at + 12] for at in range(0, len(requests), 12)]
            together.append(len(frames))
            for frame in frames:
                bench.server.asked.append(frame)
                await stream.write(bench.server.good(frame))
            requests = await stream.read(12 * 64)

    bench.server.network.listen(ADDRESS, PORT, serve)
    await bench.run(2 * EVERY_MS + 10)
    assert together[0] == 1, "a unit that is not known to answer is asked one request first"
    assert max(together) == min(pipeline, 7)
    assert {tag: value % 32 for tag, value in bench.got[-1].data.items()} == {f"r{at}": at for at in range(7)}
