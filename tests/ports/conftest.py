"""The peers of these tests, for the whole session, and the programs some of them need."""

import os
from collections.abc import Iterator

import pytest

from tests.ports.peers import Peers
from tests.services import require


@pytest.fixture(scope="session", autouse=True)
def peers() -> Iterator[None]:
    with Peers() as port:
        os.environ["FLUXRIG_PEERS"] = str(port)
        os.environ["FLUXRIG_SECRET_FROM_ENVIRONMENT"] = "kept in the environment"
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "mosquitto" in item.name or "mosquitto" in item.path.name:
        require("mosquitto")
