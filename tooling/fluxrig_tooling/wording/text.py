"""Text for people: counts with their nouns, what is too long, and what a terminal must not take for a command."""

from __future__ import annotations

MAX_QUOTE = 60
"""Characters of somebody else's text that an error repeats."""


def counted(number: int, noun: str) -> str:
    """`1 message`, `1,200 messages`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def cut(text: str, width: int) -> str:
    """`text` in at most `width` characters; … stands for an end that is cut off."""
    return text if len(text) <= width else text[: width - 1] + "…"


def quoted(text: str, width: int = MAX_QUOTE) -> str:
    """Text to repeat in an error: cut, and in quotes."""
    return repr(cut(text, width))


def printable(text: str) -> str:
    """Without what would steer a terminal: control characters, and those that turn the direction of writing."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
