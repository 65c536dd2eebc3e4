"""Nothing leaves the Rack that has not been archived on it: the check of a rig as it is loaded.

The compiler puts a correlator wherever a path to a Gear that sends outside has none. This is for a rig that did not
come from it. What a Gear on such a path makes itself, of no archived message, is refused at run time (`Station.wire`).
"""

from fluxrig.errors import LocalError


def check_archived(stations: list, sources: dict, senders: list[int]) -> None:
    """Every path to a station in `senders` (indexes) has to leave a Gear that `archives`, by a port other than `err`.

    `sources` are the wires, forward only: {to index: [(from index, from port), …]}. LocalError that names a path which
    does not.
    """
    # One that receives nothing has nothing to send.
    ahead = [(sender, stations[sender].name) for sender in senders if sender in sources]
    reached: set = set()
    while ahead:
        index, path = ahead.pop()
        if index in reached:
            continue
        reached.add(index)
        if index not in sources:
            raise LocalError(
                f"refused: what {stations[index].name!r} says would leave this Rack without having been archived "
                f"({path}): put a correlator on the way, or compile the rig again with this release, which does so"
            )
        for source, port in sources[index]:
            if port == "err" or not stations[source].gear.archives:
                ahead.append((source, f"{stations[source].name}.{port} -> {path}"))
