"""Connects the Gears of a Rack by the wires of its rig: hot ones on the bus, guaranteed ones through the archive."""

from fluxrig.bus import connect
from fluxrig.errors import LocalError
from fluxrig.ids import NIL_ID


def wire_up(rack, rig: dict) -> None:
    """Bind every output of the Gears of `rack`, whose stations and archive are there.

    LocalError for wires that do not fit the Gears, or by which something would leave that was not archived.
    """
    stations = rack.stations
    senders = [
        index
        for index, entry in enumerate(rig["gears"])
        if stations[index].gear.sends_outside or entry.get("sends_outside")
    ]
    guards: dict = {}
    if senders:
        # Whatever the rig says: what was not archived does not leave.
        from fluxrig.invariant import check_archived

        check_archived(stations, rig["wires"], senders)
        allows = rack.archive.allows if rack.archive is not None else _allows_nothing
        guards = {index: allows for index in senders}
    connect(stations, [list(entry["outputs"]) for entry in rig["gears"]], _deliveries(rack, rig), guards)


def _deliveries(rack, rig: dict) -> list:
    """The wires as `bus.connect` takes them."""
    deliveries = []
    for wire in rig["wires"]:
        if wire[4] == "hot":
            deliveries.append(wire[:4])
        elif wire[4] == "guaranteed":
            deliveries.append(list(wire[:4]) + [_guarantee(rack, rig["gears"], wire)])
        else:
            raise LocalError(f"there is no wire lane {wire[4]!r} (there are: hot, guaranteed)")
    return deliveries


def _guarantee(rack, gears: list, wire):
    """What takes the messages of a guaranteed wire. Its code is loaded only where there is one."""
    from fluxrig.guaranteed import GuaranteedWire

    if rack.archive is None:
        raise LocalError("a rig with guaranteed wires needs `archive`: compile it again with this release")
    source, port, target, input_port = wire[:4]
    ids = (gears[source]["id"], gears[source]["outputs"].get(port, NIL_ID), gears[target]["id"])
    ends = (rack.stations[source], port, rack.stations[target], input_port)
    made = GuaranteedWire(rack.archive, rack.host.clock, rack.host.log, *ends, ids, wire[5])
    rack.guaranteed.append((rack.stations[target], made))
    rack.supervisor.add(rack.stations[target], made.name, made.run)
    return made.inlet


def _allows_nothing(msg) -> bool:
    """The guard of a Rack without an archive."""
    return False
