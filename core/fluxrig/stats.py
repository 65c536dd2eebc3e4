"""What a Rack counts, in one map. See `Rack.stats`."""


def stats_of(rack) -> dict:
    """The counters of a Rack and of everything in it."""
    gears = {}
    for station in rack.stations:
        entry = {
            "in": sum([wire.count for wire in station.inbound]),
            "errors": station.errors,
            "rejected": station.rejected,
            "dropped": station.dropped,
            "refused": station.refused,
            "unwired": station.unwired(),
            "alive": station.alive,
        }
        entry.update(station.gear.stats())
        gears[station.name] = entry
    tickers = {}
    for ticker in rack.schedule.tickers:
        lateness = ticker.lateness
        tickers[ticker.name] = {
            "ticks": ticker.ticks,
            "missed": ticker.missed,
            "late_us_p50": lateness.percentile(50),
            "late_us_p99": lateness.percentile(99),
            "late_us_max": lateness.max,
        }
    stats = {
        "gears": gears,
        "tickers": tickers,
        "restarts": rack.supervisor.restarts,
        "missed": rack.schedule.missed(),
    }
    if rack.archive is not None:
        stats["archive"] = {name: getattr(rack.archive, name) for name in rack.archive.counters}
    if rack.guaranteed:
        stats["wires"] = {wire.name: wire.stats() for wire in rack.guaranteed}
    if rack.lines:
        stats["lines"] = {
            key: {name: getattr(line, name) for name in line.counters} for key, (line, _) in rack.lines.items()
        }
    return stats
