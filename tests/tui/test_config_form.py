"""The form: a field for every constant, reasons for wrong values, and plain text only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Checkbox, Input, OptionList, Select

from engine.config import CONSTANTS, TrainingConfig, fixed
from engine.errors import ConstantError
from tui.widgets.config_form import ConfigForm
from tui.widgets.constant_field import ConstantField

EVERY_OTHER: dict[str, object] = {
    "data": "/mnt/flowers",
    "data_dir": Path("/tmp/images"),
    "epochs": 7,
    "batch_size": 64,
    "learning_rate": 1e-05,
    "seed": 42,
    "model": "speedrun",
    "width": 32,
    "precision": "bfloat16",
    "deterministic": True,
    "optimizer": "sgd",
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "schedule": "one-cycle",
    "warmup": 1.5,
    "augmentation": "flip-shift",
    "label_smoothing": 0.1,
    "average": 0.999,
    "test_views": 6,
    "validation": 500,
    "keep_best": True,
    "patience": 3,
    "time_limit": 60.0,
    "device": "cuda:1",
    "threads": 3,
    "processes": 2,
    "runs_dir": Path("elsewhere"),
    "name": "brisk heron",
    "start_from": "swift-tern",
}


class FormApp(App[None]):
    def __init__(self, values: Mapping[str, object] | None = None, folders: Suggester | None = None) -> None:
        super().__init__()
        self.form = ConfigForm(values or {}, folders)
        self.said: list[ConfigForm.Changed] = []

    def compose(self) -> ComposeResult:
        yield self.form

    def on_config_form_changed(self, event: ConfigForm.Changed) -> None:
        self.said.append(event)


def field(app: FormApp, name: str) -> ConstantField:
    return next(f for f in app.query(ConstantField) if f.constant.name == name)


def shown(widget: Widget) -> str:
    """Return the text that a widget and its children draw, with single spaces for all whitespace."""
    drawn = [strip.text for strip in widget.render_lines(Region(0, 0, *widget.outer_size))] if widget.display else []
    return " ".join(" ".join([*drawn, *(shown(child) for child in widget.children)]).split())


def reason(app: FormApp, name: str) -> str:
    return " ".join(shown(widget) for widget in field(app, name).query(".reason"))


async def until(pilot: Pilot[None], reached: Callable[[], bool]) -> None:
    """Let the app run until `reached` returns True. Fails after a minute."""
    async with asyncio.timeout(60):
        while not reached():
            await pilot.pause(0.01)


async def complete(pilot: Pilot[None], app: FormApp) -> None:
    """Wait for the fields that are made after the first paint."""
    await until(pilot, lambda: len(app.query(ConstantField)) == len(CONSTANTS))
    await pilot.pause()


async def type_into(pilot: Pilot[None], app: FormApp, name: str, text: str) -> None:
    line = next(line for line in field(app, name).query(Input) if line.display)
    line.focus()
    await pilot.pause()
    line.value = ""
    await pilot.press(*text)


def test_the_example_below_changes_every_constant() -> None:
    """The tests below cover every constant, also one that is added later."""
    without = {"evaluate_each_epoch"}  # no would forbid keep_best and patience
    assert TrainingConfig.checked(EVERY_OTHER).changed().keys() == {constant.name for constant in CONSTANTS} - without


@pytest.mark.parametrize(("columns", "size"), [(1, (40, 20)), (2, (100, 50))])
async def test_every_constant_has_its_label_its_unit_and_its_help(columns: int, size: tuple[int, int]) -> None:
    """Each constant has a label; when it has the focus, its help says what it is and what is allowed."""
    app = FormApp()
    app.form.columns = columns
    async with app.run_test(size=size) as pilot:
        await complete(pilot, app)
        for constant in CONSTANTS:
            own = field(app, constant.name)
            next(widget for widget in own.query("Input, Select, Checkbox") if widget.display).focus()
            await until(pilot, lambda: constant.help in shown(app.query_one(".help")))  # noqa: B023
            if not own.fixed and (not constant.choices or constant.open_choices):  # otherwise its list shows it
                await until(pilot, lambda: constant.allowed in shown(app.query_one(".help")))  # noqa: B023
            assert constant.label in shown(own)
            assert constant.unit in shown(own)
            assert own.query_ancestor(".group", Widget).border_title == constant.group


@pytest.mark.parametrize("values", [{}, EVERY_OTHER], ids=["defaults", "everything changed"])
@pytest.mark.parametrize("filled_later", [False, True])
async def test_the_form_gives_back_what_it_was_filled_with(values: dict[str, object], filled_later: bool) -> None:
    """A form that is filled at the start or later gives and shows exactly that config."""
    app = FormApp({} if filled_later else values)
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        if filled_later:
            app.form.set_values(values)
            await pilot.pause()
        assert app.form.config() == TrainingConfig.checked(values)
        for constant in CONSTANTS:
            own = field(app, constant.name)
            value = getattr(app.form.config(), constant.name)
            boxes, lists = list(own.query(Checkbox)), [w for w in own.query(Select) if w.selection]
            lines = [line for line in own.query(Input) if line.display]
            assert [b.value for b in boxes] + [w.value for w in lists] + [line.value for line in lines] == [
                value if constant.type is bool else str(value)
            ]


async def test_a_preset_is_one_change() -> None:
    """Filling in several values at once is one change, with the resulting config."""
    app = FormApp()
    async with app.run_test() as pilot:
        await complete(pilot, app)
        app.form.set_values({"epochs": 9, "data": "demo", "evaluate_each_epoch": False})
        app.form.set_values({**EVERY_OTHER, "evaluate_each_epoch": True})
        await pilot.pause()
        first = TrainingConfig(epochs=9, data="demo", evaluate_each_epoch=False)
        second = TrainingConfig.checked(EVERY_OTHER)
        assert [event.config for event in app.said] == [first, second]


WRONG_AND_RIGHT = [
    ("epochs", "0", "12"),
    ("epochs", "three", "3"),
    ("batch_size", "32.5", "64"),
    ("batch_size", "", "64"),
    ("learning_rate", "0", "0.01"),
    ("learning_rate", "nan", "1e-4"),
    ("seed", "-1", "1"),
    ("threads", "9999", "2"),
    ("name", "a/b", "a-b"),
    ("name", ".hidden", ""),
]


async def test_a_wrong_value_has_its_reason_beside_it() -> None:
    """A wrong value has its reason beside it until it is corrected."""
    app = FormApp()
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        for name, wrong, right in WRONG_AND_RIGHT:
            with pytest.raises(ConstantError) as refused:
                TrainingConfig.checked({name: wrong})
            line = field(app, name).query_one(Input)
            line.value = wrong
            await until(pilot, lambda: reason(app, name) == f"✘ {refused.value.problems[name]}")  # noqa: B023
            await until(pilot, lambda: app.said[-1].config is None)
            assert [field.constant.name for field in app.form.wrong] == [name]
            with pytest.raises(ConstantError):
                app.form.config()
            line.value = right
            await until(pilot, lambda: app.said[-1].config is not None and not app.form.wrong)
            await until(pilot, lambda: reason(app, name) == "")  # noqa: B023
            assert app.said[-1].config == app.form.config()
            assert getattr(app.form.config(), name) == getattr(TrainingConfig.checked({name: right}), name)


async def test_constants_that_do_not_go_together() -> None:
    """The reason stands beside the field that contradicts the others, until either of them is changed."""
    app = FormApp({"optimizer": "sgd", "momentum": 0.9})
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        field(app, "optimizer").query_one(Select).value = "adam"
        await until(pilot, lambda: "adam has a momentum of its own" in reason(app, "momentum"))
        assert [own.constant.name for own in app.form.wrong] == ["momentum"]
        assert app.said[-1].config is None
        field(app, "optimizer").query_one(Select).value = "muon"
        await until(pilot, lambda: not app.form.wrong)
        assert app.said[-1].config == TrainingConfig(optimizer="muon", momentum=0.9)
        await type_into(pilot, app, "warmup", "9")
        await until(pilot, lambda: "not less than the 4 of the run" in reason(app, "warmup"))
        field(app, "epochs").query_one(Input).value = "20"
        await until(pilot, lambda: not app.form.wrong)


async def test_constants_without_an_effect_are_dimmed() -> None:
    """A constant that the others leave no choice is dimmed, and its help says why, until they leave it one."""
    app = FormApp()
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        own = field(app, "momentum")
        own.query_one(Input).focus()
        await until(pilot, lambda: "Not now: adam has a momentum of its own" in shown(app.query_one(".help")))
        assert own.query_one(".line").styles.opacity < 1
        assert {own.constant.name for own in app.query(ConstantField) if own.fixed} == set(fixed(TrainingConfig()))
        app.form.set_values({"optimizer": "sgd"})
        await until(pilot, lambda: own.query_one(".line").styles.opacity == 1)
        assert "Allowed: a number from 0 to 0.999." in shown(app.query_one(".help"))
        assert "Not now" not in shown(app.query_one(".help"))


async def test_fields_that_are_not_there_at_once_are_shown_as_text() -> None:
    """Until their editors are made, right after the first paint, the other groups show names and values as text."""
    form = ConfigForm({"optimizer": "sgd", "name": "mine"})
    app = FormApp()
    app.form = form
    form._complete = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=(120, 50)) as pilot:
        assert len(app.query(ConstantField)) < len(CONSTANTS)
        text = shown(form)
        assert all(f"{name} {value}" in text for name, value in (("optimizer", "sgd"), ("name", "mine")))
        del form._complete
        form.choose("name", "other")
        await until(pilot, lambda: app.focused is not None and app.focused in [*field(app, "name").query(Input)])
        assert field(app, "name").query_one(Input).value == "other"
        assert len(app.query(ConstantField)) == len(CONSTANTS)


@pytest.mark.parametrize("turns", range(6))
async def test_leaving_while_the_form_is_completed(turns: int) -> None:
    """The program can be left at any moment after the first paint, without an error."""
    app = FormApp()
    async with app.run_test(size=(120, 50)):
        app.form._complete()
        for _ in range(turns):
            await asyncio.sleep(0)


async def test_a_value_that_is_no_choice_has_its_own_row() -> None:
    """The last entry of the list opens a row for a path, as wide as the form; a choice closes it."""
    app = FormApp()
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        own = field(app, "data")
        await pilot.press("enter", "end", "enter")
        await until(pilot, lambda: isinstance(app.focused, Input))
        line = own.query_one(Input)
        assert app.focused is line
        assert line.region.y == own.query_one(Select).region.bottom
        assert line.region.width > 50
        await pilot.press(*"pics")
        assert app.form.config().data == "pics"
        await pilot.press("up", "enter", "home", "enter")
        await until(pilot, lambda: app.form.values["data"] == "cifar10")
        assert not line.display


async def test_the_row_has_the_focus_however_early_the_choice_is_told() -> None:
    """A path can be typed at once, even if the list still had the focus when the choice was made."""
    app = FormApp()
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        choice = field(app, "data").query_one(Select)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        choice.value = ""
        await until(pilot, lambda: isinstance(app.focused, Input))


async def test_no_error_before_something_was_typed() -> None:
    """A row that was just opened is missing its path; it is wrong only once something was typed."""
    app = FormApp()
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        await pilot.press("enter", "end", "enter")
        await until(pilot, lambda: isinstance(app.focused, Input))
        own = field(app, "data")
        assert own.is_awaited
        assert app.form.wrong == [own]
        assert app.said[-1].config is None
        assert own.reason == ""
        await pilot.press("a", "backspace")
        await pilot.pause()
        assert "a folder" in reason(app, "data")


async def test_a_path_is_completed() -> None:
    """The rest of a folder's path is suggested, and the right arrow accepts it; other fields suggest nothing."""

    class Suggests(Suggester):
        async def get_suggestion(self, value: str) -> str:
            return f"{value}-there"

    app = FormApp(folders=Suggests(use_cache=False))
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        await type_into(pilot, app, "data_dir", "pics")
        await until(pilot, lambda: "pics-there" in shown(app.form))
        await pilot.press("right")
        assert app.form.config().data_dir == Path("pics-there")
        await type_into(pilot, app, "name", "mine")
        await pilot.press("right")
        assert app.form.config().name == "mine"


async def test_the_first_wrong_field_is_shown() -> None:
    """The first wrong field is scrolled into view and gets the focus."""
    app = FormApp()
    async with app.run_test(size=(40, 10)) as pilot:
        await complete(pilot, app)
        assert not app.form.go_to_wrong()
        await type_into(pilot, app, "epochs", "0")
        await type_into(pilot, app, "seed", "-1")
        next(line for line in field(app, "name").query(Input)).focus()
        await pilot.pause()
        first = field(app, "epochs")
        assert not app.screen.region.contains_region(first.region)
        assert app.form.go_to_wrong()
        await until(pilot, lambda: app.focused is first.query_one(Input))
        await until(pilot, lambda: app.screen.region.contains_region(first.region))
        assert len(app.form.wrong) == 2


async def test_reasons_from_outside_stand_beside_their_fields() -> None:
    """A reason found by the checks stands beside its field until the field is edited."""
    app = FormApp()
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        app.form.show_problems({"name": "there is a run of this name", "device": "no cuda here", "config": "unknown"})
        await pilot.pause()
        assert reason(app, "name") == "✘ there is a run of this name"
        assert reason(app, "device") == "✘ no cuda here"
        await type_into(pilot, app, "name", "b")
        await pilot.pause()
        assert reason(app, "name") == ""
        assert reason(app, "device") == "✘ no cuda here"
        app.form.show_problems({})
        await pilot.pause()
        assert reason(app, "device") == ""


@pytest.mark.parametrize(
    ("pasted", "seen"),
    [
        ("[/x][bold]pics[/bold]", "[/x][bold]pics[/bold]"),
        ("\x1b[31mred\x1b]0;title\x07\x08", "red\ufffd"),
        ("\n\nfirst\nsecond", "first"),
        ("\n", ""),
        ("画像" * 40, "画像" * 40),
    ],
)
async def test_hostile_text_is_plain_text(pasted: str, seen: str) -> None:
    """Pasted text becomes one line of plain text, without markup or escape sequences."""
    app = FormApp({"data": "x"})
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        line = field(app, "data").query_one(Input)
        line.focus()
        line.value = ""
        line.post_message(events.Paste(pasted))
        await pilot.pause()
        assert line.value == seen
        assert "\x1b" not in shown(line)
        assert not seen or shown(line)[:5] == seen[:5] or line.scroll_x > 0
        app.form.show_problems({"data": pasted})
        await pilot.pause()
        assert seen[:20] in reason(app, "data")


async def test_a_value_with_control_characters_never_reaches_the_terminal() -> None:
    """Control characters in a value are shown as U+FFFD."""
    app = FormApp({"data": "a\x1b[2Jb"})
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        assert shown(field(app, "data").query_one(Input)) == "a\ufffd[2Jb"
        assert app.form.config().data == "a\x1b[2Jb"


async def test_the_keyboard_reaches_every_field() -> None:
    """Down, Tab and Enter move to the next field, Up and Shift+Tab back."""
    app = FormApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await complete(pilot, app)
        seen = []
        for number in range(len(CONSTANTS)):
            assert app.focused is not None
            own = next(node for node in app.focused.ancestors if isinstance(node, ConstantField))
            seen.append(own.constant.name)
            on = "enter" if isinstance(app.focused, Input) and number % 2 else "down" if number % 3 else "tab"
            await pilot.press(on)
        assert seen == [constant.name for constant in CONSTANTS]
        await pilot.press("up")
        assert app.focused is not None
        assert field(app, CONSTANTS[-1].name) in app.focused.ancestors


async def test_yes_and_no_are_said_in_words() -> None:
    """A checkbox says yes or no, so it can be read without colour."""
    app = FormApp()
    async with app.run_test(size=(120, 50)) as pilot:
        await complete(pilot, app)
        box = field(app, "evaluate_each_epoch").query_one(Checkbox)
        assert shown(box).endswith("yes")
        box.focus()
        await pilot.press("space")
        assert shown(box).endswith("no")
        assert "✔" not in shown(box)
        assert app.form.config().evaluate_each_epoch is False


@pytest.mark.parametrize(("columns", "aligned"), [(1, ".column"), (2, ".group")])
async def test_editors_start_below_each_other(columns: int, aligned: str) -> None:
    """Editors are aligned over the whole form, or, in two columns, per group, which leaves paths more room."""
    app = FormApp()
    async with app.run_test(size=(80, 50)) as pilot:
        await complete(pilot, app)
        app.form.columns = columns
        await pilot.pause()
        edges: dict[Widget, set[int]] = {}
        for own in app.query(ConstantField):
            edges.setdefault(own.query_ancestor(aligned, Widget), set()).add(own.query_one(".editor").region.x)
        assert all(len(starts) == 1 for starts in edges.values())
        assert field(app, "data_dir").query_one(Input).region.width >= 25


def test_a_form_refuses_to_start_with_a_wrong_value() -> None:
    """A form cannot be created with a wrong value."""
    with pytest.raises(ConstantError, match="epochs"):
        ConfigForm({"epochs": 0})
