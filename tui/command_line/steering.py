"""A live run is given other constants from the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from engine.config import CONSTANTS
from engine.control import CHANGEABLE, ChangeableName, Set
from engine.errors import ConstantError, RunFolderError
from engine.record.events import Changed, Refused
from engine.record.record import told
from engine.runs.watched import WatchedRun
from engine.storage.listing import find
from engine.text import clean
from tui.command_line.exit_codes import ExitCode
from tui.command_line.printed import PlainConsole

_LOOKS_EVERY = 0.1
"""Seconds between two looks for the run's answer."""


def steer(words: Sequence[str], runs_dir: Path) -> int:
    """Ask the run for the values that `words` name, and wait until it has taken or refused each. Return the exit code.

    Raises `ConstantError` for values that no run can have, and `RunFolderError` if there is no live run.
    """
    run, wanted = read(words)
    folder = find(runs_dir, run, "live")
    watched = WatchedRun(folder)
    if watched.ended:
        raise RunFolderError(f"The run {folder.name} is not live: it is {watched.record().status}.")
    known = len(watched.log.events)
    watched.start()
    try:
        for request in wanted:
            watched.ask(request)
        return _wait(watched, {request.name: request.value for request in wanted}, known)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    finally:
        watched.close()


def read(words: Sequence[str]) -> tuple[str | None, list[Set]]:
    """Return the name of the run, None if it is not given, and what is asked of it. Raises `ConstantError`."""
    run = None
    if words and _name(words[0]) is None and not _is_constant(words[0]):
        run, words = words[0], words[1:]
    requests: list[Set] = []
    problems: dict[str, str] = {}
    for word in words:
        before, _, value = word.partition("=")
        name = _name(word)
        if name is None:
            problems[before] = f"a run that trains takes only {' and '.join(CHANGEABLE)}, each as NAME=VALUE"
            continue
        try:
            requests.append(Set(name, next(each for each in CONSTANTS if each.name == name).read(value)))
        except ValueError as error:
            problems[name] = str(error)
    if problems:
        raise ConstantError(problems)
    if not requests:
        raise ConstantError({"learning_rate": "nothing is set; for example cifar-tui set learning_rate=0.0003"})
    return run, requests


def _name(word: str) -> ChangeableName | None:
    """Return the constant that a word NAME=VALUE sets, None if it sets none that can change."""
    before, equals, _ = word.partition("=")
    spelled = before.replace("-", "_")
    return next((name for name in CHANGEABLE if equals and name == spelled), None)


def _is_constant(word: str) -> bool:
    """Return whether a word sets a constant, perhaps one that cannot change."""
    before, equals, _ = word.partition("=")
    return bool(equals) and before.replace("-", "_") in {constant.name for constant in CONSTANTS}


def _wait(watched: WatchedRun, waiting: dict[ChangeableName, int | float], known: int) -> int:
    """Tell each answer as it comes. `known` events were there before the run was asked."""
    console, code = PlainConsole(), ExitCode.DONE
    while True:
        is_over = watched.join(_LOOKS_EVERY)
        events, constants = watched.log.events, watched.record().constants_now
        for event in events[known:]:
            if not isinstance(event, Changed | Refused) or event.name not in waiting:
                continue
            value = waiting.pop(event.name)
            if isinstance(event, Changed):
                console.print(Text(told(event)), soft_wrap=True)
            elif constants.get(event.name) == value:
                console.print(Text(f"{event.name.replace('_', ' ').capitalize()} unchanged: {event.reason}"))
            else:
                _tell(watched, f"{event.name.replace('_', ' ')} unchanged: {event.reason}")
                code = ExitCode.WRONG
        known = len(events)
        if not waiting:
            return code
        if is_over:
            _tell(watched, "it ended before it took " + " and ".join(name.replace("_", " ") for name in waiting))
            return ExitCode.FAILED


def _tell(watched: WatchedRun, reason: str) -> None:
    print(f"cifar-tui: {clean(watched.folder.name)}: {clean(reason)}", file=sys.stderr)
