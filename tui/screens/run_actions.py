"""What a person does with runs in their list: compare, resume, tag, pin, rename them, and throw them away."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from textual.screen import Screen

from engine.errors import EngineError, InputError
from engine.storage import marks, moving
from engine.storage.entry import UNFINISHED, RunEntry
from engine.text import clean, counted
from tui import work
from tui.dialogs.choice import Choice
from tui.dialogs.trash import Trash
from tui.dialogs.typed import Typed
from tui.screens.messages import Compare, NewRun, ResumeRun

_NAMED = 3
"""Names of runs that are told at most."""


class RunActions(Screen[None]):
    """The actions on runs, for a screen that has one under a cursor and others marked."""

    @property
    @abstractmethod
    def here(self) -> RunEntry | None:
        """The run under the cursor."""

    @property
    @abstractmethod
    def marked(self) -> Sequence[RunEntry]:
        """The marked runs."""

    @property
    @abstractmethod
    def pinned(self) -> RunEntry | None:
        """The run that others are compared with."""

    @property
    @abstractmethod
    def runs_dir(self) -> Path:
        """The folder of runs."""

    @abstractmethod
    def action_refresh(self) -> None:
        """Look at the runs again."""

    @abstractmethod
    def go_to(self, folder: Path) -> None:
        """Put the cursor on the run in `folder`, once it is in the list."""

    @property
    def chosen(self) -> Sequence[RunEntry]:
        """The marked runs, or the one under the cursor."""
        return self.marked or [run for run in (self.here,) if run is not None]

    # Where it leads

    def action_compare(self) -> None:
        """Compare the marked runs. One alone is compared with the run under the cursor, or with the pinned one."""
        others = [self.here, self.pinned] if self.marked else [self.pinned, self.here]
        # All others are compared with the first one.
        runs = self.marked if len(self.marked) > 1 else [*self.marked, *(run for run in others if run is not None)]
        folders = list(dict.fromkeys(run.path for run in runs))
        if len(folders) < 2:
            self.notify("Mark two runs or more with the space bar; c compares them.", severity="warning")
        else:
            self.post_message(Compare(folders if len(self.marked) > 1 else folders[:2]))

    def action_new_run(self) -> None:
        if (run := self.here) is not None:
            self.post_message(NewRun(run.config))

    def action_resume(self) -> None:
        run = self.here
        if run is None:
            return
        if run.status in UNFINISHED:
            self.post_message(ResumeRun(run.path))
        else:
            why = "it is being trained" if run.live else f"it is {run.status}"
            self.notify(f"{clean(run.name)} cannot be resumed: {why}.", severity="warning", markup=False)

    # What it changes

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
                self.notify(f"To the trash: {what}. z restores.", markup=False)
            if problems:
                self.notify("\n".join(problems[:_NAMED]), severity="error", markup=False, timeout=10)

        self._do(throw, told)

    def action_trash(self) -> None:
        self._edit(Trash(self.runs_dir))

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
