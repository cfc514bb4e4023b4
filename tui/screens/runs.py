"""The runs that are on disk here: a place to choose, mark and tidy them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from engine.errors import EngineError
from engine.storage.columns import BY_NAME, Column
from engine.storage.conditions import ConditionError
from engine.storage.entry import RunEntry
from engine.storage.listing import Looked, sweeps
from engine.text import clean, counted
from tui import work
from tui.dialogs.run_columns import RunColumns
from tui.dialogs.sweep_choice import SweepChoice
from tui.look.run_cells import about, problem_of
from tui.screens.messages import Back, OpenRun
from tui.screens.run_actions import RunActions
from tui.screens.runs_keys import HELP, RUNS_BINDINGS
from tui.screens.shown_runs import ShownRuns
from tui.widgets.keys import Keys
from tui.widgets.run_about import RunAbout
from tui.widgets.run_table import RunTable
from tui.widgets.title_bar import TitleBar

LOOKS_EVERY = 1.0
"""Seconds between two looks at the folder, if a look is quick."""

LOOK_SECONDS = 0.2
"""Seconds of a look at most: then what was read until then is shown. For `Listing.look`."""

SHARE = 50
"""How many times as long as a look the time until the next one is: looking takes 2 % of a processor at most."""

LOW = 18
"""With fewer rows, one line tells of the run under the cursor."""


class RunsScreen(RunActions):
    """A list to choose from. The chosen run opens over it; Esc there comes back."""

    AUTO_FOCUS = ""
    HELP = HELP
    BINDINGS: ClassVar[list[BindingType]] = RUNS_BINDINGS
    DEFAULT_CSS = """
    RunsScreen { background: $background; }
    RunsScreen #filter { display: none; height: 1; padding: 0 2; background: $surface; }
    RunsScreen #filter Static { width: auto; color: $text-muted; }
    RunsScreen #filter Input { width: 1fr; background: $surface; }
    RunsScreen.-filter #filter { display: block; }
    RunsScreen #problem { height: auto; max-height: 3; padding: 0 2; color: $text-error; display: none; }
    RunsScreen #said { height: 1fr; content-align: center middle; color: $text-muted; display: none; }
    RunsScreen.-low RunAbout { height: 1; }
    RunsScreen.-empty #said { display: block; }
    RunsScreen.-empty RunTable { display: none; }
    """

    def __init__(self, runs_dir: Path, look: Callable[[], Looked], shown: ShownRuns | None = None) -> None:
        """`look` returns the runs; it is called off the event loop. `shown` is what a person chose before."""
        super().__init__()
        self._runs_dir, self._look = runs_dir, look
        self._shown = shown or ShownRuns()
        self._is_looking = False
        self._next_look = 0.0
        self._unread = 0
        """Runs that are not in the list yet."""
        self._is_read = False
        """Whether the runs have been looked at."""
        self._wanted: Path | None = None
        """The run that the cursor goes to, once it is in the list."""

    def compose(self) -> ComposeResult:
        yield TitleBar("cifar-tui", "runs", clean(self._runs_dir))
        line = Input(
            self._shown.conditions, placeholder="accuracy>70 model=cnn tag:good NOT has:validation", compact=True
        )
        line.cursor_blink = False  # each blink would be sent to the terminal
        with Horizontal(id="filter"):
            yield Static("filter  ")
            yield line
        yield Static("", id="problem", markup=False)
        yield RunTable()
        yield Static("reading the runs …", id="said", markup=False)
        yield RunAbout()
        yield Keys()

    def on_mount(self) -> None:
        self.add_class("-empty")
        self.set_class(bool(self._shown.conditions), "-filter")
        self.set_class(self.size.height < LOW, "-low")
        self.set_interval(LOOKS_EVERY / 2, self._tick)

    def on_resize(self) -> None:
        self.set_class(self.size.height < LOW, "-low")

    def on_screen_resume(self) -> None:
        """At first, and when the user comes back: a run may have ended meanwhile."""
        self.action_refresh()

    # Looking

    def _tick(self) -> None:
        if self.is_current and time.monotonic() >= self._next_look:
            self.action_refresh()

    def action_refresh(self) -> None:
        """Look at the folder, unless that is being done."""
        if not self._is_looking:
            self._is_looking = True
            work.run(self, self._timed_look, self._take, self._failed)

    def _timed_look(self) -> tuple[Looked, float]:
        began = time.monotonic()
        return self._look(), time.monotonic() - began

    def _take(self, found: tuple[Looked, float]) -> None:
        (entries, self._unread), seconds = found
        self._is_looking = False
        self._next_look = time.monotonic() + max(LOOKS_EVERY, SHARE * seconds)
        if self._unread:
            self.action_refresh()
        self._is_read = True
        self._shown.take(entries)
        self._show()
        if self.focused is None:
            self.query_one(RunTable).focus()  # without runs it is hidden, and nothing has the focus

    def _failed(self, error: EngineError) -> None:
        self._is_looking = False
        self._next_look = time.monotonic() + SHARE * LOOKS_EVERY
        self.notify(error.message, severity="error", markup=False, timeout=10)

    # What is shown

    def _show(self) -> None:
        """Show what was chosen of the runs as they are now."""
        shown, table = self._shown, self.query_one(RunTable)
        self.set_class(not shown.runs, "-empty")
        table.show(shown.headings(), shown.rows(), (shown.by.name, shown.descending))
        if self._wanted is not None and table.go_to(str(self._wanted)):
            self._wanted = None
        if not shown.runs and self._is_read and not self._unread:
            nothing = "There is no run here yet. Esc goes back; Ctrl+R in the form starts one."
            if shown.entries:
                nothing = "No run meets the conditions. Esc takes them away."
            self.query_one("#said", Static).update(nothing)
        self._tell_how_many()

    def _tell_how_many(self) -> None:
        shown = self._shown
        told = f"{len(shown.runs):,} of {counted(len(shown.entries), 'run')}"
        if len(shown.runs) == len(shown.entries):
            told = counted(len(shown.entries), "run") if shown.entries else "runs"
        if self._unread:
            told += f" · {self._unread:,} more being read"
        if marked := len(shown.marked):
            told += f" · {marked:,} marked"
        self.query_one(TitleBar).middle = told

    def on_run_table_moved(self) -> None:
        """Tell about the run under the cursor, and why it cannot be read."""
        run, told = self.here, self.query_one(RunAbout)
        if run is None:
            told.show()
        else:
            told.show(problem=problem_of(run), note=run.note, facts=about(run))

    @property
    def runs_dir(self) -> Path:
        return self._runs_dir

    @property
    def here(self) -> RunEntry | None:
        key = self.query_one(RunTable).key
        return next((run for run in self._shown.runs if str(run.path) == key), None)

    @property
    def marked(self) -> Sequence[RunEntry]:
        return self._shown.marked

    @property
    def pinned(self) -> RunEntry | None:
        return next((run for run in self._shown.entries if run.pinned), None)

    def go_to(self, folder: Path) -> None:
        self._wanted = folder

    # Filter

    def action_filter(self) -> None:
        self.add_class("-filter")
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while the conditions are typed."""
        problem = ""
        try:
            self._shown.filter(event.value, is_typed=True)
        except ConditionError as error:
            problem = error.message
        shown = self.query_one("#problem", Static)
        shown.update(problem)
        shown.display = bool(problem)
        self._show()

    def on_input_submitted(self) -> None:
        self.action_to_table()

    def action_to_table(self) -> None:
        """Leave the line of conditions; without any it goes."""
        with suppress(ConditionError):  # what is wrong is told
            self._shown.filter(self.query_one(Input).value)
            self._show()
        self.query_one(RunTable).focus()
        self.set_class(bool(self.query_one(Input).value.strip()), "-filter")

    def action_back(self) -> None:
        line = self.query_one(Input)
        if line.value or line.has_focus:
            line.value = ""
            self.action_to_table()
        else:
            self.post_message(Back())

    # Order, columns, marks

    def on_run_table_sort(self, event: RunTable.Sort) -> None:
        self._sort(BY_NAME[event.name])

    def _sort(self, by: Column) -> None:
        self._shown.sort(by)
        self._show()

    def action_sort(self) -> None:
        columns = self._shown.columns
        at = columns.index(self._shown.by) if self._shown.by in columns else -1
        self._sort(columns[(at + 1) % len(columns)])

    def action_reverse(self) -> None:
        self._sort(self._shown.by)

    def action_columns(self) -> None:
        def toggle(column: Column | None) -> None:
            if column is None:
                self._shown.usual_columns()
            else:
                self._shown.toggle_column(column)
            self._show()

        self.app.push_screen(RunColumns(lambda: self._shown.columns, toggle, self._sort))

    def action_mark(self) -> None:
        if (run := self.here) is not None:
            self._shown.toggle_mark(run)
            self._show()
            self.query_one(RunTable).action_step(1)

    def action_mark_all(self) -> None:
        self._shown.toggle_all()
        self._show()

    def on_run_table_opened(self) -> None:
        if (run := self.here) is not None and not run.problem:
            self.post_message(OpenRun(run.path))

    def action_sweeps(self) -> None:
        """Show a sweep of this folder; ask which, if there are more than one."""

        def chosen(folder: Path | None) -> None:
            if folder is not None:
                self.post_message(OpenRun(folder))

        def found(folders: Sequence[Path]) -> None:
            if not folders:
                self.notify("There is no sweep here. cifar-tui sweep begins one.", markup=False)
            elif len(folders) == 1:
                chosen(folders[0])
            else:
                self.app.push_screen(SweepChoice(folders), chosen)

        work.run(self, partial(sweeps, self._runs_dir), found)
