"""The views of one evaluation, side by side or one at a time, and the class that all of them point at."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import DataTable

from engine.errors import EngineError
from engine.record.evaluation import Evaluation
from engine.record.metrics.calibration import Calibration
from engine.record.record import RunRecord
from tui import work
from tui.charts.kinds.calibration import CalibrationView
from tui.screens.result_reading import first_layer, sureness
from tui.widgets.class_history import ClassHistory
from tui.widgets.confusion_map import ConfusionMap
from tui.widgets.evaluation_table import EvaluationTable
from tui.widgets.filter_patches import FilterPatches
from tui.widgets.heat_map import HeatMap

ROWS_BY_CLASS = ("table", "map", "history")
"""Views with a row a class."""


class ResultPanels(Horizontal):
    """Table, map, history, calibration and filters. Their ids are the names of the views."""

    DEFAULT_CSS = """
    ResultPanels > * { height: 1fr; width: 1fr; }
    """

    class EvaluationChosen(Message):
        """A person moved the cursor of the history to another evaluation."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    class Opened(Message):
        """A person asked for a class, or for its images that were taken for another one."""

        def __init__(self, true: int, predicted: int | None = None) -> None:
            super().__init__()
            self.true, self.predicted = true, predicted

    class TopTwo(Message):
        """The percent of images whose class is among the two most probable ones, in an evaluation."""

        def __init__(self, index: int, percent: float) -> None:
            super().__init__()
            self.index, self.percent = index, percent

    def __init__(self, record: RunRecord, folder: Path) -> None:
        super().__init__()
        self._record, self._folder = record, folder
        self._index = len(record.evaluations) - 1
        self._filters_asked = False

    def compose(self) -> ComposeResult:
        if self._index < 0:
            return
        newest = self._record.evaluation_at(self._index)
        yield EvaluationTable(newest, id="table")
        yield ConfusionMap(newest, id="map")
        yield ClassHistory(*self._history(), id="history")
        yield CalibrationView(id="calibration")
        yield FilterPatches(id="filters")

    def on_mount(self) -> None:
        if self._index >= 0:
            self._read()

    def _history(self) -> tuple[list[Evaluation], list[str], list[str]]:
        """All evaluations, what heads the column of each, and when it was in words."""
        record = self._record
        during = record.evaluations[0].split
        headings = [str(each.epoch) if each.split == during else "★" for each in record.evaluations]
        evaluations = [record.evaluation_at(i) for i in range(len(record.evaluations))]
        return evaluations, headings, [record.when(each) for each in record.evaluations]

    def grow(self) -> None:
        """Show evaluations that were added to the record."""
        history = self.query_one(ClassHistory)
        history.show(*self._history())
        history.lay_out()

    @property
    def table(self) -> EvaluationTable:
        return self.query_one(EvaluationTable)

    def show_views(self, names: Collection[str]) -> None:
        """Show the views with these names, where there is one."""
        self.display = any(panel.id in names for panel in self.children)
        for panel in self.children:
            panel.display = panel.id in names

    def rows(self, width: int) -> int | None:
        """How many rows are enough for what is shown, in a terminal of so many columns; None if more are better."""
        shown = [panel for panel in self.children if panel.display]
        if any(panel.id not in ROWS_BY_CLASS for panel in shown):
            return None
        room = width // max(1, len(shown))
        scrolls = any(isinstance(panel, HeatMap) and panel.is_wider(room) for panel in shown)
        return len(self._record.classes) + 3 + scrolls  # headings and borders

    def focus_view(self, name: str) -> bool:
        """Give the focus to a view, so that the arrow keys move what it shows; returns whether that is possible."""
        for panel in self.children:
            if panel.id == name and panel.display and panel.can_focus:
                self.screen.set_focus(panel)
                return True
        return False

    def show_evaluation(self, index: int) -> None:
        """Show the evaluation number `index`."""
        if index == self._index:
            return
        self._index = index
        evaluation = self._record.evaluation_at(index)
        self.table.show(evaluation)
        self.query_one(ConfusionMap).show(evaluation)
        history = self.query_one(ClassHistory)
        history.choose(history.cursor.row, index)
        self._read()

    # What is read from the run's folder

    def _read(self) -> None:
        """Read the predictions of the shown evaluation, if it has any."""
        index, view = self._index, self.query_one(CalibrationView)

        def found(read: tuple[Calibration, float]) -> None:
            if index == self._index:
                view.show(read[0])
                self.post_message(self.TopTwo(index, read[1]))

        def failed(error: EngineError) -> None:
            if index == self._index:
                view.tell(error.message)

        work.run(self, partial(sureness, self._folder, self._record, index), found, failed)

    def read_filters(self) -> None:
        """Read the filters of the first layer, once."""
        if self._filters_asked:
            return
        self._filters_asked = True
        view = self.query_one(FilterPatches)
        view.tell("The newest checkpoint is being read …")
        read = partial(first_layer, self._folder, self._record)
        work.run(self, read, lambda found: view.show(*found), lambda error: view.tell(error.message))

    # Cursors

    def choose_class(self, index: int | None) -> None:
        """Let every view point at the class `index`."""
        if index is None:
            return
        confusion = self.query_one(ConfusionMap)
        if self.table.class_index != index:
            self.table.choose(index)
        if confusion.cursor.row != index:
            confusion.choose(index)
        self.query_one(ClassHistory).choose(index, self._index)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self.choose_class(self.table.class_index)  # not that of the event: the table may have moved on by now

    def on_heat_map_moved(self, event: HeatMap.Moved) -> None:
        event.stop()
        if isinstance(event.heat_map, ClassHistory) and event.place.column != self._index:
            self.post_message(self.EvaluationChosen(event.place.column))
            self.show_evaluation(event.place.column)
        self.choose_class(event.place.row)

    def on_heat_map_opened(self, event: HeatMap.Opened) -> None:
        event.stop()
        is_cell = isinstance(event.heat_map, ConfusionMap)
        self.post_message(self.Opened(event.place.row, event.place.column if is_cell else None))

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if (index := self.table.class_index) is not None:
            self.post_message(self.Opened(index))


def focused_view(focused: Widget | None) -> str | None:
    """The name of the view that has the focus."""
    return focused.id if focused is not None and isinstance(focused.parent, ResultPanels) else None
