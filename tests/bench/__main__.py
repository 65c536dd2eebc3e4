"""`python -m tests.bench [AREA…] [--json | --markdown]`: every figure beside its peer, measured in the same run.

`modbus` stands for all areas that begin so. An area whose peers are not installed is left out, and says so.

Exit 0 when the benchmarks ran, whether or not a goal was met; 2 for an unknown area.
"""

import argparse
import json
import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module

import pytest
from rich.console import Console, JustifyMethod
from rich.table import Table

from tests.bench.figure import Figure

AREAS = (
    "bus",
    "codec",
    "journal",
    "journal_flash",
    "journal_pipeline",
    "journal_verify",
    "memory",
    "modbus",
    "modbus_cycle",
    "modbus_device",
    "modbus_fleet",
    "modbus_lateness",
    "scheduler",
    "start",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("area", nargs="*", metavar="AREA", help=f"any of: {', '.join(AREAS)} (default: all)")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output, nothing else")
    parser.add_argument("--markdown", action="store_true", help="the figures with a goal, as the README quotes them")
    arguments = parser.parse_args()
    unknown = [area for area in arguments.area if area not in AREAS]
    if unknown:
        parser.error(f"unknown area {unknown[0]!r} (have: {', '.join(AREAS)})")
    progress = Console(stderr=True)
    figures: list[Figure] = []
    for area in _chosen(arguments.area):
        progress.print(f"measuring {area} …", highlight=False)
        try:
            figures.extend(import_module(f"tests.bench.{area}").figures())
        except pytest.skip.Exception as missing:
            progress.print(f"left out: {missing}", highlight=False)
    if arguments.json:
        print(json.dumps({**_machine(), "figures": [figure.as_dict() for figure in figures]}, indent=2))
    elif arguments.markdown:
        print("\n".join(_markdown(figures)))
    else:
        _show(figures)
    return 0


def _chosen(names: list[str]) -> Iterator[str]:
    for area in AREAS:
        if not names or area in names or area.partition("_")[0] in names:
            yield area


def _machine() -> dict[str, str]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {_cpu()}",
        "python": platform.python_version(),
    }


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="ascii") as lines:  # noqa: PTH123 - read line by line
            models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        return platform.processor()
    return f"{len(models)} x {models[0]}" if models else platform.processor()


def _markdown(figures: list[Figure]) -> Iterator[str]:
    yield f"{', '.join(_machine().values())}."
    yield ""
    yield "| figure | ours | peer | ratio | goal |"
    yield "|---|---|---|---|---|"
    for figure in figures:
        if figure.goal is not None:
            goal = f"{_sign(figure)} {figure.goal:g}" + ("" if figure.met else ", **missed**")
            name = f"{figure.area}: {figure.name}"
            yield f"| {name} | {figure.ours_text} | {figure.peer_text} | {figure.ratio:.2f} | {goal} |"


def _sign(figure: Figure) -> str:
    return "≥" if figure.higher_is_better else "≤"


def _show(figures: list[Figure]) -> None:
    table = Table(title=" | ".join(_machine().values()))
    for heading in ("area", "figure", "ours", "peer", "ratio", "goal", "met"):
        justify: JustifyMethod = "right" if heading in ("ours", "ratio", "goal") else "left"
        table.add_column(heading, justify=justify, overflow="fold")
    for figure in figures:
        table.add_row(
            figure.area,
            figure.name,
            figure.ours_text,
            figure.peer_text,
            f"{figure.ratio:.2f}",
            "" if figure.goal is None else f"{_sign(figure)} {figure.goal:g}",
            {None: "", True: "yes", False: "NO"}[figure.met],
        )
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
