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
from textual.widgets import DataTable, Digits, Static

from engine.record.events import Failed
from engine.record.record import RunRecord
from engine.text import clean
from tui.charts.kinds.loss import EpochAccuracy, LossChart
from tui.dialogs.class_details import ClassDetails
from tui.look.cells import cropped
from tui.look.wording import duration
from tui.screens.messages import Back, Export, NewRun
from tui.widgets.confusion_map import ConfusedPairs, ConfusionMap
from tui.widgets.evaluation_table import COLUMNS, EvaluationTable, class_index
from tui.widgets.keys import Keys
from tui.widgets.title_bar import TitleBar

WIDE = 110
"""Columns from which on table and map stand side by side."""

TALL = 34
"""Rows from which on the chart has room below them."""


class ResultsScreen(Screen[None]):
    """The results of a run that ended, or as far as they are known."""

    HELP = (
        "The table tells how many test images of each class were recognised. The map tells what the others were taken"
        " for: a row is the true class, a column what it was taken for; blue is right, orange is wrong, and the"
        " stronger the colour, the more of the row's images. Enter shows one class closely."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "export", "Export", tooltip="Write the bundle to a folder of your choice"),
        Binding("n", "new_run", "New run", tooltip="Back to the form"),
        Binding("m", "map", "Map", tooltip="The map of confusions, or the table"),
        Binding("c", "chart", "Chart", tooltip="The loss chart, or without it"),
        Binding("o", "order", "Order", tooltip="Order the table by the next column"),
        Binding("r", "reverse", "Reverse", tooltip="Turn the order of the table round"),
        Binding("f1", "app.help", "Help"),
        Binding("escape", "back", "Back", tooltip="Back to where this run was opened"),
        Binding("q", "app.leave", "Leave", tooltip="Close the program"),
    ]
    DEFAULT_CSS = """
    ResultsScreen { background: $background; }
    ResultsScreen #summary { height: auto; padding: 0 1; }
    ResultsScreen Digits { width: auto; color: $foreground; text-style: bold; margin: 0 3 0 0; }
    ResultsScreen #facts {
        height: auto; width: 1fr; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis;
    }
    ResultsScreen #notes { height: auto; max-height: 3; padding: 0 1; color: $text-warning; }
    ResultsScreen #notes.-failed { color: $text-error; }
    ResultsScreen #panels { height: 3fr; }
    ResultsScreen #panels > * { height: 1fr; width: 1fr; }
    ResultsScreen ConfusedPairs { height: 1fr; min-height: 3; max-height: 6; }
    ResultsScreen LossChart { display: none; height: 2fr; }
    ResultsScreen.-chart LossChart { display: block; }
    ResultsScreen.-chart ConfusedPairs { height: 3; }
    ResultsScreen.-chart.-short #panels, ResultsScreen.-chart.-short ConfusedPairs { display: none; }
    ResultsScreen.-narrow ConfusionMap { display: none; }
    ResultsScreen.-narrow.-map ConfusionMap { display: block; }
    ResultsScreen.-narrow.-map EvaluationTable { display: none; }
    ResultsScreen.-low Digits { display: none; }
    ResultsScreen.-low ConfusedPairs { display: none; }
    ResultsScreen.-unevaluated #panels { display: none; }
    """

    def __init__(self, record: RunRecord, folder: Path) -> None:
        super().__init__()
        self.record = record
        self.folder = folder
        self._evaluation = record.evaluation
        self._chart_asked: bool | None = None

    # What stands where

    def compose(self) -> ComposeResult:
        record, evaluation = self.record, self._evaluation
        started = record.started
        dataset = started.dataset.name if started else ""
        yield TitleBar(f"cifar-tui · {started.name if started else self.folder.name}", record.status, dataset)
        with Horizontal(id="summary"):
            if evaluation is not None:
                yield Digits(f"{evaluation.accuracy:.2f}%")
            yield Static(id="facts")
        yield Static(self._notes(), id="notes", classes="-failed" if record.status == "failed" else "")
        with Horizontal(id="panels"):
            if evaluation is not None:
                yield EvaluationTable(evaluation)
                yield ConfusionMap(evaluation)
        if evaluation is not None:
            yield ConfusedPairs(evaluation)
        yield LossChart()
        yield Keys()

    def on_mount(self) -> None:
        self.query_one("#notes").display = bool(self._notes())
        started, record = self.record.started, self.record
        if started is not None:
            iterations = len(record.losses) if record.ended else started.iterations
            accuracies = tuple(
                EpochAccuracy(done.iteration, record.evaluation_at(i).accuracy)
                for i, done in enumerate(record.evaluations)
            )
            chart = self.query_one(LossChart)
            chart.start(max(1, iterations), started.batches)
            chart.show(record.losses, accuracies)
        self._arrange()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()

    @property
    def _chart_shown(self) -> bool:
        """Unless a person said otherwise: where there is room for it, or nothing else to show."""
        if self._evaluation is None:
            return True
        return self.size.height >= TALL if self._chart_asked is None else self._chart_asked

    def _arrange(self) -> None:
        width, height = self.size
        self.set_class(self._evaluation is None, "-unevaluated")
        self.set_class(width < WIDE, "-narrow")
        self.set_class(height < TALL, "-short")
        self.set_class(height < 20, "-low")
        self.set_class(self._chart_shown, "-chart")
        self.query_one("#facts", Static).update(self._facts())
        if self._evaluation is not None:
            self.query_one("#panels").styles.max_height = len(self._evaluation.classes) + 3  # headings and borders
        self._focus()
        self.refresh_bindings()

    def _focus(self) -> None:
        """Let the arrows move what is in sight."""
        table_shown = not self.has_class("-map") or not self.has_class("-narrow")
        if self._evaluation is None or (self._chart_shown and self.has_class("-short")):
            self.set_focus(None)
        elif table_shown and not isinstance(self.focused, ConfusionMap):
            self.query_one(EvaluationTable).focus()
        elif not table_shown:
            self.query_one(ConfusionMap).focus()

    # What is said

    def _facts(self) -> Content:
        record, started, evaluation = self.record, self.record.started, self._evaluation
        dataset = cropped(started.dataset.name, 30) if started else ""
        low = self.size.height < 20
        lines: list[Content] = []
        if evaluation is None:
            said = "No evaluation: the test images were not looked at." if record.ended else "No evaluation yet."
        else:
            counts = f"{evaluation.correct:,} of {evaluation.total:,}"
            said = f"{evaluation.accuracy:.2f} %  ({counts})" if low else f"{counts} test images recognised"
            said += f" ({dataset})"
        lines.append(Content.styled(said, "bold $foreground"))
        if started is not None:
            config, epochs = started.config, f"{started.epochs:,} epoch{'s' * (started.epochs > 1)}"
            if evaluation is not None and record.status != "completed":
                epochs = f"evaluated after epoch {record.evaluations[-1].epoch:,} of {started.epochs:,}"
            parts = [clean(config.get("model", "")), epochs]
            parts += [f"{name.replace('_', ' ')} {config.get(name)}" for name in ("batch_size", "learning_rate")]
            lines.append(Content(" · ".join(parts)))
        closing = record.closing
        trained = f"{len(record.losses):,} iterations"
        if closing is not None:
            trained += f" in {duration(closing.train_seconds)}"
        lines.append(Content(f"{trained} · saved in {clean(self.folder)}"))
        return Content("\n").join(lines[:1] if low else lines)

    def _notes(self) -> Content:
        closing = self.record.closing
        reason = [closing.reason] if isinstance(closing, Failed) else []
        return Content("\n").join(Content(clean(text)) for text in (*reason, *self.record.notices))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what does something has a key."""
        if action == "export":
            return self.record.started is not None
        if action in ("map", "order", "reverse", "chart") and self._evaluation is None:
            return False
        covered = self._chart_shown and self.has_class("-short")
        if action == "map":
            return self.has_class("-narrow") and not covered
        if action in ("order", "reverse"):
            return not covered and not (self.has_class("-narrow") and self.has_class("-map"))
        return True

    def action_export(self) -> None:
        self.post_message(Export(self.record, self.folder))

    def action_new_run(self) -> None:
        self.post_message(NewRun(self.record))

    def action_back(self) -> None:
        self.post_message(Back())

    def action_map(self) -> None:
        self.toggle_class("-map")
        self._arrange()

    def action_chart(self) -> None:
        self._chart_asked = not self._chart_shown
        self._arrange()

    def action_order(self) -> None:
        table = self.query_one(EvaluationTable)
        table.sort_by((table.order[0] + 1) % len(COLUMNS))

    def action_reverse(self) -> None:
        table = self.query_one(EvaluationTable)
        table.sort_by(table.order[0])

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        self.query_one(ConfusionMap).chosen = class_index(event.row_key.value)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        index = class_index(event.row_key.value)
        if self._evaluation is not None and index is not None:
            self.app.push_screen(ClassDetails(self._evaluation, index))
