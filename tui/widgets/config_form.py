"""The form: one field for every constant, made from its declaration in `TrainingConfig`.

A new constant needs no change here. Its type and choices decide the editor, its group decides the box. Text that was
typed is kept as text; only `TrainingConfig.checked` knows whether it is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.suggester import Suggester
from textual.widgets import Static

from engine.config import CONSTANTS, Constant, TrainingConfig, shown
from engine.errors import ConstantError
from tui.widgets.constant_field import ConstantField, explained


class ConfigForm(VerticalScroll, can_focus=False, inherit_bindings=False):
    """All constants in bordered groups, with the help of the focused one below them.

    `values` fill the fields by name; a missing one gets its default. `folders` completes the paths of folders. Raises
    `ConstantError` if a value is not allowed.
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
        }
        &.-airy .group { padding: 1 1 1 0; }
        &.-explained {
            ConstantField { layout: horizontal; margin-bottom: 1; }
            .line { width: 46; }
            .explanation { display: block; }
            ConstantField.-wrong .explanation { display: none; }
            .group { padding: 1 1 0 0; }
            .help { display: none; }
        }

        ConstantField {
            height: auto;
            padding: 0 0 0 1;
            border-left: blank;

            &:focus-within {
                border-left: outer $accent;
                .label { color: $text-accent; text-style: bold; }
            }
            .line { height: 1; }
            .editor { width: 1fr; max-width: 48; height: 1; }
            .unit { padding: 0 0 0 1; color: $foreground 60%; }
            .reason { display: none; width: 1fr; height: auto; padding: 0 0 0 2; color: $text-error; }
            .explanation { display: none; width: 1fr; padding: 0 1 0 2; height: auto; color: $foreground 60%; }

            Input { width: 1fr; padding: 0; }
            .other { margin-left: 2; }
            Select {
                & > SelectCurrent { padding: 0; background: $surface; }
                & > SelectOverlay { background: $panel; }
            }
            Checkbox, Checkbox:focus { border: none; background: transparent; background-tint: transparent 0%; }

            &.-number .editor { max-width: 16; }
            &.-wrong {
                .reason { display: block; }
                .label { color: $text-error; }
                Input { background-tint: $error 25%; }
            }
        }
    }
    """

    columns: reactive[int] = reactive(1)
    """The number of columns of groups: 1 or 2."""

    airy: reactive[bool] = reactive(False, toggle_class="-airy")
    """Whether there is room for blank lines around the fields."""

    explained: reactive[bool] = reactive(False, toggle_class="-explained")
    """Whether every field shows its help beside it, not only the focused one."""

    class Changed(Message):
        """A constant was edited. `config` is None while one of them is wrong."""

        def __init__(self, config: TrainingConfig | None) -> None:
            super().__init__()
            self.config = config

    def __init__(self, values: Mapping[str, object], folders: Suggester | None = None) -> None:
        super().__init__()
        self.start = TrainingConfig.checked(values)
        """The config that the form is filled with at first."""
        self._fields = {c.name: ConstantField(c, getattr(self.start, c.name), folders) for c in CONSTANTS}
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
        """The text of every field, by name."""
        return {name: field.text for name, field in self._fields.items()}

    def config(self) -> TrainingConfig:
        """Return the config that the fields make. Raises `ConstantError` with a reason for every wrong one."""
        return TrainingConfig.checked(self.values)

    def set_values(self, values: Mapping[str, object]) -> None:
        """Fill in the constants named in `values`. Raises `ConstantError` if one is not allowed."""
        checked = TrainingConfig.checked(values)
        for name in values:
            self._fields[name].text = shown(getattr(checked, name))
            self._outside.pop(name, None)
        self._show_reasons(self._fields[name] for name in values)
        self._post_change()

    def choose(self, name: str, value: str | None) -> None:
        """Set one constant and move to it; None opens the row for a value that is not among its choices."""
        if value is not None:
            self.set_values({name: value})
        self._fields[name].edit(other=value is None)

    # Wrong values

    @property
    def wrong(self) -> list[ConstantField]:
        """The fields whose values are wrong or still missing, in their order."""
        return [field for field in self._fields.values() if field.is_awaited or field.reason]

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Show reasons that the form cannot know beside their fields, in the place of those shown before.

        Editing a field removes its reason. Names that are no constants are ignored.
        """
        self._outside = {name: reason for name, reason in problems.items() if name in self._fields}
        self._show_reasons(self._fields.values())

    def go_to_wrong(self) -> bool:
        """Move to the first field whose value is wrong or missing, and show why. Returns False if there is none."""
        if not self.wrong:
            return False
        first = self.wrong[0]
        for field in self.wrong:
            field.is_awaited = False
        self._show_reasons(self._fields.values())
        first.edit()
        first.call_after_refresh(first.scroll_visible, animate=False)
        return True

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
            self.show_help(explained(field.constant))

    def show_help(self, text: Content) -> None:
        """Show `text` where the help of the focused field stands."""
        self.query_one(".help", Static).update(text)

    @on(ConstantField.Changed)
    def _field_changed(self, event: ConstantField.Changed) -> None:
        event.stop()
        self._outside.pop(event.field.constant.name, None)
        self._show_reasons([event.field])
        self._post_change()

    def _show_reasons(self, fields: Iterable[ConstantField]) -> None:
        for field in fields:
            name = field.constant.name
            problem = _problem(name, field.text) or self._outside.get(name, "")
            field.reason = "" if field.is_awaited else problem

    def _post_change(self) -> None:
        try:
            self.post_message(self.Changed(self.config()))
        except ConstantError:
            self.post_message(self.Changed(None))

    def _explain(self) -> None:
        if self.explained:
            for field in self._fields.values():
                field.explain()

    def _align(self) -> None:
        """Align the editors of each group; of the whole form if there is one column, which has the room."""
        groups = [constants for column in _columns() for _, constants in column]
        for constants in groups if self.columns > 1 else [CONSTANTS]:
            width = max(len(constant.label) for constant in constants) + 2
            for constant in constants:
                self._fields[constant.name].align(width)


def _problem(name: str, text: str) -> str:
    """Return why `text` is not allowed for this constant; empty if it is allowed."""
    try:
        TrainingConfig.checked({name: text})
    except ConstantError as error:
        return error.problems[name]
    return ""


_Group = tuple[str, tuple[Constant, ...]]


def _columns() -> tuple[tuple[_Group, ...], ...]:
    """Return the groups in their order, split so that the taller column is as low as possible."""
    groups = tuple((name, tuple(constants)) for name, constants in groupby(CONSTANTS, key=lambda c: c.group))
    heights = [len(constants) + 2 for _, constants in groups]
    cut = min(range(1, len(groups) + 1), key=lambda at: max(sum(heights[:at]), sum(heights[at:])))
    return tuple(half for half in (groups[:cut], groups[cut:]) if half)
