"""`fluxrig archive checkpoint`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fluxrig_tooling.cli.archive.folder import folder_argument
from fluxrig_tooling.cli.common import json_option, print_json, refused


@click.command("checkpoint", short_help="Print where the chain stands, to be kept elsewhere.")
@folder_argument
@json_option
def command(folder: Path, as_json: bool) -> None:
    """Print the last link of the archive in DIR, as one line of JSON; --json adds whether it went well.

    Kept where nobody who can write the archive can change it, it is an anchor: `archive verify --anchor` compares the
    archive with it later. The segment it is in is verified first; exits 1 when that fails.

    \b
    Example:
      fluxrig archive checkpoint /var/lib/fluxrig/line-1/archive |
        ssh vault 'cat >> line-1.anchors'
    """
    from fluxrig.errors import LocalError
    from fluxrig_tooling.archive.last import last_checkpoint

    try:
        anchor = last_checkpoint(folder)
    except LocalError as exc:
        raise refused(str(exc), as_json) from exc
    if as_json:
        print_json({"ok": True, **anchor.as_dict()})
        return
    click.echo(json.dumps(anchor.as_dict()))
