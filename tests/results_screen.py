"""The results screen in an app of its own, for tests, and what they read from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot

from engine.record.evaluation import ConfusionMatrix
from engine.record.events import Evaluated, KeptPredictions
from engine.record.record import RunRecord
from tests.records import (
    finished_record,
)
from tui.charts.kinds.loss import LossChart
from tui.look.theme import DARK, LIGHT
from tui.screens.messages import Export, NewRun, ShowImages
from tui.screens.results import ResultsScreen
from tui.widgets.confusion_map import ConfusionMap
from tui.widgets.evaluation_table import EvaluationTable
from tui.widgets.heat_map import HeatMap

NARROW, WIDE, SHORT = (80, 24), (120, 40), (120, 24)


class ResultsApp(App[None]):
    """Shows the results of a record; `called` tells what the screen asked of the app."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self.results = ResultsScreen(record, Path("runs/brisk-heron"))
        self.called: list[str] = []

    def on_mount(self) -> None:
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self.push_screen(self.results)

    def on_export(self, message: Export) -> None:
        self.called.append(f"export {message.folder}")

    def on_new_run(self, message: NewRun) -> None:
        self.called.append("new run")

    def on_back(self) -> None:
        self.called.append("back")

    def on_show_images(self, message: ShowImages) -> None:
        self.called.append(f"images {message.index} {message.true} {message.predicted} {message.order}")

    def action_leave(self) -> None:
        self.called.append("leave")

    def action_help(self) -> None:
        self.called.append("help")

    @property
    def table(self) -> EvaluationTable:
        return self.results.query_one(EvaluationTable)

    @property
    def map(self) -> ConfusionMap:
        return self.results.query_one(ConfusionMap)

    @property
    def chart(self) -> LossChart:
        return self.results.query_one(LossChart)

    def column(self, index: int) -> list[str]:
        """The table's cells in a column, from top to bottom."""
        rows = range(self.table.row_count)
        return [str(self.table.get_row_at(row)[index]).strip() for row in rows]

    @property
    def keys(self) -> list[str]:
        """What the keys do that are offered now."""
        return [each.binding.description for each in self.screen.active_bindings.values() if each.binding.show]


def evaluated(classes: tuple[str, ...], *matrices: ConfusionMatrix) -> RunRecord:
    """Return the record of a run whose epochs ended with these evaluations."""
    record = finished_record(classes=classes, evaluations=False)
    for epoch, matrix in enumerate(matrices, 1):
        at = epoch * 1_563
        record.evaluations.append(Evaluated(seconds=at, duration=1, epoch=epoch, iteration=at, matrix=matrix))
    return record


def drawn(app: App[None]) -> str:
    """The whole terminal as text."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def details(app: App[None]) -> list[list[str]]:
    """The words of each row of the class details, without the bars."""
    inside = [max(line.split("│"), key=len).split() for line in drawn(app).splitlines() if "│" in line]
    rows = [row for row in inside if row.count("%") == 2 and row[0] != "%"]
    return [[word for word in row if not set(word) & set("█▏▎▍▌▋▊▉")] for row in rows]


async def settle(pilot: Pilot[None]) -> None:
    """Wait until what a key led to is drawn."""
    await pilot.pause()
    await pilot.pause()


def glyphs(heat_map: HeatMap) -> list[str]:
    """The rows of a map as text, headings first."""
    return [heat_map.render_line(y).text for y in range(heat_map.scrollable_content_region.height)]


def with_predictions(record: RunRecord) -> RunRecord:
    """Return the record with evaluations that name predictions; there are none."""
    named = KeptPredictions("iteration-000000000001.safetensors", "0" * 64)
    record.evaluations[:] = [dataclasses.replace(done, predictions=named) for done in record.evaluations]
    return record
