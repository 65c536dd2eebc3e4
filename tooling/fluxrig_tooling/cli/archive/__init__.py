"""`fluxrig archive`: what a Rack has archived, read from its files. Each verb is a module of its own.

Nothing is locked and nothing is written, so a Rack may go on archiving meanwhile.
"""

from __future__ import annotations

from fluxrig_tooling.cli.lazy import LazyGroup

command = LazyGroup(
    "archive",
    help="Verify, read and export what a Rack has archived. Needs no Rack, and may run beside one.",
    commands_in={
        "verify": (f"{__name__}.verify", "Check that nothing in an archive was changed."),
        "checkpoint": (f"{__name__}.checkpoint", "Print where the chain stands, to be kept elsewhere."),
        "show": (f"{__name__}.show", "Print messages, one a line; follow them as they come."),
        "stats": (f"{__name__}.stats", "Say what an archive holds, in figures."),
        "export": (f"{__name__}.export", "Write messages as JSON Lines, CSV or Parquet."),
        "extract": (f"{__name__}.extract", "Print every message of one trace: the path of an event."),
    },
)
