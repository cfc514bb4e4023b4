"""The training screen: what it shows of a run, at every size, and what its keys ask of the run."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.color import Color
from textual.pilot import Pilot

from engine.config import TrainingConfig
from engine.control import Pause, Request, Resume, Stop
from engine.errors import EngineError, RunFolderError
from engine.record.events import DataProgress, EpochTrained, Evaluated, Notice, Paused, Resumed, Stopping
from engine.record.log import RunLog
from engine.record.pace import Pace
from tests.records import live_log, live_record, made_up_matrix, run_started
from tui.charts.kinds.loss import LossChart
from tui.look.theme import DARK
from tui.screens import requests, training
from tui.screens.messages import Back, Export, ShowResults
from tui.screens.training import TrainingScreen
from tui.widgets import run_facts
from tui.widgets.fact_sheet import FactSheet, Section
from tui.widgets.log_lines import LogLines
from tui.widgets.title_bar import TitleBar

NARROW, WIDE, SHORT = (80, 24), (120, 40), (120, 24)
DEVICE = run_started().device.name


class MadeUpRun:
    """A run that only remembers what it is asked."""

    folder = Path("runs/brisk-heron")
    is_local = True
    error: EngineError | None = None
    ended = False

    def __init__(self, log: RunLog) -> None:
        self.log = log
        self.asked: list[Request] = []
        self.refusal: EngineError | None = None
        self.disk_answers = threading.Event()
        self.disk_answers.set()

    def seconds(self) -> float:
        return 41.0

    def ask(self, request: Request) -> None:
        if self.refusal is not None:
            raise self.refusal
        assert self.disk_answers.wait(60)
        self.asked.append(request)

    def join(self, timeout: float | None = None) -> bool:
        return False

    def close(self) -> None:
        pass


class TrainingApp(App[None]):
    def __init__(self, log: RunLog | None = None) -> None:
        super().__init__()
        self.run_shown = MadeUpRun(log if log is not None else live_log(4_000))
        self.training = TrainingScreen(self.run_shown)
        self.messages: list[object] = []

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.theme = DARK.name
        self.push_screen(self.training)

    def on_export(self, message: Export) -> None:
        self.messages.append(message)

    def on_show_results(self, message: ShowResults) -> None:
        self.messages.append(message)

    def on_back(self, message: Back) -> None:
        self.messages.append(message)

    @property
    def lines(self) -> list[str]:
        """The rows of the terminal as text."""
        return [strip.text for strip in self.screen._compositor.render_strips()]

    @property
    def keys(self) -> list[str]:
        """What the keys do that are offered now."""
        return [each.binding.description for each in self.screen.active_bindings.values() if each.binding.show]

    def state(self) -> str:
        self.training.look()
        return self.training.query_one(TitleBar).middle


async def settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.pause()


# What is shown


@pytest.mark.parametrize("size", [NARROW, SHORT, WIDE, (200, 60)])
async def test_how_it_goes(size: tuple[int, int]) -> None:
    """At every size a person reads run, state, time, losses, how far it is, the last accuracy, and keys that fit."""
    app = TrainingApp()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        text = "\n".join(app.lines)
        for said in (
            "brisk-heron",
            "training · epoch 3 of 4",
            "0:41 · cpu AMD EPYC",
            "smoothed",
            "874/1,563",
            "63.20 %",
        ):
            assert said in text
        assert {cell_len(line) for line in app.lines} == {size[0]}
        assert app.lines[-1].split()[:2] == ["p", "Pause"]
        assert "f1 Help" in app.lines[-1]
        assert "q Leave" in app.lines[-1]


async def test_device_name_is_cut_with_an_ellipsis() -> None:
    """At 80 columns the end of a long line is an ellipsis, in the title and in the last lines of the log."""
    app = TrainingApp(live_log(100))
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert app.lines[0].rstrip().endswith("…")
        (line,) = (line for line in app.lines if "Training cnn" in line)
        assert line.rstrip().endswith("AMD EPYC…")


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_log_in_full(size: tuple[int, int]) -> None:
    """`l` shows the log in the place of the chart and of its last lines; long lines are wrapped, nothing else moves."""
    app = TrainingApp()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        log, chart = app.training.query_one(LogLines), app.training.query_one(LossChart)
        facts = app.training.query_one(FactSheet)
        before = chart.region.union(log.region)
        rows = [facts.render_line(y).text for y in range(facts.size.height)]
        await pilot.press("l")
        await settle(pilot)
        assert log.region == before
        assert not chart.display
        assert [facts.render_line(y).text for y in range(facts.size.height)] == rows
        words = " ".join(log.lines).split()
        assert " ".join(words[: words.index("Epoch")]).endswith(f"on {DEVICE}")
        assert max(map(cell_len, log.lines)) <= log.scrollable_content_region.width
        await pilot.press("l")
        await settle(pilot)
        assert chart.display
        assert log.lines[-1] == app.training.record.lines[-1]


async def test_long_log_scrolls() -> None:
    """A log longer than the screen shows its end, scrolls with the arrow keys, and stays where it was scrolled to."""
    log = live_log(100)
    for i in range(100):
        log.event(Notice(seconds=5, text=f"notice {i}"))
    app = TrainingApp(log)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("l")
        await settle(pilot)
        lines = app.training.query_one(LogLines)
        assert any("notice 99 " in line for line in app.lines)
        await pilot.press("home")
        await settle(pilot)
        assert lines.scroll_y == 0
        log.event(Notice(seconds=6, text="a late notice"))
        app.training.look()
        await settle(pilot)
        assert lines.scroll_y == 0
        await pilot.press("end")
        await settle(pilot)
        assert any("a late notice" in line for line in app.lines)
        variables = DARK.variables
        assert lines.styles.scrollbar_background == Color.parse(variables["scrollbar-background"])
        assert lines.styles.scrollbar_color == Color.parse(variables["scrollbar"])


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_last_lines_are_shown(size: tuple[int, int]) -> None:
    """Below the chart the newest lines of the log are shown, as they come and after a change of size."""
    log = RunLog()
    app = TrainingApp(log)
    async with app.run_test(size=size) as pilot:
        for event in live_log(4_000).events:
            log.event(event)
            app.training.look()
            await pilot.pause()
            if log.training_began:
                assert any(app.training.record.lines[-1][:40] in line for line in app.lines)
        for other in ((40, 12), (200, 60), size):
            await pilot.resize_terminal(*other)
            await settle(pilot)
            assert any("Epoch [3/4], Batch [500/1563]" in line for line in app.lines)


async def test_preparation() -> None:
    """Before the training a person reads what is done and how far it is; only keys that do something are offered."""
    log = RunLog()
    app = TrainingApp(log)
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert any("loading torch" in line for line in app.lines)
        log.event(DataProgress(seconds=1, activity="reading images", done=30_000, total=60_000, unit="images"))
        app.training.look()
        await settle(pilot)
        text = "\n".join(app.lines)
        assert "reading images" in text
        assert "━" * 20 + "─" * 20 in text
        assert "30,000 of 60,000 images" in text
        assert app.keys == ["Pause", "Stop", "Help", "Back", "Leave"]


# States and requests


async def test_keys_ask_the_run() -> None:
    """`p` and `s` ask the run, in the order of the keys; the state says what was asked until the run answers."""
    app = TrainingApp()
    log, asked = app.run_shown.log, app.run_shown.asked
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("p")
        assert app.state() == "pausing"
        log.event(Paused(seconds=41, iteration=4_000))
        assert app.state() == "paused · p resumes"
        assert app.keys[0] == "Resume"
        await pilot.press("p")
        log.event(Resumed(seconds=42, iteration=4_000))
        assert app.state() == "training · epoch 3 of 4"
        assert app.keys[0] == "Pause"
        await pilot.press("s", "s")
        while len(asked) < 4:
            await pilot.pause()
        assert asked == [Pause(), Resume(), Stop(), Stop()]


async def test_the_effect_of_a_key_is_shown_as_soon_as_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause that waits for its checkpoint is shown when it begins, not at the next regular look."""
    monkeypatch.setattr(training, "LOOKS_EVERY", 3_600.0)
    app = TrainingApp()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("p")
        title = app.training.query_one(TitleBar)
        while not app.run_shown.asked:
            await pilot.pause(0.01)
        assert title.middle == "pausing"
        await pilot.pause(3 * requests.ANSWERS_WITHIN)
        app.run_shown.log.event(Paused(seconds=42.0, iteration=4_000))
        while not title.middle.startswith("paused"):
            await pilot.pause(0.01)


async def test_requests_wait_for_each_other() -> None:
    """While a slow disk keeps the first request, the screen answers, and the next one comes after it."""
    app = TrainingApp()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        app.run_shown.is_local = False
        app.run_shown.disk_answers.clear()
        await pilot.press("p")
        assert app.state() == "pausing"
        await pilot.press("p")
        app.run_shown.disk_answers.set()
        while len(app.run_shown.asked) < 2:
            await pilot.pause()
        assert app.run_shown.asked == [Pause(), Resume()]


async def test_every_watcher_sees_the_same_state() -> None:
    """What one person asked for is seen by another who watches the same run."""
    app = TrainingApp()
    log = app.run_shown.log
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        log.event(Paused(seconds=41, iteration=4_000))
        assert app.state() == "paused · p resumes"
        assert app.keys[0] == "Resume"
        log.event(Resumed(seconds=42, iteration=4_000))
        log.event(Stopping(seconds=43, iteration=4_001, evaluates=True))
        assert app.state() == "evaluating before the end · s skips that"
        log.event(Stopping(seconds=44, iteration=4_001, evaluates=False))
        assert app.state() == "stopping"


async def test_run_that_cannot_be_told() -> None:
    """A run out of reach says so, and the screen does not pretend that it pauses."""
    app = TrainingApp()
    app.run_shown.is_local = False
    app.run_shown.refusal = RunFolderError("runs/brisk-heron cannot be written to.")
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("p")
        while not app._notifications:
            await pilot.pause()
        assert [notice.message for notice in app._notifications] == ["runs/brisk-heron cannot be written to."]
        assert app.state() == "training · epoch 3 of 4"


async def test_keys_of_the_chart_and_the_app() -> None:
    """The chart's keys work while it is shown and are not offered beside the log; `e` and Esc go to the app."""
    app = TrainingApp()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        chart = app.training.query_one(LossChart)
        await pilot.press("y")
        assert chart.curve.log_scale
        await pilot.press("l", "y")
        assert chart.curve.log_scale
        assert {"Chart", "Export"} <= set(app.keys)
        assert not {"Zoom", "Scale", "Log"} & set(app.keys)
        await pilot.press("e", "t", "escape")
        await settle(pilot)
        export, results, back = app.messages
        assert isinstance(export, Export)
        assert isinstance(results, ShowResults)
        assert results.record is app.training.record
        assert (export.record, export.folder) == (app.training.record, MadeUpRun.folder)
        assert isinstance(back, Back)


# The side panel


class SheetApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.sheet = FactSheet("run")

    def compose(self) -> ComposeResult:
        yield self.sheet


@pytest.mark.parametrize(
    ("height", "shown"),
    [
        (20, ["speed", "a 1", "", "accuracy", *(f"epoch {i} {i} %" for i in range(1, 7)), "", "network", "b 2"]),
        (11, ["speed", "a 1", "", "accuracy", *(f"epoch {i} {i} %" for i in range(3, 7)), "", "network", "b 2"]),
        (8, ["speed", "a 1", "", "accuracy", *(f"epoch {i} {i} %" for i in range(3, 7))]),
        (6, ["speed", "a 1", "", "accuracy", "epoch 5 5 %", "epoch 6 6 %"]),
        (2, ["speed", "a 1"]),
        (1, []),
    ],
)
async def test_facts_fit(height: int, shown: list[str]) -> None:
    """If the panel is low, the latest accuracies stay and the least important sections go; nothing is cut in half."""
    app = SheetApp()
    async with app.run_test(size=(30, height + 2)) as pilot:
        app.sheet.show(
            [
                Section("speed", (("a", "1"),)),
                Section("accuracy", tuple((f"epoch {i}", f"{i} %") for i in range(1, 7)), least_rows=2),
                Section("network", (("b", "2"),)),
            ]
        )
        await settle(pilot)
        rows = [" ".join(app.sheet.render_line(y).text.split()) for y in range(app.sheet.size.height)]
        while rows and not rows[-1]:
            rows.pop()
        assert rows == shown


def test_accuracy_within_an_epoch() -> None:
    """An accuracy that was measured within an epoch is not shown as that of a whole one."""
    record = live_record(2_108, evaluations=False, batches=313, epochs=10)
    record.apply(Evaluated(seconds=20, duration=1, epoch=7, iteration=2_108, matrix=((7, 3), (3, 7))))
    accuracies = next(each for each in run_facts.sections(record, Pace()) if each.title == "test accuracy")
    assert accuracies.rows == (("6.7 epochs", "70.00 %"),)
    assert run_facts.line(record, Pace()).endswith("test accuracy 70.00 % after 6.7 epochs (iteration 2,108)")


def test_facts_of_a_recipe() -> None:
    """The facts tell whether the network only memorizes, its best accuracy, and the constants that were chosen."""
    record = live_record(
        6, evaluations=False, batches=2, epochs=4, config=TrainingConfig(optimizer="sgd", momentum=0.9).as_json()
    )
    for epoch, right in ((1, 6), (2, 8), (3, 7)):
        at: dict[str, Any] = {"seconds": 20, "epoch": epoch, "iteration": 2 * epoch}
        record.apply(EpochTrained(**at, correct=5 + epoch, total=10))
        matrix = ((right, 10 - right), (10 - right, right))
        record.apply(Evaluated(**at, duration=1, matrix=matrix, split="validation", loss=0.5 + epoch / 8))
    sections = {each.title: each.rows for each in run_facts.sections(record, Pace())}
    assert sections["now"] == (
        ("training accuracy", "80.00 %"),
        ("validation loss", "0.8750"),
        ("best, epoch 2", "80.00 %"),
    )
    assert [value for _, value in sections["validation accuracy"]] == ["60.00 %", "80.00 %", "70.00 %"]
    assert sections["constants"][:2] == (("optimizer", "sgd"), ("momentum", "0.9"))
    assert ("label smoothing", "0.0") not in sections["constants"]
    line = run_facts.line(record, Pace())
    assert line.endswith("validation accuracy 70.00 % after epoch 3 · training 80.00 %")
    assert len(line) <= 78


# Warnings


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_what_goes_wrong_stands_below_the_chart(size: tuple[int, int]) -> None:
    """A warning takes room only while it holds, is read whole at 80 columns, and its line stays in the log."""
    log = live_log(1_563, evaluations=False)
    app = TrainingApp(log)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        chart = app.training.query_one(LossChart)
        before = chart.size.height
        at: dict[str, Any] = {"seconds": 9, "duration": 1, "epoch": 1, "iteration": 1_563}
        guessed = tuple(tuple(100 for _ in range(10)) for _ in range(10))
        log.event(Evaluated(**at, matrix=guessed))
        app.training.look()
        await settle(pilot)
        warned = " ".join(" ".join(app.lines).split())
        assert "The network is no better than guessing: 10.0 % of the test images, and 10.0 %" in warned
        assert "Look at the learning rate and at the labels." in warned
        assert before - 2 <= chart.size.height < before
        log.event(Evaluated(**at, matrix=made_up_matrix(10, 0.6, 1_000)))
        app.training.look()
        await settle(pilot)
        assert chart.size.height == before
        assert any(line.startswith("Warning: The network is no better") for line in app.training.record.lines)
