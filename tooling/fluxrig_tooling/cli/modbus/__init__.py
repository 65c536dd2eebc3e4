"""`fluxrig modbus`: look into a device by hand. Each verb is a module of its own, imported when it is used.

A command line is read as a small rig (`small_rig`), so that links, addresses and types mean here what they mean in a
rig, and what travels on the wire comes from the same core as that of the Gear (`session`).
"""

from __future__ import annotations

from fluxrig_tooling.cli.lazy import LazyGroup

command = LazyGroup(
    "modbus",
    help="Look into a Modbus device by hand: read, write, find and understand it.",
    commands_in={
        "read": (f"{__name__}.read", "Read registers, coils and inputs, once or again and again."),
        "write": (f"{__name__}.write", "Write a value, after a question, and read it back."),
        "scan": (f"{__name__}.scan", "Find out which units answer on a line. Only reads."),
        "identify": (f"{__name__}.identify", "Ask a device who made it, and what it is."),
        "learn": (f"{__name__}.learn", "Find the registers behind what a panel shows."),
    },
)
