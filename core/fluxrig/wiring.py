"""Puts a Rack together: its archive, its Gears, and the wires, hot ones on the bus, guaranteed ones by the archive."""

from fluxrig import registry
from fluxrig.bus import FanOut, Station, Unconnected
from fluxrig.errors import FluxError, LocalError
from fluxrig.gear import REJECT, Context

RESERVED = (
    "archives",
    "counters",
    "deliver_",
    "drain",
    "init",
    "killed",
    "on_",
    "preview_",
    "recall_",
    "sends_outside",
    "start",
    "stats",
    "stop",
    "_",
)
"""What the Rack looks for in a Gear. No output port can have such a name, or one that begins with what ends in `_`."""


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
    for entry in rig["gears"]:
        gear = registry.gear_class(entry["type"])()
        station = Station(entry["name"], gear, entry["on_error"], rack.host.log, rack.release)
        rack.stations.append(station)
        contexts.append(Context(rack, station, entry))
    connect(rack.stations, [entry["outputs"] for entry in rig["gears"]], _deliveries(rack, rig, contexts))
    for context in contexts:
        try:
            context.station.gear.init(context)
        except FluxError as exc:
            raise LocalError(f"gear {context.name!r}: {exc}")
        except Exception as exc:
            raise LocalError(f"gear {context.name!r}: it cannot take its compiled config: {exc!r}")


def connect(stations: list[Station], outputs: list, deliveries: dict) -> None:
    """Bind every output port. `outputs[i]` holds the names of those of `stations[i]`.

    `deliveries` is {(station index, port): [delivery, …]}: what takes the messages of that port, each by its `deliver`,
    in this order. LocalError for a port that is not there, or whose name the Rack needs itself.
    """
    for index, port in deliveries:
        if port not in outputs[index]:
            raise LocalError(f"gear {stations[index].name!r}: there is no output port {port!r}")
    for index, station in enumerate(stations):
        if station.on_error == REJECT and (index, "err") not in deliveries:
            raise LocalError(f"gear {station.name!r}: it rejects to its port 'err', which has no wire")
        for port in outputs[index]:
            if is_reserved(port):
                raise LocalError(f"gear {station.name!r}: it cannot have an output called {port!r}")
            found = deliveries.get((index, port), [])
            output = Unconnected() if not found else found[0] if len(found) == 1 else FanOut(found)
            station.outputs[port] = output
            setattr(station.gear, port, output.deliver)


def is_reserved(port: str) -> bool:
    """Whether no output can be called `port`, because the Rack looks for something else by that name in a Gear."""
    return any([port.startswith(name) if name[-1] == "_" else port == name for name in RESERVED])


def _deliveries(rack, rig: dict, contexts: list[Context]) -> dict:
    """What takes the messages of each output, as `connect` has it. LocalError for wires that cannot be made."""
    senders = [
        index
        for index, entry in enumerate(rig["gears"])
        if contexts[index].station.gear.sends_outside or entry.get("sends_outside")
    ]
    # Whatever the rig says: what was not archived does not leave.
    allows = _allows_nothing if rack.archive is None else rack.archive.allows
    sources: dict = {}
    deliveries: dict = {}
    guaranteed: dict = {}  # the first such wire of each output
    for source, port, target, input_port, lane, *options in rig["wires"]:
        if lane == "hot":
            delivery = contexts[target].station.wire(input_port, allows if target in senders else None)
        elif lane == "guaranteed":
            ends = (contexts[source], port, contexts[target], input_port)
            wire = _guarantee(rack, ends, options[0], guaranteed.get((source, port)))
            guaranteed.setdefault((source, port), wire)
            delivery = wire.inlet
        else:
            raise LocalError(f"expected the lane of a wire to be hot or guaranteed, got {lane!r}")
        sources.setdefault(target, []).append((source, port))
        if delivery is not None:
            deliveries.setdefault((source, port), []).append(delivery)
    if senders:
        from fluxrig.archive.invariant import check_archived

        check_archived(rack.stations, sources, senders)
    return deliveries


def _guarantee(rack, ends: tuple, options: dict, first):
    """A guaranteed wire. Its code is loaded only where there is one."""
    from fluxrig.archive.guaranteed import GuaranteedWire

    if rack.archive is None:
        raise LocalError("a rig with guaranteed wires needs `archive`: compile it again with this release")
    source, output, target, port = ends
    wire = GuaranteedWire(source, output, target, port, options, first)
    rack.guaranteed.append(wire)
    rack.supervisor.add(wire.target, wire.name, wire.run)
    return wire


def _allows_nothing(msg) -> bool:
    """The guard of a Rack without an archive."""
    return False
