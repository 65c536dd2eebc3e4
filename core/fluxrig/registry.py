"""Gears by type name. A Gear is imported only when a rig uses it."""

from fluxrig.errors import LocalError

_GEARS = {
    "console": ("fluxrig.gears.console.console", "Console"),
    "correlator": ("fluxrig.gears.correlator.correlator", "Correlator"),
    "filter": ("fluxrig.gears.filter.filter", "Filter"),
    "io_modbus": ("fluxrig.gears.io_modbus.io_modbus", "IoModbus"),
    "uns": ("fluxrig.gears.uns.uns", "Uns"),
}


def register(type_name: str, module: str, class_name: str) -> None:
    """Add a Gear type. Raises LocalError when the name is taken by another class."""
    entry = (module, class_name)
    if _GEARS.setdefault(type_name, entry) != entry:
        raise LocalError(f"gear type {type_name!r} is already {_GEARS[type_name][0]}, cannot be {module} too")


def types() -> dict:
    """Every known type: {type name: (module, class name)}."""
    return dict(_GEARS)


def gear_class(type_name: str):
    """The class of a Gear type. Raises LocalError when there is none on this Rack, or its code cannot be imported."""
    if type_name not in _GEARS:
        raise LocalError(f"unknown gear type {type_name!r}: this Rack has {', '.join(sorted(_GEARS))}")
    module, class_name = _GEARS[type_name]
    # The fourth argument makes __import__ return the leaf module, on both interpreters.
    try:
        return getattr(__import__(module, None, None, (class_name,)), class_name)
    except (ImportError, SyntaxError, AttributeError) as exc:
        raise LocalError(f"gear type {type_name!r}: class {class_name} of {module} cannot be loaded: {exc}")
