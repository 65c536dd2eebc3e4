"""The other side of every test here: asks `tests.ports.peers`, which runs in the process of pytest, for its doings.

It blocks the event loop, so that nothing of the platform under test runs while the peer acts. It uses no part of that
platform, and works on both interpreters.
"""

import json
import os
import socket

HERE = "127.0.0.1"


def ask(command: str, *arguments):
    """Do `command` on the other side. Its answer; fails the test when the peer could not."""
    sock = socket.socket()
    try:
        sock.connect(socket.getaddrinfo(HERE, int(os.getenv("FLUXRIG_PEERS") or "0"))[0][-1])
        sock.send(json.dumps([command, list(arguments)]).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            chunk = sock.recv(256)
            assert chunk, f"the peer has no answer to {command} {arguments}"
            line += chunk
    finally:
        sock.close()
    failure, answer = json.loads(line)
    assert not failure, f"{command} {arguments}: {failure}"
    return answer


def open_port(behaviour: str) -> int:
    """The port of a new TCP server that behaves as `Behaviours.<behaviour>` says."""
    return ask("tcp", behaviour)
