"""Whatever a peer answers, in whatever order, no value is attributed to the wrong tag.

What each register holds says where and when it was read: see modbus_server.py. A file of its own, because it takes much
of the heap of a device.
"""

from modbus_bench import Bench, config
from modbus_server import BROKEN, answered_again_later, answered_twice, drip, exception


async def test_no_value_is_ever_attributed_to_the_wrong_tag():
    # Faults of every kind, in an order that differs with each seed, mixed with good answers.
    others = [answered_again_later, answered_twice, drip, exception(2), None, None, None]
    kinds = [fault for fault, _ in BROKEN] + others
    values = 0
    for seed in range(1, 17):
        values += await values_among_faults(kinds, seed)
    assert values > 200


async def values_among_faults(kinds, seed):
    bench = Bench(config(retry_refused_ms=300))
    x = seed * 2654435761
    for _ in range(10):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        bench.server.faults.append(kinds[(x >> 16) % len(kinds)])
    values = 0
    while bench.server.faults:
        await bench.run(500)
        values += bench.check_attribution()
        bench.got.clear()
    await bench.run(1500)
    assert bench.qualities()[-1] == {"good"}, "it recovers"
    return values
