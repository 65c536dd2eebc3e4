"""How fast uns catches up, and that live values do not wait for it. A file of its own: it fills a heap of 128 KiB."""

from uns_bench import P, behind_the_archive, send_each


async def test_catching_up_keeps_to_its_rate_and_live_values_do_not_wait_for_it():
    bench = behind_the_archive(backlog_rate=5)
    bench.broker.go_down()
    await bench.start()
    for n in range(16):
        bench.source.emit({"p": n})
    await bench.pass_ms(1000)
    bench.broker.up = True
    await bench.pass_ms(1000)
    before = bench.count("backlog_published")
    await send_each(bench, range(16, 20), 250)
    assert 4 <= bench.count("backlog_published") - before <= 6, "1 s at 5 a second"
    assert bench.at(P)["v"] == 19, "though much of the past is still to come"
    await bench.pass_ms(10_000)
    got = bench.published(P)
    assert [value for value, retain in got if not retain] == list(range(15)), "nothing twice"
    assert [value for value, retain in got if retain] == [15, 16, 17, 18, 19]
    assert bench.count("backlog") == 0
