"""fluxrig core: the same code on MicroPython and CPython."""

__version__ = "0.1.0"
