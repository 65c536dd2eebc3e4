"""Rig files: load and check one, compile it for a Rack, draw it.

    model, problems = load("rig.yaml")
    for problem in problems:
        print(problem)
    if model:
        flux = pack(compile_rig(model, "line-1"))

What stands here is imported when it is used: who only wants a suggestion or a size needs no YAML and no JSON Schema.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fluxrig_tooling.rig.catalog import Catalog, register_gears
    from fluxrig_tooling.rig.compile import compile_rig
    from fluxrig_tooling.rig.editor import rig_schema
    from fluxrig_tooling.rig.graph import mermaid
    from fluxrig_tooling.rig.loader import load, load_text

__all__ = ["Catalog", "compile_rig", "load", "load_text", "mermaid", "register_gears", "rig_schema"]

_MODULES = {
    "Catalog": "catalog",
    "compile_rig": "compile",
    "load": "loader",
    "load_text": "loader",
    "mermaid": "graph",
    "register_gears": "catalog",
    "rig_schema": "editor",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
