"""The Host of `fluxrig rig run`: its log fits the terminal."""

from __future__ import annotations

import sys

from fluxrig_ports.cpython.host import CPythonHost
from fluxrig_tooling.cli.terminal import fitted

STAMP = len("2026-11-25T21:12:38.408Z warning ")


class TerminalHost(CPythonHost):
    def log(self, level: str, who: str, text: str) -> None:
        super().log(level, who, fitted(text, sys.stderr, STAMP + len(f"{who}: "), is_indented=True))
