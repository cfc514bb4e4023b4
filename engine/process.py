"""Another Python with the same packages."""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGES = str(Path(__file__).parents[1])
"""Where this program's own packages are, installed or in a source tree."""


def python_running(module: str) -> list[str]:
    """The words that run `module` in a process of its own.

    Not `-m`, which looks into the working directory first: what lies there, under whatever name, is not our code.
    """
    code = f"import runpy, sys; sys.path.append({_PACKAGES!r}); runpy.run_module({module!r}, run_name='__main__')"
    return [sys.executable, "-P", "-c", code]
