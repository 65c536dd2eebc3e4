"""The ids that a Modbus unit can have.

Sources: MODBUS over Serial Line V1.02 ("SL" below), MODBUS Messaging on TCP/IP Implementation Guide V1.0b ("TCP").
"""

from __future__ import annotations

MAX_SERIAL_UNIT_ID = 247
"""On a serial line, and behind a gateway to one. The ids above are reserved, and 0 means all units (SL section 2.2)."""

MAX_TCP_UNIT_ID = 255
"""Over TCP the id is any byte; a device without units behind it may answer to 255 alone (TCP section 4.4.1.2)."""

SERIAL_UNIT_IDS = range(1, MAX_SERIAL_UNIT_ID + 1)
"""The ids of single units on a serial line."""
