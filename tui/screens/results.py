"""After a run: how good is the model, and where is it weak."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import DataTable, Static

from engine.record.events import Failed
from engine.record.record import RunRecord
from engine.text import clean
from tui.charts.keys import CHART_BINDINGS, ChartKeys
from tui.charts.kinds.loss import LossChart
from tui.dialogs.class_details import ClassDetails
from tui.screens.messages import Back, Export, NewRun
from tui.widgets.confused_pairs import ConfusedPairs
from tui.widgets.confusion_map import ConfusionMap
from tui.widgets.evaluation_table import EvaluationTable, class_index
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

VIEWS = {"table": "t", "map": "m", "chart": "c"}
"""The views and their keys, in the order of their line."""

WITH_PAIRS = {"table", "map"}
"""Views with the most confused pairs below them."""

EPOCH = Binding.Group("Epoch", compact=True)
TABLE = Binding.Group("Table", compact=True)


class ResultsScreen(ChartKeys, Screen[None]):
    """The results of a run that ended, as far as it got."""

    HELP = (
        "The table shows how many images of each class were recognised. Precision: of the images taken for a class,"
        " those that are of it. Recall, of its images those that were recognised, is the accuracy of a class. F1 is the"
        " harmonic mean of both. The map shows what the images were taken for: a row is the true class, a column the"
        " class it was taken for. Blue is right, orange is wrong, and a stronger colour is a larger share of the row's"
        " images; without room for the counts, glyphs show the share: · some, ░ 3 %, ▒ 10 %, ▓ 20 %, █ 40 % and more."
        " Tab goes from table to map to the most confused pairs; the arrow keys move the cursor there. The"
        " standard error tells how far the accuracy could be from that on other images of the same kind. The chart"
        " shows the loss of every iteration, as ◆ the accuracy on the test or validation images, as ◇ that on the"
        " training images, as ● the loss of the test or validation images, and as ★ the test accuracy after a"
        " validation."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "evaluation(-1)", "Earlier", tooltip="The evaluation before", group=EPOCH),
        Binding("right_square_bracket", "evaluation(1)", "Later", tooltip="The evaluation after it", group=EPOCH),
        Binding("o", "order", "Order", tooltip="Sort the table by the next column", group=TABLE),
        Binding("O", "reverse", "Reverse", tooltip="Reverse the order of the table", group=TABLE),
        Binding("v", "columns", "Columns", tooltip="Precision, recall and F1 by class, or the counts", group=TABLE),
        Binding("d", "details", "Class", tooltip="What the class under the cursor was taken for"),
        Binding("t", "view('table')", "Table", tooltip="The table: accuracies by class"),
        Binding("m", "view('map')", "Map", tooltip="The map: what each class was taken for"),
        Binding("c", "view('chart')", "Chart", tooltip="The loss chart, or without it"),
        *CHART_BINDINGS,
        Binding("e", "export", "Export", tooltip="Write the files of this run to a folder of your choice"),
        Binding("n", "new_run", "New", tooltip="The form, with the constants of this run"),
        Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
        Binding("escape", "back", "Back", tooltip="Back to where this run was opened"),
        Binding("q", "app.leave", "Leave", tooltip="Close the program"),
    ]
    DEFAULT_CSS = """
    ResultsScreen { background: $background; }
    ResultsScreen #notes { height: auto; max-height: 3; padding: 0 1; color: $text-warning; }
    ResultsScreen #notes.-failed { color: $text-error; }
    ResultsScreen #panels { height: 4fr; }
    ResultsScreen.-chart #panels { height: 3fr; }
    ResultsScreen #panels > * { height: 1fr; width: 1fr; }
    ResultsScreen ConfusedPairs { height: 1fr; min-height: 3; max-height: 6; }
    ResultsScreen.-chart ConfusedPairs { height: 3; }
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
            panels.styles.max_height = len(self.record.classes) + 3  # headings and borders
            self.query_one(ConfusedPairs).display = bool(shown & WITH_PAIRS) and not low
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

    def _show_evaluation(self) -> None:
        """Let everything that is shown follow the chosen evaluation."""
        evaluation = self.record.evaluation_at(self._index)
        self.query_one(EvaluationTable).show(evaluation)
        self.query_one(ConfusionMap).show(evaluation)
        self.query_one(ConfusedPairs).show(evaluation)
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
        self._index = min(max(0, self._index + by), len(self.record.evaluations) - 1)
        self._show_evaluation()

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
            self.app.push_screen(ClassDetails(evaluation, table.class_order, index, split), table.choose)

    # Cursors: table and map point at the same class

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        index, confusion = class_index(event.row_key.value), self.query_one(ConfusionMap)
        if index is not None and index != confusion.cursor.row:
            confusion.choose(index)

    def on_heat_map_moved(self, event: HeatMap.Moved) -> None:
        self.query_one(EvaluationTable).choose(event.place.row)

    def on_heat_map_opened(self, event: HeatMap.Opened) -> None:
        self.action_details()

    def on_confused_pairs_opened(self, event: ConfusedPairs.Opened) -> None:
        self.query_one(EvaluationTable).choose(event.true)
        self.action_details()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        self.action_details()
