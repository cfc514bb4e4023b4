"""Text for people: words with their number, and text from outside made safe to show."""

from __future__ import annotations

import re

# CSI and OSC sequences and two-character escapes (ECMA-48, section 5). What remains of a broken sequence is replaced
# below, one control character at a time.
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")


def clean(text: object, *, keep_lines: bool = False) -> str:
    """Return `text` without escape sequences, other unprintable characters (control, format, surrogate) as `\ufffd`.

    Paths, class names, device names and error messages all go through here. Line breaks become spaces unless
    `keep_lines` is set. Square brackets stay, so the result must be shown as plain text and not as markup.
    """
    if (text := str(text)).isprintable():
        return text  # a thousandth of a millisecond: there are ten thousand names of images
    plain = _ESCAPE_SEQUENCE.sub("", text).replace("\t", " ")
    if not keep_lines:
        plain = plain.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    return "".join(c if c.isprintable() or (c == "\n" and keep_lines) else "\ufffd" for c in plain)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return the number with its noun: `1 thread`, `2,108 iterations`. `many` is `one` with an s if left out."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def energy(joules: float) -> str:
    """Return an energy in the unit that people use: `640 J`, `3.2 kJ`, `1.8 MJ`."""
    for unit, size in (("MJ", 1e6), ("kJ", 1e3)):
        if joules >= 0.9995 * size:
            amount = joules / size
            return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:,.0f} {unit}"
    return f"{joules:.1f} J" if joules < 9.95 else f"{joules:.0f} J"


def energy_used(joules: float | None, per_thousand: float | None) -> str:
    """Return the energy of a run in words: `3.2 kJ, 16 J per 1,000 images`; empty if it is not known."""
    if joules is None:
        return ""
    return energy(joules) + (f", {energy(per_thousand)} per 1,000 images" if per_thousand is not None else "")


def roughly(seconds: float) -> str:
    """Return a time that is not known exactly: `about 45 seconds`, `about 1½ minutes`, `about 3 hours`."""
    if seconds < 57.5:
        rounded = max(1, round(seconds)) if seconds < 10 else 5 * round(seconds / 5)
        return f"about {counted(rounded, 'second')}"
    if seconds < 59.5 * 60:
        unit, length = "minute", 60
    elif seconds < 47.5 * 3600:
        unit, length = "hour", 3600
    else:
        unit, length = "day", 86_400
    amount = seconds / length
    parts = 4 if amount < 2 else 2 if amount < 10 else 1
    whole, rest = divmod(round(amount * parts) * 4 // parts, 4)
    return f"about {whole:,}{('', '¼', '½', '¾')[rest]} {unit}{'s' if (whole, rest) > (1, 0) else ''}"
