"""Whether each link that `io_modbus` Gears ask devices over can be opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fluxrig.errors import FluxError
from fluxrig.host import Host
from fluxrig_tooling.rig.lower.io_modbus.link import RTU
from fluxrig_tooling.rig.probe import CONNECT_MS, FAILED, OK, Finding


async def probe(gears: list[dict[str, Any]], host: Host) -> AsyncIterator[Finding]:
    """A finding for each line, which several gears may share. Nothing is sent."""
    users: dict[str, list[str]] = {}
    links: dict[str, dict[str, Any]] = {}
    for gear in gears:
        line = gear["config"]["line"]
        users.setdefault(line, []).append(gear["name"])
        links[line] = gear["config"]["link"]
    for line, link in links.items():
        check = f"link of {', '.join(users[line])}"
        is_serial = link["kind"] == RTU
        try:
            if is_serial:
                stream = await host.serial(link["serial"])
            else:
                stream = await host.connect(link["address"], link["port"], CONNECT_MS)
        except FluxError as exc:
            fix = "see `ls -l /dev/serial/by-id`" if is_serial else "check the address, cable and firewall"
            busy = "the rig may run already" if is_serial else "some PLCs take one connection at a time"
            yield Finding(check, FAILED, str(exc), f"{fix}; {busy}")
        else:
            await stream.close()
            yield Finding(check, OK, f"{line} {'can be opened' if is_serial else 'accepts connections'}")
