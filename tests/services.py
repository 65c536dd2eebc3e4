"""Programs of other people that tests run against: found on PATH, skipped where missing, demanded in CI."""

import os
import shutil
from typing import NoReturn

import pytest

_PACKAGES = {
    "cc": "gcc",
    "mosquitto_passwd": "mosquitto",
    "mosquitto_pub": "mosquitto-clients",
    "mosquitto_sub": "mosquitto-clients",
    "mbpoll": "mbpoll",
    "pkg-config": "pkg-config",
}


def require(program: str) -> str:
    """The path of `program`. Skips the test where it is not installed, fails it when FLUXRIG_REQUIRE_SERVICES=1."""
    # Debian keeps daemons out of an ordinary user's PATH.
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")
    if path is None:
        missing(f"{program} is not installed (Debian: apt-get install {_PACKAGES.get(program, program)})")
    return path


def missing(what: str) -> NoReturn:
    """Skip the test for `what`, or fail it where every service is demanded."""
    if os.environ.get("FLUXRIG_REQUIRE_SERVICES") == "1":
        pytest.fail(what)
    pytest.skip(what)
