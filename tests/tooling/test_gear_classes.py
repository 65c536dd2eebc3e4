"""What a Gear's class says of itself, which a Rack goes by, is what its manifest says, which the compiler goes by."""

from pathlib import Path

import pytest

import fluxrig.gears
from fluxrig import registry
from fluxrig_tooling.rig import Catalog

BUILT_IN = Path(next(iter(fluxrig.gears.__path__)))
TYPES = sorted(path.parent.name for path in BUILT_IN.glob("*/manifest.toml"))


@pytest.mark.parametrize("name", TYPES)
def test_class_and_manifest_agree(name: str):
    manifest = Catalog().manifest(name)
    gear_class = registry.gear_class(name)
    assert gear_class.sends_outside is manifest.sends_outside
    assert gear_class.archives is manifest.archives
    assert gear_class.__name__ == manifest.class_name
