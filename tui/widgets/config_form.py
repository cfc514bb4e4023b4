"""The form: one field for every constant, made from its declaration in `TrainingConfig`.

A new constant needs nothing here: its type and its choices decide the editor, its group the box, its declaration the
help and the bounds. What is typed is kept as text and given to `TrainingConfig.checked`, which alone knows what is
allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Checkbox, Input, Label, Select, Static

from engine.config import CONSTANTS, Constant, TrainingConfig
from engine.errors import ConstantError
from engine.text import clean

ANOTHER = ""
"""Stands for "a value that is not among the choices"; no choice is empty."""


class _Printable(Highlighter):
    """Shows what cannot be printed as U+FFFD, so that no control character of a value reaches the terminal."""

    def highlight(self, text: Text) -> None:
        text.plain = "".join(character if character.isprintable() else "\ufffd" for character in text.plain)


class _Line(Input):
    """A line of text. What is pasted is cleaned first; the cursor stands still, as each blink would cross the link."""

    def __init__(self, value: str, classes: str = "") -> None:
        super().__init__(value, highlighter=_Printable(), classes=classes, compact=True)
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
        super().__init__(options, value=value, allow_blank=False, compact=True)
        self.styles.width = max(16, *(len(prompt) + 4 for prompt, _ in options))  # room for the list's borders


class _YesNo(Checkbox):
    """A box to tick that says in words what it means, for eyes and terminals without colour."""

    BUTTON_LEFT = "█"
    BUTTON_RIGHT = "█"

    def __init__(self, value: bool) -> None:
        super().__init__(_yes_or_no(value), value, compact=True)
        self.BUTTON_INNER = "✔" if value else " "

    def watch_value(self) -> None:
        self.BUTTON_INNER = "✔" if self.value else " "
        self.label = _yes_or_no(self.value)
        super().watch_value()


class ConstantField(Vertical):
    """One constant: its label, an editor, its unit, and right under it the reason when the value is wrong."""

    class Changed(Message):
        """The text of a field is another one now."""

        def __init__(self, field: ConstantField) -> None:
            super().__init__()
            self.field = field

    def __init__(self, constant: Constant, value: object) -> None:
        super().__init__(name=constant.name)
        self.constant = constant
        self._text = _text(value)
        self._reason = ""

    def compose(self) -> ComposeResult:
        constant = self.constant
        with Horizontal(classes="line"):
            yield Label(constant.label, classes="label", markup=False)
            with Container(classes="editor"):
                if constant.type is bool:
                    yield _YesNo(self._text == "yes")
                elif constant.choices:
                    yield _Choice(constant, self._choice)
                    if constant.open_choices:
                        yield _Line("" if self._text in constant.choices else self._text, classes="another")
                else:
                    yield _Line(self._text)
            if constant.unit:
                yield Label(constant.unit, classes="unit", markup=False)
        yield Static(classes="reason", markup=False)
        yield Static(_explained(constant), classes="explanation")

    def on_mount(self) -> None:
        self.set_class(self.constant.type in (int, float), "-number")
        self._show_editor()
        self.reason = self._reason

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
            self.query_one(".reason", Static).update(Content(f"✘ {clean(reason)}"))
            self.set_class(bool(reason), "-wrong")

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
        self.query_one(".reason").styles.padding = (0, 0, 0, indent)

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
            text = _yes_or_no(event.value)
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


class ConfigForm(VerticalScroll, can_focus=False, inherit_bindings=False):
    """All constants, in bordered groups; the help of the focused one stands below them.

    `values` fill the fields by name, what is missing gets its default. Raises `ConstantError` for a value that is not
    allowed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "Previous field", show=False),
        Binding("down", "app.focus_next", "Next field", show=False),
    ]

    DEFAULT_CSS = """
    ConfigForm {
        height: auto;
        scrollbar-size-vertical: 1;

        .column { width: 1fr; height: auto; }
        .group {
            height: auto;
            padding: 0 1 0 0;
            border: round $foreground 25%;
            border-title-color: $foreground 70%;
            &:focus-within { border: round $accent 70%; border-title-color: $text-accent; }
        }
        .help {
            height: auto;
            min-height: 4;
            padding: 0 1 0 2;
            color: $foreground 70%;
        }

        &.-two-columns {
            layout: horizontal;
            .help { min-height: 6; }
            ConstantField.-another .editor { layout: vertical; }
        }
        &.-airy .group { padding: 1 1 1 0; }
        &.-explained {
            ConstantField { layout: horizontal; margin-bottom: 1; }
            .line { width: 58; }
            .explanation { display: block; }
            ConstantField.-wrong .explanation { display: none; }
            .reason { padding: 0 1 0 2 !important; }
            .group { padding: 1 1 0 0; }
            .help { display: none; }
        }

        ConstantField {
            height: auto;
            padding: 0 0 0 1;
            border-left: outer transparent;

            &:focus-within {
                border-left: outer $accent;
                .label { color: $text-accent; text-style: bold; }
            }
            .line { height: auto; }
            .editor { width: 1fr; max-width: 48; height: auto; layout: horizontal; }
            .unit { padding: 0 0 0 1; color: $foreground 60%; }
            .reason { display: none; width: 1fr; height: auto; color: $text-error; }
            .explanation { display: none; width: 1fr; padding: 0 1 0 2; height: auto; color: $foreground 60%; }

            Input { width: 1fr; padding: 0; }
            Select { max-width: 100%; & > SelectCurrent { padding: 0; background: $surface; } }
            Input.another { display: none; margin-left: 1; }
            Checkbox, Checkbox:focus { border: none; background: transparent; background-tint: transparent 0%; }

            &.-number .editor { max-width: 16; }
            &.-another Input.another { display: block; }
            &.-wrong {
                .reason { display: block; }
                .label { color: $text-error; }
                Input { background-tint: $error 25%; }
            }
        }
        &.-two-columns ConstantField.-another Input.another { margin-left: 0; }
    }
    """

    columns: reactive[int] = reactive(1)
    """How many columns the groups stand in: 1 or 2."""

    airy: reactive[bool] = reactive(False, toggle_class="-airy")
    """Whether the groups have space around them."""

    explained: reactive[bool] = reactive(False, toggle_class="-explained")
    """Whether every field has its help beside it, not only the focused one."""

    class Changed(Message):
        """A constant was edited; `config` is None while one is wrong, and `problems` says which and why."""

        def __init__(self, config: TrainingConfig | None, problems: Mapping[str, str]) -> None:
            super().__init__()
            self.config = config
            self.problems = problems

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__()
        start = TrainingConfig.checked(values)
        self._fields = {c.name: ConstantField(c, getattr(start, c.name)) for c in CONSTANTS}
        self._outside: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        columns = _columns()
        for column in columns:
            with Vertical(classes="column"):
                for group, constants in column:
                    with Vertical(classes="group") as box:
                        box.border_title = Content(group)
                        for constant in constants:
                            yield self._fields[constant.name]
                if column is columns[-1]:
                    yield Static(classes="help", markup=False)

    def on_mount(self) -> None:
        self._align()

    @property
    def values(self) -> dict[str, str]:
        """What stands in the fields, as text, by name."""
        return {name: field.text for name, field in self._fields.items()}

    def config(self) -> TrainingConfig:
        """The config that the fields say. Raises `ConstantError` with a reason for every wrong one."""
        return TrainingConfig.checked(self.values)

    def set_values(self, values: Mapping[str, object]) -> None:
        """Fills in the constants named in `values`, as a preset does. Raises `ConstantError` for one not allowed."""
        checked = TrainingConfig.checked(values)
        for name in values:
            self._fields[name].text = _text(getattr(checked, name))
            self._outside.pop(name, None)
            self._show_reason(self._fields[name])
        self._say()

    def choose(self, name: str, value: str | None) -> None:
        """Sets one constant and moves to it; None opens the line for a value that is not among its choices."""
        field = self._fields[name]
        if value is not None:
            self.set_values({name: value})
        field.edit(another=value is None)

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Shows reasons that the form cannot know beside their fields, instead of those shown so before.

        A field that is edited loses its reason. Names that are no constants are left out.
        """
        self._outside = {name: reason for name, reason in problems.items() if name in self._fields}
        for field in self._fields.values():
            self._show_reason(field)

    def watch_columns(self) -> None:
        self.set_class(self.columns > 1, "-two-columns")
        if self.is_mounted:
            self._align()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        field = next((node for node in event.widget.ancestors_with_self if isinstance(node, ConstantField)), None)
        if field is not None:
            self.query_one(".help", Static).update(_explained(field.constant))

    @on(ConstantField.Changed)
    def _field_changed(self, event: ConstantField.Changed) -> None:
        event.stop()
        self._outside.pop(event.field.constant.name, None)
        self._show_reason(event.field)
        self._say()

    def _show_reason(self, field: ConstantField) -> None:
        name = field.constant.name
        field.reason = _wrong(name, field.text) or self._outside.get(name, "")

    def _say(self) -> None:
        try:
            self.post_message(self.Changed(self.config(), {}))
        except ConstantError as error:
            self.post_message(self.Changed(None, error.problems))

    def _align(self) -> None:
        """The editors of one column start below each other; of the whole form when there is one column."""
        columns = [[c for _, constants in column for c in constants] for column in _columns()]
        if self.columns == 1:
            columns = [[c for column in columns for c in column]]
        for constants in columns:
            width = max(len(constant.label) for constant in constants) + 2
            for constant in constants:
                self._fields[constant.name].align(width, indent=width if self.columns == 1 else 2)


def _explained(constant: Constant) -> Content:
    return Content.assemble(f"{constant.help} ", ("Allowed: ", "$foreground 50%"), f"{constant.allowed}.")


def _wrong(name: str, text: str) -> str:
    """Why `text` is not allowed for this constant; empty where it is."""
    try:
        TrainingConfig.checked({name: text})
    except ConstantError as error:
        return error.problems[name]
    return ""


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _text(value: object) -> str:
    return _yes_or_no(value) if isinstance(value, bool) else str(value)


_Group = tuple[str, tuple[Constant, ...]]


def _columns() -> tuple[tuple[_Group, ...], ...]:
    """The groups in their order, cut in two where the taller half is lowest."""
    groups = tuple((name, tuple(constants)) for name, constants in groupby(CONSTANTS, key=lambda c: c.group))
    heights = [len(constants) + 2 for _, constants in groups]
    cut = min(range(1, len(groups) + 1), key=lambda at: max(sum(heights[:at]), sum(heights[at:])))
    return tuple(half for half in (groups[:cut], groups[cut:]) if half)
