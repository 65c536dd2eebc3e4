"""The simulated plant as a process: a press behind Modbus/TCP and an MQTT broker, on ports of the system's choice."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "tooling/fluxrig_tooling/rig/examples"
END_S = 15


@dataclass(frozen=True)
class Plant:
    modbus_port: int
    mqtt_port: int

    def rig(self, folder: Path) -> Path:
        """The example rig, pointed at this plant, as a file in `folder`."""
        text = (EXAMPLES / "press.yaml").read_text(encoding="utf-8")
        text = text.replace("127.0.0.1:5020", f"127.0.0.1:{self.modbus_port}")
        text = text.replace("127.0.0.1:1883", f"127.0.0.1:{self.mqtt_port}")
        path = folder / "press.yaml"
        path.write_text(text, encoding="utf-8")
        return path


@contextmanager
def running_plant() -> Iterator[Plant]:
    process = subprocess.Popen(
        [sys.executable, "-m", "fluxrig_tooling.sim.plant"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    try:
        yield Plant(**json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(END_S)
        process.stdout.close()
