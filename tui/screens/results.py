"""After a run: how good is the model, and where is it weak."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import DataTable, Digits, Static

from engine.record.events import Failed
from engine.record.record import RunRecord
from engine.text import clean, counted
from tui.charts.keys import CHART_BINDINGS, ChartKeys
from tui.charts.kinds.loss import LossChart
from tui.dialogs.class_details import ClassDetails
from tui.look.cells import cropped
from tui.look.wording import duration
from tui.screens.messages import Back, Export, NewRun
from tui.widgets.confused_pairs import ConfusedPairs
from tui.widgets.confusion_map import ConfusionMap
from tui.widgets.evaluation_table import COLUMNS, EvaluationTable, class_index
from tui.widgets.keys import Keys
from tui.widgets.title_bar import TitleBar

WIDE = 110
"""With so many columns, table and map stand side by side; with fewer, one of them is shown."""

TALL = 34
"""With so many rows, the chart stands below them; with fewer, it takes their place."""

LOW = 20
"""With fewer rows, the large number and the most confused pairs are left out."""

ORDERING = Binding.Group("Order", compact=True)
"""The keys for the order of the table, side by side in the footer."""


class ResultsScreen(ChartKeys, Screen[None]):
    """The results of a run that ended, as far as it got."""

    HELP = (
        "The table shows how many images of each class were recognised; Enter shows one class in detail. The map"
        " shows what the images were taken for: a row is the true class, a column the class it was taken for. Blue is"
        " right, orange is wrong, and a stronger colour is a larger share of the row's images. The chart shows the loss"
        " of every iteration, as ◆ the accuracy on the test or validation images, as ◇ that on the training images, as"
        " ● the loss of the test or validation images, and as ★ the test accuracy after a validation."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "export", "Export", tooltip="Write the files of this run to a folder of your choice"),
        Binding("n", "new_run", "New run", tooltip="The form, with the constants of this run"),
        Binding("c", "chart", "Chart", tooltip="The loss chart"),
        Binding("c", "no_chart", "No chart", tooltip="Without the loss chart"),
        Binding("c", "table", "Table", tooltip="The accuracies by class"),
        Binding("m", "map", "Map", tooltip="What each class was taken for"),
        Binding("m", "table", "Table", tooltip="The accuracies by class"),
        Binding("o", "order", "Order", tooltip="Sort the table by the next column", group=ORDERING),
        Binding("O", "reverse", "Reverse", tooltip="Reverse the order of the table", group=ORDERING),
        *CHART_BINDINGS,
        Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
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
    ResultsScreen.-chart ConfusedPairs { height: 3; }
    ResultsScreen LossChart { height: 2fr; }
    """

    def __init__(self, record: RunRecord, folder: Path) -> None:
        super().__init__()
        self.record = record
        self.folder = folder
        self._evaluation = record.evaluation
        self._view: Literal["table", "map", "chart"] = "table"
        """What is shown where there is room for one only."""
        self._chart_below = True
        """Whether the chart is shown where there is room for it below the others."""

    # Layout

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
        """Which of table, map and chart are shown."""
        if self._evaluation is None or (self._view == "chart" and not self._is_tall):
            return {"chart"}
        shown = {"table", "map"} if self._is_wide else {"map" if self._view == "map" else "table"}
        return shown | ({"chart"} if self._is_tall and self._chart_below else set())

    def _arrange(self) -> None:
        shown, low = self._shown, self.size.height < LOW
        self.set_class("chart" in shown, "-chart")
        self.query_one(LossChart).display = "chart" in shown
        self.query_one("#facts", Static).update(self._facts())
        self.query_one("#panels").display = shown != {"chart"}
        if self._evaluation is not None:
            self.query_one("#panels").styles.max_height = len(self._evaluation.classes) + 3  # headings and borders
            self.query_one(EvaluationTable).display = "table" in shown
            self.query_one(ConfusionMap).display = "map" in shown
            self.query_one(ConfusedPairs).display = shown != {"chart"} and not low
            self.query_one(Digits).display = not low
        self._focus()
        self.refresh_bindings()

    def _focus(self) -> None:
        """Focus the table or the map, so that the arrow keys move what is shown."""
        shown = self._shown
        if "map" in shown and ("table" not in shown or isinstance(self.focused, ConfusionMap)):
            self.query_one(ConfusionMap).focus()
        elif "table" in shown:
            self.query_one(EvaluationTable).focus()
        else:
            self.set_focus(None)

    # Text

    def _facts(self) -> Content:
        low = self.size.height < LOW
        lines = [Content.styled(self._outcome(with_accuracy=low), "bold $foreground")]
        if not low:
            measures = self.record.measures(self.record.evaluations[-1]) if self.record.evaluations else []
            told = " · ".join(measures).replace("training accuracy", "training")  # so that it fits into 80 columns
            lines += [Content(line) for line in (told, *self._training()) if line]
        return Content("\n").join(lines)

    def _outcome(self, *, with_accuracy: bool) -> str:
        """How many images were recognised, and of which data set."""
        record, evaluation = self.record, self._evaluation
        if evaluation is None:
            return "No evaluation: the test images were not used." if record.ended else "No evaluation yet."
        last = record.evaluations[-1]
        counts = f"{evaluation.correct:,} of {evaluation.total:,}"
        outcome = f"{evaluation.accuracy:.2f} %  ({counts})"
        if not with_accuracy:
            how = f"with {last.views} views" if last.views > 1 else "recognised"
            outcome = f"{counts} {last.split} images {how}"
        return f"{outcome} ({cropped(record.started.dataset.name, 30)})" if record.started else outcome

    def _training(self) -> list[str]:
        """The constants and what was trained, in two lines."""
        record, started, closing = self.record, self.record.started, self.record.closing
        lines = []
        if started is not None:
            config, epochs = started.config, record.length
            last = record.evaluations[-1] if record.evaluations else None
            if record.chosen:
                epochs += f", {record.chosen}"
            elif last is not None and last.iteration < record.planned:
                epochs = f"evaluated {record.when(last)} of {record.planned_epochs}"
            parts = [clean(config.get("model", "")), epochs]
            parts += [f"{name.replace('_', ' ')} {config.get(name)}" for name in ("batch_size", "learning_rate")]
            lines.append(" · ".join(parts))
        trained = counted(len(record.losses), "iteration")
        if closing is not None:
            trained += f" in {duration(closing.train_seconds)}"
        return [*lines, f"{trained} · saved in {clean(self.folder)}"]

    def _notes(self) -> Content:
        closing = self.record.closing
        reason = [closing.reason] if isinstance(closing, Failed) else []
        return Content("\n").join(Content(clean(text)) for text in (*reason, *self.record.notices))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something now."""
        shown, evaluated = self._shown, self._evaluation is not None
        match action:
            case "export":
                return self.record.started is not None
            case "map":
                return evaluated and not self._is_wide and "map" not in shown
            case "table":
                return evaluated and "table" not in shown
            case "chart":
                return "chart" not in shown
            case "no_chart":
                return evaluated and self._is_tall and "chart" in shown
            case "order" | "reverse":
                return "table" in shown
        return not action.startswith("chart_") or "chart" in shown

    def action_export(self) -> None:
        self.post_message(Export(self.record, self.folder))

    def action_new_run(self) -> None:
        self.post_message(NewRun(self.record))

    def action_back(self) -> None:
        self.post_message(Back())

    def action_map(self) -> None:
        self._view = "map"
        self._arrange()

    def action_table(self) -> None:
        self._view = "table"
        self._arrange()

    def action_chart(self) -> None:
        if self._is_tall:
            self._chart_below = True
        else:
            self._view = "chart"
        self._arrange()

    def action_no_chart(self) -> None:
        self._chart_below = False
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
        index, table = class_index(event.row_key.value), self.query_one(EvaluationTable)
        if self._evaluation is not None and index is not None:
            split = self.record.evaluations[-1].split
            self.app.push_screen(ClassDetails(self._evaluation, table.class_order, index, split), table.choose)
