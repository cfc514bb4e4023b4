"""Text from outside, made safe to show: paths, class names, device names and messages all go through `clean`."""

from __future__ import annotations

import re

# CSI and OSC sequences and two-character escapes (ECMA-48, section 5); what is left of a broken one falls to the
# replacement of single control characters below.
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")


def clean(text: object, *, keep_lines: bool = False) -> str:
    """`text` without escape sequences, its other unprintable characters (control, format, surrogate) shown as `\ufffd`.

    A line break becomes a space, or stays where `keep_lines` is set. Square brackets stay: the caller shows the result
    as plain text, never as markup.
    """
    plain = _ESCAPE_SEQUENCE.sub("", str(text)).replace("\t", " ")
    if not keep_lines:
        plain = plain.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    return "".join(c if c.isprintable() or (c == "\n" and keep_lines) else "\ufffd" for c in plain)
