"""The runs that were thrown away: restored, or deleted for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from engine.errors import EngineError
from engine.storage import moving
from engine.storage.moving import ThrownAway
from engine.text import clean
from tui import work
from tui.dialogs.choice import Choice
from tui.dialogs.dialog import Dialog
from tui.look.cells import cropped
from tui.look.wording import moment, trashed

_NAME_CELLS = 34


class Trash(Dialog[bool]):
    """Lists what is in the trash of a folder of runs. Returns whether a run was restored."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "close", "Back"),
        ("delete", "empty", "Empty"),
    ]
    DEFAULT_CSS = """
    Trash OptionList {
        height: auto; max-height: 12; margin-top: 1; border: none; padding: 0; background: $surface;
        scrollbar-size-vertical: 1;
        &:focus { border: none; }
    }
    """

    def __init__(self, runs_dir: Path) -> None:
        super().__init__()
        self._runs_dir = runs_dir
        self._found: Sequence[ThrownAway] = ()
        self._restored = False
        self._is_busy = False

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "trash"
            box.border_subtitle = "enter restores · delete empties · esc closes"
            yield Static("looking …", id="held", markup=False)
            yield OptionList()
            yield Static("", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Restore", id="restore", compact=True)
                yield Button("Empty the trash", id="empty", compact=True)
                yield Button("Back", id="back", compact=True)

    def on_mount(self) -> None:
        self._tell("")
        self._look()

    def _look(self) -> None:
        self._do(partial(moving.trash, self._runs_dir), self._show)

    def _do(self, act: Callable[[], object], then: Callable[..., object]) -> None:
        """Do one thing at a time, off the event loop."""
        if self._is_busy:
            return
        self._is_busy = True

        def done(result: object) -> None:
            self._is_busy = False
            then(result)

        work.run(self, act, done, self._failed)

    def _failed(self, error: EngineError) -> None:
        self._is_busy = False
        self._tell(error.message)

    def _tell(self, problem: str) -> None:
        shown = self.query_one(".problem", Static)
        shown.update(f"✘ {problem}")
        shown.display = bool(problem)

    def _show(self, found: Sequence[ThrownAway]) -> None:
        self._found = found
        self.query_one("#held", Static).update(trashed(found))
        options = self.query_one(OptionList)
        options.clear_options()
        for each in found:
            name = cropped(each.name, _NAME_CELLS)
            line = f"{name:<{_NAME_CELLS}}  {moment(each.at):16}  {each.bytes / 1e6:>9,.1f} MB"
            options.add_option(Option(Text(line, no_wrap=True)))
        options.display = bool(found)
        for name in ("restore", "empty"):
            self.query_one(f"#{name}", Button).disabled = not found
        if found:
            options.highlighted = 0
            options.focus()
        else:
            self.query_one("#back", Button).focus()

    @on(OptionList.OptionSelected)
    @on(Button.Pressed, "#restore")
    def _restore(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._found):
            self._do(partial(moving.restore, self._found[at]), self._was_restored)

    def _was_restored(self, folder: Path) -> None:
        self._restored = True
        self.notify(f"{clean(folder.name)} is in the list again.", markup=False)
        self._look()

    @on(Button.Pressed, "#empty")
    def action_empty(self) -> None:
        if self._found and not self._is_busy:
            self.app.push_screen(emptying(self._found), self._emptied)

    def _emptied(self, answer: str | None) -> None:
        if answer != "delete":
            return
        found = self._found

        def delete() -> list[str]:
            problems = []
            for each in found:
                try:
                    moving.delete(each)
                except EngineError as error:
                    problems.append(error.message)
            return problems

        self._do(delete, self._were_deleted)

    def _were_deleted(self, problems: Sequence[str]) -> None:
        self._tell("\n".join(problems[:3]))
        self._look()

    @on(Button.Pressed, "#back")
    def action_close(self) -> None:
        self.dismiss(self._restored)


def emptying(found: Sequence[ThrownAway]) -> Choice:
    """Asked before the trash is emptied."""
    return Choice(
        f"{trashed(found)} Delete all of it?",
        "Nothing of it can be restored then.",
        {"delete": "Delete", "keep": "Keep it"},
    )
