"""Folders that are there as a whole or not at all: files, and `manifest.json` with the size and SHA-256 of each.

A folder is written under a temporary name, each file with fsync, the manifest last, and then renamed. So a folder with
the final name was complete when it got that name, and a reader checks that it still is.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from engine.files import open_regular, read_bounded
from engine.storage.durable import sync_folder, write_synced

MANIFEST = "manifest.json"

_LARGEST_MANIFEST = 1 << 20
_LARGEST_FILE = 1 << 32
"""Bytes. A larger file cannot be ours, and is not even hashed."""

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class _File:
    bytes: Annotated[int, Field(ge=0, le=_LARGEST_FILE)]
    sha256: str


@dataclass(frozen=True, config=_STRICT)
class _Manifest:
    schema_version: Literal[1]
    files: dict[str, _File]


_MANIFEST_JSON = TypeAdapter(_Manifest)


def write(final: Path, contents: Mapping[str, bytes]) -> None:
    """Write files, by name, to the folder `final`, which is not there yet. Raises `OSError`; nothing is left then.

    `final` is called `<kind>-<number>`. What a killed process left behind of the same kind is removed.
    """
    folder, kind = final.parent, final.name.partition("-")[0]
    for left_behind in folder.glob(f".{kind}-*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    temporary = folder / f".{final.name}.{os.getpid()}"
    try:
        temporary.mkdir()
        for name, content in contents.items():
            write_synced(temporary / name, content)
        files = {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in contents.items()
        }
        write_synced(temporary / MANIFEST, json.dumps({"schema_version": 1, "files": files}, indent=2).encode() + b"\n")
        sync_folder(temporary)
        temporary.rename(final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder)


def is_whole(folder: Path, names: Set[str]) -> bool:
    """Return whether `folder` has the files `names`, as they were written, and a manifest of no others."""
    try:
        manifest = _MANIFEST_JSON.validate_json(read_bounded(folder / MANIFEST, _LARGEST_MANIFEST))
        return manifest.files.keys() == names and all(_matches(folder / name, manifest.files[name]) for name in names)
    except (OSError, ValueError):
        return False


def _matches(path: Path, expected: _File) -> bool:
    with open(open_regular(path), "rb") as file:
        return os.fstat(file.fileno()).st_size == expected.bytes and (
            hashlib.file_digest(file, "sha256").hexdigest() == expected.sha256
        )


def remove(path: Path) -> None:
    """Remove whatever is at `path`, if anything. Raises `OSError`."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
