"""The form: one field for every constant, made from its declaration in `TrainingConfig`.

A new constant needs nothing here: its type and its choices decide the editor, its group the box, its declaration the
help and the bounds. What is typed is kept as text and given to `TrainingConfig.checked`, which alone knows what is
allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from engine.config import CONSTANTS, Constant, TrainingConfig, shown
from engine.errors import ConstantError
from tui.widgets.constant_field import ConstantField, explained


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
            ConstantField.-another { .line { height: auto; } .editor { layout: vertical; height: auto; } }
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
            .line { height: 1; }
            .editor { width: 1fr; max-width: 48; height: 1; }
            Container.editor { layout: horizontal; }
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
        self.start = TrainingConfig.checked(values)
        """What the form is filled with at first."""
        self._fields = {c.name: ConstantField(c, getattr(self.start, c.name)) for c in CONSTANTS}
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
        self._explain()

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
            self._fields[name].text = shown(getattr(checked, name))
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

    def watch_explained(self) -> None:
        if self.is_mounted:
            self._explain()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        field = next((node for node in event.widget.ancestors_with_self if isinstance(node, ConstantField)), None)
        if field is not None:
            self.query_one(".help", Static).update(explained(field.constant))

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

    def _explain(self) -> None:
        if self.explained:
            for field in self._fields.values():
                field.explain()

    def _align(self) -> None:
        """The editors of one column start below each other; of the whole form when there is one column."""
        columns = [[c for _, constants in column for c in constants] for column in _columns()]
        if self.columns == 1:
            columns = [[c for column in columns for c in column]]
        for constants in columns:
            width = max(len(constant.label) for constant in constants) + 2
            for constant in constants:
                self._fields[constant.name].align(width, indent=width if self.columns == 1 else 2)


def _wrong(name: str, text: str) -> str:
    """Why `text` is not allowed for this constant; empty where it is."""
    try:
        TrainingConfig.checked({name: text})
    except ConstantError as error:
        return error.problems[name]
    return ""


_Group = tuple[str, tuple[Constant, ...]]


def _columns() -> tuple[tuple[_Group, ...], ...]:
    """The groups in their order, cut in two where the taller half is lowest."""
    groups = tuple((name, tuple(constants)) for name, constants in groupby(CONSTANTS, key=lambda c: c.group))
    heights = [len(constants) + 2 for _, constants in groups]
    cut = min(range(1, len(groups) + 1), key=lambda at: max(sum(heights[:at]), sum(heights[at:])))
    return tuple(half for half in (groups[:cut], groups[cut:]) if half)
