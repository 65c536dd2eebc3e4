"""Reads `link:` and the keys that belong to it: what the line of an `io_modbus` Gear is, and how it is driven.

Source for serial lines: MODBUS over Serial Line Specification and Implementation Guide V1.02 ("SL" below). It wants
19200 baud and even parity by default, and two stop bits where there is no parity (SL section 2.5.1). Most devices
without parity have one stop bit nevertheless, so one is the default here too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fluxrig_tooling.rig.model import GearSpec, Problems
from fluxrig_tooling.rig.ranges import check_order, check_range
from fluxrig_tooling.wording.suggest import listed, nearest

TCP, RTU, RTU_OVER_TCP = "tcp", "rtu", "rtu+tcp"

SCHEMES = {"tcp": TCP, "serial": RTU, "rtu+tcp": RTU_OVER_TCP}

DEFAULT_PORT = 502

HINT = "write tcp://HOST, rtu+tcp://HOST, serial:///dev/ttyUSB0 or serial://uart1; HOST can have a :port"

KINDS_OF_KEY = {
    **dict.fromkeys(
        ("baud", "parity", "stop_bits", "rs485", "direction_pin", "tx_pin", "rx_pin", "max_dead"),
        (RTU,),
    ),
    **dict.fromkeys(("local_echo", "turnaround"), (RTU, RTU_OVER_TCP)),
    "pipeline": (TCP,),
}
"""The kinds of link that each key is for. Those that are not here are for all."""

DEFAULTS: dict[str, Any] = {
    "baud": 19_200,
    "parity": "even",
    "stop_bits": 1,
    "rs485": False,
    "direction_pin": None,
    "tx_pin": None,
    "rx_pin": None,
    "local_echo": False,
    "turnaround": 100,
    "pipeline": 1,
}
"""Of the keys that are not for every link. They have none in the manifest, where one would look as if it were given."""

TIMEOUTS_MS = {TCP: 1000, RTU: 500, RTU_OVER_TCP: 1000}

LINE_KEYS = (
    "timeout",
    "connect_timeout",
    "reconnect_min",
    "reconnect_max",
    "pause_after_connect",
    "request_delay",
    *DEFAULTS,
)
"""The keys that gears on one line have in common."""

MAX_WAIT_MS = 240_000
"""The longest wait on a line: the clock of a small device wraps, and knows no longer times."""

_LIMITS: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(("timeout", "connect_timeout"), (1, MAX_WAIT_MS)),
    **dict.fromkeys(("reconnect_min", "reconnect_max"), (1, None)),
    **dict.fromkeys(("pause_after_connect", "request_delay", "turnaround"), (0, MAX_WAIT_MS)),
}

FIXED_SILENCE_US = 1750
"""The silence between frames above 19200 baud (SL section 2.5.1.1)."""

_HOST = re.compile(r"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+(%[0-9A-Za-z._-]+)?")
"""A name or IPv4 address, or an IPv6 address, which may name an interface."""

_DEVICE = re.compile(r"/[^\s?#]+|uart[0-9]+|[Cc][Oo][Mm][0-9]+")
_UART = re.compile(r"uart[0-9]+")


@dataclass(frozen=True)
class Link:
    """A link that is in order. `line` identifies it; `options` has all of `LINE_KEYS`, durations in milliseconds.

    `device` is the serial device, `address` and `port` are those of the others.
    """

    kind: str
    line: str
    device: str = ""
    address: str = ""
    port: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def is_serial(self) -> bool:
        return self.kind == RTU

    @property
    def is_uart(self) -> bool:
        """Whether it is a UART of a microcontroller, which has pins."""
        return bool(_UART.fullmatch(self.device))

    @property
    def character_bits(self) -> int:
        """Bits of one character on a serial line: start, 8 of data, parity, stop."""
        return 9 + (self.options["parity"] != "none") + int(self.options["stop_bits"])

    @property
    def byte_us(self) -> int:
        """Time of one character, rounded up. It has 11 bits (SL section 2.5.1), also where a device sends fewer."""
        return -(-max(self.character_bits, 11) * 1_000_000 // self.options["baud"]) if self.is_serial else 0

    @property
    def silence_us(self) -> int:
        """Time of 3.5 characters, which separates frames, rounded up."""
        if not self.is_serial:
            return 0
        if self.options["baud"] > 19_200:
            return FIXED_SILENCE_US
        return -(-7 * max(self.character_bits, 11) * 1_000_000 // (2 * self.options["baud"]))

    def compiled(self) -> dict[str, Any]:
        """`link` as the runtime takes it: see `fluxrig.modbus.line`."""
        options = self.options
        link = {
            "kind": self.kind,
            "byte_us": self.byte_us,
            "silence_us": self.silence_us,
            "pipeline": options["pipeline"],
            "timeout_ms": options["timeout"],
            "connect_timeout_ms": options["connect_timeout"],
            "reconnect_min_ms": options["reconnect_min"],
            "reconnect_max_ms": options["reconnect_max"],
            "pause_after_connect_ms": options["pause_after_connect"],
            "request_delay_ms": options["request_delay"],
            "turnaround_ms": options["turnaround"],
        }
        if self.kind != TCP:
            link["local_echo"] = options["local_echo"]
        if not self.is_serial:
            return link | {"address": self.address, "port": self.port}
        serial = {key: options[key] for key in ("baud", "parity", "stop_bits", "rs485")}
        pins = {key: options[key] for key in ("direction_pin", "tx_pin", "rx_pin")}
        return link | {"serial": {"path": self.device, **serial, **pins}}


def read_link(gear: GearSpec, problems: Problems) -> Link | None:
    """The link of a gear. None when something is wrong with it, which is then reported."""
    before = len(problems.errors)
    kind = _kind(gear, problems)
    if kind is None:
        return None
    config = gear.config
    options = {key: config.get(key, DEFAULTS.get(key)) for key in LINE_KEYS}
    options["timeout"] = config.get("timeout", TIMEOUTS_MS[kind])
    _check_keys(gear, kind, problems)
    _check_times(gear, options, problems)
    if kind == RTU:
        device = _device(gear, problems)
        _check_pins(gear, device, problems)
        link = Link(kind, f"serial://{device}", device=device, options=options)
    else:
        address, port = _endpoint(gear, problems)
        host = f"[{address}]" if ":" in address else address
        link = Link(kind, f"{kind}://{host}:{port}", address=address, port=port, options=options)
    return link if len(problems.errors) == before else None


def _kind(gear: GearSpec, problems: Problems) -> str | None:
    scheme = _scheme(gear)
    if scheme in SCHEMES:
        return SCHEMES[scheme]
    close = nearest(scheme, SCHEMES)
    _no_link(gear, problems, f"did you mean {close}://?" if close else HINT)
    return None


def _scheme(gear: GearSpec) -> str:
    """What stands before :// in the link; empty when nothing does."""
    scheme, separator, _ = gear.config["link"].partition("://")
    return scheme if separator else ""


def _endpoint(gear: GearSpec, problems: Problems) -> tuple[str, int]:
    """Address and port of a tcp or rtu+tcp link."""
    try:
        url = urlsplit(gear.config["link"])
        host, port = url.hostname, DEFAULT_PORT if url.port is None else url.port
    except ValueError:
        host, port = None, 0
    else:
        if url.username is not None or url.path or url.query or url.fragment:
            host = None
    if not host or not _HOST.fullmatch(host) or not port:
        scheme = _scheme(gear)
        _no_link(gear, problems, f"write {scheme}://HOST or {scheme}://HOST:port, the port from 1 to 65535")
        return "", DEFAULT_PORT
    return host, port


def _device(gear: GearSpec, problems: Problems) -> str:
    """The device of a serial link: a path, or a name such as uart1 or COM3."""
    device = gear.config["link"].partition("://")[2]
    if _DEVICE.fullmatch(device):
        return device.upper() if device[0] in "Cc" else device
    is_path = re.fullmatch(r"[A-Za-z][\w/.:-]*", device)
    close = f"did you mean serial:///{'' if device.startswith('dev/') else 'dev/'}{device}?" if is_path else HINT
    _no_link(gear, problems, close)
    return ""


def _no_link(gear: GearSpec, problems: Problems, hint: str) -> None:
    problems.error(gear.location("link"), f"{gear.config['link']!r} is not a link", hint)


def _check_keys(gear: GearSpec, kind: str, problems: Problems) -> None:
    """Each key that is given is one for links of this kind."""
    for key, kinds in KINDS_OF_KEY.items():
        if key in gear.config and kind not in kinds:
            schemes = listed([f"{scheme}://" for scheme, each in SCHEMES.items() if each in kinds], "or")
            message = f"{key} is for {schemes} links, and this one is {_scheme(gear)}://"
            problems.error(gear.key_location(key), message, f"leave out {key}:")


def _check_pins(gear: GearSpec, device: str, problems: Problems) -> None:
    """Pins are those of a UART; at a port of an operating system its driver switches the direction."""
    if _UART.fullmatch(device):
        if gear.config.get("rs485"):
            hint = "write direction_pin: and the pin that enables the transmitter"
            problems.error(
                gear.key_location("rs485"), f"rs485 is for ports with a driver that does it, not for {device}", hint
            )
        return
    for key in ("direction_pin", "tx_pin", "rx_pin"):
        if key in gear.config:
            hint = "leave it out" if key != "direction_pin" else "write rs485: true, if the driver can do that"
            problems.error(
                gear.key_location(key), f"{key} is for the UART of a microcontroller, such as serial://uart1", hint
            )


def _check_times(gear: GearSpec, options: dict[str, Any], problems: Problems) -> None:
    for key, limits in _LIMITS.items():
        check_range(gear.location(key), key, options[key], limits, problems)
    shorter, longer = (("reconnect_min", options["reconnect_min"]), ("reconnect_max", options["reconnect_max"]))
    check_order(gear.location("reconnect_max"), shorter, longer, problems)
