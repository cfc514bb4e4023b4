"""The setup screen: what it shows before a run, and when a run can be started."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable
from dataclasses import replace
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

import engine.config.presets
from engine.config import CONSTANTS, PRESETS, Preset, TrainingConfig, preset_named
from engine.errors import ConstantError, DataError
from engine.preflight import Check, Preflight
from tui.command_line import parser
from tui.command_line.arguments import as_config
from tui.dialogs.help import HelpScreen
from tui.screens import checks
from tui.screens.messages import StartRun
from tui.screens.setup import SetupScreen
from tui.widgets import start_bar
from tui.widgets.config_form import ConfigForm
from tui.widgets.constant_field import ConstantField
from tui.widgets.keys import Keys
from tui.widgets.preflight_panel import PreflightPanel, command_line

Look = Callable[[TrainingConfig], Preflight]

LOOK = preset_named("look")

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
    """Return the text that a widget and its children draw, with single spaces for all whitespace."""
    drawn = [strip.text for strip in widget.render_lines(Region(0, 0, *widget.outer_size))] if widget.display else []
    return " ".join(" ".join([*drawn, *(shown(child) for child in widget.children)]).split())


def drawn(app: App[None]) -> str:
    """Return the whole screen as text."""
    return "\n".join("".join(segment.text for segment in line) for line in app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], true: Callable[[], bool]) -> None:
    """Let the app run until `true` returns True. Fails after a minute."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        await pilot.pause(0.01)
    await pilot.pause()


async def test_checks_that_pass_allow_a_start() -> None:
    """Every check is shown with its details, and Ctrl+R starts a run with the constants of the form."""
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
    """Wrong constants are counted, and Ctrl+R moves to the first one; once all are right, it starts the run."""
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
    """The last entry of a list asks for a path and shows no error before Ctrl+R."""
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
    """An empty path is an error, not the current folder."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        app.line("data_dir").value = ""
        await until(pilot, lambda: app.status == "1 constant is wrong")
        assert "it is empty; it must be a folder" in shown(app.setup.query_one(ConfigForm))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_presets_cover_neither_their_label_nor_the_footer(size: tuple[int, int]) -> None:
    """The list of presets opens above its line, so label, value and footer stay visible."""
    app = SetupApp()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.status == "ready")
        app.preset.focus()
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.preset.query_one(OptionList).region))
        assert app.preset.query_one(OptionList).region.bottom == app.preset.region.y
        assert "preset notebook " in drawn(app)
        assert "preset notebook C" not in drawn(app)


async def test_a_preset_says_what_it_does_before_it_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns the list tells of every preset what it does and what it reached, with no word cut off."""
    reached = "90.81 % with six views, 89.60 % with one, on average of three seeds, in 12 minutes on two cores"
    presets = tuple(replace(preset, reached=reached) for preset in PRESETS)
    for module in (start_bar, engine.config.presets):
        monkeypatch.setattr(module, "PRESETS", presets)
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        app.preset.focus()
        await pilot.press("enter")
        choices = app.preset.query_one(OptionList)
        await until(pilot, lambda: bool(choices.region))
        for preset in presets:
            assert f"{preset.name} {preset.help} {reached}" in shown(choices)
            await pilot.press("down")


async def test_help_for_preset_and_start() -> None:
    """The preset list and Start have their own help; the help of the last field does not stay."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        shown_help = app.setup.query_one(".help")
        app.preset.focus()
        await until(pilot, lambda: "all constants except the group run" in shown(shown_help))
        app.button.focus()
        await until(pilot, lambda: "Ctrl+B trains in a process of its own" in shown(shown_help))


async def test_a_reason_is_shown_once() -> None:
    """A reason stands beside its field and nowhere else; the check names the field, and Ctrl+R goes there."""
    problem = Preflight((Check("device", False, (), ("device",)),), {"device": "no cuda here"})
    app = SetupApp(lambda config: problem if config.device == "cuda" else READY, {"device": "cuda"})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "1 constant is wrong")
        assert "device ✘ see device in the form" in shown(app.panel)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: drawn(app).count("no cuda here") == 1)
        assert app.setup.focused is not None
        assert app.setup.focused.query_ancestor(ConstantField).constant.name == "device"
        assert app.started == []


async def test_start_shows_a_check_that_failed() -> None:
    """If no constant is wrong but a check failed, Ctrl+R scrolls to that check."""
    checks = [*READY.checks[:-1], *(Check("run", True, ("more",)) for _ in range(19)), Check("run", False, ("full",))]
    app = SetupApp(lambda config: Preflight(tuple(checks)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "cannot start yet")
        assert "✘ full" not in drawn(app)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "✘ full" in drawn(app))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
async def test_presets_fill_in_how_a_network_is_trained(preset: Preset) -> None:
    """A preset sets all constants but the machine and the run's name and folder."""
    values = {"epochs": 77, "seed": 5, "evaluate_each_epoch": False, "device": "cpu", "name": "mine", "runs_dir": "r"}
    app = SetupApp(values=dict(values))
    async with app.run_test(size=(80, 24)) as pilot:
        assert "custom" in shown(app.preset)
        app.preset.value = preset
        own = {"device": "cpu", "name": "mine", "runs_dir": "r"}
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
    """The command always matches the form, and Ctrl+Y copies it."""
    app = SetupApp()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.panel.command == "cifar-tui train")
        app.preset.value = LOOK
        await until(pilot, lambda: app.panel.command != "cifar-tui train")
        command = "cifar-tui train --preset look"
        assert command in drawn(app)
        await pilot.press("ctrl+y")
        assert app.clipboard == command


async def test_a_preset_keeps_images_of_ones_own() -> None:
    """Choosing a preset for a folder of one's own trains on that folder."""
    app = SetupApp(values={"data": "pictures"})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        app.preset.value = preset_named("speedrun")
        await until(pilot, lambda: "--preset speedrun" in app.panel.command)
        assert app.setup.query_one(ConfigForm).values["data"] == "pictures"
        assert app.preset.value == preset_named("speedrun")


async def test_a_command_that_cannot_be_shown_is_not_copied() -> None:
    """A command with control characters is not copied, since a shell might run them when it is pasted."""
    app = SetupApp(values={"data": "a\x1b[2J\nb"})
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("ctrl+y")
        assert app.clipboard == ""
        assert "\x1b" not in shown(app.panel)


PLAIN = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1).filter(lambda text: not text.startswith("-"))


@given(
    preset=st.sampled_from(PRESETS),
    data=PLAIN,
    data_dir=PLAIN.map(Path),
    epochs=st.integers(1, 10_000),
    learning_rate=st.floats(1e-12, 1),
    evaluate_each_epoch=st.booleans(),
    name=st.sampled_from(["", "a run", "it's", "$HOME", "*"]),
)
def test_the_command_leads_to_the_same_config(preset: Preset, **values: object) -> None:
    """The command, split by a shell, gives exactly the constants of the form."""
    config = TrainingConfig.checked({**preset.constants(), **values})
    program, *words = shlex.split(command_line(config))
    assert program == "cifar-tui"
    _, bound, _ = parser.app.parse_args(words, exit_on_error=False, print_error=False)
    assert as_config(bound.arguments["config"]) == config


def test_the_command_names_a_preset_where_that_is_shorter() -> None:
    """A preset with a few changes is told as such; few constants without a preset are told as they are."""
    speedrun = TrainingConfig.checked({**preset_named("speedrun").constants(), "data": "pics", "seed": 3})
    assert command_line(speedrun) == "cifar-tui train --preset speedrun --data pics --seed 3"
    assert command_line(TrainingConfig(epochs=3)) == "cifar-tui train --epochs 3"


async def test_the_keyboard_alone_starts_a_run() -> None:
    """At 80×24, Tab, letters, Enter and Space are enough to fill the form and start."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("enter", *"demo", "enter", "tab", "tab", *"3", "enter", *"64", "down", *"0.01")
        await pilot.press("down", "down", "down", "down", "space", "escape")
        assert app.setup.focused is None
        wanted = TrainingConfig(data="demo", epochs=3, batch_size=64, learning_rate=0.01, evaluate_each_epoch=False)
        assert app.setup.query_one(ConfigForm).config() == wanted
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("tab", "shift+tab")
        assert app.setup.focused is app.button
        await pilot.press("enter")
        assert app.started == [wanted]


async def test_the_foot_names_the_keys_that_work() -> None:
    """Copy is dimmed while there is no command; Leave is shown with the key that works where the focus is."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        foot = app.setup.query_one(Keys)
        await until(
            pilot,
            lambda: shown(foot).startswith(
                "^r Start ^b Background ^y Copy command ^l Find rate ^o Runs f1 Help q Leave"
            ),
        )
        assert not app.setup.query(".-disabled")
        app.line("epochs").focus()
        await until(pilot, lambda: "f1 Help ^q Leave" in shown(foot))
        await pilot.press("0")
        await until(pilot, lambda: len(app.setup.query("FooterKey.-disabled")) == 1)  # there is no command to copy


async def test_q_leaves_unless_it_is_typed() -> None:
    """While a line is edited, q is a letter and the footer shows Ctrl+Q; after Escape, q leaves."""
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


async def test_everything_is_in_sight() -> None:
    """At 120×40 all constants, the checks and Start are visible without scrolling."""
    app = SetupApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.status == "ready" and len(app.setup.query(ConstantField)) == len(CONSTANTS))
        body = app.setup.query_one("#body")
        assert all(body.region.contains_region(field.region) for field in app.setup.query(ConstantField))
        assert (body.max_scroll_y, app.setup.query_one(".fields").max_scroll_y, app.panel.max_scroll_y) == (0, 0, 0)
        assert app.screen.region.contains_region(app.button.region)


async def test_the_field_with_the_focus_is_in_sight_with_its_help() -> None:
    """At 80×24 the form scrolls to the field with the focus; help, checks and Start stay where they are."""
    app = SetupApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready" and len(app.setup.query(ConstantField)) == len(CONSTANTS))
        kept = [app.setup.query_one(".help"), app.panel, app.button]
        assert app.panel.max_scroll_y == 0
        for constant in CONSTANTS:
            await until(pilot, lambda: " ".join(constant.help.split()) in shown(kept[0]))  # noqa: B023
            assert app.setup.focused is not None
            assert app.setup.query_one(".fields").region.contains_region(app.setup.focused.region)
            assert all(app.screen.region.contains_region(widget.region) for widget in kept)
            await pilot.press("down")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("[/x] \x1b[2J"), "ZeroDivisionError: [/x]"),
        (DataError("the folder is gone"), "the folder is gone"),
        (ConstantError({"data": "no such folder"}), "no such folder"),
    ],
)
async def test_an_error_during_the_checks_is_a_failed_check(error: Exception, said: str) -> None:
    """An error during the checks is shown as a failed check, and the form stays usable."""

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


async def test_checks_that_hang_hold_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """While checks hang, the form works, another config can be checked and started, and the app can be left."""
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
    """Ctrl+R during the checks is not lost: the run starts when they are done."""
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
    """A start asked for during the checks is dropped after an edit, under a dialog, or if a check fails."""
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
    """Checks of constants that were edited meanwhile are ignored, and skipped if they had not begun."""
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


async def test_checks_wait_until_typing_stops() -> None:
    """No checks run while digits are typed, or before the form is painted."""
    looked: list[TrainingConfig] = []
    app = SetupApp()
    app.setup = SetupScreen({}, lambda config: looked.append(config) or READY, pause=3600)  # type: ignore[func-returns-value]
    async with app.run_test(size=(80, 24)) as pilot:
        app.line("epochs").focus()
        await pilot.press(*"123")
        await pilot.pause()
        assert app.status == "checking…"
    assert looked == []


async def test_coming_back_repeats_the_checks() -> None:
    """Coming back from another screen repeats the checks: a name may be taken by then."""
    answers = [READY, Preflight((), {"name": "there is a run of this name"})]
    app = SetupApp(lambda config: answers.pop(0), {"name": "first"})
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        await app.push_screen(SetupScreen({}, ready, pause=0))
        await app.pop_screen()
        await until(pilot, lambda: app.status == "1 constant is wrong")
        assert "there is a run of this name" in shown(app.setup.query_one(ConfigForm))


async def test_the_next_run_gets_a_new_name() -> None:
    """Back from a run that was started with a name, the form is ready for the next run."""
    taken: set[str] = set()

    def look(config: TrainingConfig) -> Preflight:
        return Preflight(READY.checks, {"name": "it exists already"} if config.name in taken else {})

    app = SetupApp(look, {"name": "mine"})
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: bool(app.started))
        taken.add("mine")
        await app.push_screen(HelpScreen("", []))
        await app.pop_screen()
        await until(pilot, lambda: app.status == "ready" and not app.setup.values["name"])


async def test_any_size_and_back() -> None:
    """After resizing down to 1×1 and back, the screen is as it was."""
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


async def test_results_of_checks_are_plain_text() -> None:
    """Names of folders and devices are shown as plain text, whatever they contain."""
    hostile = Preflight((Check("data", True, ("[/x][bold]\x1b[2Jpics", "a\x07b")),))
    app = SetupApp(lambda config: hostile)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        assert "data ✔ [/x][bold]pics a\ufffdb" in shown(app.panel)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_warning_does_not_prevent_the_start(size: tuple[int, int]) -> None:
    """That others use the GPU is read before the start at every size, and the run can be started all the same."""
    warning = "cuda:0 is in use by python\x1b[31m (process 4711)"
    taken = replace(READY.checks[1], warning=warning)
    app = SetupApp(lambda config: Preflight((READY.checks[0], taken, *READY.checks[2:])))
    async with app.run_test(size=size) as pilot:
        while not (rows := app.panel.query("CheckRow.-warned")):
            await pilot.pause(0.01)
        await pilot.pause()
        (row,) = rows
        words = row.query_one(".warning")
        assert app.panel.region.contains_region(words.region)
        text = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "cuda:0 is in use by python" in text
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert app.started
