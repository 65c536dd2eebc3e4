"""fluxrig's tooling, on CPython only: rig files, boards, simulators and the `fluxrig` command."""
