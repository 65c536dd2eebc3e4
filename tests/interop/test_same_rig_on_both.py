"""The example rig on both interpreters: pymodbus serves the registers, mosquitto keeps the namespace."""

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from fluxrig.flux import pack
from fluxrig_tooling.rig import compile_rig, load
from fluxrig_tooling.sim.press import STATES, Press
from tests.interpreter import MICROPYTHON, ROOT, micropython_environment
from tests.plant import EXAMPLES
from tests.ports.brokers import Brokers
from tests.services import require
from tests.umqtt import require_umqtt

STANDING_MS = 3_600_000  # a press whose next step nobody sees, so that every value is known
FOLDER = "acme/montevideo/press-shop/line-1"
BOARDS = {"cpython": "GENERIC", "micropython": "UNIX"}
HEAP = "heapsize=160wk"
"""Where a board runs code that is frozen into its flash, a fourth of that is enough: most of it is code."""

STATUS = f"{FOLDER}/_rack/line-1"
CHECKPOINT = f"{STATUS}/archive/checkpoint"


def compiled(modbus_port: int, mqtt_port: int, board: str) -> bytes:
    overrides = {
        "gears.plc.config.link": f"tcp://127.0.0.1:{modbus_port}",
        "gears.uns.config.broker": f"mqtt://127.0.0.1:{mqtt_port}",
        "racks.line-1.board": board,
    }
    model, problems = load(EXAMPLES / "press.yaml", overrides)
    assert model, list(problems)
    return pack(compile_rig(model, "line-1"))


def command(interpreter: str, flux: Path, state: Path) -> tuple[list[str], dict[str, str]]:
    if interpreter == "cpython":
        program = str(Path(sys.executable).parent / "fluxrig")
        return [program, "rig", "run", str(flux), "--seconds", "2", "--state", str(state)], dict(os.environ)
    start = f"from fluxrig_ports.micropython.run import main; main({str(flux)!r}, 2, {str(state)!r})"
    return [str(MICROPYTHON), "-X", HEAP, "-c", start], micropython_environment(str(require_umqtt()))


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
async def test_registers_become_the_namespace(interpreter: str, tmp_path: Path):
    require("mosquitto")
    brokers = Brokers(tmp_path)
    try:
        port = await brokers.start("mosquitto")
        async with Press(step_ms=STANDING_MS) as press:
            flux = tmp_path / "line-1.flux"
            flux.write_bytes(compiled(press.port, port, BOARDS[interpreter]))
            arguments, environment = command(interpreter, flux, tmp_path / "state")
            process = await asyncio.create_subprocess_exec(
                *arguments, cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            _, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
            expected = expected_values(press)
        retained = {topic: json.loads(text) for topic, text in (await brokers.retained(port, "acme/#")).items()}
    finally:
        brokers.close()
    assert retained.pop(STATUS)["v"] == "offline", "it said so when it ended"
    assert retained.pop(CHECKPOINT)["v"]["machine"] == "line-1"
    assert {topic: entry["v"] for topic, entry in retained.items()} == expected
    assert {entry["q"] for entry in retained.values()} == {"good"}
    assert all(isinstance(entry["t"], int) for entry in retained.values())


def expected_values(press: Press) -> dict[str, Any]:
    """What the topics must hold: the process values, as the registers can carry them."""
    values = asdict(press.values)
    values["state"] = STATES[press.values.state]
    values["oil_temp"] = pytest.approx(press.values.oil_temp, abs=0.051)  # the register holds tenths
    for name in ("pressure", "flow"):
        values[name] = pytest.approx(values[name], rel=1e-6)  # and these 32 bits
    return {f"{FOLDER}/press/{name}": value for name, value in values.items()}
