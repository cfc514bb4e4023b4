"""The names of the parts in a folder, one file each, without importing them.

Networks and image sources are found this way: a new file in the folder is a new choice in the form, the flags and the
record.
"""

from __future__ import annotations

import pkgutil
from pathlib import Path

_ENGINE = Path(__file__).parent


def names(folder: str, *, first: str) -> tuple[str, ...]:
    """Return the names of the modules in `folder`, a path below `engine`: `first`, then the others sorted.

    The module `one_cycle` has the name `one-cycle`, as people type it.
    """
    found = sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules([str(_ENGINE / folder)]))
    return tuple(sorted(found, key=lambda name: name != first))


def module_name(name: str) -> str:
    """Return the module that a name of `names` stands for."""
    return name.replace("-", "_")
