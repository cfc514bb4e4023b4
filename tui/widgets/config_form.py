"""The form: one field for every constant, made from its declaration in `TrainingConfig`.

A new constant needs no change here. Its type and choices decide the editor, its group decides the box. Text that was
typed is kept as text; only `TrainingConfig.checked` knows whether it is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

from engine.config import CONSTANTS, Constant, TrainingConfig, fixed, shown
from engine.errors import ConstantError
from tui.widgets.constant_field import ConstantField

_ROWS = ((("data", "training"), ("recipe",)), (("machine",), ("run",)))
"""The groups: rows of columns. The columns of a row are about equally high."""


_AT_ONCE = ("data", "training")
"""The groups whose fields are there at the first paint. Making all of them first would take a fifth longer."""


class _Group(Vertical):
    """A box of fields. With `later` it shows their names and values as text until `complete` is called."""

    def __init__(self, title: str, fields: Sequence[ConstantField], *, later: bool) -> None:
        super().__init__(classes="group")
        self.border_title = Content(title)
        self._fields, self._later = fields, later

    def compose(self) -> ComposeResult:
        if self._later:
            yield Static(Content("\n").join(field.line for field in self._fields), classes="later")
        else:
            yield from self._fields

    def complete(self) -> None:
        if self._later:
            self._later = False
            self.query(".later").remove()
            self.mount_all(self._fields)


class _Fields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls by itself to the field that has the focus."""


class ConfigForm(Vertical):
    """All constants in groups, with the help of the focused one below them, where it stays in sight.

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

        .fields { height: auto; scrollbar-size-vertical: 1; }
        .row, .column, .group { height: auto; }
        .column { width: 1fr; }
        .group {
            padding: 0 1 0 0;
            border: round $foreground 25%;
            border-title-color: $foreground 70%;
            &:focus-within { border: round $accent 70%; border-title-color: $text-accent; }
        }
        .later { padding: 0 0 0 2; }
        .help { height: auto; min-height: 3; padding: 0 1 0 2; color: $foreground 70%; }

        &.-two-columns .row { layout: horizontal; }
        &.-low {
            height: 1fr;
            .fields { height: 1fr; }
            .group {
                border: none;
                border-top: solid $foreground 25%;
                &:focus-within { border-top: solid $accent 70%; }
            }
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

            Input { width: 1fr; padding: 0; }
            .other { margin-left: 2; }
            Select {
                & > SelectCurrent { padding: 0; background: $surface; }
                & > SelectOverlay { background: $panel; }
            }
            Checkbox, Checkbox:focus { border: none; background: transparent; background-tint: transparent 0%; }

            &.-number .editor { max-width: 16; }
            &.-fixed .line { opacity: 50%; }
            &.-wrong {
                .line { opacity: 100%; }
                .reason { display: block; }
                .label { color: $text-error; }
                Input { background-tint: $error 25%; }
            }
        }
    }
    """

    columns: reactive[int] = reactive(1)
    """The number of columns of groups: 1 or 2."""

    low: reactive[bool] = reactive(False, toggle_class="-low")
    """Whether the form is as high as there is room and scrolls, instead of being as high as its fields."""

    class Changed(Message):
        """A constant was edited. `config` is None while one of them is wrong."""

        def __init__(self, config: TrainingConfig | None) -> None:
            super().__init__()
            self.config = config

    def __init__(self, values: Mapping[str, object], folders: Suggester | None = None) -> None:
        self.start = TrainingConfig.checked(values)
        """The config that the form is filled with at first."""
        self._fields = {c.name: ConstantField(c, getattr(self.start, c.name), folders) for c in CONSTANTS}
        super().__init__()
        self._align()
        self._outside: dict[str, str] = {}
        self._explained: ConstantField | None = None
        """The field whose help is shown."""
        self._show_effects(self.start)

    def compose(self) -> ComposeResult:
        with _Fields(classes="fields"):
            for row in _ROWS:
                with Vertical(classes="row"):
                    for column in row:
                        with Vertical(classes="column"):
                            for group in column:
                                fields = [self._fields[constant.name] for constant in _of(group)]
                                yield _Group(group, fields, later=group not in _AT_ONCE)
        yield Static(classes="help", markup=False)

    def on_mount(self) -> None:
        self.call_after_refresh(self._complete)

    def _complete(self) -> None:
        with self.app.batch_update():
            for group in self.query(_Group):
                group.complete()

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
        self._post_change()

    def choose(self, name: str, value: str | None) -> None:
        """Set one constant and move to it; None opens the row for a value that is not among its choices."""
        if value is not None:
            self.set_values({name: value})
        self._edit(self._fields[name], other=value is None)

    def _edit(self, field: ConstantField, *, other: bool = False) -> None:
        if field.is_mounted:
            field.edit(other=other)
        else:
            self._complete()
            self.call_after_refresh(field.edit, other=other)

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
        self._check()

    def go_to_wrong(self) -> bool:
        """Move to the first field whose value is wrong or missing, and show why. Returns False if there is none."""
        if not self.wrong:
            return False
        first = self.wrong[0]
        for field in self.wrong:
            field.is_awaited = False
        self._check()
        self._edit(first)
        self.call_after_refresh(first.scroll_visible, animate=False)
        return True

    def watch_columns(self) -> None:
        self.set_class(self.columns > 1, "-two-columns")
        self._align()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        field = next((node for node in event.widget.ancestors_with_self if isinstance(node, ConstantField)), None)
        if field is not None:
            self._explained = field
            self.show_help(field.help)

    def show_help(self, text: Content) -> None:
        """Show `text` where the help of the focused field stands."""
        self.query_one(".help", Static).update(text)

    @on(ConstantField.Changed)
    def _field_changed(self, event: ConstantField.Changed) -> None:
        event.stop()
        self._outside.pop(event.field.constant.name, None)
        self._post_change()

    def _post_change(self) -> None:
        self.post_message(self.Changed(self._check()))

    def _check(self) -> TrainingConfig | None:
        """Show beside each field why it is wrong, and which fields have no effect. Return the config, None if wrong."""
        config, problems = None, {}
        try:
            config = self.config()
        except ConstantError as error:
            problems = error.problems
        for name, field in self._fields.items():
            field.reason = "" if field.is_awaited else problems.get(name) or self._outside.get(name, "")
        right = {
            name: self._fields[name].constant.read(text) for name, text in self.values.items() if name not in problems
        }
        self._show_effects(config or TrainingConfig().replaced(**right))
        return config

    def _show_effects(self, config: TrainingConfig) -> None:
        without = fixed(config)
        for name, field in self._fields.items():
            field.fixed = without.get(name, "")
        if self._explained is not None and self._explained.has_focus_within:
            self.show_help(self._explained.help)

    def _align(self) -> None:
        """Align the editors of each group; of the whole form if there is one column, which has the room."""
        groups = [_of(group) for row in _ROWS for column in row for group in column]
        for constants in groups if self.columns > 1 else [CONSTANTS]:
            width = max(len(constant.label) for constant in constants) + 2
            for constant in constants:
                self._fields[constant.name].label_width = width


def _of(group: str) -> tuple[Constant, ...]:
    return tuple(constant for constant in CONSTANTS if constant.group == group)
