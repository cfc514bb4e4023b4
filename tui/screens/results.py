"""After a run: how good is the model, and where is it weak."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import DataTable, Static

from engine.record.events import Failed
from engine.record.record import RunRecord
from engine.text import clean
from tui.charts.keys import ChartKeys
from tui.charts.kinds.loss import LossChart
from tui.dialogs.class_details import ClassDetails
from tui.screens.messages import Back, Export, NewRun
from tui.screens.results_keys import HELP, RESULTS_BINDINGS, VIEWS
from tui.widgets.class_history import ClassHistory
from tui.widgets.confused_pairs import ConfusedPairs
from tui.widgets.confusion_map import ConfusionMap
from tui.widgets.evaluation_table import EvaluationTable
from tui.widgets.heat_map import HeatMap
from tui.widgets.keys import Keys
from tui.widgets.outcome import Outcome
from tui.widgets.title_bar import TitleBar
from tui.widgets.view_tabs import ViewTabs

WIDE = 110
"""With so many columns, the table stands beside another view; with fewer, one of them is shown."""

TALL = 34
"""With so many rows, the chart stands below them; with fewer, it takes their place."""

LOW = 20
"""With fewer rows, the large number and the most confused pairs are left out."""

VERY_LOW = 10
"""With fewer rows, the line of the views is left out."""

OTHER_ROWS = 8
"""Rows of title, outcome, views and footer at most."""

WITH_PAIRS = {"table", "map", "history"}
"""Views with the most confused pairs below them."""


class ResultsScreen(ChartKeys, Screen[None]):
    """The results of a run that ended, as far as it got."""

    HELP = HELP
    BINDINGS: ClassVar[list[BindingType]] = RESULTS_BINDINGS
    DEFAULT_CSS = """
    ResultsScreen { background: $background; }
    ResultsScreen #notes { height: auto; max-height: 3; padding: 0 1; color: $text-warning; }
    ResultsScreen #notes.-failed { color: $text-error; }
    ResultsScreen #panels > * { height: 1fr; width: 1fr; }
    ResultsScreen ConfusedPairs { height: 1fr; max-height: 6; }
    ResultsScreen.-chart ConfusedPairs { height: 3; min-height: 3; }
    ResultsScreen LossChart { height: 2fr; }
    """

    def __init__(self, record: RunRecord, folder: Path) -> None:
        super().__init__()
        self.record = record
        self.folder = folder
        self._index = len(record.evaluations) - 1
        """Which evaluation is shown; -1 if there is none."""
        self._view = "table"
        """What is shown where there is room for one only, and beside the table where there is more."""
        self._chart_below = True
        """Whether the chart is shown where there is room for it below the others."""

    # Layout

    def compose(self) -> ComposeResult:
        record, started = self.record, self.record.started
        dataset = started.dataset.name if started else ""
        yield TitleBar(f"cifar-tui · {started.name if started else self.folder.name}", record.status, dataset)
        yield Outcome(record, self.folder)
        yield Static(self._notes(), id="notes", classes="-failed" if record.status == "failed" else "")
        yield ViewTabs(VIEWS)
        with Horizontal(id="panels"):
            yield from self._panels()
        if self._index >= 0:
            yield ConfusedPairs(record.evaluation_at(self._index))
        yield LossChart()
        yield Keys(elsewhere="view(")

    def _panels(self) -> ComposeResult:
        if self._index >= 0:
            evaluation = self.record.evaluation_at(self._index)
            yield EvaluationTable(evaluation, id="table")
            yield ConfusionMap(evaluation, id="map")
            yield self._history()

    def _history(self) -> ClassHistory:
        record, during = self.record, self.record.evaluations[0].split
        headings = [str(each.epoch) if each.split == during else "★" for each in record.evaluations]
        whens = [record.when(each) for each in record.evaluations]
        evaluations = [record.evaluation_at(i) for i in range(len(whens))]
        return ClassHistory(evaluations, headings, whens, id="history")

    def on_mount(self) -> None:
        self.query_one("#notes").display = bool(self._notes())
        started, record = self.record.started, self.record
        if started is not None:
            iterations = len(record.losses) if record.ended else started.iterations
            chart = self.query_one(LossChart)
            chart.start(max(1, iterations), started.batches)
            chart.show(record.losses, record.evaluations, record.trained)
        self._arrange()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= WIDE

    @property
    def _is_tall(self) -> bool:
        return self.size.height >= TALL

    @property
    def _shown(self) -> set[str]:
        """The views that are shown."""
        if self._index < 0 or (self._view == "chart" and not self._is_tall):
            return {"chart"}
        view = "table" if self._view == "chart" else self._view
        shown = {"table", "map" if view == "table" else view} if self._is_wide else {view}
        return shown | ({"chart"} if self._is_tall and self._chart_below else set())

    def _arrange(self) -> None:
        shown, low = self._shown, self.size.height < LOW
        self.set_class("chart" in shown, "-chart")
        self.query_one(LossChart).display = "chart" in shown
        self.query_one(Outcome).show(self._index, low=low)
        panels = self.query_one("#panels")
        panels.display = shown != {"chart"}
        for panel in panels.children:
            panel.display = panel.id in shown
        if self._index >= 0:
            room = self.size.width // 2 if self._is_wide else self.size.width
            scrolls = any(
                isinstance(each, HeatMap) and each.display and each.is_wider(room) for each in panels.children
            )
            whole = len(self.record.classes) + 3 + scrolls  # headings and borders
            panels.styles.max_height = whole
            pairs = self.query_one(ConfusedPairs)
            pairs.display = bool(shown & WITH_PAIRS) and not low
            # Textual shares rows wrongly among widgets that all reach their least or their largest height.
            fits = whole + 3 <= self.size.height - OTHER_ROWS - len(self._notes().plain.splitlines())
            panels.styles.height = "3fr" if "chart" in shown else "9fr" if fits else "4fr"
            pairs.styles.min_height = 1 if fits else 3
        tabs = self.query_one(ViewTabs)
        tabs.display = self._index >= 0 and self.size.height >= VERY_LOW
        tabs.views = tuple(view for view in VIEWS if view != "table" or not self._is_wide)
        tabs.shown = shown
        self._focus()
        self.refresh_bindings()

    def _focus(self) -> None:
        """Focus what was chosen last, so that the arrow keys move what is shown."""
        if self.focused is not None and self.focused.display and self.focused.parent is not self.query_one("#panels"):
            return  # the pairs
        kept = self.focused.id if self.focused is not None else None
        shown = self._shown - {"chart"}
        wanted = kept if kept in shown else self._view if self._view in shown else None
        panel = wanted or ("table" if "table" in shown else None)
        self.set_focus(self.query_one(f"#{panel}", Widget) if panel else None)

    def _choose_evaluation(self, index: int) -> None:
        """Show the evaluation number `index` in everything that shows one."""
        if index == self._index:
            return
        self._index = index
        evaluation = self.record.evaluation_at(self._index)
        self.query_one(EvaluationTable).show(evaluation)
        self.query_one(ConfusionMap).show(evaluation)
        self.query_one(ConfusedPairs).show(evaluation)
        history = self.query_one(ClassHistory)
        history.choose(history.cursor.row, index)
        self.query_one(Outcome).show(self._index, low=self.size.height < LOW)
        newest = self._index == len(self.record.evaluations) - 1
        when = f"{self.record.when(self.record.evaluations[self._index])} of {self.record.planned_epochs}"
        self.query_one(TitleBar).middle = self.record.status if newest else when
        self.refresh_bindings()

    def _notes(self) -> Content:
        closing = self.record.closing
        reason = [closing.reason] if isinstance(closing, Failed) else []
        return Content("\n").join(Content(clean(text)) for text in (*reason, *self.record.notices))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something now."""
        shown, last = self._shown, len(self.record.evaluations) - 1
        match action:
            case "export":
                return self.record.started is not None
            case "view":
                return self._index >= 0 and (parameters != ("table",) or not self._is_wide)
            case "evaluation":
                if last < 1 or shown == {"chart"}:
                    return False
                return (self._index < last if parameters == (1,) else self._index > 0) or None
            case "order" | "reverse":
                return "table" in shown
            case "columns":
                return "table" in shown and not self.query_one(EvaluationTable).shows_all
            case "details":
                return shown != {"chart"}
        return not action.startswith("chart_") or "chart" in shown

    def action_export(self) -> None:
        self.post_message(Export(self.record, self.folder))

    def action_new_run(self) -> None:
        self.post_message(NewRun(self.record))

    def action_back(self) -> None:
        self.post_message(Back())

    def action_view(self, name: str) -> None:
        """Show a view; if it is shown already, the table again."""
        if name == "chart" and self._is_tall:
            self._chart_below = not self._chart_below
        else:
            self._view = "table" if name == self._view else name
            if self._view in self._shown - {"chart"}:
                self.query_one(f"#{self._view}").focus()
        self._arrange()

    def on_view_tabs_chosen(self, event: ViewTabs.Chosen) -> None:
        self.action_view(event.view)

    def action_evaluation(self, by: int) -> None:
        self._choose_evaluation(min(max(0, self._index + by), len(self.record.evaluations) - 1))

    def action_order(self) -> None:
        self.query_one(EvaluationTable).sort_by_next()

    def action_reverse(self) -> None:
        self.query_one(EvaluationTable).reverse()

    def action_columns(self) -> None:
        self.query_one(EvaluationTable).other_columns()

    def action_details(self) -> None:
        table = self.query_one(EvaluationTable)
        if (index := table.class_index) is not None:
            split = self.record.evaluations[self._index].split
            evaluation = self.record.evaluation_at(self._index)
            self.app.push_screen(ClassDetails(evaluation, table.class_order, index, split), self._choose_class)

    # Cursors: all views point at the same class

    def _choose_class(self, index: int | None) -> None:
        """Move the cursors that a person did not move."""
        if index is None:
            return
        table, confusion = self.query_one(EvaluationTable), self.query_one(ConfusionMap)
        if table.class_index != index:
            table.choose(index)
        if confusion.cursor.row != index:
            confusion.choose(index)
        self.query_one(ClassHistory).choose(index, self._index)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        # Not that of the event: the table may have moved on by now.
        self._choose_class(self.query_one(EvaluationTable).class_index)

    def on_heat_map_moved(self, event: HeatMap.Moved) -> None:
        if isinstance(event.heat_map, ClassHistory):
            self._choose_evaluation(event.place.column)
        self._choose_class(event.place.row)

    def on_heat_map_opened(self, event: HeatMap.Opened) -> None:
        self.action_details()

    def on_confused_pairs_opened(self, event: ConfusedPairs.Opened) -> None:
        self._choose_class(event.true)
        self.action_details()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        self.action_details()
