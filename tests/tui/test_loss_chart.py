from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from engine.charts.loss import LossCurve
from engine.charts.plot import Colour
from engine.record.bins import SPANS
from tests.charts import EpochAccuracy
from tests.tui.recording import RecordingApp
from tui.charts.canvas import Glyphs, draw_marks, draw_strokes
from tui.charts.cells import CellPicture
from tui.charts.kinds.loss import LossChart

ROOT = Path(__file__).parents[2]

Losses = NDArray[np.float32]
ACCURACIES = [EpochAccuracy(1_563 * epoch, percent) for epoch, percent in enumerate((56.5, 63.1, 66.9, 69.4), start=1)]


def falling(iterations: int) -> Losses:
    """A curve as a run's: noisy, steep at first."""
    iteration = np.arange(iterations)
    noise = np.random.default_rng(0).normal(0, 0.1, iterations)
    return (0.7 + 1.6 * np.exp(-iteration / iterations * 8) + noise).astype(np.float32)


class ChartApp(RecordingApp):
    def compose(self) -> ComposeResult:
        yield LossChart()


@asynccontextmanager
async def shown(size: tuple[int, int] = (120, 40)) -> AsyncIterator[tuple[LossChart, Pilot[None]]]:
    async with ChartApp().run_test(size=size) as pilot:
        yield pilot.app.query_one(LossChart), pilot


def rows_of(chart: LossChart) -> list[str]:
    return [chart.row(row).text for row in range(chart.size.height)]


def text_of(chart: LossChart) -> str:
    return "\n".join(rows_of(chart))


def is_braille(glyph: str) -> bool:
    return "\u2800" < glyph <= "\u28ff"


async def test_before_the_first_loss_the_chart_says_what_it_waits_for() -> None:
    """No empty axes before there is anything to show."""
    async with shown() as (chart, _):
        assert "no iteration recorded yet" in text_of(chart)
        chart.start(6_252, 1_563)
        assert "no iteration recorded yet" in text_of(chart)
        chart.show(falling(1), [])
        assert "recorded" not in text_of(chart)
        assert any(map(is_braille, text_of(chart)))


async def test_the_chart_shows_losses_epochs_and_accuracies() -> None:
    """One look tells the loss, where the epochs end and how good the model was there."""
    async with shown() as (chart, _):
        chart.start(6_252, 1_563)
        chart.show(falling(6_252), ACCURACIES)
        text = text_of(chart)
        for expected in ("0.5", "2.0", "1,563", "3,126", "4,689", "6,252", "┊", "0 %", "100 %"):
            assert expected in text
        assert text.count("◆") == 4
        for accuracy in ACCURACIES:
            assert f"{accuracy.accuracy} %" in text.replace("\u00a0", " ")


async def test_no_number_hides_a_mark() -> None:
    """Training accuracies just over the test accuracies are seen: the numbers stand under the marks then."""
    async with shown() as (chart, _):
        chart.start(6_252, 1_563)
        trained = [EpochAccuracy(each.iteration, min(100, each.accuracy + 5)) for each in ACCURACIES]
        chart.show(falling(6_252), ACCURACIES, trained)
        text = text_of(chart)
        assert (text.count("◆"), text.count("◇")) == (4, 4)
        assert f"{ACCURACIES[-1].accuracy} %" in text.replace("\u00a0", " ")
        assert "training accuracy" in (chart.border_subtitle or "")


async def test_the_title_tells_the_numbers_and_the_legend_the_mode() -> None:
    """The numbers that a person would read off the curve are written down."""
    async with shown() as (chart, _):
        chart.start(6_252, 1_563)
        losses = falling(4_000)
        losses[2_000] = 0.125
        chart.show(losses, ACCURACIES[:2])
        assert chart.border_title is not None
        assert f"now {losses[-1]:.2f}" in chart.border_title
        assert "↓" in chart.border_title
        assert "lowest 0.12 at 2,001" in chart.border_title
        assert chart.border_subtitle is not None
        for expected in ("each iteration", "smoothed over 100", "test accuracy", "whole run"):
            assert expected in chart.border_subtitle
        assert (chart.curve.summary.lowest, chart.curve.summary.lowest_at) == (0.125, 2_001)


async def test_a_loss_that_is_not_finite_is_a_gap_and_is_told() -> None:
    """NaN and infinity are neither hidden nor drawn as numbers."""
    async with shown() as (chart, _):
        chart.start(1_000, 1_000)
        losses = np.ones(1_000, dtype=np.float32)
        losses[:500] = 2
        losses[400:600] = np.nan
        losses[600] = np.inf
        chart.show(losses, [])
        assert "201 not finite" in (chart.border_title or "")
        rows = rows_of(chart)
        drawn = [column for column in range(chart.size.width) if any(is_braille(row[column]) for row in rows)]
        gaps = [after - before for before, after in pairwise(drawn) if after - before > 1]
        assert len(gaps) == 1
        assert gaps[0] == pytest.approx(chart.size.width / 5, abs=3)


async def test_a_spike_survives_in_the_longest_run() -> None:
    """One bad batch among hundreds of thousands reaches the top of the chart."""
    async with shown() as (chart, _):
        losses = np.ones(400_000, dtype=np.float32)
        losses[200_000] = 9
        chart.start(400_000, 100_000)
        chart.show(losses, [])
        columns = {column for row in rows_of(chart)[:20] for column, glyph in enumerate(row) if is_braille(glyph)}
        assert len(columns) == 1
        assert columns.pop() == pytest.approx(chart.size.width / 2, abs=5)


def strokes_drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of columns of dots in each drawing from now on."""
    drawn: list[int] = []

    def counted(rows: int, low: NDArray[np.int64], high: NDArray[np.int64]) -> Glyphs:
        drawn.append(len(low))
        return draw_strokes(rows, low, high)

    monkeypatch.setattr("tui.charts.cells.draw_strokes", counted)
    return drawn


@pytest.mark.parametrize("iterations", [50, 6_000, 600_000])
def test_what_is_drawn_is_bounded_by_the_width(monkeypatch: pytest.MonkeyPatch, iterations: int) -> None:
    """A run of 600,000 iterations is as quick to draw as one of 6,000."""
    drawn = strokes_drawn(monkeypatch)
    marked: list[int] = []

    def counted(rows: int, columns: int, marks: Sequence[tuple[float, float]], *others: Any) -> Glyphs:
        marked.append(len(marks))
        return draw_marks(rows, columns, marks, *others)

    monkeypatch.setattr("tui.charts.cells.draw_marks", counted)
    curve = LossCurve(iterations, iterations)
    curve.show(falling(iterations), [EpochAccuracy(1 + index, 50) for index in range(min(iterations, 10_000))])
    CellPicture(30, 100).draw(curve)
    assert sum(drawn) <= 2 * 2 * 100
    assert 0 < sum(marked) <= 100


def test_a_frame_draws_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a run has been recorded, the next frame is a few columns wide."""
    curve, picture = LossCurve(100_000, 100_000), CellPicture(30, 100)
    losses = falling(100_000)
    losses[0], losses[1] = 0, 5  # the range is known from here on
    curve.show(losses[:90_000], [])
    picture.draw(curve)
    drawn = strokes_drawn(monkeypatch)
    curve.show(losses[:90_500], [])
    picture.draw(curve)
    assert 0 < sum(drawn) <= 2 * 2 * 4
    drawn.clear()
    picture.draw(curve)
    assert drawn == []


@pytest.mark.parametrize(("iterations", "log"), [(6_000, False), (6_000, True), (40, False), (40, True)])
def test_many_small_frames_give_the_same_picture_as_one(iterations: int, log: bool) -> None:
    """A chart that was watched all the time looks like one that was opened late."""
    losses = falling(iterations)
    losses[iterations // 2 : iterations // 2 + iterations // 20] = np.nan
    accuracies = [EpochAccuracy(iterations // 4 * epoch, 10.0 * epoch) for epoch in range(1, 5)]

    def curve() -> LossCurve:
        made = LossCurve(iterations, iterations // 4)
        made.log_scale = log
        return made

    (watched, seen_often), (late, seen_once) = ((curve(), CellPicture(30, 100)) for _ in range(2))
    for seen in range(1, iterations + 1, max(1, iterations // 97)):
        watched.show(losses[:seen], [mark for mark in accuracies if mark.iteration <= seen])
        seen_often.draw(watched)
    watched.show(losses, accuracies)
    seen_often.draw(watched)
    late.show(losses, accuracies)
    seen_once.draw(late)
    assert seen_often.glyphs.tolist() == seen_once.glyphs.tolist()
    assert seen_often.colours.tolist() == seen_once.colours.tolist()


@pytest.mark.parametrize("seen", [800, 4_000, 5_900])
async def test_little_more_than_what_changed_is_sent(seen: int) -> None:
    """Little goes down a slow link, wherever the curve stands: what looks different, and without news nothing."""
    async with shown() as (chart, pilot):
        assert isinstance(pilot.app, RecordingApp)
        chart.start(6_000, 1_500)
        losses = falling(6_000)
        losses[0], losses[1] = 0, 5
        chart.show(losses[:seen], [])
        await pilot.pause()
        changes = 0
        for more in range(10, 101, 10):
            before = pilot.app.cells()
            pilot.app.cells_sent()
            chart.show(losses[: seen + more], [])
            await pilot.pause()
            sent = pilot.app.cells_sent()
            changed = {place: glyph for place, glyph in pilot.app.cells().items() if glyph != before[place]}
            assert changed.items() <= sent.items()
            rows = {row for row, _ in changed if row}
            near = {column + away for row, column in changed if row for away in range(-10, 10)}
            assert {row for row, _ in sent if row} == rows
            assert {column for row, column in sent if row} <= near
            changes += len(rows)
        assert changes
        chart.show(losses[: seen + 100], [])
        await pilot.pause()
        assert pilot.app.cells_sent() == {}


async def test_a_new_number_in_the_title_repaints_one_row() -> None:
    """The numbers change with every frame without repainting the chart."""
    async with shown() as (chart, pilot):
        chart.start(6_000, 1_500)
        losses = falling(6_000)
        losses[0], losses[1] = 0, 5
        chart.show(losses[:4_000], [])
        await pilot.pause()
        chart._exchange_repaint_regions()
        title = chart.border_title
        chart.show(losses[:4_010], [])
        assert chart.border_title != title
        regions = chart._exchange_repaint_regions()
        assert all(region.height == 1 for region in regions)
        assert 0 in {region.y for region in regions}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (LossChart.next_window, "recent part"),
        (LossChart.toggle_log_scale, "log scale"),
        (lambda chart: chart.smooth(1), "smoothed over 250"),
        (lambda chart: chart.smooth(-1), "smoothed over 50"),
    ],
)
async def test_a_mode_changes_the_picture_and_says_so(change: Callable[[LossChart], None], expected: str) -> None:
    """Every mode is seen in the curve and named in the legend."""
    async with shown() as (chart, _):
        chart.start(6_252, 1_563)
        chart.show(falling(5_000), [])
        before = text_of(chart)
        assert expected not in (chart.border_subtitle or "")
        change(chart)
        assert text_of(chart) != before
        assert expected in (chart.border_subtitle or "")


async def test_the_recent_part_shows_the_latest_iterations() -> None:
    """The recent part follows the run, and between its jumps every iteration keeps its place."""
    async with shown() as (chart, _):
        chart.start(6_252, 1_563)
        losses = falling(6_252)
        chart.show(losses[:4_100], ACCURACIES[:2])
        chart.next_window()
        assert "4,100" in text_of(chart)
        assert "1,563" not in text_of(chart)
        axis = rows_of(chart)[-1]
        chart.show(losses[:4_105], ACCURACIES[:2])
        assert rows_of(chart)[-1] == axis
        chart.show(losses[:6_000], ACCURACIES[:3])
        assert "6,000" in text_of(chart)


async def test_smoothing_has_a_least_and_a_most() -> None:
    """Pressing on at either end changes nothing."""
    async with shown() as (chart, _):
        chart.show(falling(1), [])
        for _ in range(30):
            chart.smooth(1)
        assert chart.curve.smoothing == len(SPANS) - 1
        for _ in range(30):
            chart.smooth(-1)
        assert chart.curve.smoothing == 0
        assert "not smoothed" in (chart.border_subtitle or "")


async def test_a_logarithmic_chart_leaves_out_what_has_no_logarithm() -> None:
    """Losses of 0 and below are not drawn on a logarithmic axis, and nothing else is lost."""
    async with shown() as (chart, _):
        chart.start(100, 100)
        chart.toggle_log_scale()
        losses = np.concatenate([np.tile([-1, 0], 25), np.logspace(-6, 1, 50)]).astype(np.float32)
        chart.show(losses[:50], [])
        assert "no loss to draw yet" in text_of(chart)
        chart.show(losses, [])
        rows = rows_of(chart)
        assert "0.001" in "".join(rows)
        columns = [column for row in rows for column, glyph in enumerate(row) if is_braille(glyph)]
        assert min(columns) == pytest.approx(chart.size.width / 2, abs=5)
        assert max(columns) >= chart.size.width - 3


def test_accuracies_close_together_keep_their_marks_and_the_latest_its_number() -> None:
    """Numbers never run into each other or hide a mark."""
    picture = draw_marks(
        10, 60, [(0.22, 0.5), (0.25, 0.52), (0.28, 0.6), (0.9, 0.8)], ["51 %", "52 %", "60 %", "80 %"], "◆"
    )
    text = "\n".join("".join(row) for row in picture).replace("\u00a0", " ")
    assert text.count("◆") == 4
    assert [number for number in ("51 %", "52 %", "60 %", "80 %") if number in text] == ["60 %", "80 %"]


async def test_another_run_starts_with_an_empty_chart() -> None:
    """Nothing of the run before stays."""
    async with shown() as (chart, _):
        chart.start(6_252, 1_563)
        chart.show(falling(6_252), ACCURACIES)
        chart.start(100, 50)
        assert "no iteration recorded yet" in text_of(chart)
        assert chart.curve.summary.now is None
        chart.show(falling(10), [])
        assert "6,252" not in text_of(chart)
        assert "◆" not in text_of(chart)


@pytest.mark.parametrize("theme", ["textual-light", "nord"])
async def test_another_theme_changes_the_colours_alone(theme: str) -> None:
    """Switching the theme while it trains recolours the chart, and its shapes stay."""
    async with shown() as (chart, pilot):
        chart.start(6_252, 1_563)
        chart.show(falling(5_000), ACCURACIES[:3])
        await pilot.pause()
        before, text = [chart.row(row) for row in range(10)], text_of(chart)
        legend = chart.border_subtitle
        pilot.app.theme = theme
        await pilot.pause()
        assert [chart.row(row) for row in range(10)] != before
        assert text_of(chart) == text
        assert chart.border_subtitle != legend


def test_band_line_and_marks_differ_in_shape() -> None:
    """Without colours the smoothed line still stands apart: clear of the band's dots in every character it crosses."""
    curve, picture = LossCurve(6_252, 1_563), CellPicture(30, 100)
    curve.show(falling(6_252), ACCURACIES)
    picture.draw(curve)
    line = picture.glyphs[picture.colours == Colour.LINE]
    assert len(line) >= 80
    assert "⣿" not in line
    assert "⣿" in picture.glyphs[picture.colours == Colour.BAND]
    assert "◆" in picture.glyphs[picture.colours == Colour.ACCURACY]


async def test_a_storm_of_sizes_leaves_a_whole_chart() -> None:
    """Resizing down to one character and back while it trains ends in the same chart as if nothing had happened."""
    losses = falling(6_252)
    async with shown() as (chart, pilot):
        chart.start(6_252, 1_563)
        for step, size in enumerate([(1, 1), (2, 2), (3, 1), (30, 9), (300, 3), (5, 80), (1, 1), (120, 40)]):
            chart.show(losses[: 600 * (step + 1)], ACCURACIES[:1])
            await pilot.resize_terminal(*size)
            assert all(len(row) == chart.size.width for row in rows_of(chart))
        chart.show(losses, ACCURACIES)
        stormy = text_of(chart), chart.border_title
    async with shown() as (chart, _):
        chart.start(6_252, 1_563)
        chart.show(losses, ACCURACIES)
        assert (text_of(chart), chart.border_title) == stormy


async def test_a_small_chart_shows_less() -> None:
    """Where there is no room for axes there is only the curve."""
    async with shown((24, 7)) as (chart, _):
        chart.start(6_252, 1_563)
        chart.show(falling(6_252), ACCURACIES)
        text = text_of(chart)
        assert any(map(is_braille, text))
        assert "1,563" not in text
        assert "100 %" not in text


async def test_a_chart_can_be_told_before_it_is_on_the_screen() -> None:
    """Losses that come before the first paint are there with it."""
    chart = LossChart()
    chart.start(6_252, 1_563)
    chart.show(falling(3_000), ACCURACIES[:1])
    chart.next_window()
    assert chart.curve.summary.now is not None

    class Late(App[None]):
        def compose(self) -> ComposeResult:
            yield chart

    async with Late().run_test():
        assert any(map(is_braille, text_of(chart)))
        assert "recent part" in (chart.border_subtitle or "")


def test_no_losses_at_any_size_end_the_program() -> None:
    """NaN, infinities, the largest and smallest numbers, nothing at all, from 0 to 300 by 100: the chart lives on."""
    command = [sys.executable, "-W", "error", "-m", "tests.tui.fuzz_loss_chart", "200", "10"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (finished.returncode, finished.stdout) == (0, "210 cases\n"), finished.stderr[-2_000:]
