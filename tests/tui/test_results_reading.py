"""What the results screen reads from the run's folder: predictions, and the filters of the first layer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from engine.record.classified import Classified
from engine.record.evaluation import confusion_matrix
from engine.record.record import RunRecord
from engine.storage import predictions
from engine.storage.layout import PREDICTIONS
from tests.records import finished_record
from tests.results_screen import NARROW, WIDE, ResultsApp, drawn
from tui.screens import result_panels
from tui.screens.results import ResultsScreen
from tui.widgets.filter_patches import FilterPatches, patches

CLASSES = ("a", "b", "c")


def kept(folder: Path) -> RunRecord:
    """Return a record whose evaluations have predictions in `folder`: 60 % right of 100 images, later ones surer."""
    record = finished_record(classes=CLASSES)
    labels = np.arange(100) % 3
    predicted = np.where(np.arange(100) < 60, labels, (labels + 1) % 3)
    for i, done in enumerate(record.evaluations):
        sure = 0.5 + 0.1 * i
        probabilities = np.full((100, 3), (1 - sure) / 2 - 0.01, dtype=np.float32)
        probabilities[np.arange(100), (predicted + 1) % 3] += 0.02
        probabilities[np.arange(100), predicted] = sure
        found = Classified(CLASSES, labels, predicted, probabilities)
        named = predictions.write(folder, record.evaluations[:i], "test", done.iteration, found)
        matrix = confusion_matrix(labels, predicted, 3)
        record.evaluations[i] = dataclasses.replace(done, matrix=matrix, predictions=named)
    return record


class Reading(ResultsApp):
    def __init__(self, record: RunRecord, folder: Path) -> None:
        super().__init__(record)
        self.results = ResultsScreen(record, folder)


async def until_drawn(pilot: Pilot[None], *texts: str) -> None:
    """Wait until the screen shows `texts`; words are read in a thread."""
    for _ in range(400):
        await pilot.pause(0.02)
        if all(text in drawn(pilot.app) for text in texts):
            return
    raise AssertionError(drawn(pilot.app))


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_calibration_and_top_two(size: tuple[int, int], tmp_path: Path) -> None:
    """The calibration and the top-2 accuracy are those of the shown evaluation, also of an earlier one."""
    app = Reading(kept(tmp_path), tmp_path)
    async with app.run_test(size=size) as pilot:
        await until_drawn(pilot, "top-2 60.00 %")
        await pilot.press("k")
        await until_drawn(pilot, "calibration ── expected error 20.0 points", "◇ share of images   sure →")
        await pilot.press("[")
        await until_drawn(pilot, "expected error 10.0 points", "after epoch 3 of 4")


async def test_damaged_predictions(tmp_path: Path) -> None:
    """Damaged predictions are told in the place of the calibration; everything else works."""
    record = kept(tmp_path)
    for path in (tmp_path / PREDICTIONS).iterdir():
        path.write_bytes(b"x" + path.read_bytes()[1:])
    app = Reading(record, tmp_path)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("k")
        await until_drawn(pilot, "its content has changed")
        await pilot.press("m")
        await until_drawn(pilot, "b recognised: 20 of 33")
        assert "top-2" not in drawn(app)


async def test_run_without_predictions(tmp_path: Path) -> None:
    """A run of an older version says that it kept none."""
    app = Reading(finished_record(), tmp_path)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("k")
        await until_drawn(pilot, "the run kept no predictions, only")


async def test_no_checkpoint(tmp_path: Path) -> None:
    """Filters of a run without a checkpoint, or in a folder that is none, are told not to be there."""
    app = Reading(finished_record(), tmp_path)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("w")
        await until_drawn(pilot, str(tmp_path)[:40])


async def test_filters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each filter stands beside how it started, with how far it moved; a layer that does not learn is shown once."""
    start = np.ones((4, 3, 3, 3), dtype=np.float32)
    now = start.copy()
    now[2] *= 1.5
    monkeypatch.setattr(result_panels, "first_layer", lambda folder, record: (now, start))
    app = Reading(finished_record(), tmp_path)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("w")
        await until_drawn(pilot, "4 filters of 3×3, at the start → now, moved by 25 %", "2  moved 0 %", "3  moved 50 %")
        view = app.results.query_one(FilterPatches)
        assert app.focused is view
        view.show(start, start)
        await until_drawn(pilot, "4 filters of 3×3, they do not learn")
        assert "moved" not in drawn(app)


def test_patches() -> None:
    """A weight of 0 is grey, the strongest ones are black and white, and a patch is six pixels wide and even."""
    weights = np.zeros((1, 3, 3, 3), dtype=np.float32)
    weights[0, 0, 0], weights[0, 2, 2] = -1, 1
    (patch,) = patches(weights)
    assert patch.shape == (6, 6, 3)
    assert patch[0, 0].tolist() == patch[1, 1].tolist() == [0, 0, 0]
    assert patch[5, 5].tolist() == [255, 255, 255]
    assert patch[2, 2].tolist() == [128, 128, 128]
    for side in range(1, 12):
        height, width = patches(np.zeros((1, side, side, 3), dtype=np.float32)).shape[1:3]
        assert height == width >= 6
        assert height % 2 == 0
