"""The setup screen: what is shown before a run, and that Start works when, and only when, it can."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import on
from textual.app import App
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList, Select

from engine.config import CONSTANTS, PRESETS, Preset, TrainingConfig
from engine.errors import ConstantError, DataError
from engine.preflight import Check, Preflight
from tui.dialogs.help import HelpScreen
from tui.screens import checks
from tui.screens.messages import StartRun
from tui.screens.setup import SetupScreen
from tui.widgets.config_form import ConfigForm
from tui.widgets.constant_field import ConstantField
from tui.widgets.keys import Keys
from tui.widgets.preflight_panel import PreflightPanel, command_line

Look = Callable[[TrainingConfig], Preflight]

LOOK = next(preset for preset in PRESETS if preset.name == "one-minute look")

READY = Preflight(
    (
        Check("data", True, ("the demo set", "2,000 training · 500 test · 10 classes")),
        Check("device", True, ("cpu  a processor",)),
        Check("model", True, ("cnn, 89,834 parameters", "(64, 3, 32, 32) → (64, 10)")),
        Check("work", True, ("63 iterations an epoch, 126 in all",)),
        Check("run", True, ("saved in runs",)),
    )
)


def ready(config: TrainingConfig) -> Preflight:
    return READY


class SetupApp(App[None]):
    def __init__(
        self,
        look: Look = ready,
        values: dict[str, object] | None = None,
        tmux: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self.setup = SetupScreen(values or {}, look, pause=0, tmux=tmux)
        self.started: list[TrainingConfig] = []
        self.left = False

    def on_mount(self) -> None:
        self.push_screen(self.setup)

    @on(StartRun)
    def note_start(self, message: StartRun) -> None:
        self.started.append(message.config)

    def action_leave(self) -> None:
        self.left = True

    @property
    def button(self) -> Button:
        return self.setup.query_one(Button)

    @property
    def panel(self) -> PreflightPanel:
        return self.setup.query_one(PreflightPanel)

    @property
    def preset(self) -> Select[Preset]:
        return self.setup.query_one("StartBar Select", Select)

    def line(self, name: str) -> Input:
        field = next(field for field in self.setup.query(ConstantField) if field.constant.name == name)
        return field.query_one(Input)

    @property
    def status(self) -> str:
        return shown(self.setup.query_one("#status"))


def shown(widget: Widget) -> str:
    """What the widget and those in it draw, line breaks and runs of spaces as one space."""
    drawn = [strip.text for strip in widget.render_lines(Region(0, 0, *widget.outer_size))] if widget.display else []
    return " ".join(" ".join([*drawn, *(shown(child) for child in widget.children)]).split())


def drawn(app: App[None]) -> str:
    """The whole terminal as text."""
    return "\n".join("".join(segment.text for segment in line) for line in app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], true: Callable[[], bool]) -> None:
    """Lets the app and the looking thread go on until something holds; a minute is a hang, not a measure."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        await pilot.pause(0.01)
    await pilot.pause()


async def test_a_look_that_is_ready_enables_start() -> None:
    """Every check is shown with its details, and Ctrl+R starts the run that the form says."""
    app = SetupApp(values={"epochs": 2})
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        assert app.status == "ready"
        for check in READY.checks:
            said = shown(app.panel)
            assert f"{check.subject} ✔" in said
            assert all(" ".join(line.split()) in said for line in check.lines)
        await pilot.press("ctrl+r")
        assert app.started == [TrainingConfig(epochs=2)]


async def test_start_goes_to_what_is_wrong() -> None:
    """With wrong constants no key starts a run: Ctrl+R counts them and moves to the first; put right, it starts."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        app.line("epochs").value = "0"
        app.line("seed").value = "-1"
        app.line("name").focus()
        await until(pilot, lambda: app.status == "2 constants are wrong")
        assert "a whole number from 1 to 10,000" in shown(app.setup.query_one(ConfigForm))
        for key in ("ctrl+r", "ctrl+b", "ctrl+y"):
            await pilot.press(key)
        await until(pilot, lambda: app.setup.focused is app.line("epochs"))
        assert app.started == []
        assert app.clipboard == ""
        await pilot.press("3")
        await until(pilot, lambda: app.status == "1 constant is wrong")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.setup.focused is app.line("seed"))
        await pilot.press("5")
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("ctrl+r")
        assert app.started == [TrainingConfig(epochs=3, seed=5)]


async def test_a_folder_that_is_still_to_be_typed() -> None:
    """A list's last entry asks for a path without an error; Ctrl+R says what is missing, and stays there."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter", "end", "enter")
        await until(pilot, lambda: app.status == "data is still empty")
        assert not app.setup.query(".reason")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.status == "1 constant is wrong")
        assert app.setup.focused is app.line("data")
        await pilot.press(*"pics")
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("ctrl+r")
        assert app.started == [TrainingConfig(data="pics")]


async def test_an_emptied_folder_is_refused() -> None:
    """A folder without a name is not the current one: the field says that it is empty."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        app.line("data_dir").value = ""
        await until(pilot, lambda: app.status == "1 constant is wrong")
        assert "it is empty; it must be a folder" in shown(app.setup.query_one(ConfigForm))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_presets_cover_neither_their_label_nor_the_footer(size: tuple[int, int]) -> None:
    """The list opens above its line, whose label and value stay in sight."""
    app = SetupApp()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.status == "ready")
        app.preset.focus()
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.preset.query_one(OptionList).region))
        assert app.preset.query_one(OptionList).region.bottom == app.preset.region.y
        assert all(preset.name in drawn(app) for preset in PRESETS)
        assert "preset the notebook" in drawn(app)


async def test_help_for_preset_and_start() -> None:
    """Below the form the help is about the line that has the focus, not about the field that had it."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        shown_help = app.setup.query_one(".help")
        app.preset.focus()
        await until(pilot, lambda: PRESETS[0].help in shown(shown_help))
        app.button.focus()
        await until(pilot, lambda: "Ctrl+B trains in a process of its own" in shown(shown_help))


async def test_a_reason_is_shown_once() -> None:
    """A constant that the checks find wrong has its reason beside it; the check only names it. Ctrl+R goes there."""
    problem = Preflight((Check("device", False, (), ("device",)),), {"device": "no cuda here"})
    app = SetupApp(lambda config: problem if config.device == "cuda" else READY, {"device": "cuda"})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "1 constant is wrong")
        assert "device ✘ see device in the form" in shown(app.panel)
        assert drawn(app).count("no cuda here") == 1
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.setup.focused is not None and app.setup.focused.parent is not None)
        assert app.setup.focused is not None
        assert app.setup.focused.query_ancestor(ConstantField).constant.name == "device"
        assert app.started == []


async def test_start_shows_a_check_that_failed() -> None:
    """What no constant can mend is scrolled into sight."""
    checks = [*READY.checks[:-1], *(Check("run", True, ("more",)) for _ in range(9)), Check("run", False, ("full",))]
    app = SetupApp(lambda config: Preflight(tuple(checks)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "cannot start yet")
        assert "✘ full" not in drawn(app)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "✘ full" in drawn(app))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
async def test_presets_fill_in_everything_but_the_run(preset: Preset) -> None:
    """A preset sets what it names, the rest to the defaults, and leaves where and under which name to the user."""
    values = {"epochs": 77, "seed": 5, "evaluate_each_epoch": False, "device": "cpu", "name": "mine", "runs_dir": "r"}
    app = SetupApp(values=dict(values))
    async with app.run_test(size=(80, 24)) as pilot:
        assert "custom" in shown(app.preset)
        app.preset.value = preset
        own = {"name": "mine", "runs_dir": "r"}
        await until(pilot, lambda: app.setup.query_one(ConfigForm).config() != TrainingConfig.checked(values))
        assert app.setup.query_one(ConfigForm).config() == TrainingConfig.checked({**preset.values, **own})
        assert preset.name in shown(app.preset)
        app.line("seed").value = "9"
        await until(pilot, lambda: app.preset.is_blank())
        assert "custom" in shown(app.preset)
        app.line("seed").value = "0"
        await until(pilot, lambda: app.preset.value == preset)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_command_is_shown_and_copied(size: tuple[int, int]) -> None:
    """The command that does the same follows the form, and a key puts it into the clipboard."""
    app = SetupApp()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.panel.command == "cifar-tui train")
        app.preset.value = LOOK
        await until(pilot, lambda: app.panel.command != "cifar-tui train")
        command = "cifar-tui train --data demo --epochs 2"
        assert command in drawn(app)
        await pilot.press("ctrl+y")
        assert app.clipboard == command


async def test_a_command_that_cannot_be_shown_is_not_copied() -> None:
    """Control characters from a path never slip into the clipboard, from where a shell might run them."""
    app = SetupApp(values={"data": "a\x1b[2J\nb"})
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("ctrl+y")
        assert app.clipboard == ""
        assert "\x1b" not in shown(app.panel)


PLAIN = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1).filter(lambda text: not text.startswith("-"))


@given(
    data=PLAIN,
    data_dir=PLAIN.map(Path),
    epochs=st.integers(1, 10_000),
    learning_rate=st.floats(1e-12, 1),
    evaluate_each_epoch=st.booleans(),
    name=st.sampled_from(["", "a run", "it's", "$HOME", "*"]),
)
def test_the_command_leads_to_the_same_config(**values: object) -> None:
    """A shell that reads the command hands the command line exactly the constants of the form."""
    config = TrainingConfig.checked(values)
    program, subcommand, *words = shlex.split(command_line(config))
    assert [program, subcommand] == ["cifar-tui", "train"]
    flags = {constant.flag: constant for constant in CONSTANTS}
    read: dict[str, object] = {}
    while words:
        flag = words.pop(0)
        if flag.startswith("--no-"):
            read[flags["--" + flag[5:]].name] = False
        elif flags[flag].type is bool:
            read[flags[flag].name] = True
        else:
            read[flags[flag].name] = words.pop(0)
    assert read.keys() == config.changed().keys()
    assert TrainingConfig.checked(read) == config


async def test_the_keyboard_alone_starts_a_run() -> None:
    """From the first field to Start on 80×24, by Tab, letters, Enter and Space."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("enter", *"demo", "enter", "tab", "tab", *"3", "enter", *"64", "down", *"0.01")
        await pilot.press("down", "down", "down", "space", "escape")
        assert app.setup.focused is None
        wanted = TrainingConfig(data="demo", epochs=3, batch_size=64, learning_rate=0.01, evaluate_each_epoch=False)
        assert app.setup.query_one(ConfigForm).config() == wanted
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("tab", "shift+tab")
        assert app.setup.focused is app.button
        await pilot.press("enter")
        assert app.started == [wanted]


async def test_the_foot_names_the_keys_that_work() -> None:
    """Copy is dimmed while there is no command, and Leave is named by the key that leaves from where the focus is."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        foot = app.setup.query_one(Keys)
        await until(
            pilot, lambda: shown(foot).startswith("^r Start ^b Background ^y Copy command ^o Runs f1 Help q Leave")
        )
        assert not app.setup.query(".-disabled")
        app.line("epochs").focus()
        await until(pilot, lambda: "f1 Help ^q Leave" in shown(foot))
        await pilot.press("0")
        await until(pilot, lambda: len(app.setup.query("FooterKey.-disabled")) == 1)  # there is no command to copy


async def test_q_leaves_unless_it_is_typed() -> None:
    """In a line q is a letter, and the footer names Ctrl+Q instead; after Escape q leaves."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.line("name").focus()
        await pilot.press("q")
        assert app.line("name").value == "q"
        assert not app.left
        keys = app.setup.active_bindings
        assert "q" not in keys
        assert keys["ctrl+q"].binding.action == "app.leave"
        await pilot.press("escape", "q")
        assert app.left


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_all_of_training_is_in_sight(size: tuple[int, int]) -> None:
    """No scrolling for the constants of the group training, the checks, or Start."""
    app = SetupApp()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.status == "ready")
        body = app.setup.query_one("#body").region
        fields = list(app.setup.query(ConstantField))
        assert all(body.contains_region(field.region) for field in fields)
        assert app.setup.query_one(ConfigForm).max_scroll_y == 0
        assert app.panel.max_scroll_y == 0
        assert app.screen.region.contains_region(app.button.region)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("[/x] \x1b[2J"), "ZeroDivisionError: [/x]"),
        (DataError("the folder is gone"), "the folder is gone"),
        (ConstantError({"data": "no such folder"}), "no such folder"),
    ],
)
async def test_a_look_that_fails_is_a_failed_check(error: Exception, said: str) -> None:
    """Whatever goes wrong while looking is shown, never a crash, and the form goes on."""

    def look(config: TrainingConfig) -> Preflight:
        if config.epochs == 4:
            raise error
        return READY

    app = SetupApp(look)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: said in drawn(app))
        assert "\x1b" not in drawn(app)
        assert app.status in ("cannot start yet", "1 constant is wrong")
        app.line("epochs").value = "5"
        await until(pilot, lambda: app.status == "ready")


async def test_a_look_that_never_returns_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one look hangs the form works, another config can be looked at and started, and the app can be left."""
    monkeypatch.setattr(checks, "PATIENCE", 0.01)
    hanging, go_on = threading.Event(), threading.Event()

    def look(config: TrainingConfig) -> Preflight:
        if config.data == "cifar10":
            hanging.set()
            go_on.wait()
        return READY

    app = SetupApp(look)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, hanging.is_set)
        assert app.status == "checking…"
        app.preset.value = LOOK
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("ctrl+r")
        assert app.started == [TrainingConfig(data="demo", epochs=2)]
    go_on.set()


@pytest.mark.parametrize("key", ["ctrl+r", "ctrl+b"])
async def test_a_start_is_remembered_until_it_is_ready(key: str) -> None:
    """Ctrl+R while torch is still being loaded starts the run once the look is over, and is not lost."""
    looking, go_on = threading.Event(), threading.Event()

    def look(config: TrainingConfig) -> Preflight:
        looking.set()
        go_on.wait()
        return READY

    app = SetupApp(look)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, looking.is_set)
        await pilot.press(key)
        assert app.status == "starts when ready…"
        assert app.started == []
        go_on.set()
        await until(pilot, lambda: app.started == [TrainingConfig()])
        assert app.status == "ready"


@pytest.mark.parametrize("instead", ["edit", "dialog", "problem"])
async def test_a_start_is_forgotten_where_it_no_longer_fits(instead: str) -> None:
    """A start that was asked for too early does not come as a surprise: not after an edit, under a dialog, or where
    something stands in the way."""
    looking, go_on = threading.Event(), threading.Event()

    def look(config: TrainingConfig) -> Preflight:
        looking.set()
        go_on.wait()
        return Preflight((Check("run", False, ("not like this",)),)) if instead == "problem" else READY

    app = SetupApp(look)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, looking.is_set)
        await pilot.press("ctrl+r")
        if instead == "edit":
            app.line("epochs").value = "5"
            await until(pilot, lambda: app.status == "checking…")
        elif instead == "dialog":
            app.push_screen(HelpScreen("", []))
            await pilot.pause()
        go_on.set()
        await until(pilot, lambda: app.status == ("cannot start yet" if instead == "problem" else "ready"))
        await pilot.pause()
        assert app.started == []


async def test_a_late_answer_is_dropped() -> None:
    """An answer about constants that were changed meanwhile enables nothing, and no look is made for nobody."""
    looked: list[int] = []
    first, go_on = threading.Event(), threading.Event()

    def look(config: TrainingConfig) -> Preflight:
        looked.append(config.epochs)
        if config.epochs == 4:
            first.set()
            go_on.wait()
            return READY
        return Preflight((Check("run", False, ("not this one",)),))

    app = SetupApp(look)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, first.is_set)
        for epochs in ("5", "6", "7"):
            app.line("epochs").value = epochs
            await pilot.pause()
        assert app.status == "checking…"
        go_on.set()
        await until(pilot, lambda: app.status != "checking…")
        assert app.status == "cannot start yet"
        assert "not this one" in shown(app.panel)
        assert looked == [4, 7]


async def test_the_look_waits_until_typing_rests() -> None:
    """Nothing is looked at while digits are typed, nor before the form is painted."""
    looked: list[TrainingConfig] = []
    app = SetupApp()
    app.setup = SetupScreen({}, lambda config: looked.append(config) or READY, pause=3600)  # type: ignore[func-returns-value]
    async with app.run_test(size=(80, 24)) as pilot:
        app.line("epochs").focus()
        await pilot.press(*"123")
        await pilot.pause()
        assert app.status == "checking…"
    assert looked == []


async def test_back_from_another_screen_it_looks_again() -> None:
    """A name that was free before the run is taken after it."""
    answers = [READY, Preflight((), {"name": "there is a run of this name"})]
    app = SetupApp(lambda config: answers.pop(0), {"name": "first"})
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        await app.push_screen(SetupScreen({}, ready, pause=0))
        await app.pop_screen()
        await until(pilot, lambda: app.status == "1 constant is wrong")
        assert "there is a run of this name" in shown(app.setup.query_one(ConfigForm))


async def test_any_size_and_back() -> None:
    """Resized down to 1×1 and back the screen is whole again, with all that was typed."""
    app = SetupApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        before = shown(app.setup)
        for size in ((1, 1), (200, 60), (3, 50), (300, 2), (1, 1), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert shown(app.setup) == before
        await pilot.press("ctrl+r")
        assert app.started == [TrainingConfig()]


async def test_what_a_look_says_is_plain_text() -> None:
    """A folder or a device may be called anything; it is shown, never obeyed."""
    hostile = Preflight((Check("data", True, ("[/x][bold]\x1b[2Jpics", "a\x07b")),))
    app = SetupApp(lambda config: hostile)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        assert "data ✔ [/x][bold]pics a\ufffdb" in shown(app.panel)
