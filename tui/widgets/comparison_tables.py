"""The tables of a comparison: its runs, what differs, and the accuracies of each class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from engine.record.comparison import Comparison, Group
from engine.record.evaluation import Evaluation
from engine.record.metrics.standard_error import standard_error
from engine.text import clean
from tui.look.cells import bar, cropped, shortened

_MOST_VALUE, _LEAST_NAME, _MOST_NAME = 24, 10, 40
"""Cells of a constant's value, and of a run's name."""

_HEAD = 12
"""Cells of a name over a column."""

_BAR, _LEAST_BAR = 30, 6


class ComparisonTable(DataTable[Text]):
    """A table that is written again at another size; the cursor stays in its row."""

    DEFAULT_CSS = """
    ComparisonTable {
        border: round $border;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        background: $background;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        & > .datatable--header { background: $background; color: $text-muted; text-style: none; }
        & > .datatable--header-hover { background: $panel; color: $foreground; }
        & > .datatable--hover { background: $panel; }
        & > .datatable--cursor { background: $panel; color: $foreground; text-style: none; }
        &:focus { border: round $primary; background-tint: transparent; }
        &:focus > .datatable--cursor { background: $primary 25%; color: $foreground; text-style: bold; }
    }
    """

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(id=id, cursor_type="row", cursor_foreground_priority="renderable")
        self.border_title = title
        self.comparison: Comparison | None = None

    def show(self, comparison: Comparison) -> None:
        """Show a comparison; the cursor stays in its row if there is such a row."""
        self.comparison = comparison
        self.fill()

    def on_resize(self, event: events.Resize) -> None:
        self.fill()

    def fill(self) -> None:
        """Write all rows again."""
        if self.comparison is None or not self.size.width:
            return
        key, row = self.key, self.cursor_row
        self.clear(columns=True)
        self.write(self.comparison)
        keys = [str(each.value) for each in self.rows]
        self.move_cursor(row=keys.index(key) if key in keys else min(row, max(0, len(keys) - 1)), animate=False)

    @abstractmethod
    def write(self, comparison: Comparison) -> None:
        """Add columns and rows."""

    @property
    def key(self) -> str | None:
        """That of the row under the cursor."""
        if not self.is_valid_row_index(self.cursor_row):
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    @property
    def room(self) -> int:
        """Cells of a row without the scroll bar."""
        return self.size.width - self.styles.scrollbar_size_vertical

    def put(self, headings: Sequence[tuple[str, bool]], rows: Sequence[tuple[str, Sequence[Text]]]) -> None:
        """Add columns, each with its heading and whether it holds numbers, and rows with their keys."""
        for i, (heading, is_number) in enumerate(headings):
            justify = "right" if is_number else "left"
            for _, cells in rows:
                cells[i].justify = justify  # type: ignore[assignment]
            self.add_column(Text(heading, justify=justify))  # type: ignore[arg-type]
        for key, cells in rows:
            self.add_row(*cells, key=key)


class RunsTable(ComparisonTable):
    """The runs in their groups. A row's key is the group's number, and for a run of several its own after a dot."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open", tooltip="Show the results of the run under the cursor"),
    ]

    def __init__(self, style_of: Callable[[int], Style], *, id: str) -> None:
        """`style_of` returns the style of a run's colour."""
        super().__init__("runs", id=id)
        self.border_subtitle = "sd over seeds · se of the test images"
        self._style_of = style_of
        self.drawn: Collection[str] = ()
        """Keys of the rows whose curves are shown."""

    def write(self, comparison: Comparison) -> None:
        unfinished = any(run.record.status != "completed" for run in comparison.runs)
        rows: list[tuple[str, str, str, int, str, str, str]] = []  # key, letter, name, colour, accuracy, ±, status
        for number, group in enumerate(comparison.groups):
            if group.seeds:
                rows.append((str(number), group.letter, f"{group.name} ({group.seeds})", *_of_group(group)))
            for i, run in enumerate(group.runs):
                evaluation = run.record.evaluation
                error = _error(evaluation)
                key, letter = (f"{number}.{i}", "") if group.seeds else (str(number), group.letter)
                name = f"{'  ' * bool(group.seeds)}{clean(run.name)}"
                rows.append((key, letter, name, run.colour, _accuracy(run.record.accuracy), error, run.record.status))
        texts = [(letter, accuracy, error, status * unfinished) for _, letter, _, _, accuracy, error, status in rows]
        others = sum(max(map(cell_len, column)) + 2 for column in zip(*texts, strict=True))
        cells = max(_LEAST_NAME, min(_MOST_NAME, self.room - others - 4))
        self.put(
            [
                ("", False),
                ("run", False),
                ("accuracy", True),
                ("", False),
                *([("status", False)] if unfinished else []),
            ],
            [
                (
                    key,
                    [
                        Text.assemble(
                            ("●" if key in self.drawn else "○", Style(color=self._style_of(colour).color)), f" {letter}"
                        ),
                        Text(f"  {cropped(name.strip(), cells - 2)}" if name.startswith(" ") else cropped(name, cells)),
                        Text(accuracy),
                        Text(error),
                        *([Text(status)] if unfinished else []),
                    ],
                )
                for key, letter, name, colour, accuracy, error, status in rows
            ],
        )


class DifferencesTable(ComparisonTable):
    """A row for each constant that differs, or for every one."""

    def __init__(self, *, id: str) -> None:
        super().__init__("what differs", id=id)
        self.shows_all = False

    def write(self, comparison: Comparison) -> None:
        constants = comparison.constants if self.shows_all else comparison.differing
        self.border_title = "all constants" if self.shows_all else "what differs"
        same = len(comparison.constants) - len(comparison.differing)
        self.border_subtitle = "" if self.shows_all else f"{same} the same · v shows all"
        if not constants:
            self.add_column(Text("no constant that changes what is computed"))
            return
        heads = [f"{group.letter} {cropped(group.name, _HEAD)}" for group in comparison.groups]
        if sum(max(cell_len(head), _HEAD) + 2 for head in heads) + 22 > self.room:
            heads = [group.letter for group in comparison.groups]
        self.put(
            [("constant", False), *((head, False) for head in heads)],
            [
                (
                    each.name,
                    [
                        Text(cropped(each.label, 20), "bold" if self.shows_all and each.differs else ""),
                        *(Text(cropped(value, _MOST_VALUE)) for value in each.values),
                    ],
                )
                for each in constants
            ],
        )


class ClassesTable(ComparisonTable):
    """A row a class, the largest change first. A row's key is the class index."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"classes-table--better", "classes-table--worse"}
    DEFAULT_CSS = """
    ClassesTable > .classes-table--better { color: $primary; }
    ClassesTable > .classes-table--worse { color: $warning; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Images", tooltip="The images of this class that only one run gets right"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__("accuracy by class", id=id)

    def write(self, comparison: Comparison) -> None:
        rows = comparison.classes
        if not rows:
            self.add_column(Text("the runs have different classes, or no accuracy yet"))
            return
        order = comparison.runs[0].record.classes
        names = shortened([row.name for row in rows], max(8, min(20, self.room // 4)))
        groups = comparison.groups
        has_change = any(row.change is not None for row in rows)
        room = self.room - max(map(cell_len, names)) - 2 - 10 * len(groups) - 10
        cells = min(_BAR, room) if has_change and room >= _LEAST_BAR else 0
        largest = max((abs(row.change or 0) for row in rows), default=0) or 1
        headings = [("class", False), *((group.letter, True) for group in groups)]
        headings += [("change", True)] * has_change + [("", False)] * bool(cells)
        self.put(
            headings,
            [
                (
                    str(order.index(row.name)),
                    [
                        Text(name),
                        *(Text(_accuracy(accuracy)) for accuracy in row.accuracies),
                        *([Text("" if row.change is None else f"{row.change:+.1f}")] if has_change else []),
                        *([self._bar(row.change or 0, largest, cells)] if cells else []),
                    ],
                )
                for name, row in zip(names, rows, strict=True)
            ],
        )

    def _bar(self, change: float, largest: float, cells: int) -> Text:
        style = self.get_component_rich_style(f"classes-table--{'better' if change > 0 else 'worse'}")
        return Text(bar(abs(change) / largest, cells).rstrip(), Style(color=style.color))


def _error(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return ""
    return f"± {standard_error(evaluation.correct, evaluation.total):.2f} se"


def _of_group(group: Group) -> tuple[int, str, str, str]:
    found = group.spread
    spread = "" if found is None or found.deviation is None else f"± {found.deviation:.2f} sd"
    return group.first.colour, _accuracy(group.accuracy), spread, ""


def _accuracy(percent: float | None) -> str:
    return "–" if percent is None else f"{percent:.2f} %"
