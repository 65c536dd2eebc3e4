"""`fluxrig doctor RIG`: what would keep this machine from running the rig, and how to fix it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fluxrig_tooling.cli.common import FOLDER, RIG_FILE, compiled, json_option, print_json, rack_option
from fluxrig_tooling.cli.terminal import fitted, say

COLUMN = 9
"""Where the text of a finding begins, behind its result."""

STYLES = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command("doctor")
@click.argument("rig", type=RIG_FILE)
@rack_option
@click.option("--state", type=FOLDER, metavar="DIR", help="Secrets, archive and files; ~/.config/fluxrig/RACK.")
@json_option
def command(rig: Path, rack: str | None, state: Path | None, as_json: bool) -> None:
    """Check that this machine can run RIG, and name the fix for each finding.

    Looks at file permissions, secrets, free disk, the archive, the clock, serial devices, and whether every device and
    broker that the rig names answers. It reads only: nothing is written to a device.

    \b
    Example:
      fluxrig doctor press.yaml
    """
    from fluxrig_ports.cpython.host import CPythonHost
    from fluxrig_ports.cpython.loop import run
    from fluxrig_tooling.cli.diagnosis import RUNS_ALREADY, diagnose

    data = compiled(rig, rack, as_json)
    state_dir = state or Path(click.get_app_dir("fluxrig")) / data["rack"]
    findings = run(diagnose(data, CPythonHost(state_dir), state_dir))
    failed = [finding for finding in findings if finding.result == "failed"]
    if as_json:
        print_json({"ok": not failed, "findings": [finding.as_dict() for finding in findings]})
    else:
        for finding in findings:
            label = click.style(f"{finding.result:<8}", fg=STYLES[finding.result])
            detail = fitted(f"{'':<{COLUMN}}{finding.check}: {finding.detail}", sys.stdout)
            click.echo(f"{label} {detail[COLUMN:]}")
            if finding.fix:
                say(f"{'':<{COLUMN}}fix: {finding.fix}")
        verdict = "this machine can run the rig"
        if any(finding.fix == RUNS_ALREADY for finding in findings):
            verdict = "the rig runs on this machine already"
        click.echo(f"{len(failed)} of {len(findings)} checks failed" if failed else verdict)
    if failed:
        raise SystemExit(1)
