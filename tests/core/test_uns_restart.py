"""uns behind a guaranteed wire after a power cut."""

from uns_bench import P, behind_the_archive, fresh_order


async def test_after_a_power_cut_what_the_broker_retains_never_goes_back():
    bench = behind_the_archive(backlog_rate=3)
    bench.broker.go_down()
    await bench.start()
    for n in range(9):
        bench.source.emit({"p": n})
    await bench.pass_ms(1000)
    bench.broker.up = True
    await bench.pass_ms(2000)
    assert bench.at(P)["v"] == 8 and 0 < bench.count("backlog_published") < 8
    await bench.cut_power()
    published = len(bench.broker.published)
    after = behind_the_archive(after=bench, backlog_rate=1000)
    del bench  # on a device, two of them do not fit
    await after.start()
    await after.pass_ms(3000)
    again = [(name, retain) for name, _, retain in after.broker.published[published:] if name == P and retain]
    assert again == [(P, True)], "the newest, and none of those before it"
    assert after.at(P)["v"] == 8
    assert fresh_order([value for value, retain in after.published(P) if not retain]) == list(range(8))
