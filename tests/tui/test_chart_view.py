from __future__ import annotations

from textual.app import App, ComposeResult

from engine.charts.compared import ComparedCurves, RunCurve
from engine.charts.plot import RUNS, Colour
from tests.charts import RateChart
from tests.records import finished_record
from tui.charts.cells import CellPicture
from tui.charts.chart import ChartView


class ChartApp(App[None]):
    def compose(self) -> ComposeResult:
        yield ChartView(RateChart())


async def test_any_chart_is_shown() -> None:
    """A chart with other axes and layers than the loss chart's needs no widget of its own."""
    app = ChartApp()
    async with app.run_test(size=(80, 24)):
        chart = app.query_one(ChartView)
        text = "\n".join(chart.row(row).text for row in range(chart.size.height))
        for expected in ("1e-6", "0.0001", "0.01", "◆", "┊", "2.0"):
            assert expected in text
        for expected in ("learning rate ── lowest at 0.01", "one rate diverged"):
            assert expected in (chart.border_title or "")
        for expected in ("chosen now", "loss", "lowest", "13 rates"):
            assert expected in (chart.border_subtitle or "")


async def test_titles_are_never_cut() -> None:
    """At any width the title and the legend have as many entries as fit, each of them whole."""
    for columns in range(30, 90, 3):
        app = ChartApp()
        async with app.run_test(size=(columns, 24)) as pilot:
            await pilot.pause()
            first, *_, last = [strip.text for strip in app.screen._compositor.render_strips()]
            assert "…" not in first + last


def test_lines_of_runs_take_turns() -> None:
    """Where the curves of two runs lie over each other, both are seen."""
    curves = [RunCurve(letter, "", i, [finished_record()]) for i, letter in enumerate("AB")]
    picture = CellPicture(20, 80)
    picture.draw(ComparedCurves(curves))
    cells = [int((picture.colours == colour).sum()) for colour in RUNS[:2]]
    assert min(cells) > 0.35 * sum(cells)


def test_points_far_apart_are_joined() -> None:
    """A line through a few points leaves no column empty between the first and the last."""
    picture = CellPicture(20, 80)
    picture.draw(RateChart())
    drawn = (picture.colours == Colour.LINE) | (picture.colours == Colour.ACCURACY)
    columns = drawn.any(axis=0).nonzero()[0]
    assert columns.tolist() == [*range(columns[0], columns[-1] + 1)]
    assert len(columns) >= 70


def test_more_points_than_columns_fit() -> None:
    """A chart of a thousand points is drawn at any width."""
    for columns in (1, 2, 30, 200):
        picture = CellPicture(20, columns)
        picture.draw(RateChart(1_000))
        assert (picture.colours == Colour.LINE).any()
