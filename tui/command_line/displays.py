"""What a run without the app prints: JSON lines, plain lines, a progress line, or nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine.record.event_json import to_json
from engine.record.events import BatchDone, DataProgress, EpochStarted, EvaluationStarted, Event, Failed, Finished
from engine.record.pace import Pace
from engine.record.record import RunRecord
from engine.runs.local import Run
from tui.command_line.printed import print_outcome
from tui.look.cells import bar
from tui.look.wording import count, duration, rate

_EVERY = 1.0
"""Seconds between two lines of progress in JSON."""

_SMOOTHED = 100
"""Iterations whose mean loss is told: one batch alone says little."""

_SPARE = 6
"""Columns that the progress line leaves free. Ctrl-C prints ^C there, and must not wrap the line."""


class Display(Protocol):
    """Shows a run. `show` is called at each look with the new events, `close` at the end."""

    def show(self, record: RunRecord, new: Sequence[Event], pace: Pace, now: float) -> None: ...

    def close(self, record: RunRecord, run: Run) -> None: ...


def recent_loss(record: RunRecord, iteration: int) -> float:
    """The mean loss of the last iterations up to `iteration`; not a number before the first."""
    losses = record.losses[max(0, iteration - _SMOOTHED) : iteration]
    return float(losses.mean()) if len(losses) else math.nan


class JsonLines:
    """One event a line. Between the events of training, a line of progress a second."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told_at = -math.inf
        self._told = self._warned = 0
        self._activity = ""

    def show(self, record: RunRecord, new: Sequence[Event], pace: Pace, now: float) -> None:
        for event in new:
            if isinstance(event, DataProgress):
                # Drawing or decoding tells every few images; a reader wants the first, the last and one a second.
                first, last = event.activity != self._activity, event.done == event.total
                if not first and not last and event.seconds < self._told_at + _EVERY:
                    continue
                self._activity, self._told_at = event.activity, event.seconds
            elif isinstance(event, EvaluationStarted | Finished):
                at = event.iteration if isinstance(event, EvaluationStarted) else event.iterations
                self._tell_progress(record, at, pace, event.seconds)
            self._stream.write(to_json(event).decode() + "\n")
        for line in record.warned[self._warned :]:
            content = {"event": "warning", "seconds": now, "text": line.removeprefix("Warning: ")}
            self._stream.write(json.dumps(content, allow_nan=False) + "\n")
        self._warned = len(record.warned)
        if record.status == "training" and now >= self._told_at + _EVERY:
            self._tell_progress(record, len(record.losses), pace, now)
        self._stream.flush()

    def _tell_progress(self, record: RunRecord, iteration: int, pace: Pace, now: float) -> None:
        if record.started is None or iteration == self._told:
            return
        self._told, self._told_at = iteration, now
        loss, per_second = recent_loss(record, iteration), pace.iterations_per_second
        content = {
            "event": "progress",
            "seconds": now,
            "epoch": math.ceil(iteration / record.started.batches),
            "epochs": record.epochs,
            "iteration": iteration,
            "iterations": record.iterations,
            "loss": loss if math.isfinite(loss) else None,
            "iterations_per_second": per_second,
        }
        self._stream.write(json.dumps(content, allow_nan=False) + "\n")

    def close(self, record: RunRecord, run: Run) -> None:
        """The events have told everything."""


class Lines:
    """What the notebook printed, for a pipe or the log of a batch job, and the loss of each epoch."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: RunRecord | None = None
        """The events that are printed, folded one by one, so that every line stands where it belongs."""
        self._activity = ""
        self._loss_told = 0

    def show(self, record: RunRecord, new: Sequence[Event], pace: Pace, now: float) -> None:
        told = self._told = self._told or record.beginning()
        for event in new:
            if isinstance(event, DataProgress) and event.activity != self._activity:
                self._activity = event.activity
                self._print(event.activity)
            elif isinstance(event, BatchDone):
                self._loss_told = event.epoch
            elif isinstance(event, EvaluationStarted | Finished | Failed | EpochStarted):
                self._tell_loss(record, event)
            printed = len(told.lines)
            told.apply(event)
            for line in told.lines[printed:]:
                self._print(line)

    def _tell_loss(self, record: RunRecord, event: EvaluationStarted | Finished | Failed | EpochStarted) -> None:
        """Tell the loss at the end of an epoch that was too short for a line of the notebook."""
        started = record.started
        if started is None:
            return
        if isinstance(event, EpochStarted):
            iteration = (event.epoch - 1) * started.batches
        else:
            iteration = event.iteration if isinstance(event, EvaluationStarted) else event.iterations
        epoch = math.ceil(iteration / started.batches)
        if epoch > self._loss_told:
            self._loss_told = epoch
            batch = iteration - (epoch - 1) * started.batches
            loss = f"{recent_loss(record, iteration):.4f}"
            self._print(f"Epoch [{epoch}/{record.epochs}], Batch [{batch}/{started.batches}], Loss: {loss} (mean)")

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)

    def close(self, record: RunRecord, run: Run) -> None:
        print_outcome(self._console, record, run.folder)


class Bar:
    """One line of progress on a terminal, the log above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed = 0
        self._live = Live(Text("starting"), console=console, transient=True, auto_refresh=False)
        self._live.start(refresh=True)

    def show(self, record: RunRecord, new: Sequence[Event], pace: Pace, now: float) -> None:
        for line in record.lines[self._printed :]:
            # A notice is told in full, since it may be a failure; other lines take one line each.
            whole = line in record.notices or line in record.warned
            self._console.print(Text(line), no_wrap=not whole, overflow="fold" if whole else "ellipsis")
        self._printed = len(record.lines)
        self._live.update(progress_line(record, pace, now, self._console.width - _SPARE), refresh=True)

    def close(self, record: RunRecord, run: Run) -> None:
        self._live.stop()
        print_outcome(self._console, record, run.folder)


def progress_line(record: RunRecord, pace: Pace, now: float, columns: int) -> Text:
    """What the run is doing, in one line of at most `columns` columns. What is last is left out first."""
    started, data = record.started, record.data_progress
    if started is not None:
        done, total = len(record.losses), record.planned
        said = [f"{record.status}, epoch {record.epoch} of {record.planned_epochs}"]
        if done:
            said.append(f"loss {recent_loss(record, done):.4f}")
        if (left := pace.seconds_left(now, record)) is not None:
            said.append(f"{duration(left)} left")
        if (per_second := pace.iterations_per_second) is not None:
            said.append(rate(per_second, "it/s"))
        said.append(f"{done:,}/{total:,}")
        share = done / total
    elif data is not None:
        said = [data.activity, count(data.done, data.total, data.unit)]
        share = data.done / data.total if data.total else 0.0
    else:
        said, share = ["starting"], 0.0
    while len(said) > 1 and len(" · ".join(said)) > columns:
        said.pop()
    text = Text(" · ".join(said), no_wrap=True, overflow="ellipsis")
    room = columns - text.cell_len - 2
    if share and room >= 8:
        text.append("  ").append(bar(share, min(room, 24)).rstrip(), "blue")
    text.truncate(max(1, columns), overflow="ellipsis")
    return text


class Nowhere:
    """For a run whose terminal is gone."""

    def show(self, record: RunRecord, new: Sequence[Event], pace: Pace, now: float) -> None:
        pass

    def close(self, record: RunRecord, run: Run) -> None:
        pass
