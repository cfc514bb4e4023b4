"""A run without the app: the second way to look at the same record, on a terminal, in a pipe, or as JSON lines."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from engine.control import Leave, Stop
from engine.errors import ConstantError
from engine.record.events import DataProgress, Event, Failed, to_json
from engine.record.pace import Pace
from engine.record.record import RunRecord
from engine.runs.local import Run
from tui.command_line.exit_codes import ExitCode
from tui.command_line.printed import PlainConsole, print_outcome
from tui.look.wording import count, duration, rate
from tui.terminal.deadline import Deadline

_LOOKS = 0.1
"""Seconds between two looks at the run."""


class Display(Protocol):
    """Shows a run; told of what is new at each look, and of the end."""

    def show(self, record: RunRecord, new: Sequence[Event], pace: Pace, now: float) -> None: ...

    def close(self, record: RunRecord, run: Run) -> None: ...


def follow(run: Run, display: Display) -> int:
    """Show `run` until it ends; the exit code.

    Ctrl-C stops it with its results saved; a second one, and SIGTERM, leave at once with a checkpoint to go on from.
    A hang-up takes the display away, nothing else.
    """
    record, pace = RunRecord(run.log), Pace()
    with _signals(run) as received:
        ended = False
        while not ended:
            ended = run.join(_LOOKS)
            new = record.catch_up()
            pace.look(run.seconds(), record)
            try:
                display.show(record, new, pace, run.seconds())
            except OSError:
                # The terminal or the pipe is gone; the training is not.
                display = _Nothing()
        try:
            display.close(record, run)
        except OSError:
            display = _Nothing()
    if isinstance(record.closing, Failed):
        with suppress(OSError):  # nobody is left to be told
            print(f"cifar-tui: {record.closing.reason}", file=sys.stderr)
        return ExitCode.WRONG if isinstance(run.error, ConstantError) else ExitCode.FAILED
    if signal.SIGTERM in received:
        return ExitCode.TERMINATED
    return ExitCode.INTERRUPTED if signal.SIGINT in received else ExitCode.DONE


@contextmanager
def _signals(run: Run) -> Iterator[list[int]]:
    """Turn signals into requests to the run while the block lasts; gives the list of those received."""
    received: list[int] = []

    deadline = Deadline()

    def heard(number: int, _: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGINT and received.count(signal.SIGINT) == 1:
            run.ask(Stop())
        else:  # whoever terminates a job waits seconds, not for an evaluation
            run.ask(Leave())
            code = ExitCode.TERMINATED if number == signal.SIGTERM else ExitCode.INTERRUPTED
            deadline.set(code, training_began=run.log.training_began)

    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may handle signals
        return
    # A hang-up takes the terminal away, nothing else: the run goes on.
    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def nowhere() -> Display:
    """For a run whose terminal has gone. What is printed from here on goes nowhere, instead of failing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    return _Nothing()


def on_terminal() -> Display:
    """A progress display where stdout is a terminal that can move its cursor, plain lines elsewhere."""
    console = PlainConsole()
    return Bars(console) if console.is_terminal and not console.is_dumb_terminal else Lines(console)


class JsonLines:
    """One event a line."""

    def show(self, record: RunRecord, new: Sequence[Event], pace: Pace, now: float) -> None:
        for event in new:
            sys.stdout.write(to_json(event).decode() + "\n")
        sys.stdout.flush()

    def close(self, record: RunRecord, run: Run) -> None:
        """Everything has been said by the events."""


class Lines:
    """What the notebook printed, for a pipe or a batch job's log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed = 0
        self._activity = ""

    def show(self, record: RunRecord, new: Sequence[Event], pace: Pace, now: float) -> None:
        for event in new:
            if isinstance(event, DataProgress) and event.activity != self._activity:
                self._activity = event.activity
                self._print(event.activity)
        for line in record.lines[self._printed :]:
            self._print(line)
        self._printed = len(record.lines)

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)

    def close(self, record: RunRecord, run: Run) -> None:
        print_outcome(self._console, record, run.folder)


class Bars:
    """A bar for what goes on now, the log above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed = 0
        self._progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(None), _Detail(), console=console, transient=True
        )
        self._task = self._progress.add_task("starting", total=None, detail="")
        self._progress.start()

    def show(self, record: RunRecord, new: Sequence[Event], pace: Pace, now: float) -> None:
        for line in record.lines[self._printed :]:
            self._progress.console.print(Text(line))
        self._printed = len(record.lines)
        data, started = record.data_progress, record.started
        if started is not None:
            done = len(record.losses)
            parts = [f"{done:,}/{started.iterations:,}"]
            if (per_second := pace.iterations_per_second) is not None:
                parts.append(rate(per_second, "it/s"))
            if (left := pace.seconds_left(now, record)) is not None:
                parts.append(f"{duration(left)} left")
            description = f"{record.status}, epoch {record.epoch} of {started.epochs}"
            self._update(description, done, started.iterations, " · ".join(parts))
        elif data is not None:
            self._update(data.activity, data.done, data.total, count(data.done, data.total, data.unit))

    def _update(self, description: str, done: int, total: int | None, detail: str) -> None:
        self._progress.update(self._task, description=description, completed=done, total=total, detail=detail)

    def close(self, record: RunRecord, run: Run) -> None:
        self._progress.stop()
        print_outcome(self._console, record, run.folder)


class _Detail(ProgressColumn):
    """The numbers behind the bar."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields["detail"]), style="dim")


class _Nothing:
    """For a run that nobody can see any more."""

    def show(self, record: RunRecord, new: Sequence[Event], pace: Pace, now: float) -> None:
        pass

    def close(self, record: RunRecord, run: Run) -> None:
        pass
