"""What torch says when something fails, without its advice for programmers."""

from __future__ import annotations

import re

from engine.text import clean

_ADVICE = re.compile(r"\n\n|\n(?:Search for `|CUDA kernel errors might|For debugging consider|Compile with `)")
"""Where the advice that torch adds to an error of CUDA begins, and the C++ traceback that it adds to others."""


def message(error: BaseException) -> str:
    """Return what went wrong as one line, cleaned, of at most 200 characters."""
    return clean(" ".join(_ADVICE.split(str(error), maxsplit=1)[0].split())[:200])
