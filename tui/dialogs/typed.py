"""Asks for a line of text and does something with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from engine.errors import EngineError
from engine.text import clean
from tui import work
from tui.dialogs.dialog import Dialog


class Typed(Dialog[str | None]):
    """A line to type. Returns the text once it has been used; None if the dialog was closed.

    If the text cannot be used, the reason is shown, and it can be corrected.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Back")]

    def __init__(
        self,
        title: str,
        question: str,
        detail: str,
        use: Callable[[str], object],
        *,
        value: str = "",
        example: str = "",
    ) -> None:
        """`use` is called with the text, off the event loop."""
        super().__init__()
        self._title, self._question, self._detail, self._use = title, question, detail, use
        self._value, self._example = value, example
        self._is_used = False

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = "enter writes it · esc closes"
            yield Static(self._question, markup=False)
            if self._detail:
                yield Static(self._detail, markup=False, classes="detail")
            line = Input(clean(self._value), placeholder=self._example, compact=True)
            line.cursor_blink = False  # each blink would be sent to the terminal
            yield line
            yield Static(classes="problem")

    def on_mount(self) -> None:
        self._show_problem("")
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not self._is_used:
            self._is_used = True
            text = event.value
            work.run(self, lambda: self._use(text), lambda _: self._used(text), self._failed)

    def _used(self, text: str) -> None:
        self.dismiss(text)

    def _failed(self, error: EngineError) -> None:
        self._is_used = False
        self._show_problem(error.message)

    def _show_problem(self, problem: str) -> None:
        shown = self.query_one(".problem", Static)
        shown.update(Content(f"✘ {problem}"))
        shown.display = bool(problem)
