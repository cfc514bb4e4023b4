"""changes.json: the constants that were changed while a run trained, for when it is resumed.

A checkpoint has the changes before it. Those after it stand only here: they are written before they take effect, and a
resumed run meets them again, each at its own iteration.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pydantic
from pydantic import ConfigDict, TypeAdapter

from engine.errors import RunFolderError
from engine.files import read_bounded
from engine.record.changes import Change
from engine.storage.durable import replace_synced
from engine.storage.layout import CHANGES

_LARGEST = 1 << 24
"""Bytes; a change has about a hundred."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class _Content:
    schema_version: Literal[1] = 1
    changes: tuple[Change, ...]


_JSON = TypeAdapter(_Content)


def write(folder: Path, changes: Sequence[Change]) -> None:
    """Write all changes that count of the run in `folder`, ordered by iteration. Raises `OSError`."""
    replace_synced(folder / CHANGES, _JSON.dump_json(_Content(changes=tuple(changes)), indent=2) + b"\n")


def read(folder: Path) -> tuple[Change, ...]:
    """Return what `write` wrote, nothing if it never did. Raises `RunFolderError` if that is damaged."""
    path = folder / CHANGES
    try:
        return _JSON.validate_json(read_bounded(path, _LARGEST)).changes
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "damaged"
        raise RunFolderError(
            f"{path} does not hold the changes of the run: {reason}."
            " Without that file the run goes on with the changes that its checkpoint has."
        ) from None
