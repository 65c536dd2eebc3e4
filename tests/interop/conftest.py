"""The Modbus peers of these tests, for the whole session, and the programs that they need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.libmodbus import compiled
from tests.peers.modbus_peers import ModbusPeers
from tests.ports.peer import ask
from tests.services import require


@pytest.fixture(scope="session")
def modbus_peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port at which peers take commands."""
    require("mbpoll")
    folder: Path = tmp_path_factory.mktemp("libmodbus")
    with ModbusPeers(str(compiled("libmodbus_server", folder))) as port:
        yield port


@pytest.fixture(autouse=True)
def steered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files called test_wire_* run against these peers, under both interpreters."""
    if not request.path.name.startswith("test_wire_") and request.path.name != "test_on_micropython.py":
        yield
        return
    monkeypatch.setenv("FLUXRIG_PEERS", str(request.getfixturevalue("modbus_peers")))
    yield
    ask("close_servers")
