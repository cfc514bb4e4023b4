"""One constant of the form: label, editor, unit, and the reason if the value is wrong."""

from __future__ import annotations

from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Checkbox, Input, Label, Select, Static

from engine.config import Constant, shown
from engine.text import clean
from tui.terminal.textual_private import SelectCurrent, SelectOverlay

COMPACT = "-textual-compact"
"""The class that `compact` gives a widget. Set from the start, it saves one pass over all style sheets."""

OTHER = ""
"""The entry of a list that stands for a value that is not in it; no choice is empty."""


class _Printable(Highlighter):
    """Shows unprintable characters as U+FFFD, so that no control character of a value reaches the terminal."""

    def highlight(self, text: Text) -> None:
        text.plain = "".join(character if character.isprintable() else "\ufffd" for character in text.plain)


class _Line(Input):
    """A line of text. Pasted text is cleaned. The cursor does not blink: each blink would be sent to the terminal.

    `suggester` completes the text while the line has the focus.
    """

    def __init__(
        self, value: str, placeholder: str = "", classes: str = "", suggester: Suggester | None = None
    ) -> None:
        super().__init__(
            value,
            placeholder,
            highlighter=_Printable(),
            # Without a validator every line is valid. Textual would find that out later and work out all styles again.
            classes=f"{classes} -valid {COMPACT}",
            compact=True,
        )
        self._completes_with = suggester
        self.cursor_blink = False

    def on_focus(self) -> None:
        self.suggester = self._completes_with

    def on_blur(self) -> None:
        self.suggester = None

    def on_paste(self, event: events.Paste) -> None:
        lines = event.text.strip().splitlines()
        event.text = clean(lines[0]) if lines else ""  # the Input's own handler runs next, and inserts it


class _Choice(Select[str], inherit_bindings=False):
    """A list of choices. Up and Down move between fields, so only Enter and Space open it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "show_overlay", "Show menu", show=False)]

    def __init__(self, constant: Constant, value: str) -> None:
        options = [(choice, choice) for choice in constant.choices]
        if constant.open_choices:
            options.append((f"{constant.open_choices}…", OTHER))
        super().__init__(options, value=value, allow_blank=False, compact=True, classes=f"editor {COMPACT}")
        self.styles.max_width = max(16, *(len(prompt) + 4 for prompt, _ in options))

    def on_mount(self, event: events.Mount) -> None:
        if not self.query("#label") or not self.query(SelectOverlay):
            event.prevent_default()  # its parts are gone already: the program ends. Textual's own handler would fail

    def compose(self) -> ComposeResult:
        for part in super().compose():
            part.set_class(True, "-has-value" if isinstance(part, SelectCurrent) else COMPACT, update=False)
            yield part


class _YesNo(Checkbox):
    """A box to tick, with yes or no beside it, so that it can be read without colour."""

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
    """One constant: its label, its editor, its unit, and below them the reason if the value is wrong.

    A value that is not among the choices is typed in a row of its own below the list. `folders` completes paths.
    """

    class Changed(Message):
        """The text of a field has changed."""

        def __init__(self, field: ConstantField) -> None:
            super().__init__()
            self.field = field

    def __init__(self, constant: Constant, value: object, folders: Suggester | None = None) -> None:
        super().__init__(name=constant.name, classes="-number" if constant.type in (int, float) else "")
        self.constant = constant
        self._folders = folders if constant.folder else None
        self._text = shown(value)
        self._reason = ""
        self._fixed = ""
        self._label_width = len(constant.label) + 2
        self.is_awaited = False
        """Whether a value is still to be typed: its row was opened and nothing has been typed yet."""

    def compose(self) -> ComposeResult:
        constant = self.constant
        with Horizontal(classes="line"):
            label = Label(constant.label, classes="label", markup=False)
            label.styles.width = self._label_width
            yield label
            if constant.choices:
                yield _Choice(constant, self._text if self._text in constant.choices else OTHER)
            elif constant.type is bool:
                yield _YesNo(self._text == "yes")
            else:
                yield _Line(self._text, classes="editor", suggester=self._folders)
            if constant.unit:
                yield Label(constant.unit, classes="unit", markup=False)
        if constant.choices and self._text not in constant.choices:
            yield self._other_row()

    def on_mount(self) -> None:
        self._show_reason()

    @property
    def text(self) -> str:
        """The value as it is in the editor."""
        return self._text

    @text.setter
    def text(self, text: str) -> None:
        self._text = text
        self.is_awaited = False
        if not self.is_mounted:
            return
        with self.prevent(Input.Changed, Select.Changed, Checkbox.Changed):
            if self.constant.type is bool:
                self.query_one(_YesNo).value = text == "yes"
            elif not self.constant.choices:
                self.query_one(_Line).value = text
            else:
                is_other = text not in self.constant.choices
                self.query_one(_Choice).value = OTHER if is_other else text
                self._show_other_row(is_other)
                if is_other:
                    self.query_one(_Line).value = text

    @property
    def reason(self) -> str:
        """Why the value is wrong; empty if it is not."""
        return self._reason

    @reason.setter
    def reason(self, reason: str) -> None:
        if reason != self._reason:
            self._reason = reason
            if self.is_mounted:
                self._show_reason()

    @property
    def fixed(self) -> str:
        """Why the constant must keep its default, because of the others; empty if it may change."""
        return self._fixed

    @fixed.setter
    def fixed(self, reason: str) -> None:
        if reason != self._fixed:
            self._fixed = reason
            self.set_class(bool(reason), "-fixed")

    @property
    def label_width(self) -> int:
        """Cells of the label."""
        return self._label_width

    @label_width.setter
    def label_width(self, width: int) -> None:
        self._label_width = width
        for label in self.query(".label").results(Label):
            label.styles.width = width

    @property
    def line(self) -> Content:
        """Label and value as text, for as long as there are no editors."""
        value = f"{clean(self._text)[:16]:<16}"
        line = Content.assemble(self.constant.label.ljust(self._label_width), (value, "on $surface"))
        return line.stylize("$foreground 50%") if self._fixed else line

    @property
    def help(self) -> Content:
        """What the constant is, what is allowed if no list shows it, and whether it may be changed now."""
        constant, text = self.constant, Content(self.constant.help)
        if self._fixed and not self._reason:
            return Content.assemble(text, (" Not now: ", "$foreground 50%"), f"{self._fixed}.")
        completes = " → completes it." if constant.folder and not constant.choices else ""
        if constant.choices and not constant.open_choices:
            return text
        return Content.assemble(text, (" Allowed: ", "$foreground 50%"), f"{constant.allowed}.{completes}")

    # Parts that are rarely shown are mounted when needed: every widget costs time before the first paint.

    def _show_reason(self) -> None:
        self.set_class(bool(self._reason), "-wrong")
        if self._reason:
            content = Content(f"✘ {clean(self._reason)}")
            if self.query(".reason"):
                self.query_one(".reason", Static).update(content)
            else:
                self.mount(Static(content, classes="reason"))

    def _other_row(self) -> _Line:
        value = "" if self._text in self.constant.choices else self._text
        hint = "path of a folder; → completes it" if self.constant.folder else self.constant.allowed
        return _Line(value, hint, classes="other", suggester=self._folders)

    def _show_other_row(self, is_shown: bool) -> None:
        if is_shown and not self.query(".other"):
            self.mount(self._other_row(), after=".line")
        self.query(".other").set(display=is_shown)

    def edit(self, *, other: bool = False) -> None:
        """Move the focus to this field; with `other`, to the row for a value that is not among the choices."""
        if other:
            self.query_one(_Choice).value = OTHER
            self._show_other_row(True)
        editors = [editor for editor in self.query("Input, Select, Checkbox") if editor.display]
        editors[-1].focus()

    @on(Input.Changed)
    @on(Checkbox.Changed)
    def _edited(self, event: Input.Changed | Checkbox.Changed) -> None:
        event.stop()
        self._change(shown(event.value))

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        is_other = event.value == OTHER
        self._show_other_row(is_other)
        text = self.query_one(_Line).value if is_other else str(event.value)
        self.is_awaited = is_other and not text
        if is_other and event.select.has_focus_within:  # the list still has the focus, or its line has it again
            self.query_one(_Line).focus()
        self._change(text)

    def _change(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self.is_awaited = self.is_awaited and not text
            self.post_message(self.Changed(self))

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()
