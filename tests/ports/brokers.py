"""Real MQTT brokers, and a look at what they hold through a client that is neither paho nor umqtt.

A broker runs as its own process, so that it can be killed. A gate stands before it: a relay that a test can cut, as a
cable is, or freeze, as a dead radio link does.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

from amqtt.client import MQTTClient  # type: ignore[import-untyped]
from amqtt.mqtt.constants import QOS_0, QOS_1  # type: ignore[import-untyped]
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from tests.services import require

USER, PASSWORD = "rack", "right"
START_S = 10.0
TOLD_S = 2.0

AMQTT_PROGRAM = """
import asyncio, sys
from amqtt.broker import Broker
async def main(port, passwords):
    auth = {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": passwords}} if passwords else {
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:" + port}}, "plugins": auth})
    await broker.start()
    await asyncio.Event().wait()
asyncio.run(main(*sys.argv[1:]))
"""


class Brokers:
    """Brokers and gates by port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._gates: dict[int, Gate] = {}
        self._witnesses: dict[int, MQTTClient] = {}

    async def start(self, kind: str, port: int = 0, with_passwords: bool = False) -> int:
        """Start a `mosquitto` or an `amqtt` broker. Its port, where it accepts connections."""
        port = port or _free_port()
        command = self._mosquitto(port, with_passwords) if kind == "mosquitto" else self._amqtt(port, with_passwords)
        log = (self._folder / f"broker-{port}.log").open("ab")
        self._processes[port] = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        async with asyncio.timeout(START_S):
            while not await _answers(port):
                await asyncio.sleep(0.02)
        return port

    def kill(self, port: int) -> None:
        """End the broker at once, without a farewell."""
        process = self._processes.pop(port)
        self._witnesses.pop(port, None)
        process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        process.wait()

    async def gate(self, port: int) -> int:
        """A port that leads to `port`, until `cut` or `freeze`."""
        gate = Gate(port)
        self._gates[await gate.open()] = gate
        return gate.port

    def cut(self, port: int) -> None:
        self._gates[port].cut()

    def freeze(self, port: int) -> None:
        self._gates[port].frozen = True

    async def retained(self, port: int, topics: str) -> dict[str, bytes]:
        """What the broker retains under the filter `topics`, as a new subscriber is told. TimeoutError when it is not.

        What is retained under the first filter of a subscription is sent before what is retained under the second.
        """
        client = await self._witness(port)
        marker = f"end/{uuid.uuid4()}"
        found: dict[str, bytes] = {}
        await client.publish(marker, b"end", qos=QOS_1, retain=True)
        await client.subscribe([(topics, QOS_0), (marker, QOS_0)])
        try:
            while marker not in found:
                message = await client.deliver_message(timeout_duration=TOLD_S)
                if message.publish_packet.retain_flag:
                    found[message.topic] = bytes(message.data or b"")
        finally:
            await client.unsubscribe([topics, marker])
            await client.publish(marker, b"", qos=QOS_1, retain=True)
        del found[marker]
        return found

    async def _witness(self, port: int) -> MQTTClient:
        """Our own session with that broker. One for all questions: amqtt drops who connects while another leaves."""
        if port not in self._witnesses:
            client = MQTTClient(config={"auto_reconnect": False})
            await client.connect(f"mqtt://{USER}:{PASSWORD}@127.0.0.1:{port}")
            self._witnesses[port] = client
        return self._witnesses[port]

    def close(self) -> None:
        for gate in self._gates.values():
            gate.cut()
        for port in list(self._processes):
            self.kill(port)

    def _mosquitto(self, port: int, with_passwords: bool) -> list[str]:
        lines = [f"listener {port} 127.0.0.1", f"allow_anonymous {'false' if with_passwords else 'true'}"]
        if os.name == "posix" and os.geteuid() == 0:
            lines.append("user root")  # it would otherwise drop to an account that cannot read our files
        if with_passwords:
            passwords = self._folder / f"passwords-{port}"
            subprocess.run([require("mosquitto_passwd"), "-b", "-c", passwords, USER, PASSWORD], check=True)
            lines.append(f"password_file {passwords}")
        config = self._folder / f"mosquitto-{port}.conf"
        config.write_text("\n".join(lines) + "\n")
        return [require("mosquitto"), "-c", str(config)]

    def _amqtt(self, port: int, with_passwords: bool) -> list[str]:
        passwords = ""
        if with_passwords:
            path = self._folder / f"passwords-{port}"
            path.write_text(f"{USER}:{PasswordHash((Argon2Hasher(),)).hash(PASSWORD)}\n")
            passwords = str(path)
        return [sys.executable, "-c", AMQTT_PROGRAM, str(port), passwords]


class Gate:
    """A TCP relay. `frozen` keeps the connections and loses what is sent."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.frozen = False
        self._target = target
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> int:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return self.port

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, there_writer]
        await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if not self.frozen:
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
