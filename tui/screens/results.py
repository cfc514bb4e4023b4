"""After a run: how good is the model, and where is it weak."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from engine.record.classified import Order
from engine.record.record import RunRecord
from tui.charts.keys import ChartKeys
from tui.charts.kinds.loss import LossChart
from tui.dialogs.class_details import ClassDetails
from tui.screens.messages import Back, Export, NewRun, ShowImages, ShowOwnPictures
from tui.screens.result_panels import ResultPanels, focused_view
from tui.screens.results_keys import HELP, RESULTS_BINDINGS, VIEWS
from tui.widgets.confused_pairs import ConfusedPairs
from tui.widgets.keys import Keys
from tui.widgets.outcome import Outcome, notes_of
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


LOOKS_EVERY = 0.5
"""Seconds between two looks whether a run that trains has got any further."""


class ResultsScreen(ChartKeys, Screen[None]):
    """The results of a run that ended, as far as it got; or of one that trains, whose newest evaluation is followed."""

    HELP = HELP
    BINDINGS: ClassVar[list[BindingType]] = RESULTS_BINDINGS
    DEFAULT_CSS = """
    ResultsScreen { background: $background; }
    ResultsScreen #notes { height: auto; max-height: 3; padding: 0 1; color: $text-warning; }
    ResultsScreen #notes.-failed { color: $text-error; }
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
        self._top_two: float | None = None
        """Percent of images whose class is among the two most probable ones, if it is known."""
        self._notes = notes_of(record)
        self._known = len(record.evaluations)
        """How many evaluations are shown in the history."""

    # Layout

    def compose(self) -> ComposeResult:
        record, started = self.record, self.record.started
        dataset = started.dataset.name if started else ""
        yield TitleBar(f"cifar-tui · {started.name if started else self.folder.name}", record.status, dataset)
        yield Outcome(record, self.folder)
        yield Static(self._notes, id="notes", classes="-failed" if record.status == "failed" else "")
        yield ViewTabs(VIEWS)
        yield ResultPanels(record, self.folder)
        if self._index >= 0:
            yield ConfusedPairs(record.evaluation_at(self._index))
        yield LossChart()
        yield Keys(elsewhere="view(")

    def on_mount(self) -> None:
        self.query_one("#notes").display = bool(self._notes)
        started, record = self.record.started, self.record
        if started is not None:
            iterations = len(record.losses) if record.ended else record.iterations
            chart = self.query_one(LossChart)
            chart.start(max(1, iterations), started.batches)
            self._show_curve()
        self._arrange()
        if not record.ended:
            self._show_title()
            self.set_interval(LOOKS_EVERY, self._look)

    def _show_curve(self) -> None:
        record = self.record
        self.query_one(LossChart).show(record.losses, record.evaluations, record.trained, record.changes)

    def _look(self) -> None:
        """Show how far a run that trains has got. Its record grows where it is watched: in the screen below."""
        self._show_curve()
        self._show_title()
        count = len(self.record.evaluations)
        if count > self._known:
            follows, self._known = self._index == self._known - 1, count
            self.query_one(ResultPanels).grow()
            self._choose_evaluation(count - 1 if follows else self._index)
            self.refresh_bindings()

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
        self.query_one(Outcome).show(self._index, self._top_two, low=low)
        panels = self.query_one(ResultPanels)
        panels.show_views(shown)
        if self._index >= 0:
            panels.styles.max_height = rows = panels.rows(self.size.width)
            pairs = self.query_one(ConfusedPairs)
            pairs.display = bool(shown & WITH_PAIRS) and rows is not None and not low
            # Textual shares rows wrongly among widgets that all reach their least or their largest height.
            fits = (rows or 0) + 3 <= self.size.height - OTHER_ROWS - len(self._notes.plain.splitlines())
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
        if isinstance(self.focused, ConfusedPairs) and self.focused.display:
            return
        panels, kept = self.query_one(ResultPanels), focused_view(self.focused)
        if not any(panels.focus_view(name) for name in (kept, self._view, "table") if name):
            self.set_focus(None)

    def _choose_evaluation(self, index: int) -> None:
        """Show the evaluation number `index` in everything that shows one."""
        if index == self._index:
            return
        self._index = index
        evaluation = self.record.evaluation_at(self._index)
        self.query_one(ResultPanels).show_evaluation(index)
        self.query_one(ConfusedPairs).show(evaluation)
        self._top_two = None
        self.query_one(Outcome).show(self._index, self._top_two, low=self.size.height < LOW)
        self._show_title()
        self.refresh_bindings()

    def _show_title(self) -> None:
        """Show how the run stands, or which evaluation is shown if it is not the newest one."""
        record, newest = self.record, self._index == len(self.record.evaluations) - 1
        when = f"{record.when(record.evaluations[self._index])} of {record.planned_epochs}" if self._index >= 0 else ""
        so_far = f"{record.status} · {when}" if when and not record.ended else record.status
        self.query_one(TitleBar).middle = so_far if newest else when

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something now."""
        shown, last = self._shown, len(self.record.evaluations) - 1
        match action:
            case "export" | "use":
                return self.record.started is not None
            case "view":
                return self._index >= 0 and (parameters != ("table",) or not self._is_wide)
            case "images":
                return shown != {"chart"}
            case "evaluation":
                if last < 1 or shown == {"chart"}:
                    return False
                return (self._index < last if parameters == (1,) else self._index > 0) or None
            case "order" | "reverse":
                return "table" in shown
            case "columns":
                return "table" in shown and not self.query_one(ResultPanels).table.shows_all
            case "details":
                return bool(shown & WITH_PAIRS)
            case "curves":
                return "chart" in shown and bool(self.record.evaluations or self.record.trained)
        return not action.startswith("chart_") or ("chart" in shown and self.query_one(LossChart).shows_losses)

    def action_export(self) -> None:
        self.post_message(Export(self.record, self.folder))

    def action_use(self) -> None:
        self.post_message(ShowOwnPictures(self.record, self.folder))

    def action_new_run(self) -> None:
        self.post_message(NewRun(self.record.constants_now))

    def action_back(self) -> None:
        self.post_message(Back())

    def action_view(self, name: str) -> None:
        """Show a view; if it is shown already, the table again."""
        if name == "chart" and self._is_tall:
            self._chart_below = not self._chart_below
        else:
            self._view = "table" if name == self._view else name
            self._arrange()
            self.query_one(ResultPanels).focus_view(self._view)
            if self._view == "filters":
                self.query_one(ResultPanels).read_filters()
        self._arrange()

    def on_view_tabs_chosen(self, event: ViewTabs.Chosen) -> None:
        self.action_view(event.view)

    def action_evaluation(self, by: int) -> None:
        self._choose_evaluation(min(max(0, self._index + by), len(self.record.evaluations) - 1))

    def action_curves(self) -> None:
        self.query_one(LossChart).next_curves()
        self.refresh_bindings()

    def action_images(self) -> None:
        self._show_images()

    def action_order(self) -> None:
        self.query_one(ResultPanels).table.sort_by_next()

    def action_reverse(self) -> None:
        self.query_one(ResultPanels).table.reverse()

    def action_columns(self) -> None:
        self.query_one(ResultPanels).table.other_columns()

    def action_details(self) -> None:
        panels = self.query_one(ResultPanels)
        table = panels.table
        if (index := table.class_index) is not None:
            split = self.record.evaluations[self._index].split
            evaluation = self.record.evaluation_at(self._index)
            self.app.push_screen(ClassDetails(evaluation, table.class_order, index, split), panels.choose_class)

    # What the views ask for

    def on_result_panels_evaluation_chosen(self, event: ResultPanels.EvaluationChosen) -> None:
        self._choose_evaluation(event.index)

    def on_result_panels_top_two(self, event: ResultPanels.TopTwo) -> None:
        if event.index == self._index:
            self._top_two = event.percent
            self.query_one(Outcome).show(self._index, self._top_two, low=self.size.height < LOW)

    def on_result_panels_opened(self, event: ResultPanels.Opened) -> None:
        self._show_images(event.true, event.predicted)

    def on_confused_pairs_opened(self, event: ConfusedPairs.Opened) -> None:
        self._show_images(event.true, event.predicted)

    def _show_images(self, true: int | None = None, predicted: int | None = None) -> None:
        if self.record.evaluations[self._index].predictions is None:
            without = "The run kept no predictions of this evaluation, so it has no images to show."
            self.notify(f"{without} d shows what a class was taken for.", severity="warning", markup=False)
            return
        order: Order = "surely right" if true is not None and true == predicted else "surely wrong"
        self.post_message(
            ShowImages(self.record, self.folder, self._index, true=true, predicted=predicted, order=order)
        )
