"""What a run without the app prints."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len

from engine.config import TrainingConfig
from engine.record.events import BatchDone, DataProgress, EpochTrained, Evaluated, Finished, Notice
from engine.record.log import RunLog
from engine.record.pace import Pace
from engine.record.record import RunRecord
from engine.storage.entry import RunEntry
from tests.records import finished_record, live_log, run_started
from tui.command_line import run_list
from tui.command_line.displays import Bar, JsonLines, Lines, progress_line
from tui.command_line.printed import PlainConsole, print_outcome
from tui.command_line.run_list import print_runs


def on_terminal(columns: int) -> tuple[PlainConsole, io.StringIO]:
    """A console on a terminal of so many columns, and what it prints."""
    console, printed = PlainConsole(), io.StringIO()
    console.file, console.width, console._force_terminal = printed, columns, True
    console.legacy_windows = False
    return console, printed


def record_of(log: RunLog) -> RunRecord:
    record = RunRecord(log)
    record.catch_up()
    return record


@pytest.mark.parametrize("columns", [20, 40, 74, 200])
def test_progress_takes_one_line(columns: int) -> None:
    """However narrow the terminal, progress is one line; the loss is in it if there is room."""
    record = record_of(live_log(4_000))
    line = progress_line(record, Pace(), 41.0, columns)
    assert cell_len(line.plain) <= columns
    assert "\n" not in line.plain
    assert ("loss" in line.plain) == (columns >= 40)


def test_json_tells_progress_once_a_second() -> None:
    """Drawing 2,000 images is a line a second, the first and the last; training is a line a second with its loss."""
    stream, log, pace = io.StringIO(), RunLog(), Pace()
    display, record = JsonLines(stream), RunRecord(log)
    for done in range(0, 2_001, 20):
        seconds = done / 1_000
        log.event(DataProgress(seconds=seconds, activity="drawing", done=done, total=2_000, unit="images"))
        display.show(record, record.catch_up(), pace, seconds)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["done"] for line in lines] == [0, 1_000, 2_000]
    stream.truncate(stream.seek(0))
    trains = record_of(live_log(1_000))
    for tenth in range(50, 80):
        display.show(trains, [], pace, tenth / 10)
    (line,) = [json.loads(line) for line in stream.getvalue().splitlines()]  # no iteration, no further line
    assert (line["event"], line["iteration"], line["epoch"]) == ("progress", 1_000, 1)
    assert line["loss"] == pytest.approx(float(np.mean(trains.losses[900:1_000])))


ENTRIES = [
    RunEntry(
        "brisk-heron", Path("runs/brisk-heron"), "completed", "2026-03-14T15:09:26+01:00", "CIFAR-10", "cnn", 69.4
    ),
    RunEntry(
        *("a-very-long-name-of-a-run-" * 3, Path("x"), "interrupted", "2026-03-14T15:09:26+01:00"),
        *("a folder of images with a long name", "batchnorm", 71.5, "validation"),
    ),
    RunEntry("torn", Path("runs/torn"), "unreadable", "", problem="events.jsonl is damaged at line 7."),
]


def test_runs_take_a_line_each_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 80 columns each run is one line, and one that cannot be read has its reason below."""
    console, shown = on_terminal(80)
    monkeypatch.setattr(run_list, "PlainConsole", lambda: console)
    print_runs(ENTRIES)
    lines = [line.rstrip() for line in shown.getvalue().splitlines()]
    assert all(cell_len(line) <= 80 for line in lines)
    assert sum("2026-03-14 15:09" in line for line in lines) == 2
    assert sum("brisk-heron" in line and "69.40 %" in line for line in lines) == 1
    assert sum("71.50 % v" in line for line in lines) == 1
    assert "v: of the validation images" in lines
    assert "torn: events.jsonl is damaged at line 7." in lines


def test_runs_are_whole_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe no name is cut."""
    console, shown = on_terminal(80)
    console._force_terminal = False
    monkeypatch.setattr(run_list, "PlainConsole", lambda: console)
    print_runs(ENTRIES)
    assert ENTRIES[1].name in shown.getvalue()


def test_outcome_at_80_columns() -> None:
    """The summary of a run fits into 80 columns."""
    console, shown = on_terminal(80)
    print_outcome(console, finished_record(), Path("runs/brisk-heron"))
    assert all(cell_len(line.rstrip()) <= 80 for line in shown.getvalue().splitlines())


def test_a_run_that_its_patience_ended_is_told_whole() -> None:
    """Without the app, too: both accuracies, the loss, the best weights and the reason, and nothing seems missing."""
    config = TrainingConfig(keep_best=True, patience=1).as_json()
    log = live_log(400, evaluations=False, batches=100, epochs=9, config=config, classes=("cat", "dog"))
    log.event(EpochTrained(seconds=19, epoch=3, iteration=300, correct=80, total=100))
    matrix = ((8, 2), (1, 9))
    log.event(
        Evaluated(seconds=20, duration=1, epoch=3, iteration=300, matrix=matrix, views=6, plain_correct=16, loss=0.5)
    )
    log.event(Notice(seconds=20, text="The training ends after iteration 400: no better accuracy in 1 epoch."))
    ended: dict[str, Any] = {"iterations": 400, "train_seconds": 15.0, "evaluation_seconds": 1.0}
    log.event(Finished(seconds=21, status="completed", reason="no better accuracy in 1 epoch", **ended))
    record = record_of(log)
    console, shown = on_terminal(100)
    print_outcome(console, record, Path("runs/brisk-heron"))
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.getvalue())
    for told in (
        "85.00 %  (17 of 20 test images with 6 views",
        "80.00 % with one view · test loss 0.5000 · training accuracy 80.00 %",
        "400 iterations in 0:15, evaluation 1.0 s, the best weights of epoch 3",
        "no better accuracy in 1 epoch",
    ):
        assert told in text
    assert "completed, epoch 4 of 4" in progress_line(record, Pace(), 21.0, 100).plain


def test_log_lines_of_a_terminal_take_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines above the progress are one line each at 80 columns, and the progress line is removed at the end."""
    console, shown = on_terminal(80)
    display: Any = Bar(console)
    record = record_of(live_log(1_000))
    display.show(record, [], Pace(), 5.0)
    display._live.stop()
    text = shown.getvalue()
    assert text.endswith(("\x1b[2K", "\x1b[?25h"))
    assert sum("Training" in line for line in text.splitlines()) == 1


def wrong_run() -> RunLog:
    """The log of a run whose loss does not fall, and which takes every image for the same class."""
    log = RunLog()
    log.event(run_started(batches=500, epochs=2, classes=("cat", "dog")))
    log.losses(np.full(500, 0.693, dtype=np.float32))
    log.event(BatchDone(seconds=4, epoch=1, epochs=2, batch=500, batches=500, loss=0.693))
    log.event(Evaluated(seconds=5, duration=1, epoch=1, iteration=500, matrix=((10, 0), (10, 0))))
    return log


def test_warnings_are_lines_where_they_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe a warning stands behind what it is about, each once; the outcome names those that hold at the end."""
    console, shown = on_terminal(80)
    console._force_terminal = False
    record, pace = RunRecord(wrong_run()), Pace()
    lines = Lines(console)
    lines.show(record, record.catch_up(), pace, 6.0)
    lines.show(record, record.catch_up(), pace, 7.0)
    told = shown.getvalue().splitlines()
    first, second = (i for i, line in enumerate(told) if line.startswith("Warning: "))
    assert told[first - 1].startswith("Epoch [1/2], Batch [500/500]")
    assert told[first].startswith("Warning: The loss does not fall: 0.693 at the start, 0.693 now.")
    assert told[second - 1].startswith("Test accuracy after epoch 1")
    assert told[second] == "Warning: The network takes every test image for cat."
    record.apply(Finished(seconds=8, status="completed", iterations=500, train_seconds=4, evaluation_seconds=1))
    console, shown = on_terminal(80)
    print_outcome(console, record, Path("runs/brisk-heron"))
    assert "The network takes every test image for cat." in shown.getvalue()


def test_warnings_as_json() -> None:
    """A script reads a warning as a line of its own, once."""
    stream, record = io.StringIO(), RunRecord(wrong_run())
    display = JsonLines(stream)
    for _ in range(2):
        display.show(record, record.catch_up(), Pace(), 6.0)
    warned = [line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"] == "warning"]
    assert [line["text"].partition(":")[0].partition(" for ")[0] for line in warned] == [
        "The loss does not fall",
        "The network takes every test image",
    ]
    assert warned[0]["seconds"] == 6.0


def test_a_warning_on_a_terminal_is_whole() -> None:
    """On a narrow terminal a warning is wrapped, not cut."""
    console, shown = on_terminal(40)
    record = record_of(wrong_run())
    display: Any = Bar(console)
    display.show(record, [], Pace(), 5.0)
    display._live.stop()
    assert "may help." in " ".join(shown.getvalue().split())
