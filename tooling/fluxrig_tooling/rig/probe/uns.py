"""Whether each broker that a `uns` Gear publishes to takes a session with the configured user."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

from fluxrig.errors import FluxError, LocalError
from fluxrig.host import Host
from fluxrig_tooling.rig.probe import CONNECT_MS, FAILED, OK, WARNING, Finding


async def probe(gears: list[dict[str, Any]], host: Host) -> AsyncIterator[Finding]:
    """A finding for each gear."""
    for gear in gears:
        yield await _session(f"broker of {gear['name']}", gear["config"]["broker"], host)


async def _session(check: str, broker: dict[str, Any], host: Host) -> Finding:
    # An id of its own: a broker ends the session of a running Rack when another client takes its id.
    options = {**broker, "client_id": f"{broker['client_id']}-doctor-{os.getpid()}", "will": None}
    for key in ("user", "password"):
        secret = broker[key]
        if isinstance(secret, dict):
            try:
                options[key] = host.secret(secret["secret"])
            except LocalError:
                return Finding(check, WARNING, f"not tried, because secret {secret['secret']!r} cannot be used")
    try:
        session = host.mqtt(options)
        await session.connect(CONNECT_MS)
    except FluxError as exc:
        return Finding(check, FAILED, str(exc), "check address, user and password, and that the broker is running")
    await session.close()
    return Finding(check, OK, f"{broker['address']}:{broker['port']} takes the session")
