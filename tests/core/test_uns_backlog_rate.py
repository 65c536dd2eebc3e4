"""How fast uns catches up, and that live values do not wait for it. A file of its own: it fills a heap of 128 KiB."""

from uns_bench import P, behind_the_archive, send_each


async def test_catching_up_keeps_to_its_rate_and_live_values_do_not_wait_for_it():
    bench = behind_the_archive(backlog_rate=10)
    bench.broker.go_down()
    await bench.start()
    for n in range(30):
        bench.source.emit({"p": n})
    await bench.pass_ms(1000)
    bench.broker.up = True
    await bench.pass_ms(1000)
    before = bench.uns.backlog_published
    await send_each(bench, range(30, 34), 250)
    assert 9 <= bench.uns.backlog_published - before <= 11, "1 s at 10 a second"
    assert bench.at(P)["v"] == 33, "though most of the past is still to come"
    await bench.pass_ms(10_000)
    got = bench.published(P)
    assert [value for value, retain in got if not retain] == list(range(29)), "nothing twice"
    assert [value for value, retain in got if retain] == [29, 30, 31, 32, 33]
    assert bench.uns.backlog == 0
