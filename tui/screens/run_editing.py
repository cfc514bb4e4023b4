"""What a person changes about runs in their list: tags, notes, names, the pin, and what goes to the trash."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from textual.screen import Screen

from engine.errors import EngineError, InputError
from engine.storage import marks, moving
from engine.storage.entry import RunEntry
from engine.text import clean, counted
from tui import work
from tui.dialogs.choice import Choice
from tui.dialogs.trash import Trash
from tui.dialogs.typed import Typed

_NAMED = 3
"""Names of runs that are told at most."""


class RunEditing(Screen[None]):
    """The actions that change runs, for a screen that has one under a cursor and others marked."""

    @property
    @abstractmethod
    def here(self) -> RunEntry | None:
        """The run under the cursor."""

    @property
    @abstractmethod
    def chosen(self) -> Sequence[RunEntry]:
        """The marked runs, or the one under the cursor."""

    @abstractmethod
    def action_refresh(self) -> None:
        """Look at the runs again."""

    @abstractmethod
    def go_to(self, folder: Path) -> None:
        """Put the cursor on the run in `folder`, once it is in the list."""

    def _edit(self, dialog: Screen[Any]) -> None:
        self.app.push_screen(dialog, lambda _: self.action_refresh())

    def action_tags(self) -> None:
        runs = self.chosen
        if not runs:
            return
        had = dict.fromkeys(tag for run in runs for tag in run.tags)

        def use(text: str) -> None:
            words = text.replace(",", " ").split()
            if not words:
                raise InputError("Type a tag, such as good; with a - in front it is taken away.")
            add = [word.removeprefix("+") for word in words if not word.startswith("-")]
            for run in runs:
                marks.tag(run.path, add, [word[1:] for word in words if word.startswith("-")])

        now = f"Now: {' '.join(had)}" if had else "There are none yet."
        detail = f"{now}\nWords without blanks. A - in front takes a tag away: good -bad"
        self._edit(Typed("tags", f"Tags for {named(runs)}:", detail, use, example="good"))

    def action_note(self) -> None:
        run = self.here
        if run is not None:
            use = partial(marks.note, run.path)
            self._edit(Typed("note", f"Note about {named([run])}:", "", use, value=run.note, example="what it shows"))

    def action_rename(self) -> None:
        run = self.here
        if run is None:
            return

        def use(text: str) -> None:
            self.app.call_later(self.go_to, moving.rename(run.path, text.strip()))

        detail = "Its folder is renamed. The journal keeps the name that the run had at first."
        self._edit(Typed("rename", f"New name for {named([run])}:", detail, use, value=run.name))

    def action_pin(self) -> None:
        run = self.here
        if run is not None:
            self._do(partial(marks.unpin if run.pinned else marks.pin, run.path))

    def action_throw_away(self) -> None:
        runs = self.chosen
        if len(runs) > 1:
            self.app.push_screen(throwing_away(runs), partial(self._throw_away, runs))
        elif runs:
            self._throw_away(runs, "trash")

    def _throw_away(self, runs: Sequence[RunEntry], answer: str | None) -> None:
        if answer != "trash":
            return

        def throw() -> list[str]:
            problems = []
            for run in runs:
                try:
                    moving.throw_away(run.path)
                except EngineError as error:
                    problems.append(error.message)
            return problems

        def told(problems: list[str]) -> None:
            if done := len(runs) - len(problems):
                what = named(runs) if done == len(runs) else counted(done, "run")
                self.notify(f"{what} in the trash. z restores.", markup=False)
            if problems:
                self.notify("\n".join(problems[:_NAMED]), severity="error", markup=False, timeout=10)

        self._do(throw, told)

    def action_trash(self) -> None:
        self._edit(Trash(self.runs_dir))

    @property
    @abstractmethod
    def runs_dir(self) -> Path:
        """The folder of runs."""

    def _do(self, act: Callable[[], Any], told: Callable[[Any], object] = lambda _: None) -> None:
        def done(result: object) -> None:
            told(result)
            self.action_refresh()

        work.run(self, act, done)


def named(runs: Sequence[RunEntry]) -> str:
    """Return the names of a few runs, or how many they are."""
    if len(runs) > _NAMED:
        return counted(len(runs), "run")
    return ", ".join(clean(run.name) for run in runs)


def throwing_away(runs: Sequence[RunEntry]) -> Choice:
    """Asked before several runs go to the trash."""
    return Choice(
        f"Move {counted(len(runs), 'run')} to the trash?",
        ", ".join(clean(run.name) for run in runs[:10]) + ", …" * (len(runs) > 10),
        {"trash": "Move to the trash", "keep": "Keep them"},
    )
