"""The training screen with an earlier run behind the curve."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.app import App

from engine.errors import RunFolderError
from tests.records import live_log, run_started
from tests.saved_runs import answers, save_run
from tests.tui.test_gallery import settled, text
from tests.tui.test_training import MadeUpRun
from tui.charts.kinds.loss import LossChart
from tui.look.theme import DARK
from tui.screens import reference
from tui.screens.training import TrainingScreen


class Watching(App[None]):
    """Shows a run that has done 150 of 200 iterations, in `runs_dir`."""

    def __init__(self, runs_dir: Path) -> None:
        super().__init__()
        dataset = replace(run_started().dataset, classes=("plane", "car", "bird", "cat"))
        run: Any = MadeUpRun(live_log(150, batches=100, epochs=2, dataset=dataset, at="2026-03-15T00:00:00+01:00"))
        run.folder = runs_dir / "now"
        self.training = TrainingScreen(run)

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.theme = DARK.name
        self.push_screen(self.training)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_an_earlier_run_behind_the_curve(size: tuple[int, int], tmp_path: Path) -> None:
    """The best earlier run is drawn behind the live curve, and the title says how far ahead of it this one is."""
    save_run(tmp_path, "brisk-heron", answers(0.7))
    app = Watching(tmp_path)
    async with app.run_test(size=size) as pilot:
        chart = app.training.query_one(LossChart)
        await settled(pilot, lambda: chart.curve.reference is not None)
        await pilot.pause()
        assert "behind brisk-heron" in text(pilot)
        assert "brisk-heron (best earlier run)" in text(pilot) or size[0] == 80


async def test_runs_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk does not tell of earlier runs, the run is shown without one, and nothing else happens."""
    looked: list[Path] = []

    def look(folder: Path, started: object) -> None:
        looked.append(folder)
        raise RunFolderError("The disk is gone.")

    monkeypatch.setattr(reference, "_look", look)
    app = Watching(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: bool(looked))
        await pilot.pause(0.1)
        assert app.training.query_one(LossChart).curve.reference is None
        assert "smoothed" in text(pilot)
        assert "The disk is gone" not in text(pilot)
