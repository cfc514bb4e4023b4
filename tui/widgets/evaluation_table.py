"""How good the model is at each class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.widgets import DataTable

from engine.record.evaluation import ClassAccuracy, Evaluation
from tui.look.cells import bar, shortened

MOST_NAME_CELLS = 24
FULL_BAR = 80
"""Cells of a full bar at most."""


@dataclass(frozen=True)
class _Column:
    """A column and what its rows are sorted by."""

    label: str
    key: Callable[[ClassAccuracy], str | float]
    descending: bool = True
    """Whether a first click puts the largest first."""

    @property
    def justify(self) -> Literal["left", "right"]:
        return "left" if self.label == "class" else "right"


COLUMNS = (
    _Column("class", lambda one: one.name.casefold(), descending=False),
    _Column("correct", lambda one: one.correct),
    _Column("of", lambda one: one.total),
    _Column("accuracy", lambda one: one.accuracy),
)
_BAR = "bar"


class EvaluationTable(DataTable[Text]):
    """A row per class: how many of its images were recognised, as numbers and as a bar as wide as there is room.

    A click on a heading sorts by its column, a second click reverses the order. A row's key is its class index.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"evaluation-table--bar"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Class", tooltip="What the class under the cursor was taken for"),
    ]
    DEFAULT_CSS = """
    EvaluationTable {
        border: round $border;
        border-title-color: $text-muted;
        border-subtitle-color: $foreground;
        border-subtitle-style: bold;
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        & > .datatable--header { background: $background; color: $text-muted; text-style: none; }
        & > .datatable--header-hover { background: $panel; color: $foreground; }
        & > .datatable--hover { background: $panel; }
        & > .datatable--cursor { background: $panel; color: $foreground; text-style: none; }
        & > .evaluation-table--bar { color: $primary 80%; background: $foreground 6%; }
        &:focus { border: round $primary; background-tint: transparent; }
        &:focus > .datatable--cursor { background: $primary 25%; color: $foreground; text-style: bold; }
    }
    """

    order = reactive((3, True), init=False)
    """Index of the column to sort by, and whether the largest comes first."""

    def __init__(self, evaluation: Evaluation, *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row", cursor_foreground_priority="renderable")
        self._accuracies = evaluation.per_class
        self._bar_style = Style.null()
        self.border_title = "accuracy by class"
        self.border_subtitle = f"overall {evaluation.accuracy:.2f} %  ({evaluation.correct:,} of {evaluation.total:,})"

    @property
    def class_index(self) -> int | None:
        """Index of the class under the cursor."""
        if not self.is_valid_row_index(self.cursor_row):
            return None
        return class_index(self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value)

    @property
    def class_order(self) -> list[int]:
        """The class indices in the order of the rows."""
        by, descending = self.order
        every = range(len(self._accuracies))
        return sorted(every, key=lambda i: COLUMNS[by].key(self._accuracies[i]), reverse=descending)

    def choose(self, index: int | None) -> None:
        """Move the cursor to the class `index`."""
        if index is not None:
            self.move_cursor(row=self.class_order.index(index), animate=False)

    def on_mount(self) -> None:
        self._fill()

    def on_resize(self, event: events.Resize) -> None:
        self._fill()

    def notify_style_update(self) -> None:
        """Draw the bars again if the theme gave them another colour."""
        super().notify_style_update()
        if self.row_count and self._bar_style != self.get_component_rich_style("evaluation-table--bar"):
            self.call_later(self._fill)

    def watch_order(self) -> None:
        self._fill()

    def sort_by(self, column: int) -> None:
        """Sort by column number `column`. Reverse the order if the rows are sorted by it already."""
        current, descending = self.order
        self.order = (column, not descending if column == current else COLUMNS[column].descending)

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        event.stop()
        # The bar shows the accuracy, so a click on its heading means that column.
        self.sort_by(min(event.column_index, len(COLUMNS) - 1))

    def _fill(self) -> None:
        """Write all rows again: columns as wide as needed, in the current order."""
        if not self.size.width:
            return
        under_cursor = self.class_index
        by, order = self.order[0], self.class_order
        names = shortened([one.name for one in self._accuracies], self._most_name_cells)
        # A blank at the end stands below the arrow of the heading.
        rows = [
            (name, f"{one.correct:,} ", f"{one.total:,} ", f"{one.accuracy:.1f} % ")
            for name, one in zip(names, self._accuracies, strict=True)
        ]
        labels = [f"{column.label}{'▲▼'[self.order[1]] if i == by else ' '}" for i, column in enumerate(COLUMNS)]
        widths = [max(map(cell_len, texts)) for texts in zip(labels, *rows, strict=True)]
        padding = 2 * self.cell_padding
        room = self.size.width - sum(widths) - padding * (len(widths) + 1)
        if len(rows) + self.header_height > self.container_size.height:
            room -= self.styles.scrollbar_size_vertical
        style = self._bar_style = self.get_component_rich_style("evaluation-table--bar")

        self.clear(columns=True)
        for column, label, width in zip(COLUMNS, labels, widths, strict=True):
            self.add_column(Text(label, justify=column.justify), width=width, key=column.label)
        if room > 0:
            self.add_column(Text(""), width=min(room, FULL_BAR), key=_BAR)
        for i in order:
            cells = [Text(text, justify=column.justify) for text, column in zip(rows[i], COLUMNS, strict=True)]
            if room > 0:
                cells.append(Text(bar(self._accuracies[i].accuracy / 100, min(room, FULL_BAR)), style, no_wrap=True))
            self.add_row(*cells, key=str(i))
        self.choose(under_cursor)

    @property
    def _most_name_cells(self) -> int:
        return max(8, min(MOST_NAME_CELLS, self.size.width // 3))


def class_index(row_key: str | None) -> int | None:
    """Return the class index that `row_key`, the key of a row, stands for."""
    return None if row_key is None else int(row_key)
