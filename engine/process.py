"""Other processes that run this program's code."""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGES = str(Path(__file__).parents[1])
"""The folder that contains `engine` and `tui`, installed or in a source tree."""


def python_running(module: str) -> list[str]:
    """Return the command that runs `module` in a new process with the same Python and packages.

    Does not use `-m`, which imports from the working directory first: a file there is not the program's code.
    """
    code = f"import runpy, sys; sys.path.append({_PACKAGES!r}); runpy.run_module({module!r}, run_name='__main__')"
    return [sys.executable, "-P", "-c", code]
