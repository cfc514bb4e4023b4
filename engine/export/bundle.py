"""The bundle: the files that a person takes home from a run, in one folder."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.errors import EngineError, RunFolderError
from engine.export import FILES, WITH_PREDICTIONS
from engine.export.opened import Opened
from engine.files import read_bounded
from engine.record.record import RunRecord
from engine.storage.durable import replace_synced

SUMMARY = FILES[0]

_LARGEST_SUMMARY = 1 << 24
"""Bytes; the confusion matrix of a thousand classes fits."""


def write_bundle(
    record: RunRecord, folder: Path, run: Path | None = None, say: Callable[[str], object] = lambda _: None
) -> tuple[Path, ...]:
    """Write the bundle to `folder`, which is made if necessary. Return the paths written.

    With `run`, the run's own folder, those files are written as well that take what it kept there. `say` is called with
    what is left out of them, and why. Each file is replaced in one step. Raises `RunFolderError` if that fails, or if
    `folder` is a file or holds the bundle of another run.
    """
    if record.started is not None and (run is None or folder.absolute() != run.absolute()):
        _refuse_other_run(record, folder)  # its own summary may have the name that the run had before
    contents = {name: _content(name, record) for name in FILES}
    if run is not None:
        contents |= _with_predictions(Opened(record, run), say)
    return _write(contents, folder)


def write_own(record: RunRecord, folder: Path, files: Sequence[str] = FILES) -> tuple[Path, ...]:
    """Write `files` of the bundle to the run's own folder. Return the paths written. Raises `RunFolderError`."""
    return _write({name: _content(name, record) for name in files}, folder)


def _with_predictions(run: Opened, say: Callable[[str], object]) -> dict[str, str]:
    contents: dict[str, str] = {}
    left_out: dict[str, list[str]] = {}
    for name in WITH_PREDICTIONS:
        try:
            contents[name] = _content(name, run)
        except EngineError as error:
            left_out.setdefault(error.message, []).append(name)
    for reason, names in left_out.items():
        say(f"Without {' and '.join(names)}: {reason}")
    return contents


def _write(contents: Mapping[str, str], folder: Path) -> tuple[Path, ...]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            replace_synced(folder / name, content.encode())
    except OSError as error:
        raise RunFolderError(
            f"The bundle could not be written to {folder}: {error.strerror or error}. Choose another folder."
        ) from None
    return tuple(folder / name for name in contents)


def _content(file: str, run: RunRecord | Opened) -> str:
    name = file.replace(".", "_")
    content: str = getattr(importlib.import_module(f"engine.export.formats.{name}"), name)(run)
    return content


def _refuse_other_run(record: RunRecord, folder: Path) -> None:
    """Raise `RunFolderError` if the bundle cannot go to `folder` because of what is there."""
    started = record.started
    assert started is not None
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder} is a file, not a folder. Choose another folder.")
    try:
        other = json.loads(read_bounded(folder / SUMMARY, _LARGEST_SUMMARY))
        name, config = str(other["name"]), other["config"]
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise RunFolderError(
            f"{folder} holds a {SUMMARY} that is not the summary of a run. Choose another folder."
        ) from None
    if (name, config) != (started.name, started.config):
        raise RunFolderError(f"{folder} holds the files of another run, {name[:64]}. Choose another folder.")
