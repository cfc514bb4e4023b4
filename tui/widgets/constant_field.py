"""One constant of the form: its label, the editor that its type and choices call for, its unit, the reason if wrong."""

from __future__ import annotations

from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Checkbox, Input, Label, Select, Static
from textual.widgets._select import SelectCurrent

from engine.config import Constant, shown
from engine.text import clean

COMPACT = "-textual-compact"
"""The class that `compact` gives a widget. One that has it from the start is spared a look through all style sheets."""

ANOTHER = ""
"""Stands for "a value that is not among the choices"; no choice is empty."""


class _Printable(Highlighter):
    """Shows what cannot be printed as U+FFFD, so that no control character of a value reaches the terminal."""

    def highlight(self, text: Text) -> None:
        text.plain = "".join(character if character.isprintable() else "\ufffd" for character in text.plain)


class _Line(Input):
    """A line of text. What is pasted is cleaned first; the cursor stands still, as each blink would cross the link."""

    def __init__(self, value: str, classes: str = "") -> None:
        # Without a validator every line is valid. Textual finds that out one by one, and works out all styles again.
        super().__init__(value, highlighter=_Printable(), classes=f"{classes} -valid {COMPACT}", compact=True)
        self.cursor_blink = False

    def on_paste(self, event: events.Paste) -> None:
        lines = event.text.strip().splitlines()
        event.text = clean(lines[0]) if lines else ""  # the Input's own handler runs next, and inserts it


class _Choice(Select[str], inherit_bindings=False):
    """A list to choose from. Up and Down stay free to move between the fields."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "show_overlay", "Show menu", show=False)]

    def __init__(self, constant: Constant, value: str) -> None:
        options = [(choice, choice) for choice in constant.choices]
        if constant.open_choices:
            options.append(("another…", ANOTHER))
        super().__init__(options, value=value, allow_blank=False, compact=True, classes=COMPACT)
        self.styles.width = max(16, *(len(prompt) + 4 for prompt, _ in options))  # room for the list's borders

    def compose(self) -> ComposeResult:
        for part in super().compose():
            part.set_class(True, "-has-value" if isinstance(part, SelectCurrent) else COMPACT, update=False)
            yield part


class _YesNo(Checkbox):
    """A box to tick that says in words what it means, for eyes and terminals without colour."""

    BUTTON_LEFT = "█"
    BUTTON_RIGHT = "█"

    def __init__(self, value: bool) -> None:
        super().__init__(shown(value), value, classes=f"editor {COMPACT}", compact=True)
        self.BUTTON_INNER = "✔" if value else " "

    def watch_value(self) -> None:
        self.BUTTON_INNER = "✔" if self.value else " "
        self.label = shown(self.value)
        super().watch_value()


class ConstantField(Vertical):
    """One constant: its label, an editor, its unit, and right under it the reason when the value is wrong."""

    class Changed(Message):
        """The text of a field is another one now."""

        def __init__(self, field: ConstantField) -> None:
            super().__init__()
            self.field = field

    def __init__(self, constant: Constant, value: object) -> None:
        super().__init__(name=constant.name, classes="-number" if constant.type in (int, float) else "")
        self.constant = constant
        self._text = shown(value)
        self._reason = ""
        self._indent = 0
        self._show_editor()

    def compose(self) -> ComposeResult:
        constant = self.constant
        with Horizontal(classes="line"):
            yield Label(constant.label, classes="label", markup=False)
            if constant.choices:
                with Container(classes="editor"):
                    yield _Choice(constant, self._choice)
                    if constant.open_choices:
                        yield _Line("" if self._text in constant.choices else self._text, classes="another")
            elif constant.type is bool:
                yield _YesNo(self._text == "yes")
            else:
                yield _Line(self._text, classes="editor")
            if constant.unit:
                yield Label(constant.unit, classes="unit", markup=False)

    def on_mount(self) -> None:
        self._show_reason()

    @property
    def text(self) -> str:
        """The value as it stands in the editor."""
        return self._text

    @text.setter
    def text(self, text: str) -> None:
        self._text = text
        if self.is_mounted:
            with self.prevent(Input.Changed, Select.Changed, Checkbox.Changed):
                for box in self.query(_YesNo):
                    box.value = text == "yes"
                for choice in self.query(_Choice):
                    choice.value = self._choice
                for line in self.query(_Line):
                    line.value = "" if text in self.constant.choices else text
            self._show_editor()

    @property
    def reason(self) -> str:
        """Why the value is wrong; empty where it is not."""
        return self._reason

    @reason.setter
    def reason(self, reason: str) -> None:
        self._reason = reason
        if self.is_mounted:
            self._show_reason()

    # What a form seldom shows is put up when it first does: each widget takes its time before the first paint.

    def explain(self) -> None:
        """Put up the constant's help, and what is allowed, for a form that shows it beside every field."""
        if not self.query(".explanation"):
            self.mount(Static(explained(self.constant), classes="explanation"))

    def _show_reason(self) -> None:
        self.set_class(bool(self._reason), "-wrong")
        if self._reason:
            said = Content(f"✘ {clean(self._reason)}")
            if self.query(".reason"):
                self.query_one(".reason", Static).update(said)
            else:
                self.mount(Static(said, classes="reason"))
                self._indent_reason()

    def edit(self, *, another: bool) -> None:
        """Moves to this field; with `another`, to the line beside its choices."""
        if another:
            self.query_one(_Choice).value = ANOTHER
            self.add_class("-another")  # a line that is not shown yet takes no focus
            self.query_one(_Line).focus()
        else:
            self.query("Input, Select, Checkbox").first().focus()

    def align(self, width: int, indent: int) -> None:
        """Gives the label `width` cells, and starts the reason under it after `indent` cells."""
        self.query_one(".label", Label).styles.width = width
        self._indent = indent
        self._indent_reason()

    def _indent_reason(self) -> None:
        self.query(".reason").set_styles(padding=(0, 0, 0, self._indent))

    @property
    def _choice(self) -> str:
        return self._text if self._text in self.constant.choices else ANOTHER

    def _show_editor(self) -> None:
        self.set_class(bool(self.constant.choices) and self._choice == ANOTHER, "-another")

    @on(Input.Changed)
    @on(Checkbox.Changed)
    @on(Select.Changed)
    def _edited(self, event: Input.Changed | Checkbox.Changed | Select.Changed) -> None:
        event.stop()
        if isinstance(event, Checkbox.Changed):
            text = shown(event.value)
        elif isinstance(event, Select.Changed):
            another = event.value == ANOTHER
            text = self.query_one(_Line).value if another else str(event.value)
            self.set_class(another, "-another")
            if another and event.select.has_focus:
                self.query_one(_Line).focus()
        elif self.constant.choices and not self.has_class("-another"):
            return  # the line is not what is shown
        else:
            text = event.value
        if text != self._text:
            self._text = text
            self.post_message(self.Changed(self))

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()


def explained(constant: Constant) -> Content:
    """A constant's help, and what is allowed."""
    return Content.assemble(f"{constant.help} ", ("Allowed: ", "$foreground 50%"), f"{constant.allowed}.")
