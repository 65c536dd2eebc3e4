"""The demo's plant, as a process of its own: a press behind Modbus/TCP and an MQTT broker, both on loopback.

`python -m fluxrig_tooling.sim.plant` prints {"modbus_port", "mqtt_port"} and serves until its standard input closes.
It is a separate process so that its work does not show in the timing of the Rack that reads it.
"""

from __future__ import annotations

import logging

from fluxrig_tooling.sim.child import say, serve, stdin_closed


async def main() -> None:
    # Here, so that what keeps them from being imported is said as what else keeps them from starting.
    from fluxrig_tooling.sim.broker import EmbeddedBroker
    from fluxrig_tooling.sim.press import Press

    # pymodbus reports every client that leaves; here they leave when the demo ends.
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)
    async with Press() as press, EmbeddedBroker() as broker:
        closed = stdin_closed()
        say({"modbus_port": press.port, "mqtt_port": broker.port})
        await closed.wait()


if __name__ == "__main__":
    serve(main())
