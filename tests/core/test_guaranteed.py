import asyncio

from expect import raises
from fake_archive import FakeArchive
from guaranteed_bench import Archiving, Batches, Bench, ByOne, Recalling, Watching, message
from probes import id_of

from fluxrig.archive.guaranteed import cursor_id
from fluxrig.errors import LocalError
from fluxrig.gear import Gear

OUT, B = id_of("a.out"), id_of("b")


class Hanging(Gear):
    async def deliver_in(self, msgs):
        await asyncio.Event().wait()


def _left(msg):
    """`msg` as a correlator archives it."""
    msg.path = ((id_of("a"), id_of("a.out"), 1),)
    return msg


class Blind(Batches):
    def preview_in(self, msg):
        raise ValueError("no view")


async def test_messages_arrive_in_order_archived_and_with_a_hop():
    bench = await Bench(ByOne()).start()
    bench.inlet.deliver(message(1, {"archive.pos": "77", "archive.head": "ab", "archive.volatile": "1"}))
    bench.send(2, 3)
    await bench.pass_ms(0)
    assert bench.consumer.got == [1, 2, 3]
    now = bench.host.clock.wall_ns()
    first = bench.archive.messages[0]
    assert first.path == ((id_of("a"), id_of("x"), 1), (id_of("a"), id_of("a.out"), now))
    assert first.id == b"%016d" % 1 and first.meta["archive.pos"] == "1" and "archive.volatile" not in first.meta
    assert bench.archive.acknowledged == {cursor_id(OUT, B, "in"): 3}
    assert (bench.wire.count, bench.inlet.count, bench.target.inbound) == (3, 3, [bench.wire])


async def test_nothing_is_delivered_before_it_is_durable():
    bench = await Bench(ByOne(), FakeArchive(at_once=False)).start()
    bench.send(1, 2)
    await bench.pass_ms(1000)
    assert bench.consumer.calls == []
    bench.archive.commit()
    await bench.pass_ms(0)
    assert bench.consumer.got == [1, 2]


async def test_behind_a_correlator_nothing_is_archived_again():
    bench = await Bench(Watching(), source=Archiving).start()
    bench.archive.append(_left(message(1)), bench.inlet.deliver)
    await bench.pass_ms(0)
    assert bench.consumer.calls == [[1]] and bench.consumer.seen == [1]
    assert len(bench.archive.messages) == 1


async def test_what_a_correlator_could_not_archive_is_archived_for_its_wire():
    bench = await Bench(ByOne(), source=Archiving, output="err").start()
    bench.send(1)
    await bench.pass_ms(0)
    assert bench.consumer.got == [1] and len(bench.archive.messages) == 1


async def test_a_batch_is_bounded_and_delivered_in_one_go():
    bench = Bench(Batches())
    bench.send(*range(10))
    await bench.start()
    assert bench.consumer.calls == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert bench.stat("delivered", "redelivered", "attempts") == [10, 0, 0]


async def test_after_a_crash_it_goes_on_from_what_was_acknowledged():
    bench = Bench(Batches({6: "t" * 100}))
    bench.send(*range(10))
    await bench.start()
    await bench.crash()
    assert bench.consumer.got == [0, 1, 2, 3, 4, 5]
    again = await Bench(Batches(), FakeArchive(after=bench.archive)).start()
    assert again.consumer.got == [4, 5, 6, 7, 8, 9]


async def test_previews_come_at_once_however_far_behind_the_delivery_is():
    bench = await Bench(Watching({0: "t" * 1000})).start()
    bench.send(*range(50))
    assert bench.consumer.seen == list(range(50))
    await bench.pass_ms(10_000)
    assert (bench.wire.pending, bench.consumer.got) == (50, [])
    bench.consumer.failures = {}
    await bench.pass_ms(1000)
    assert (bench.wire.pending, bench.consumer.got) == (0, list(range(50)))


async def test_what_waited_at_the_start_is_shown_first():
    for kind in (Watching, Recalling):
        bench = Bench(kind({2: "t" * 1000}))
        bench.send(*range(6))
        await bench.start()
        await bench.crash()
        again = Bench(kind({0: "t" * 1000}), FakeArchive(after=bench.archive))
        starting = asyncio.create_task(again.start())
        await asyncio.sleep(0)
        await starting
        seen = [n for n in again.consumer.seen if n not in ("recall", "end")]
        assert seen == [0, 1, 2, 3, 4, 5] and again.wire.pending == 6
        if kind is Recalling:
            assert (again.consumer.seen[0], again.consumer.seen[-1]) == ("recall", "end")
        again.send(6)
        assert (again.consumer.seen[-1], again.wire.pending) == (6, 7)


async def test_a_preview_that_fails_keeps_nobody_from_the_message():
    bench = await Bench(Blind()).start()
    bench.send(1)
    await bench.pass_ms(0)
    assert bench.consumer.got == [1] and bench.target.errors == 1


async def test_draining_delivers_what_is_durable():
    bench = await Bench(Batches()).start()
    bench.send(*range(9))
    draining = asyncio.create_task(bench.wire.drain())
    await bench.pass_ms(0)
    assert draining.done() and bench.consumer.got == list(range(9))


async def test_draining_does_not_wait_for_a_consumer_that_cannot_take_it():
    bench = await Bench(Batches({0: "t" * 1000})).start()
    bench.send(0)
    await bench.pass_ms(150)
    draining = asyncio.create_task(bench.wire.drain())
    await bench.pass_ms(0)
    assert draining.done()
    hanging = await Bench(Hanging()).start()
    hanging.send(0)
    draining = asyncio.create_task(hanging.wire.drain())
    await hanging.pass_ms(hanging.wire.DRAIN_MS)
    assert draining.done()


async def test_a_long_backlog_lets_others_run():
    bench = Bench(ByOne())
    bench.send(*range(80))
    bench.task = asyncio.create_task(bench.wire.run())
    for _ in range(2):
        await asyncio.sleep(0)
    assert 0 < len(bench.consumer.got) < 80
    await bench.pass_ms(0)
    assert bench.consumer.got == list(range(80))


def test_a_target_without_such_an_input_is_refused():
    assert "gear 'b': there is no input port 'in'" in str(raises(LocalError, Bench, Gear()))


def test_a_source_without_such_an_output_is_refused():
    assert "gear 'a': there is no output port 'x'" in str(raises(LocalError, Bench, ByOne(), output="x"))


def test_each_wire_has_a_cursor_of_its_own():
    ids = {cursor_id(OUT, B, "in"), cursor_id(OUT, B, "x"), cursor_id(OUT, id_of("a"), "in")}
    assert len(ids) == 3 and {len(each) for each in ids} == {16}
    assert cursor_id(OUT, B, "in") == cursor_id(OUT, B, "in")
