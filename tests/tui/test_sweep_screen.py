"""The screen of a sweep: its trials, the best of them, and what stops them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from textual.app import App
from textual.pilot import Pilot

from engine.storage.entry import RunEntry
from engine.storage.listing import Looked
from engine.sweeps.folder import SweepFolder
from engine.sweeps.overview import overview
from engine.sweeps.spec import Spec
from engine.sweeps.sweep import RunState, TrialState, TrialStatus
from tests.results_screen import drawn
from tui.look.theme import DARK
from tui.screens.messages import OpenRun
from tui.screens.sweep import SweepScreen
from tui.screens.sweep_reader import SweepReader
from tui.widgets.against import AgainstFields
from tui.widgets.run_table import RunTable

SPEC = Spec.checked(
    {"over": {"learning_rate": "log:1e-4:1e-1", "model": "cnn,batchnorm", "epochs": "1:8"}, "trials": 12}
)
TRIED = (
    (0.0031, "cnn", 4, 62.5),
    (0.0042, "batchnorm", 8, 74.25),
    (0.09, "cnn", 2, 31.0),
    (0.0007, "batchnorm", 5, 70.5),
    (0.0024, "batchnorm", 8, None),
)


class Reader:
    """A sweep of which four trials have completed, and one trains."""

    def __init__(self, folder: Path = Path("runs/brisk-search")) -> None:
        self.folder = SweepFolder(folder, SPEC, Path(), 0.0)
        self.shares = {"learning_rate": 0.62, "model": 0.3, "epochs": 0.08}
        self.workers = 1
        states = []
        for number, (rate, model, epochs, accuracy) in enumerate(TRIED):
            values = {"learning_rate": rate, "model": model, "epochs": epochs}
            trial = self.folder.trial(number, values)
            status: TrialStatus = "training" if accuracy is None else "completed"
            entry = RunEntry(
                name=trial.runs[0],
                path=folder / trial.runs[0],
                status=cast(Any, status),
                at=f"2026-03-14T15:0{number}:00+01:00",
                accuracy=accuracy,
                config={**SPEC.config(values).as_json()},
                iterations=500 if accuracy is None else 1000,
                planned=1000,
                left=20.0 if accuracy is None else None,
                train_seconds=40.0,
            )
            states.append(TrialState(trial, status, (RunState(trial.runs[0], status, entry, accuracy),)))
        self.states = tuple(states)
        self.seen = overview(SPEC, self.states)

    def look(self) -> Looked:
        return Looked([run.entry for state in reversed(self.states) for run in state.runs if run.entry is not None])


class SweepApp(App[None]):
    """The screen in an app of its own; `opened` are the runs that it asked for."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader
        self.opened: list[Path] = []

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.theme = DARK.name
        self.push_screen(SweepScreen(cast(SweepReader, self.reader)))

    def on_open_run(self, message: OpenRun) -> None:
        self.opened.append(message.folder)

    def action_help(self) -> None: ...

    def action_leave(self) -> None: ...


async def ready(pilot: Pilot[None]) -> None:
    """Wait until the trials are shown."""
    table = pilot.app.screen.query_one(RunTable)
    for _ in range(200):
        await pilot.pause(0.02)
        if table.key:
            break
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_looks(size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    """The screen looks as it did when last approved."""
    assert snap_compare(SweepApp(Reader()), terminal_size=size, run_before=ready)


async def test_what_it_tells() -> None:
    """The best trial comes first, with its values; then how far the sweep is, and what makes the difference."""
    app = SweepApp(Reader())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        text = drawn(app)
        assert "74.25 % accuracy, the best: trial 1 · learning rate 0.0042 · model batchnorm · epochs 8" in text
        assert "4 of 12 trials ended · 1 run training · left 5:00" in text
        assert "learning rate 62 % · model 30 % · epochs 8 %" in text
        assert text.count("◆") == 3, "the best, in each field"
        assert "74.25 %" in text
        assert "31.00 %" in text
        await pilot.press("enter")
        assert app.opened == [Path("runs/brisk-search/trial-0001")], "the best trial is under the cursor"
        offered = {each.binding.action for each in app.screen.active_bindings.values()}
        assert {"stop_runs", "stop_sweep", "compare", "filter"} <= offered
        assert not {"rename", "throw_away", "trash", "sweeps"} & offered, "a trial stays in its sweep"


async def test_fields_of_points() -> None:
    """A trial lies across by its constant, on the scale that was searched, and up by its result."""
    app = SweepApp(Reader())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        fields = app.screen.query_one(AgainstFields)
        rows = [fields.render_line(y).text for y in range(fields.size.height)]
        assert [name in rows[0] for name in ("learning rate", "model", "epochs")] == [True] * 3
        margin = rows[0].index("learning rate")
        width = rows[0].index("model") - margin - 2
        best = rows[1].index("◆") - margin
        assert abs(best / width - 0.541) < 0.05, "0.0042 lies a little right of the middle between 0.0001 and 0.1"
        assert "0.0001" in rows[-1]
        assert "batchnorm" in rows[-1]


async def test_stopping(tmp_path: Path) -> None:
    """`s` asks the trials that train to stop, `S` the whole sweep, after a question."""
    reader = Reader(tmp_path)
    (tmp_path / "trial-0004").mkdir()
    app = SweepApp(reader)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("s")
        await pilot.pause(0.1)
        assert [each.message for each in app._notifications] == ["No trial trains there."]
        await pilot.press("end", "s")
        requests = tmp_path / "trial-0004" / "requests"
        for _ in range(100):
            await pilot.pause(0.02)
            if requests.exists() and requests.read_text():
                break
        assert requests.read_text() == "stop\n"
        await pilot.press("S", "enter")
        await pilot.pause(0.1)
        assert not reader.folder.is_stopping, "the answer that has the focus lets it go on"
        await pilot.press("S", "left", "enter")
        for _ in range(100):
            await pilot.pause(0.02)
            if reader.folder.is_stopping:
                break
        assert reader.folder.is_stopping


async def test_without_a_result() -> None:
    """A sweep that has just begun says so, and shows no fields of points that are not there."""
    reader = Reader()
    reader.states = reader.states[-1:]
    reader.seen, reader.shares, reader.workers = overview(SPEC, reader.states), {}, 0
    app = SweepApp(reader)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert "no trial has completed yet" in drawn(app)
        assert "0 of 12 trials ended · 1 run training · nobody works on it" in drawn(app)


def test_of_a_wide_field() -> None:
    """Many points of one place are one character, and labels are shortened where there is no room."""
    from tui.widgets.against import _below, _cells

    assert _cells([(0.0, 0.0)], 2, 4) == {(1, 0): "•"}
    assert _cells([(0.0, 0.0), (0.0, 0.0), (0.1, 0.2)], 2, 4).keys() == {(1, 0)}
    assert _cells([(1.0, 1.0)], 2, 4) == {(0, 3): "•"}
    assert _below(((0.0, "0.0001"), (1.0, "0.1")), 14) == "0.0001     0.1"
    assert len(_below(tuple((i / 5, f"augmentation-{i}") for i in range(5)), 20)) == 20
