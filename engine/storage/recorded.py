"""config.json: the constants of a run as they were first given, and the directory that they were given in.

Both stay the same however often the run is resumed, and from wherever: relative paths among the constants are relative
to that first directory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from engine.config import CONSTANTS, DATA_SOURCES, TrainingConfig
from engine.errors import ConstantError, RunFolderError
from engine.files import expanded, read_bounded
from engine.record.event_json import to_json
from engine.record.events import RunStarted
from engine.storage.layout import CONFIG

SCHEMA_VERSION = 1

_LARGEST = 1 << 20
"""Bytes."""


@dataclass(frozen=True)
class Recorded:
    """The constants of a run as first given."""

    constants: Mapping[str, str | int | float | bool]
    directory: Path
    """The working directory of the process that started the run."""
    version: int = SCHEMA_VERSION

    @classmethod
    def now(cls, config: TrainingConfig) -> Self:
        """Record `config`, which is given in the current directory."""
        return cls(config.as_json(), Path.cwd())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read config.json of the run in `folder`. Raises `RunFolderError`."""
        path = folder / CONFIG
        try:
            content = json.loads(read_bounded(path, _LARGEST))
            version, constants = int(content.get("schema_version", 1)), dict(content["config"])
            return cls(constants, Path(str(content["directory"])), version)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or "damaged"
            raise RunFolderError(f"{path} does not hold the constants of the run: {reason}.") from None

    def resolved(self, folder: Path) -> TrainingConfig:
        """Return the constants for a process that resumes the run in `folder`, wherever the folder is by now.

        Raises `RunFolderError` if they are not constants of this version.
        """
        known = {constant.name for constant in CONSTANTS}
        unknown = [name for name in self.constants if name not in known]
        if unknown or self.version > SCHEMA_VERSION:
            names = ", ".join(unknown[:5]) or f"schema version {self.version}"
            raise RunFolderError(
                f"{folder / CONFIG} is of another version of cifar-tui, which has {names}. Resume it with that version."
            )
        try:
            config = TrainingConfig.checked(self.constants)
        except ConstantError as error:
            raise RunFolderError(f"{folder / CONFIG} does not hold the constants of the run: {error.message}") from None
        here = folder.absolute()
        places: dict[str, object] = {"name": here.name, "runs_dir": here.parent}
        places["data_dir"] = self.directory / expanded(config.data_dir)
        if config.data not in DATA_SOURCES:
            places["data"] = str(self.directory / expanded(config.data))
        return config.replaced(**places)

    def as_json(self, name: str, started: RunStarted | None = None) -> bytes:
        """Return the content of config.json, with what is known once the run has started."""
        content: dict[str, Any] = {"schema_version": self.version, "name": name, "config": dict(self.constants)}
        if started is not None:
            event = json.loads(to_json(started))
            content |= {key: event[key] for key in ("at", "dataset", "device", "versions", "parameters")}
        content["directory"] = str(self.directory)
        return json.dumps(content, indent=2, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
