"""One cycle over 500 tags that lie in 40 fragments: a rig file as the compiler plans it, and pymodbus by hand."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from fluxrig.flux import pack
from fluxrig_tooling.rig import compile_rig, load
from tests.bench.contest import FIRST, Contestant, measure, on_processor
from tests.bench.figure import Figure
from tests.bench.modbus_cycle_clients import FRAGMENTS, TAGS
from tests.libmodbus import running_server

AREA = "modbus_cycle"
ROUNDS = 20
ONE_BY_ONE = "pymodbus async, a request a tag"
MERGED = "pymodbus async, the same requests"

RIG = """\
fluxrig: 1
meta: {{name: cycle, version: 1.0.0}}
uns: {{enterprise: acme, site: montevideo}}
gears:
  - name: plc
    type: io_modbus
    config:
      link: tcp://127.0.0.1:{port}
      pipeline: {pipeline}
      tags:
{tags}
"""


def figures() -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with on_processor(FIRST):
            port = stack.enter_context(running_server())[0]
        flux = str(_compiled(folder, port))
        found = measure(
            [
                _contestant("fluxrig", 100, flux),
                _contestant(ONE_BY_ONE, 1, str(port)),
                _contestant(MERGED, 10, str(port)),
            ],
            ROUNDS,
        )
    ours = found["fluxrig"].per_second
    name = f"cycles over {len(TAGS)} tags in {len(FRAGMENTS)} fragments"
    yield Figure(AREA, name, "/s", ours, ONE_BY_ONE, found[ONE_BY_ONE].per_second, 200, True)
    yield Figure(AREA, name, "/s", ours, MERGED, found[MERGED].per_second, 8, True)


def _compiled(folder: Path, port: int) -> Path:
    tags = "\n".join(f"        {tag}: {{address: hr:{address}}}" for tag, address in TAGS.items())
    source = folder / "cycle.yaml"
    source.write_text(RIG.format(port=port, pipeline=len(FRAGMENTS), tags=tags), encoding="utf-8")
    model, problems = load(source)
    assert model, list(problems)
    rig = compile_rig(model, model.racks[0].name)
    assert len(rig["gears"][0]["config"]["polls"][0]["requests"]) == len(FRAGMENTS)
    flux = folder / "cycle.flux"
    flux.write_bytes(pack(rig))
    return flux


def _contestant(name: str, count: int, argument: str) -> Contestant:
    return Contestant(name, [sys.executable, "-m", "tests.bench.modbus_cycle_clients", name, argument], count)
