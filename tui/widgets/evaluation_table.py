"""How good the model is at each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from engine.record.metrics.precision import Scores, scores
from tui.look.cells import bar, shortened
from tui.widgets.heat_map import PICTURES

MOST_NAME_CELLS = 24
FULL_BAR = 80
"""Cells of a full bar at most."""


@dataclass(frozen=True)
class _Column:
    """A column: its heading, and what its rows are sorted by."""

    label: str
    key: Callable[[ClassAccuracy, Scores], str | float | None]
    descending: bool = True
    """Whether a first click puts the largest first."""

    @property
    def justify(self) -> Literal["left", "right"]:
        return "left" if self.label == "class" else "right"

    def text(self, one: ClassAccuracy, scores: Scores) -> str:
        """What is written in a row. A blank at the end stands below the arrow of the heading."""
        value = self.key(one, scores)
        if value is None:
            return "– "
        return f"{value:.1f} % " if isinstance(value, float) else f"{value:,} "


_CLASS = _Column("class", lambda one, _: one.name.casefold(), descending=False)
_CORRECT = _Column("correct", lambda one, _: one.correct)
_OF = _Column("of", lambda one, _: one.total)
_ACCURACY = _Column("accuracy", lambda one, _: one.accuracy)
_PRECISION = _Column("precision", lambda _, scores: scores.precision)
_RECALL = _Column("recall", lambda _, scores: scores.recall)
_F1 = _Column("F1", lambda _, scores: scores.f1)

COUNTS = (_CLASS, _CORRECT, _OF, _ACCURACY)
SCORES = (_CLASS, _PRECISION, _RECALL, _F1)
ALL = (_CLASS, _CORRECT, _OF, _ACCURACY, _PRECISION, _F1)
"""Recall is the accuracy of a class: once is enough."""

LEAST_BAR = 10
"""Cells of a bar at least; with fewer beside all columns, some of them are shown at a time."""
_BAR = "bar"


class EvaluationTable(DataTable[Text]):
    """A row per class: how many of its images were recognised, as numbers and as a bar as wide as there is room.

    Where not all columns fit, the counts are shown or the scores. The bar is the accuracy, or beside the scores F1.
    A click on a heading sorts by its column, a second click reverses the order. A row's key is its class index.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"evaluation-table--bar"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Images", tooltip="The images under the cursor", group=PICTURES),
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

    order: reactive[tuple[_Column, bool]] = reactive((_ACCURACY, True), init=False)
    """The column to sort by, and whether the largest comes first."""
    shows_all: reactive[bool] = reactive(True, init=False)
    """Whether there is room for all columns."""

    def __init__(self, evaluation: Evaluation, *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row", cursor_foreground_priority="renderable")
        self._chosen: tuple[_Column, ...] = COUNTS
        self._bar_style = Style.null()
        self.border_title = "accuracy by class"
        self._take(evaluation)

    def _take(self, evaluation: Evaluation) -> None:
        self._rows = tuple(zip(evaluation.per_class, scores(evaluation.matrix), strict=True))
        self.border_subtitle = f"overall {evaluation.accuracy:.2f} %  ({evaluation.correct:,} of {evaluation.total:,})"

    def show(self, evaluation: Evaluation) -> None:
        """Show another evaluation of the same classes. The cursor stays on its class."""
        self._take(evaluation)
        self._fill()

    @property
    def shown(self) -> tuple[_Column, ...]:
        """The columns that are shown, without the bar."""
        return ALL if self.shows_all else self._chosen

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

        def key(index: int) -> str | float:
            value = by.key(*self._rows[index])
            return -1.0 if value is None else value

        return sorted(range(len(self._rows)), key=key, reverse=descending)

    def other_columns(self) -> None:
        """Show the scores in place of the counts, or the counts again."""
        self._chosen = COUNTS if self._chosen is SCORES else SCORES
        if self.order[0] not in self._chosen:
            self.order = (self._chosen[-1], True)
        else:
            self._fill()

    def choose(self, index: int | None) -> None:
        """Move the cursor to the class `index`."""
        if index is not None:
            # The rows of a hidden table may still be in the order of an earlier evaluation.
            self.move_cursor(row=self.get_row_index(str(index)), animate=False)

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

    def sort_by_next(self) -> None:
        """Sort by the next column."""
        shown = self.shown
        at = shown.index(self.order[0]) if self.order[0] in shown else -1
        column = shown[(at + 1) % len(shown)]
        self.order = (column, column.descending)

    def reverse(self) -> None:
        """Reverse the order of the rows."""
        self.order = (self.order[0], not self.order[1])

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        event.stop()
        column = [*self.shown, self._barred][event.column_index]
        if column is self.order[0]:
            self.reverse()
        else:
            self.order = (column, column.descending)

    @property
    def _barred(self) -> _Column:
        """The column that the bar shows."""
        return _F1 if self.shown is SCORES else _ACCURACY

    def _fill(self) -> None:
        """Write all rows again: columns as wide as needed, in the current order."""
        if not self.size.width:
            return
        under_cursor, order = self.class_index, self.class_order
        names = shortened([one.name for one, _ in self._rows], self._most_name_cells)
        for self.shows_all in (True, False):
            cells, widths, room = self._laid_out(names)
            if room >= LEAST_BAR:
                break
        style = self._bar_style = self.get_component_rich_style("evaluation-table--bar")
        barred, room = self._barred, min(room, FULL_BAR)

        self.clear(columns=True)
        for column, (label, *_), width in zip(self.shown, cells, widths, strict=True):
            self.add_column(Text(label, justify=column.justify), width=width, key=column.label)
        if room > 0:
            self.add_column(Text(""), width=room, key=_BAR)
        for i in order:
            row = [Text(texts[i + 1], justify=each.justify) for texts, each in zip(cells, self.shown, strict=True)]
            if room > 0:
                value = barred.key(*self._rows[i])
                row.append(Text(bar(value / 100 if isinstance(value, float) else 0, room), style, no_wrap=True))
            self.add_row(*row, key=str(i))
        self.choose(under_cursor)

    def _laid_out(self, names: Sequence[str]) -> tuple[list[list[str]], list[int], int]:
        """The texts of each column, heading first, their widths, and the room that is left for the bar."""
        by, descending = self.order
        cells = [
            [
                f"{column.label}{'▲▼'[descending] if column is by else ' '}",
                *(names if column is _CLASS else (column.text(*row) for row in self._rows)),
            ]
            for column in self.shown
        ]
        widths = [max(map(cell_len, texts)) for texts in cells]
        room = self.size.width - sum(widths) - 2 * self.cell_padding * (len(widths) + 1)
        if len(self._rows) + self.header_height > self.container_size.height:
            room -= self.styles.scrollbar_size_vertical
        return cells, widths, room

    @property
    def _most_name_cells(self) -> int:
        return max(8, min(MOST_NAME_CELLS, self.size.width // 3))


def class_index(row_key: str | None) -> int | None:
    """Return the class index that `row_key`, the key of a row, stands for."""
    return None if row_key is None else int(row_key)
