"""The four tables of a Modbus unit: coils, discrete inputs, holding and input registers."""

from __future__ import annotations

from fluxrig.modbus import pdu

BIT_TABLES = ("co", "di")
REGISTER_TABLES = ("hr", "ir")
TABLES = REGISTER_TABLES + BIT_TABLES

WRITABLE_TABLES = ("co", "hr")

TWINS = {"hr": "ir", "ir": "hr", "co": "di", "di": "co"}
"""The other table of the same items: where what is not in the one may be."""

READ_FUNCTIONS = {table: function for function, table in enumerate(pdu.TABLES) if table}
"""The function that reads each table."""

REFERENCE_TABLES = {"0": "co", "1": "di", "3": "ir", "4": "hr"}
"""The table that the first digit of a reference such as 40001 names."""
