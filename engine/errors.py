"""Errors with messages for people.

Every error that a user can cause or act on is an `EngineError`. Its message says in one or two lines what was wrong,
where, and what to do. Any other exception that escapes is a bug.
"""

from __future__ import annotations

from engine.text import clean


class EngineError(Exception):
    """A failure with a message for a person, already cleaned for display."""

    def __init__(self, message: str) -> None:
        super().__init__(clean(message, keep_lines=True))

    @property
    def message(self) -> str:
        return str(self.args[0])


class ConstantError(EngineError):
    """A constant is wrong or not possible on this machine. `problems` has the reason for each constant by name."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("\n".join(f"--{name.replace('_', '-')}: {reason}" for name, reason in problems.items()))
        self.problems = {name: clean(reason, keep_lines=True) for name, reason in problems.items()}


class InputError(EngineError):
    """What a person typed cannot be used: conditions, the name of a column, a tag."""


class DataError(EngineError):
    """The images are not available: no network, a wrong hash, a full disk."""


class RunFolderError(EngineError):
    """A run's folder cannot be created, locked, read or written."""


class NoSuchRunError(RunFolderError):
    """There is no such run."""


class TrainingError(EngineError):
    """Training cannot continue: the loss is not finite, memory ran out, the device is gone."""


class Stopped(Exception):
    """A stop was requested before there is anything to evaluate, such as while images are read."""


def chain(error: BaseException) -> list[BaseException]:
    """Return `error` and what led to it, as in a traceback; the last one happened first."""
    errors = [error]
    while (earlier := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = earlier
        errors.append(error)
    return errors
