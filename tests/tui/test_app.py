"""The app as a whole: from the form through the training to the results, and what happens when things go wrong."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from textual.app import App, ComposeResult
from textual.command import CommandPalette
from textual.css.query import NoMatches
from textual.pilot import Pilot
from textual.widgets import Button, Input

from engine import data
from engine.config import TrainingConfig
from engine.control import Leave, Pause, Stop
from engine.data.imageset import ImageSet
from engine.errors import ConstantError, DataError
from engine.export import bundle
from engine.preflight import Check, Preflight
from engine.runs import watched
from engine.runs.local import Run
from engine.storage import listing
from tests.images import made_up_images
from tui.app import CifarApp
from tui.dialogs.choice import Choice
from tui.dialogs.export_to import ExportTo
from tui.dialogs.help import HelpScreen
from tui.screens.results import ResultsScreen
from tui.screens.runs import RunsScreen
from tui.screens.setup import SetupScreen
from tui.screens.training import TrainingScreen
from tui.widgets.keys import Keys
from tui.widgets.title_bar import TitleBar

SIZES = [(80, 24), (120, 40), (200, 60)]


def fine(config: TrainingConfig) -> Preflight:
    return Preflight((Check("data", True, ("there",)),))


Make = Callable[..., CifarApp]


@pytest.fixture
def make_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes apps whose form is filled in for a quick run below `tmp_path`, with images from memory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(160, 40))
    made: list[CifarApp] = []

    def make(**values: object) -> CifarApp:
        quick = {"data": "demo", "epochs": 1, "device": "cpu", "threads": 1, "name": "first"}
        made.append(CifarApp({**quick, **values}, look=fine))
        return made[-1]

    yield make
    for app in made:
        if app.training is not None:  # a run never outlives its test
            app.training.ask(Stop())
            app.training.ask(Stop())
            assert app.training.join(60)


@pytest.fixture
def app(make_app: Make) -> CifarApp:
    """An app with a run of one epoch."""
    return make_app()


LONG = {"epochs": 10_000, "evaluate_each_epoch": False}
"""Constants of a run that does not end while a test looks."""


async def start_and_pause(pilot: Pilot[None], app: CifarApp) -> Run:
    """Start a long run and pause it when it trains: Textual's pilot waits for a machine that is idle."""
    await start(pilot)
    await until(pilot, lambda: app.training is not None and len(app.training.log.loss_buffer) > 3)
    assert app.training is not None
    app.training.ask(Pause())
    await until(pilot, lambda: app.screen.query_one(TitleBar).middle == "paused · p resumes")
    return app.training


async def until(pilot: Pilot[None], reached: Callable[[], bool]) -> None:
    """Let the app go on until `reached`, and the screen is put up; `reached` may look for what is not there yet."""
    give_up = time.monotonic() + 30

    def is_reached() -> bool:
        with suppress(NoMatches):
            return reached() and pilot.app.screen.is_mounted
        return False

    while not is_reached():
        assert time.monotonic() < give_up, f"in vain; the screen is:\n{shown_text(pilot.app)}"
        await asyncio.sleep(0.02)


async def start(pilot: Pilot[None]) -> None:
    """Press Ctrl+R once the form is ready."""
    await until(pilot, lambda: not pilot.app.screen.query_one(Button).disabled)
    await pilot.press("ctrl+r")


@pytest.mark.parametrize("size", SIZES)
async def test_from_form_to_results_and_back(app: CifarApp, size: tuple[int, int], tmp_path: Path) -> None:
    """A run started from the form ends in its results, from where a new run is a key away, the old one in the list."""
    async with app.run_test(size=size) as pilot:
        await start(pilot)
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        await pilot.press("n")
        assert isinstance(app.screen, SetupScreen)
        await pilot.press("ctrl+o")
        assert isinstance(app.screen, RunsScreen)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        await pilot.press("q")
    assert app.return_code == 0
    assert (tmp_path / "runs" / "first" / "summary.json").is_file()


async def test_the_form_comes_with_its_keys(make_app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys stand under the form from its first paint on; none is made and thrown away for their sake."""
    composed: list[bool] = []
    compose = Keys.compose

    def counted(keys: Keys) -> ComposeResult:
        composed.append(True)
        yield from compose(keys)

    monkeypatch.setattr(Keys, "compose", counted)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await pilot.pause(0.2)
        assert len(app.screen.query("FooterKey")) > 5
        assert composed == [True]


async def test_pause_stop_and_chart_keys(make_app: Make) -> None:
    """While it trains the run is paused, resumed and stopped by a key, and the chart listens too."""
    app = make_app(**LONG)
    async with app.run_test(size=(120, 40)) as pilot:
        run = await start_and_pause(pilot, app)
        title = app.screen.query_one(TitleBar)
        await pilot.press("p")
        await until(pilot, lambda: title.middle.startswith("training"))
        await pilot.press("p")
        await until(pilot, lambda: title.middle == "paused · p resumes")
        here = len(run.log.loss_buffer)
        await pilot.press("r", "y", "plus", "minus", "l", "l")
        assert len(run.log.loss_buffer) == here
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        assert run.record().status == "stopped"
        assert run.record().evaluation is not None
        await pilot.pause()


@pytest.mark.parametrize(
    ("presses", "exits", "stops"),
    [
        (["q", "enter"], False, 0),
        (["q", "escape"], False, 0),
        (["q", "left", "enter"], True, 0),
        (["ctrl+q", "left", "left", "enter"], True, 1),
    ],
)
async def test_leaving_asks(make_app: Make, presses: list[str], exits: bool, stops: int) -> None:
    """Leaving while it trains asks: stay, go on without the screen, or stop and keep the results."""
    app = make_app(**LONG)
    async with app.run_test(size=(80, 24)) as pilot:
        run = await start_and_pause(pilot, app)
        await pilot.press(presses[0])
        assert isinstance(app.screen, Choice)
        await pilot.press(*presses[1:])
        assert app._exit is exits
        assert run.control.stops == stops
        app.exit()


async def test_problem_found_at_the_start_stands_beside_its_field(
    app: CifarApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only the start finds out, such as a broken image, leads back to the form, the reason beside the field."""

    def broken(source: str, data_dir: Path, progress: object) -> ImageSet:
        raise ConstantError({"data": "cannot be read: a.png"})

    monkeypatch.setattr(data, "load", broken)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(pilot)
        await until(pilot, lambda: app.training is None and isinstance(app.screen, SetupScreen))
        await until(pilot, lambda: not app.screen.query_one(Button).disabled)  # it has looked again
        await until(pilot, lambda: "cannot be read: a.png" in shown_text(app))


async def test_images_that_fail_under_a_dialog(make_app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that stands open when the images turn out to be missing goes with the run it was about."""
    asked = threading.Event()

    def broken(source: str, data_dir: Path, progress: object) -> ImageSet:
        assert asked.wait(60)
        raise ConstantError({"data": "cannot be read: a.png"})

    monkeypatch.setattr(data, "load", broken)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await start(pilot)
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        await pilot.press("q")
        assert isinstance(app.screen, Choice)
        asked.set()
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        assert app.training is None
        assert len(app.screen_stack) == 2


def shown_text(app: App[None]) -> str:
    """Everything that stands on the screen, as text."""
    return "\n".join("".join(s.text for s in line) for line in app.screen._compositor.render_strips())


def told(app: CifarApp) -> list[str]:
    """The notifications that the app has shown and that still stand."""
    return [notification.message for notification in app._notifications]


@pytest.mark.parametrize(("answer", "leads_to"), [(0, "again"), (1, "demo"), (2, "folder"), (3, "back")])
async def test_images_that_cannot_be_had(
    make_app: Make, monkeypatch: pytest.MonkeyPatch, answer: int, leads_to: str
) -> None:
    """Without a network the app says so and offers to try again, the demo set, or a folder; it swaps nothing itself."""
    tried: list[str] = []

    def unreachable(source: str, data_dir: Path, progress: object) -> ImageSet:
        tried.append(source)
        raise DataError("The host cannot be reached.")

    monkeypatch.setattr(data, "load", unreachable)
    app = make_app(data="cifar10")
    async with app.run_test(size=(80, 24)) as pilot:
        await start(pilot)
        await until(pilot, lambda: isinstance(app.screen, Choice))
        await until(pilot, lambda: "The host cannot be reached." in shown_text(app))
        await pilot.press("home", *["shift+tab"] * (3 - answer), "enter")
        await pilot.pause()
        if leads_to == "again":
            await until(pilot, lambda: len(tried) == 2 and isinstance(app.screen, Choice))
            return
        assert isinstance(app.screen, SetupScreen)
        assert app.screen.values["data"] == {"demo": "demo", "folder": "", "back": "cifar10"}[leads_to]
        assert isinstance(app.focused, Input) == (leads_to == "folder")


async def test_export_where_it_cannot_be(app: CifarApp, tmp_path: Path) -> None:
    """An export that fails says why in the dialog and keeps the path; the corrected one is written."""
    (tmp_path / "file").write_text("")
    async with app.run_test(size=(120, 40)) as pilot:
        await start(pilot)
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportTo))
        line = app.screen.query_one(Input)
        line.value = str(tmp_path / "file" / "x")
        await pilot.press("enter")
        await until(pilot, lambda: "✘" in shown_text(app))
        assert line.value == str(tmp_path / "file" / "x")
        line.value = str(tmp_path / "there")
        await pilot.press("enter")
        await until(pilot, lambda: any(n.title == "Exported" for n in app._notifications))
        assert isinstance(app.screen, ResultsScreen)
    assert (tmp_path / "there" / "summary.json").is_file()


async def test_the_model_from_the_results(app: CifarApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The results export the trained network too; what is left out is told with the reason."""
    monkeypatch.setattr("engine.export.model.checked.find_spec", lambda name: None)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(pilot)
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportTo))
        await pilot.press("ctrl+n", "enter")
        await until(pilot, lambda: any(n.title == "Exported" for n in app._notifications))
        (told,) = [n.message for n in app._notifications if n.title == "Exported"]
        assert "model.safetensors, README.md, config.json are in " in told
        assert "Without model.onnx: onnx, onnxscript, onnxruntime are not installed." in told
    assert (Path.cwd() / "first-model" / "model.safetensors").is_file()


def a_run(name: str, **constants: object) -> Run:
    """A run of its own, in the folder where the app looks for runs."""
    quick = {"data": "demo", "epochs": 1, "device": "cpu", "threads": 1, "name": name}
    return Run(TrainingConfig.checked({**quick, **constants}))


def interrupted_run(name: str) -> Run:
    """A run that was interrupted right after its first losses."""
    run = a_run(name, epochs=2)
    take = run.log.losses

    def losses(values: NDArray[np.float32]) -> None:
        take(values)
        run.ask(Leave())

    run.log.losses = losses  # type: ignore[method-assign]
    assert run.start().join(60)
    return run


async def test_slow_disk(make_app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the disk takes to list the runs, the list answers keys, and shows the runs once it has them."""
    answers = threading.Event()
    finished = a_run("first").start()
    assert finished.join(60)
    look = listing.Listing.look

    def slow(runs: listing.Listing, at_most: float = 60.0) -> listing.Looked:
        assert answers.wait(60)
        return look(runs, at_most)

    monkeypatch.setattr(listing.Listing, "look", slow)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "reading the runs" in shown_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await pilot.press("ctrl+o")
        answers.set()
        await until(pilot, lambda: "completed" in shown_text(app))


async def test_slow_disk_while_a_run_is_opened(make_app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not answer while a run is opened leaves the screen answering, and its failure is told."""
    answers, asked = threading.Event(), threading.Event()

    def slow(*_: object) -> object:
        asked.set()
        assert answers.wait(60)
        raise DataError("The disk is gone.")

    assert a_run("first").start().join(60)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "completed" in shown_text(app))
        monkeypatch.setattr(watched, "WatchedRun", slow)
        await pilot.press("enter")
        await until(pilot, asked.is_set)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        assert isinstance(app.screen, RunsScreen)
        answers.set()
        await until(pilot, lambda: "The disk is gone." in told(app))


async def test_slow_disk_while_a_run_is_exported(make_app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not answer while a run is exported leaves the screen answering."""
    answers, asked = threading.Event(), threading.Event()

    def slow(*_: object) -> tuple[Path, ...]:
        asked.set()
        assert answers.wait(60)
        return ()

    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await start(pilot)
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        monkeypatch.setattr(bundle, "write_bundle", slow)
        await pilot.press("e", "enter")
        await until(pilot, asked.is_set)
        await pilot.press("X")
        await until(pilot, lambda: app.screen.query_one(Input).value.endswith("X"))
        answers.set()
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))


async def test_escape_goes_back(make_app: Make) -> None:
    """From the results of a run in the list Esc leads back to the list, and from there to the form."""
    assert a_run("first").start().join(60)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "completed" in shown_text(app))
        for _ in range(2):
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        assert len(app.screen_stack) == 2


async def test_unreadable_run(make_app: Make) -> None:
    """A run that cannot be read stands in the list, with the reason below once it is chosen."""
    assert a_run("first").start().join(60)
    Path("runs/torn").mkdir()
    Path("runs/torn/events.jsonl").write_text("no journal\n" * 2)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "unreadable" in shown_text(app))
        await pilot.press("down")
        await until(pilot, lambda: "runs/torn is not the folder of a run" in shown_text(app))
        await pilot.press("enter")
        assert isinstance(app.screen, RunsScreen)


async def test_back_from_a_run_that_trains(make_app: Make) -> None:
    """Esc from the training screen leaves the run training, a paused one too; the list leads back to it."""
    app = make_app(**LONG)
    async with app.run_test(size=(100, 30)) as pilot:
        run = await start_and_pause(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await until(pilot, lambda: not run.control.paused)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "A run is still training here." in told(app))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "training" in shown_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and app.view is run)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        run.ask(Stop())
        await until(pilot, lambda: "The run first is stopped." in told(app))


async def test_new_run_after_results(make_app: Make) -> None:
    """`n` fills the form with the constants of the run that is shown, under a new name."""
    app = make_app(batch_size=20)
    async with app.run_test(size=(100, 30)) as pilot:
        await start(pilot)
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        assert isinstance(app.screen, SetupScreen)
        assert (app.screen.values["name"], app.screen.values["batch_size"]) == ("", "20")
        await start(pilot)
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
    assert len([path for path in Path("runs").iterdir() if not path.name.startswith(".")]) == 2


async def test_new_run_after_watching(make_app: Make) -> None:
    """An app that began with a run of the past has a form too, with the constants of that run."""
    assert a_run("first", batch_size=20).start().join(60)
    app = CifarApp({}, look=fine, watch=Path("runs/first"))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        assert isinstance(app.screen, SetupScreen)
        assert (app.screen.values["name"], app.screen.values["batch_size"]) == ("", "20")


async def test_declined_run_is_not_offered_again(make_app: Make) -> None:
    """ "Do not ask again" about an interrupted run holds at the next start."""
    interrupted_run("left")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Choice))
        app.screen.query_one("#never", Button).press()
        await until(pilot, lambda: listing.waiting(Path("runs")) is None)
    (entry,) = listing.list_runs(Path("runs"))
    assert entry.status == "interrupted"


@pytest.mark.parametrize("elsewhere", [False, True], ids=["a run of this process", "a run of another process"])
async def test_paused_run_goes_on_without_the_app(make_app: Make, elsewhere: bool) -> None:
    """A run that is paused when the app that shows it goes, by whatever way, goes on; here or in another process."""
    other = a_run("other", **LONG).start() if elsewhere else None
    app = make_app(**LONG)
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            if other is None:
                run = await start_and_pause(pilot, app)
            else:
                run = other
                await until(pilot, lambda: isinstance(app.screen, Choice))
                app.screen.query_one("#watch", Button).press()
                await until(pilot, lambda: "training · epoch" in app.screen.query_one(TitleBar).middle)
                await pilot.press("p")
                await until(pilot, lambda: run.control.paused)
            app.exit()
        assert app.view is not None
        app.view.close()  # as `full_screen.start` does, whatever ended the app
        done = len(run.log.loss_buffer)
        while len(run.log.loss_buffer) < done + 10:
            assert not run.join(0.01)
    finally:
        if other is not None:
            other.ask(Leave())
            assert other.join(60)


async def test_help_names_every_key(app: CifarApp) -> None:
    """F1 on every screen names each key of its footer, and any key closes it."""
    async with app.run_test(size=(120, 40)) as pilot:
        await start(pilot)
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        shown = [a.binding for a in app.screen.active_bindings.values() if a.binding.show and a.enabled]
        keys = {app.get_key_display(binding) for binding in shown}
        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)
        lines = [max(row.split("│"), key=len).strip().split("  ")[0].split() for row in shown_text(app).splitlines()]
        assert keys <= {key for line in lines for key in line}
        await pilot.press("escape")
        assert isinstance(app.screen, ResultsScreen)


async def test_command_palette_has_every_action(make_app: Make) -> None:
    """Every key's action is in the command palette too, and works from there."""
    app = make_app(**LONG)
    async with app.run_test(size=(120, 40)) as pilot:
        run = await start_and_pause(pilot, app)
        offered = {command.title for command in app.get_system_commands(app.screen)}
        shown = {a.binding.description for a in app.screen.active_bindings.values() if a.binding.show}
        assert len(shown) > 8
        assert shown <= offered
        await pilot.press("ctrl+p", *"resume", "enter")
        await until(pilot, lambda: not run.control.paused)
        app.exit()


async def test_command_palette_is_no_text_editor(make_app: Make) -> None:
    """While a field of the form is edited, the palette offers the program's actions first, and no editing of text."""
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await until(pilot, lambda: not app.screen.query_one(Button).disabled)
        await pilot.press("tab", "tab")
        offered = [command.title for command in app.get_system_commands(app.screen)]
        assert offered[0] == "Start"
        assert offered[-2:] == ["Theme", "Screenshot"]
        assert not [title for title in offered if "ursor" in title or "elete" in title]
        assert len(offered) < 14
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await until(pilot, lambda: "Background" in shown_text(app))
        assert shown_text(app).index("Background") < shown_text(app).index("Theme")


async def test_run_that_ends_behind_the_palette(make_app: Make) -> None:
    """Results wait until the palette over the training is closed, and it can be opened over them."""
    app = make_app(**LONG)
    async with app.run_test(size=(100, 30)) as pilot:
        run = await start_and_pause(pilot, app)
        training = app.screen
        assert isinstance(training, TrainingScreen)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        run.ask(Stop())
        await until(pilot, lambda: training.record.ended)
        training.look()
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press("escape")


async def test_dialog_that_is_closed_twice(make_app: Make) -> None:
    """An answer that comes when its dialog was taken down already takes no other screen down."""
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        form = app.screen
        await pilot.press("f1")
        await until(pilot, lambda: app.screen is not form)
        dialog = app.screen

        def answer() -> None:
            dialog.dismiss()

        dialog.call_later(answer)
        app.pop_screen()
        await pilot.pause()
        assert app.screen is form


@pytest.mark.parametrize("works", ["in its own task", "in a worker"])
async def test_dialog_that_misses_its_parts_once_it_is_closed(make_app: Make, works: str) -> None:
    """What a dialog was about to do when it was closed does not break the app off."""
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        dialog = app.screen

        async def work() -> None:
            dialog.query_one("#gone")

        if works == "in a worker":
            dialog.run_worker(work())
        else:
            dialog.call_later(work)
        app.pop_screen()
        await pilot.pause()
        assert isinstance(app.screen, SetupScreen)


async def test_broken_screen_leaves_the_run_alone(
    make_app: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the screen itself breaks the run goes on, and a person reads a line, not a traceback."""
    app = make_app(**LONG)

    def broken(self: TrainingScreen, now: float) -> None:
        raise KeyError("secret local")

    async def walk() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await start(pilot)
            monkeypatch.setattr(TrainingScreen, "_show_state", broken)
            await until(pilot, lambda: app._exception is not None)

    with pytest.raises(KeyError):
        await walk()
    assert app.training is not None
    trained = len(app.training.log.loss_buffer)
    while len(app.training.log.loss_buffer) < trained + 10:
        assert not app.training.join(0.01)
    err = capsys.readouterr().err
    assert "The screen crashed: KeyError" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("answer", "leads_to"), [("resume", "completed"), ("show", "interrupted"), ("new", "")])
async def test_coming_back_to_an_interrupted_run(make_app: Make, answer: str, leads_to: str) -> None:
    """Who starts the app where the latest run was interrupted may go on with it, look at it, or begin a new one."""
    interrupted_run("left")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Choice))
        await until(pilot, lambda: "The run left was interrupted." in shown_text(app))
        app.screen.query_one(f"#{answer}", Button).press()
        if leads_to:
            await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
            await until(pilot, lambda: leads_to in shown_text(app))
        else:
            await until(pilot, lambda: isinstance(app.screen, SetupScreen))


async def test_memory_is_looked_after_once_the_form_is_painted(make_app: Make) -> None:
    """Only until the first paint does the program go without looking for garbage."""
    gc.disable()
    try:
        async with make_app().run_test() as pilot:
            await until(pilot, gc.isenabled)
    finally:
        gc.enable()
        gc.unfreeze()


async def test_run_that_trains_elsewhere_is_watched(make_app: Make) -> None:
    """Who starts the app where a run trains already can watch it, and leaving it does not end it."""
    elsewhere = Run(
        TrainingConfig.checked({"data": "demo", "epochs": 10_000, "device": "cpu", "threads": 1, "name": "elsewhere"})
    ).start()
    app = make_app()
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Choice))
            app.screen.query_one("#watch", Button).press()
            await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
            await until(pilot, lambda: "training · epoch" in app.screen.query_one(TitleBar).middle)
            app.exit()
        assert not elsewhere.join(0.2)
        assert app.view is not None
        app.view.close()
    finally:
        elsewhere.ask(Leave())
        assert elsewhere.join(60)
