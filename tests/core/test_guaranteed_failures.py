from fake_archive import FakeArchive
from guaranteed_bench import Batches, Bench, ByOne, Recalling, message


async def test_a_transient_failure_is_tried_again_with_doubling_pauses_and_never_gives_up():
    bench = await Bench(Batches({1: "t" * 50})).start()
    bench.send(1)
    times = []
    for _ in range(40):
        before = len(bench.consumer.calls)
        await bench.pass_ms(100)
        times += [len(bench.consumer.calls)] * (len(bench.consumer.calls) - before)
    assert len(bench.consumer.calls) == 7, "0, 100, 300, 700, 1500, 2500 and 3500 ms"
    await bench.pass_ms(60_000)
    assert bench.consumer.got == [1]
    assert bench.stat("delivered", "redelivered", "attempts", "deferred", "dead_letters") == [1, 50, 0, 50, 0]
    assert (bench.target.errors, bench.archive.dead) == (0, [])


async def test_the_pause_starts_over_after_a_success():
    bench = await Bench(Batches({1: "t" * 5, 2: "t"})).start()
    bench.send(1)
    await bench.pass_ms(5000)
    bench.send(2)
    await bench.pass_ms(99)
    assert bench.consumer.calls[-1] == [2] and bench.consumer.got == [1]
    await bench.pass_ms(1)
    assert bench.consumer.got == [1, 2]


async def test_a_poisoned_batch_is_delivered_one_by_one_and_the_poison_becomes_a_dead_letter():
    bench = Bench(Batches({2: "w" * 9}))
    bench.send(*range(6))
    await bench.start()
    await bench.pass_ms(10_000)
    assert bench.consumer.calls == [[0, 1, 2, 3], [0], [1], [2], [2], [2], [3], [4, 5]]
    assert bench.consumer.got == [0, 1, 0, 1, 3, 4, 5]
    dead = bench.archive.dead
    assert [(msg.data["n"], reason, wire) for msg, reason, wire in dead] == [(2, "ValueError: broken", "a.out -> b.in")]
    assert bench.stat("delivered", "redelivered", "attempts", "dead_letters") == [5, 6, 4, 1]
    assert bench.target.errors == 4
    assert bench.target.dropped == bench.target.rejected == 0
    assert any("broken" in text for level, who, text in bench.host.logged if (level, who) == ("error", "b"))


async def test_one_by_one_only_the_message_that_fails_is_delivered_again():
    bench = Bench(ByOne({1: "w" * 2, 3: "w" * 3}))
    bench.send(*range(5))
    await bench.start()
    await bench.pass_ms(10_000)
    assert bench.consumer.calls == [0, 1, 1, 1, 2, 3, 3, 3, 4]
    assert [msg.data["n"] for msg, _, _ in bench.archive.dead] == [3]
    assert bench.stat("redelivered", "attempts") == [4, 5]


async def test_a_transient_failure_does_not_count_towards_max_attempts():
    failures = "w" * 2 + "t" * 20 + "w"
    bench = Bench(ByOne({0: failures[:22]}))
    bench.send(0)
    await bench.start()
    await bench.pass_ms(60_000)
    assert bench.consumer.got == [0] and bench.archive.dead == []


async def test_attempts_belong_to_one_message():
    bench = Bench(ByOne({0: "w" * 2, 1: "w" * 2, 2: "w" * 2}))
    bench.send(0, 1, 2)
    await bench.start()
    await bench.pass_ms(60_000)
    assert bench.consumer.got == [0, 1, 2] and bench.archive.dead == []


async def test_a_dead_letter_that_cannot_be_written_is_not_lost():
    bench = Bench(ByOne({0: "w" * 10}))
    bench.archive.deaf = True
    bench.send(0, 1)
    await bench.start()
    await bench.pass_ms(4000)
    assert bench.consumer.got == [] and bench.wire.dead_letters == 0
    bench.archive.deaf = False
    await bench.pass_ms(2000)
    assert [msg.data["n"] for msg, _, _ in bench.archive.dead] == [0]
    assert bench.consumer.got == [1]


async def test_kill_ends_the_gear_at_its_first_real_failure_and_the_rest_stays_for_the_next_start():
    for consumer in (ByOne({2: "t" + "w"}), Batches({2: "t" + "w"})):
        bench = Bench(consumer, on_error="kill")
        bench.send(*range(4))
        await bench.start()
        await bench.pass_ms(10_000)
        assert not bench.target.alive and bench.task.done()
        assert (bench.wire.dead_letters, bench.target.errors) == (0, 1)
        calls = len(consumer.calls)
        bench.send(4)
        await bench.pass_ms(10_000)
        assert len(consumer.calls) == calls
        again = await Bench(type(consumer)(), FakeArchive(after=bench.archive)).start()
        assert again.consumer.got[-3:] == [2, 3, 4]


async def test_a_disk_that_cannot_be_read_is_tried_again():
    bench = Bench(Recalling())
    bench.archive.broken = True
    bench.send(0)
    await bench.start()
    await bench.pass_ms(3000)
    assert bench.consumer.got == [] and bench.target.errors == 0
    bench.archive.broken = False
    await bench.pass_ms(1000)
    assert bench.consumer.got == [0] and bench.wire.pending == 0
    bench.archive.broken = True
    bench.send(1)
    await bench.pass_ms(3000)
    bench.archive.broken = False
    await bench.pass_ms(1000)
    assert bench.consumer.got == [0, 1]


async def test_what_the_archive_refuses_is_a_failure_of_the_source():
    for on_error in ("drop", "kill"):
        bench = await Bench(ByOne(), source_error=on_error).start()
        bench.archive.full = True
        bench.send(1, 2)
        bench.archive.full = False
        bench.send(3)
        await bench.pass_ms(0)
        assert bench.consumer.got == [3]
        assert (bench.source.alive, bench.source.errors, bench.source.dropped, bench.wire.refused) == (True, 2, 2, 2)
    rejected: list = []
    bench = await Bench(ByOne(), source_error="reject").start()
    bench.source.gear.err = rejected.append
    bench.archive.full = True
    msg = message(1)
    msg.mint = lambda: bytes(16)
    bench.inlet.deliver(msg)
    assert "TransientError" in rejected[0].meta["error"] and bench.source.rejected == 1


async def test_an_error_port_that_cannot_be_archived_drops_and_counts():
    bench = await Bench(ByOne(), source_error="reject", output="err").start()
    bench.source.gear.err = bench.inlet.deliver
    bench.archive.full = True
    bench.send(1)
    assert (bench.source.dropped, bench.source.rejected, bench.wire.refused) == (1, 0, 1)
