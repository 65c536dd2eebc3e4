"""The orders of the bytes of a value over several registers. A is its most significant byte."""

from __future__ import annotations

ABCD, BADC, CDAB, DCBA = ORDERS = ("ABCD", "BADC", "CDAB", "DCBA")
"""Of 32 bits; 64 bits go on likewise."""

LONG_ORDERS = {"ABCDEFGH": ABCD, "BADCFEHG": BADC, "GHEFCDAB": CDAB, "HGFEDCBA": DCBA}
"""The orders of 64 bits in full, and the short form of each."""

ALL_ORDERS = (*ORDERS, *LONG_ORDERS)


def byte_places(order: str, registers: int) -> list[int]:
    """Which bytes of so many registers, as Modbus sends them, make up the value, most significant byte first.

    `order` is one of `ORDERS`.
    """
    places = list(range(2 * registers))
    if order in (CDAB, DCBA):
        places.reverse()
    if order in (CDAB, BADC):
        places = [place for pair in zip(places[1::2], places[::2], strict=True) for place in pair]
    return places
