"""How a person is told that a run has ended: bell, notification of the terminal, and a command of their own."""

from __future__ import annotations

import io
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine import data, models
from engine.control import Stop
from engine.record.record import RunRecord
from engine.runs import background, when_done
from engine.runs.local import Run
from engine.runs.when_done import run_command
from tests.faults.runs import Command
from tests.images import made_up_images, save_folder
from tests.networks import diverging
from tests.quick import in_folder
from tests.records import failed_record, finished_record, interrupted_record
from tests.terminal import Terminal
from tests.tui.test_app import fine, until
from tui import running
from tui.app import CifarApp
from tui.command_line import main as cli
from tui.screens.results import ResultsScreen
from tui.terminal.ending import NOTHING, Ending, announcement, in_words

BELL = "\a"
TOLD = 'printf "%s|%s|%s|%s|%s" "$CIFAR_TUI_RUN" "$CIFAR_TUI_STATUS" "$CIFAR_TUI_ACCURACY" "$CIFAR_TUI_REASON"'
CTRL_R = "\x12"


class Stream(io.StringIO):
    """A stream that is a terminal or is not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


# The terminal


def test_bell_and_notification() -> None:
    """The terminal rings, and the notification is one that no name can break out of."""
    assert announcement("cifar-tui: done", {}) == "\a\x1b]9;cifar-tui: done\x1b\\"
    evil = announcement("a\x1b]0;title\x07\a\x1b\\b\n" + 500 * "x", {})
    assert evil.count("\x1b") == 2
    assert evil.count("\a") == 1
    assert "\n" not in evil
    assert len(evil) < 140


@pytest.mark.parametrize("environment", [{"TMUX": "/tmp/tmux"}, {"TERM": "tmux-256color"}])
def test_through_tmux(environment: dict[str, str]) -> None:
    """Inside tmux the bell is tmux's own, and the notification is wrapped for its terminal."""
    assert announcement("done", environment) == "\a\x1bPtmux;\x1b\x1b]9;done\x1b\x1b\\\x1b\\"


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (finished_record(), "cifar-tui: brisk-heron completed, 69.39 %"),
        (failed_record("no memory", evaluations=False), "cifar-tui: brisk-heron failed"),
        (interrupted_record(100), "cifar-tui: brisk-heron interrupted"),
    ],
)
def test_words_of_a_notification(record: RunRecord, words: str) -> None:
    """The notification says which run ended, how, and how good it is."""
    assert in_words(record, "brisk-heron") == words


@pytest.mark.parametrize(
    ("notify", "out", "error", "as_json", "rings"),
    [
        (None, True, True, False, "out"),
        (None, False, True, False, ""),
        (None, True, True, True, "error"),
        (None, True, False, True, ""),
        (False, True, True, False, ""),
        (True, False, True, False, "error"),
        (True, False, False, False, ""),
    ],
)
def test_only_a_terminal_is_rung(
    notify: bool | None, out: bool, error: bool, as_json: bool, rings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pipe nothing is written by default, the events of --json stay alone, and --notify finds the terminal."""
    streams = {"out": Stream(out), "error": Stream(error)}
    monkeypatch.setattr(sys, "stdout", streams["out"])
    monkeypatch.setattr(sys, "stderr", streams["error"])
    monkeypatch.setattr("builtins.open", lambda *_: Stream(False))  # /dev/tty, of whoever runs the tests
    Ending(notify=notify).announce("done", json=as_json)
    assert [name for name, stream in streams.items() if stream.getvalue()] == [rings] * bool(rings)


class Gone(Stream):
    """A terminal that was hung up."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hung up is not told, and nothing fails."""
    monkeypatch.setattr(sys, "stdout", Gone(True))
    Ending().announce("done")


# The command


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (finished_record(), "brisk-heron|completed|69.39||"),
        (
            failed_record("The memory is full.\nTry less.", evaluations=False),
            "brisk-heron|failed||The memory is full. Try less.|",
        ),
    ],
)
def test_what_the_command_is_told(record: RunRecord, found: str, tmp_path: Path) -> None:
    """The command finds name, status, accuracy, the reason of a failure, and the folder in its environment."""
    to = tmp_path / "told"
    assert run_command(f"{TOLD} > '{to}'; test -d \"$CIFAR_TUI_FOLDER\"", record, tmp_path) == ""
    assert to.read_text() == found


def test_a_name_is_no_command(tmp_path: Path) -> None:
    """A run called like a command runs nothing: its name comes through the environment."""
    record = finished_record(name="$(touch made);`touch made`")
    assert run_command(f'cd "{tmp_path}"; echo $CIFAR_TUI_RUN > told', record, tmp_path) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["told"]


@pytest.mark.parametrize(
    ("command", "failure"),
    [
        ("exit 3", "The command of --when-done failed with exit code 3"),
        ("no-such-command-here", "The command of --when-done failed with exit code 127: "),
        (
            "echo first >&2; printf 'l\\033[31mast' >&2; false",
            "The command of --when-done failed with exit code 1: last",
        ),
        ("kill -9 $$", "The command of --when-done was ended by signal 9"),
        ("a\0b", "The command of --when-done could not be run: embedded null byte"),
        ("if", "The command of --when-done failed with exit code 2: "),
    ],
)
def test_a_command_that_fails(command: str, failure: str, tmp_path: Path) -> None:
    """A command that fails is one line, with the last thing that it said."""
    said = run_command(command, finished_record(), tmp_path)
    assert said.startswith(failure)
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said


def test_a_command_that_takes_long(tmp_path: Path) -> None:
    """A command that does not end is not waited for longer than agreed, and goes on by itself."""
    to = tmp_path / "told"
    go_on = tmp_path / "go on"
    command = f"while [ ! -e '{go_on}' ]; do sleep 0.05; done; echo done > '{to}'"
    assert run_command(command, finished_record(), tmp_path, within=0.01) == ""
    assert not to.exists()
    go_on.touch()
    while not to.exists():
        time.sleep(0.01)


def test_nothing_is_run_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --when-done no process is started."""
    monkeypatch.setattr(when_done, "run_command", None)  # must not be used
    assert Ending().follows(finished_record(), tmp_path) == ""
    assert NOTHING.words == []
    assert Ending("x y").words == ["--when-done", "x y"]


# Runs without the app


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the program is called in; images come from memory."""
    found = made_up_images(160, 40, noisy=0.5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: found)
    return tmp_path


PLAIN = ["train", "--data", "demo", "--epochs", "1", "--device", "cpu", "--threads", "1", "--name", "calm"]


def test_train_runs_the_command(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`train --when-done` runs the command once, after the results are written; in a pipe no bell is rung."""
    command = 'cat "$CIFAR_TUI_FOLDER/summary.json" > found; echo "$CIFAR_TUI_STATUS" >> told'
    assert cli.execute([*PLAIN, "--when-done", command]) == 0
    assert (images / "told").read_text() == "completed\n"
    assert json.loads((images / "found").read_text())["status"] == "completed"
    out, error = capsys.readouterr()
    assert BELL not in out + error


def test_the_command_and_json(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that the command says comes between the events, and its failure does not change the exit code."""
    assert cli.execute([*PLAIN, "--json", "--when-done", "echo hello; echo oh >&2; exit 1"]) == 0
    out, error = capsys.readouterr()
    assert [json.loads(line)["event"] for line in out.splitlines()][-1] == "finished"
    assert error == "cifar-tui: The command of --when-done failed with exit code 1: oh\n"


def test_the_command_after_a_failure(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that fails is told to the command too, with the reason."""
    monkeypatch.setattr(models, "build", diverging(1))
    assert cli.execute([*PLAIN, "--when-done", 'echo "$CIFAR_TUI_STATUS $CIFAR_TUI_REASON" > told']) == 1
    assert (images / "told").read_text().startswith("failed The loss became ")


def test_each_seed_runs_the_command(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --seeds the command is run after each run; the terminal is told once, at the end."""
    assert cli.execute([*PLAIN, "--seeds", "2", "--when-done", 'echo "$CIFAR_TUI_RUN" >> told']) == 0
    assert (images / "told").read_text().split() == ["calm-seed0", "calm-seed1"]


class Heard(Terminal):
    """A terminal that keeps every byte."""

    heard = b""

    def _take(self, content: bytes) -> None:
        self.heard += content
        super()._take(content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_folder(tmp_path_factory.mktemp("ending") / "images", made_up_images(64, 16, classes=2))


def words(folder: Path, *more: str, epochs: int = 1) -> tuple[str, ...]:
    return (
        *("--data", str(folder), "--data-dir", str(folder.parent / "data"), "--epochs", str(epochs)),
        *("--threads", "1", "--device", "cpu", "--name", "first", *more),
    )


@pytest.mark.parametrize(("flags", "rings"), [((), True), (("--no-notify",), False)])
def test_train_on_a_terminal_rings(flags: tuple[str, ...], rings: bool, tmp_path: Path, folder: Path) -> None:
    """On a terminal the end of `train` rings and notifies, unless a person does not want it."""
    with Heard("train", *words(folder, *flags), cwd=tmp_path) as terminal:
        assert terminal.wait_for_end() == 0
        assert (b"\x1b]9;cifar-tui: first completed" in terminal.heard) == rings
        assert terminal.heard.count(b"\a") == rings


def test_the_app_rings_once(tmp_path: Path, folder: Path) -> None:
    """In the app the end of a run rings once, and its command is run once, also if the app is left afterwards."""
    with Heard(*words(folder, "--when-done", "echo x >> told"), cwd=tmp_path) as terminal:
        terminal.wait_for("new run", "ready")
        terminal.press(CTRL_R)
        terminal.wait_for("completed")
        terminal.wait_until(lambda: (tmp_path / "told").exists(), "the command's file")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert terminal.heard.count(b"\x1b]9;cifar-tui: first completed") == 1
    assert (tmp_path / "told").read_text() == "x\n"


def test_leaving_does_not_wait_for_the_command(tmp_path: Path, folder: Path) -> None:
    """SIGTERM ends the process in time whatever the command does; the command is begun all the same."""
    command = 'echo "$CIFAR_TUI_STATUS" > told; while [ ! -e over ]; do sleep 0.1; done'
    run = Command("train", *words(folder, "--when-done", command, epochs=10_000), cwd=tmp_path)
    while not (tmp_path / "runs/first/losses.f32").exists():
        assert run.process.poll() is None, run.said()
        time.sleep(0.02)
    run.send(signal.SIGTERM)
    code, _ = run.ended()
    assert code == 143
    while not (tmp_path / "told").exists():
        time.sleep(0.02)
    assert (tmp_path / "told").read_text() == "interrupted\n"
    (tmp_path / "over").touch()


# The app


class Told(CifarApp):
    """An app whose announcements and commands are only noted."""

    def __init__(self, ending: Ending, monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
        super().__init__(
            {"data": "demo", "epochs": 1, "device": "cpu", "threads": 1, **values}, look=fine, ending=ending
        )
        self.rung: list[str] = []
        self.commands: list[str] = []
        monkeypatch.setattr(running, "write_past_the_screen", lambda app, sequence: self.rung.append(sequence))
        monkeypatch.setattr(when_done, "run_command", self._run)
        self.failure = ""

    def _run(self, command: str, record: RunRecord, folder: Path, within: float) -> str:
        self.commands.append(f"{command} {folder.name} {record.status}")
        return self.failure


async def test_the_end_of_a_watched_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`watch` tells of the end of a run of another process; of one that ended long ago it does not."""
    config = in_folder(tmp_path, monkeypatch).replaced(epochs=10_000, evaluate_each_epoch=False)
    run = Run(config).start()
    while len(run.log.loss_buffer) < 3:
        time.sleep(0.01)
    app = Told(Ending("mine"), monkeypatch)
    app._watch = run.folder
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.view is not None)
        run.ask(Stop())
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen) and bool(app.commands))
    assert run.join(60)
    assert app.commands == ["mine first stopped"]
    assert len(app.rung) == 1
    again = Told(Ending("mine"), monkeypatch)
    again._watch = run.folder
    async with again.run_test() as pilot:
        await until(pilot, lambda: isinstance(again.screen, ResultsScreen))
    assert (again.rung, again.commands) == ([], [])


@pytest.mark.parametrize("notify", [None, False])
async def test_a_command_that_fails_is_told(
    notify: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the app the failure of the command is a notification; with --no-notify the terminal stays quiet."""
    in_folder(tmp_path, monkeypatch)
    app = Told(Ending("mine", notify), monkeypatch, runs_dir=tmp_path / "runs")
    app.failure = "The command of --when-done failed with exit code 1"
    async with app.run_test() as pilot:
        await until(pilot, lambda: bool(app.screen.query("#status")))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: any(each.message == app.failure for each in app._notifications))
        assert app.training is not None
        assert app.has_told_of(app.training)
    assert len(app.commands) == 1
    assert len(app.rung) == (notify is None)


async def test_a_run_in_the_background_runs_the_command_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in a process of its own is given the command: it is run even if the app has been left by then."""
    started: list[list[str]] = []
    run = Run(in_folder(tmp_path, monkeypatch))

    def start(config: object, command: list[str]) -> Run:
        started.append(command)
        return run

    monkeypatch.setattr(background, "start", start)
    app = Told(Ending("mine"), monkeypatch)
    async with app.run_test() as pilot:
        await until(pilot, lambda: bool(app.screen.query("#status")))
        await pilot.press("ctrl+b")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
    assert started[0][-2:] == ["--when-done", "mine"]
    assert app.commands == []
    assert len(app.rung) == 1
