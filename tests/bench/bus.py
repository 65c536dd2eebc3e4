"""One hot hop: `self.out(msg)` to the next Gear's `on_in`, counted and guarded."""

from collections.abc import Iterator

from fluxrig.bus import Station
from fluxrig.gear import Gear
from fluxrig.ids import NIL_ID
from fluxrig.msg import FluxMsg
from fluxrig.wiring import connect
from tests.bench.figure import Figure
from tests.bench.measure import alternately

AREA = "bus"


class Sender(Gear):
    pass


class Receiver(Gear):
    def on_in(self, msg):
        pass


class Plain:
    def method(self, msg):
        pass


def figures() -> Iterator[Figure]:
    sender, receiver, plain = Sender(), Receiver(), Plain()
    stations = [Station("a", sender, "drop", print), Station("b", receiver, "drop", print)]
    connect(stations, [["out"], []], {(0, "out"): [stations[1].wire("in")]})
    message = FluxMsg(NIL_ID, "", NIL_ID, {}, {}, 0)

    def hops():
        for _ in range(1000):
            sender.out(message)

    def calls():
        for _ in range(1000):
            plain.method(message)
            plain.method(message)
            plain.method(message)

    def loop():
        for _ in range(1000):
            pass

    hop, three_calls, empty = alternately(hops, calls, loop, rounds=25)
    call = (three_calls - empty) / 3
    yield Figure(AREA, "one hot hop", "ns", hop - empty, "a plain method call", call, goal=3.0)
