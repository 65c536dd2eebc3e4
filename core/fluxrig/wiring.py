"""Puts a Rack together: its archive, its Gears, and the wires, hot ones on the bus, guaranteed ones by the archive."""

from fluxrig import registry
from fluxrig.bus import Fan, Loose, Station
from fluxrig.errors import FluxError, LocalError
from fluxrig.gear import REJECT, Context
from fluxrig.ids import NIL_ID

_NOT_PORTS = ("counters", "drain", "init", "killed", "start", "stop")


def archive_of(rack, rig: dict):
    """The archive, where the rig has one. Its code is loaded only then."""
    if "archive" not in rig:
        return None
    from fluxrig.archive.archive import Archive

    return Archive(rack.host, rack.ids, rack.machine_id, rig["archive"])


def assemble(rack, rig: dict) -> None:
    """Make the Gears of the compiled `rig`, connect them, and let each take its config. `rack` has its archive already.

    LocalError for what does not fit the Gears, and for wires by which something would leave that was not archived.
    """
    contexts = []
    wired = {(wire[0], wire[1]) for wire in rig["wires"]}
    for index, entry in enumerate(rig["gears"]):
        gear = registry.gear_class(entry["type"])()
        rack.stations.append(Station(entry["name"], gear, entry["on_error"], rack.host.log, rack.release))
        outputs = [port for port in entry["outputs"] if (index, port) in wired]
        contexts.append(Context(rack, entry["name"], entry["id"], entry["outputs"], entry["config"], outputs))
    _wire_up(rack, rig)
    for station, context in zip(rack.stations, contexts):
        try:
            station.gear.init(context)
        except FluxError as exc:
            raise LocalError(f"gear {station.name!r}: {exc}")
        except Exception as exc:
            raise LocalError(f"gear {station.name!r} cannot take its compiled config: {exc!r}")


def connect(stations: list[Station], outputs: list[list[str]], wires: list, guards: dict | None = None) -> None:
    """Bind every output port.

    `outputs[i]` names the output ports of `stations[i]`; a wire is `(from index, from port, to index, to port)`. A
    fifth item is what takes the messages in place of a hot delivery: a Wire of somebody else's making.
    `guards` is {to index: allows}: a hot wire to that station delivers only what `allows(msg)` (see `Station.wire`).
    Raises LocalError when a wire names a port that is not there.
    """
    targets: dict = {}
    for wire in wires:
        source, port, destination, input_port = wire[:4]
        if port not in outputs[source]:
            raise LocalError(f"gear {stations[source].name!r} has no output port {port!r}")
        if len(wire) > 4:
            delivery = wire[4]
        else:
            delivery = stations[destination].wire(input_port, None if guards is None else guards.get(destination))
        targets.setdefault((source, port), []).append(delivery)
    for index, station in enumerate(stations):
        if station.on_error == REJECT and (index, "err") not in targets:
            raise LocalError(f"gear {station.name!r} rejects to its port 'err', which has no wire")
        for port in outputs[index]:
            if port in _NOT_PORTS or port[:3] == "on_" or port[0] == "_":
                raise LocalError(f"gear {station.name!r} cannot have an output called {port!r}")
            found = targets.get((index, port), [])
            output = Loose() if not found else found[0] if len(found) == 1 else Fan(found)
            station.outputs[port] = output
            setattr(station.gear, port, output.deliver)


def _wire_up(rack, rig: dict) -> None:
    stations = rack.stations
    senders = [
        index
        for index, entry in enumerate(rig["gears"])
        if stations[index].gear.sends_outside or entry.get("sends_outside")
    ]
    guards: dict = {}
    if senders:
        # Whatever the rig says: what was not archived does not leave.
        from fluxrig.archive.invariant import check_archived

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
    from fluxrig.archive.guaranteed import GuaranteedWire

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
