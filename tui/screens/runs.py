"""The runs that are on disk here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Static

from engine.storage.listing import RunEntry
from engine.text import clean
from tui.look.wording import moment
from tui.widgets.keys import Keys
from tui.widgets.title_bar import TitleBar


class RunsScreen(Screen[Path | None]):
    """A list to choose from: gives the folder of the chosen run, or None."""

    HELP = (
        "Every run in the folder of runs, the latest first. A run that nobody trains any more and that never said how"
        " it ended is interrupted."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", tooltip="Show the results of this run"),
        Binding("f5", "refresh", "Look again", tooltip="Read the folder of runs once more"),
        Binding("f1", "app.help", "Help"),
        Binding("escape,q", "dismiss(None)", "Back", tooltip="Back to the form"),
    ]
    DEFAULT_CSS = """
    RunsScreen DataTable { height: 1fr; border: round $border; margin: 0 0; background: $background; }
    RunsScreen #empty { height: 1fr; content-align: center middle; color: $text-muted; display: none; }
    RunsScreen.-empty #empty { display: block; }
    RunsScreen.-empty DataTable { display: none; }
    """

    def __init__(self, runs_dir: Path, list_runs: Callable[[], Sequence[RunEntry]]) -> None:
        super().__init__()
        self._runs_dir, self._list_runs = runs_dir, list_runs
        self._entries: Sequence[RunEntry] = ()

    def compose(self) -> ComposeResult:
        yield TitleBar("cifar-tui", "runs", clean(self._runs_dir))
        yield DataTable(cursor_type="row", zebra_stripes=True)
        yield Static("There is no run here yet. Esc goes back to the form, Ctrl+R starts one.", id="empty")
        yield Keys()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for label in ("name", "status", "started", "data", "model", "accuracy"):
            table.add_column(label)
        self.action_refresh()

    def action_refresh(self) -> None:
        self._entries = self._list_runs()
        table = self.query_one(DataTable)
        table.clear()
        for entry in self._entries:
            accuracy = "" if entry.accuracy is None else f"{entry.accuracy:6.2f} %"
            cells = (entry.name, entry.status, moment(entry.at), entry.dataset, entry.model, accuracy)
            table.add_row(*(_cell(cell) for cell in cells))
        self.set_class(not self._entries, "-empty")
        table.focus()

    def action_select(self) -> None:
        self.query_one(DataTable).action_select_cursor()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        self.dismiss(self._entries[event.cursor_row].path)


def _cell(text: str) -> Text:
    cell = Text(clean(text))
    cell.truncate(28, overflow="ellipsis")
    return cell
