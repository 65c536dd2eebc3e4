"""What an error means for who stands before the device, and what to try next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fluxrig.errors import FluxError
from fluxrig.modbus import exceptions
from fluxrig.modbus.line import NOT_CONNECTED, PROTOCOL_ERROR, TIMEOUT, LineError
from fluxrig.modbus.pdu import ExceptionResponse, span_text
from fluxrig.modbus.values import NOT_A_NUMBER, NOT_BCD, NOT_TEXT
from fluxrig_tooling.modbus.tables import READ_FUNCTIONS, TWINS

NO_ANSWER = (NOT_CONNECTED, TIMEOUT, PROTOCOL_ERROR)
"""The reasons that are not about what was asked for."""

TCP, GATEWAY, SERIAL = "tcp", "rtu+tcp", "rtu"
"""The kinds of links, as in a compiled rig."""

_SILENT = {
    TCP: "--unit and --timeout",
    GATEWAY: "--unit and --timeout, and baud rate, parity and wiring behind the gateway",
    SERIAL: "--unit, baud rate, parity and wiring",
}
"""What to check when there is no answer."""

_SCAN = "`fluxrig modbus scan` finds units"

_GARBLED = {
    TCP: "does Modbus/TCP listen at this port? a gateway may want rtu+tcp://",
    GATEWAY: "does the gateway pass on RTU? most want tcp://; else check baud rate and parity behind it",
    SERIAL: "check baud rate, parity, and that no one else talks there",
}
"""What to do about an answer that is none."""


@dataclass(frozen=True)
class Trouble:
    """`reason` is a word for programs, `text` a sentence for people, `hint` what to try."""

    reason: str
    text: str
    hint: str

    def __str__(self) -> str:
        return f"{self.text}\n    {self.hint}" if self.hint else self.text

    def as_dict(self) -> dict[str, Any]:
        return {"reason": self.reason, "error": self.text, "hint": self.hint}


def read_trouble(error: FluxError | None, unit_id: int, *, table: str, first: int, count: int) -> Trouble:
    """Why `count` items of `table` from `first` on were not read."""
    where = span(table, first, count)
    if not isinstance(error, ExceptionResponse):
        return line_trouble(error, unit_id)
    code = error.exception_code
    if code == exceptions.ILLEGAL_FUNCTION:
        text = f"unit {unit_id} does not read {table}: at all"
        return Trouble(error.reason, _said(error, text), f"try {TWINS[table]}:{first}")
    if code == exceptions.ILLEGAL_DATA_ADDRESS and count > 1:
        text = f"{where} does not exist on unit {unit_id}, or not all of it"
        return Trouble(error.reason, _said(error, text), "read fewer at once, to find out which")
    if code == exceptions.ILLEGAL_DATA_ADDRESS:
        hint = f"many manuals count from 1: try {table}:{first - 1}" if first else ""
        hint = f"{hint}; or try {TWINS[table]}:{first}" if hint else f"try {TWINS[table]}:{first}"
        return Trouble(error.reason, _said(error, f"{where} does not exist on unit {unit_id}"), hint)
    if code == exceptions.ILLEGAL_DATA_VALUE:
        text = f"unit {unit_id} does not read {count} items at once, or not from there"
        return Trouble(error.reason, _said(error, text), "try --count with less; some devices want even addresses")
    return exception_trouble(error, unit_id)


def exception_trouble(error: ExceptionResponse, unit_id: int) -> Trouble:
    """What an exception says that means the same for every request."""
    meaning = {
        exceptions.ILLEGAL_FUNCTION: (f"unit {unit_id} does not have function {error.function}", ""),
        exceptions.ILLEGAL_DATA_ADDRESS: (f"unit {unit_id} has no such address", ""),
        exceptions.ILLEGAL_DATA_VALUE: (f"unit {unit_id} does not take such a value", ""),
        exceptions.SERVER_DEVICE_FAILURE: (
            f"unit {unit_id} failed while it did that",
            "look at the device: it may be in fault",
        ),
        exceptions.ACKNOWLEDGE: (f"unit {unit_id} works on it, and will take long", "ask again later"),
        exceptions.SERVER_DEVICE_BUSY: (f"unit {unit_id} is busy", "try again, or add --retries 3"),
        exceptions.MEMORY_PARITY_ERROR: (f"unit {unit_id} found its memory damaged", ""),
        exceptions.GATEWAY_PATH_UNAVAILABLE: (
            "the gateway has no way to the unit",
            "check --unit, and the gateway's table of units",
        ),
        exceptions.GATEWAY_TARGET_FAILED_TO_RESPOND: (
            "the gateway got no answer from the unit",
            "check --unit, and the wiring behind the gateway",
        ),
    }
    text, hint = meaning.get(error.exception_code, (f"unit {unit_id} refused", "see the manual of the device"))
    return Trouble(error.reason, _said(error, text), hint)


def line_trouble(error: FluxError | None, unit_id: int) -> Trouble:
    """Why there was no answer at all. What to check depends on the link, of which the error knows from its session."""
    reason = error.reason if isinstance(error, LineError) else "error"
    kind = error.fields.get("link_kind", SERIAL) if error else SERIAL
    if reason == TIMEOUT:
        return Trouble(reason, f"unit {unit_id} is silent: {error}", f"check {_SILENT[kind]}; {_SCAN}")
    if reason == NOT_CONNECTED:
        return Trouble(
            reason,
            f"there is no connection: {error}",
            "check the link, and that no other program uses it: some devices take one client",
        )
    return Trouble(reason, f"what came is no answer: {error}", _GARBLED[kind])


def value_trouble(reason: str) -> Trouble:
    """Why what was read is no value: `reason` is that of a read plan."""
    meaning = {
        NOT_A_NUMBER: ("it is NaN or infinite", "many devices say so that there is no value; or try another --order"),
        NOT_BCD: ("it has digits above 9", "is it bcd at all? try uint16 or uint32"),
        NOT_TEXT: ("it is no text in UTF-8", "try another --order, or raw"),
    }
    text, hint = meaning.get(reason, (reason.replace("_", " "), ""))
    return Trouble(reason, text, hint)


def span(table: str, first: int, count: int) -> str:
    """`hr:5`, or `hr:5-9`."""
    return span_text(READ_FUNCTIONS[table], first, count)


def _said(error: ExceptionResponse, text: str) -> str:
    word = error.reason.replace("_", " ")
    return f"{word}: {text}"
