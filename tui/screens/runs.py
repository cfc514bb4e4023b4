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

from engine.storage.entry import RunEntry
from engine.text import clean
from tui import work
from tui.look.wording import accuracy_reached, moment
from tui.screens.messages import Back, OpenRun
from tui.widgets.keys import Keys
from tui.widgets.title_bar import TitleBar


class RunsScreen(Screen[None]):
    """A list to choose from. The chosen run opens over it; Esc there comes back."""

    HELP = (
        "Every run in the folder of runs, the latest first. A run is interrupted if its process ended without recording"
        " how the run ended. An accuracy is of the test images, or with a v of the validation images of a run that"
        " has not got as far."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        # Of higher priority than the table's own, so that the footer shows it.
        Binding("enter", "select", "Open", priority=True, tooltip="Show this run as it trains, or its results"),
        Binding("f5", "refresh", "Refresh", tooltip="Read the folder of runs again"),
        Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
        Binding("escape", "back", "Back", tooltip="Back to the screen before"),
        Binding("q", "app.leave", "Leave", tooltip="Close the program"),
    ]
    DEFAULT_CSS = """
    RunsScreen DataTable { height: 1fr; border: round $border; margin: 0 0; background: $background; }
    RunsScreen #said { height: 1fr; content-align: center middle; color: $text-muted; display: none; }
    RunsScreen #problem { padding: 0 1; color: $text-error; display: none; }
    RunsScreen.-empty #said { display: block; }
    RunsScreen.-empty DataTable { display: none; }
    """

    def __init__(self, runs_dir: Path, list_runs: Callable[[], Sequence[RunEntry]]) -> None:
        """`list_runs` is called off the event loop."""
        super().__init__()
        self._runs_dir, self._list_runs = runs_dir, list_runs
        self._entries: Sequence[RunEntry] = ()

    def compose(self) -> ComposeResult:
        yield TitleBar("cifar-tui", "runs", clean(self._runs_dir))
        yield DataTable(cursor_type="row", zebra_stripes=True)
        yield Static("reading the runs …", id="said")
        yield Static("", id="problem", markup=False)
        yield Keys()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for label in ("name", "status", "started", "data", "model", "accuracy"):
            table.add_column(label)
        self.add_class("-empty")

    def on_screen_resume(self) -> None:
        """At first, and when the user comes back: a run may have ended meanwhile."""
        self.action_refresh()

    def action_refresh(self) -> None:
        work.run(self, self._list_runs, self._show)

    def _show(self, entries: Sequence[RunEntry]) -> None:
        table = self.query_one(DataTable)
        chosen = self._entries[table.cursor_row].path if self._entries else None
        self._entries = entries
        table.clear()
        for entry in entries:
            reached = accuracy_reached(entry.accuracy, entry.split)
            cells = (entry.name, entry.status, moment(entry.at), entry.dataset, entry.model, reached)
            table.add_row(*(_cell(cell) for cell in cells), key=str(entry.path))
        table.move_cursor(row=next((i for i, entry in enumerate(entries) if entry.path == chosen), 0))
        self.query_one("#said", Static).update(
            "There is no run here yet. Esc goes back; Ctrl+R in the form starts one."
        )
        self.set_class(not entries, "-empty")
        if entries:
            table.focus()

    def action_select(self) -> None:
        if self._entries:
            self.query_one(DataTable).action_select_cursor()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show why the run under the cursor cannot be read."""
        problem = self.query_one("#problem", Static)
        entry = next((entry for entry in self._entries if str(entry.path) == event.row_key.value), None)
        problem.update(clean(entry.problem) if entry is not None else "")
        problem.display = entry is not None and bool(entry.problem)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        entry = self._entries[event.cursor_row]
        if not entry.problem:
            self.post_message(OpenRun(entry.path))

    def action_back(self) -> None:
        self.post_message(Back())


def _cell(text: str) -> Text:
    cell = Text(clean(text))
    cell.truncate(28, overflow="ellipsis")
    return cell
