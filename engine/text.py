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
    plain = _ESCAPE_SEQUENCE.sub("", str(text)).replace("\t", " ")
    if not keep_lines:
        plain = plain.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    return "".join(c if c.isprintable() or (c == "\n" and keep_lines) else "\ufffd" for c in plain)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return the number with its noun: `1 thread`, `2,108 iterations`. `many` is `one` with an s if left out."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
