"""The whole program in a real terminal, driven by the keyboard alone."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.images import made_up_images, save_folder
from tests.terminal import Terminal

CTRL_P, CTRL_R, ESCAPE, ENTER, TAB, CTRL_U = "\x10", "\x12", "\x1b", "\r", "\t", "\x15"
PAGE_UP, PAGE_DOWN = "\x1b[5~", "\x1b[6~"
EPOCHS = 12


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 512 training and 512 test images."""
    return save_folder(tmp_path_factory.mktemp("terminal") / "images", made_up_images(512, 512, classes=2))


def constants(images: Path, epochs: int) -> tuple[str, ...]:
    """The words for a run of `epochs` epochs, each 64 iterations and an evaluation."""
    return (
        *("--data", str(images), "--data-dir", str(images.parent / "data"), "--batch-size", "8"),
        *("--epochs", str(epochs), "--threads", "1", "--device", "cpu", "--name", "first"),
    )


@pytest.fixture
def short(images: Path) -> tuple[str, ...]:
    """The words for a run of some seconds."""
    return constants(images, EPOCHS)


@pytest.fixture
def long(images: Path) -> tuple[str, ...]:
    """The words for a run that no test waits for."""
    return constants(images, 10_000)


@pytest.mark.parametrize(("columns", "rows", "afresh"), [(80, 24, True), (120, 40, False)])
def test_from_the_form_to_the_exported_bundle(tmp_path: Path, columns: int, rows: int, afresh: bool) -> None:
    """A user starts a run from the form, sees its results, exports them, leaves, and reads the summary."""
    words = ("--data", "demo", "--epochs", "1", "--threads", "1", "--name", "first")
    with Terminal(*words, cwd=tmp_path, columns=columns, rows=rows, afresh=afresh) as terminal:
        terminal.wait_for("new run", "ready")
        terminal.press(CTRL_R)
        terminal.wait_for("first", "epoch 1 of 1")
        terminal.wait_for("completed", "demo set")
        terminal.press("e" + CTRL_U + "taken" + ENTER)  # at once, as a slow link delivers them
        terminal.wait_for("Exported")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert "The run is in runs/first: summary.json" in terminal.text
    summary = json.loads((tmp_path / "taken" / "summary.json").read_text())
    assert summary["status"] == "completed"
    assert summary["dataset"]["name"] == "demo set"
    assert 30 < summary["evaluation"]["accuracy"] < 90
    assert sorted(path.name for path in (tmp_path / "taken").iterdir()) == [
        *("loss.csv", "loss.svg", "predictions.csv", "report.html", "report.md", "summary.json", "suspicious.csv"),
    ]


def test_stderr_goes_elsewhere(tmp_path: Path, short: tuple[str, ...]) -> None:
    """The app draws on the terminal that is there, also if stderr goes to a file."""
    shell = ("bash", "-c", '"$@" 2> err.log', "bash")
    with Terminal(*short, cwd=tmp_path, before=shell) as terminal:
        terminal.wait_for("new run", "ready")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert (tmp_path / "err.log").read_text() == ""


def test_bytes_that_are_no_text(tmp_path: Path, short: tuple[str, ...]) -> None:
    """Invalid UTF-8, NUL and broken escape sequences leave the form standing, and its keys work."""
    with Terminal(*short, cwd=tmp_path) as terminal:
        terminal.wait_for("new run", "ready")
        typed = b"\xff\xc3(\x00\x1b[200~caf\xe9\x00\x1b[201~\x1b[9999999u\x1b[97;5:1u"
        terminal.press(typed.decode(errors="surrogateescape"))
        terminal.press(ESCAPE)
        terminal.wait_for("new run", "ready")
        for _ in range(30):  # a key that is read together with a broken sequence may be swallowed
            terminal.press("\x0f")  # Ctrl+O
            terminal.read_for(1.0)
            if "There is no run here yet" in terminal.text:
                break
        terminal.wait_for("There is no run here yet")
        terminal.press("q")
        assert terminal.wait_for_end() == 0


def test_leaving_while_it_trains(tmp_path: Path, images: Path) -> None:
    """A user who leaves a run that trains is asked; the run may go on without the screen until it is done."""
    words = constants(images, 60)  # long enough to be paused, also where a key takes seconds to arrive
    with Terminal(*words, cwd=tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.press(CTRL_R)
        terminal.wait_for("training · epoch")
        terminal.press("p")
        terminal.wait_for("paused")
        terminal.press("q")
        terminal.wait_for("What should happen to it?", "Stay")
        terminal.press(ENTER)
        terminal.wait_for("paused", without="What should happen to it?")
        terminal.press("q")
        terminal.wait_for("What should happen to it?")
        terminal.press("\x1b[Z" + ENTER + "p")  # Shift+Tab: from Stay to going on; p has no effect any more
        assert terminal.wait_for_end() == 0
        assert "first  completed" in terminal.text
    assert json.loads((tmp_path / "runs" / "first" / "summary.json").read_text())["status"] == "completed"


def test_ctrl_z_after_leaving(tmp_path: Path, long: tuple[str, ...]) -> None:
    """A run that goes on without the app can be stopped with Ctrl+Z, and goes on when the shell continues it."""
    shell = ("bash", "-mc", '"$@"; fg', "bash")
    with Terminal(*long, cwd=tmp_path, before=shell) as terminal:
        terminal.wait_for("ready")
        terminal.press(CTRL_R)
        terminal.wait_for("training · epoch")
        terminal.press("q")
        terminal.wait_for("What should happen to it?")
        terminal.press("\x1b[Z", ENTER)
        terminal.wait_for("training, epoch")
        losses = tmp_path / "runs" / "first" / "losses.f32"
        terminal.press("\x1a")
        terminal.wait_for("Stopped")
        done = losses.stat().st_size
        terminal.wait_until(lambda: losses.stat().st_size > done, "more iterations")
        terminal.press("\x03")
        assert terminal.wait_for_end() == 130
    assert json.loads((tmp_path / "runs" / "first" / "summary.json").read_text())["status"] == "stopped"


def test_terminal_as_small_as_it_gets(tmp_path: Path, short: tuple[str, ...]) -> None:
    """A terminal made as small as 1×1 and large again while it trains shows the whole screen; the run never notices."""
    with Terminal(*short, cwd=tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.press(CTRL_R)
        terminal.wait_for("training · epoch")
        for columns, rows in ((1, 1), (3, 2), (200, 60), (20, 5), (1, 40), (200, 1), (80, 24)):
            terminal.resize(columns, rows)
        terminal.wait_for("completed", "class 1")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert json.loads((tmp_path / "runs" / "first" / "summary.json").read_text())["iterations"] == 64 * EPOCHS


def test_terminal_that_is_at_once_as_large_again(tmp_path: Path, long: tuple[str, ...]) -> None:
    """A terminal that loses its content because it is small for a moment gets the whole screen again."""
    with Terminal(*long, cwd=tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.press(CTRL_R)
        terminal.wait_for("training · epoch")
        for _ in range(10):
            terminal.resize(1, 1)
            terminal.resize(80, 24)
            terminal.wait_for("training · epoch", "smoothed", "p Pause s Stop", "q Leave")
        terminal.terminate()
        assert terminal.wait_for_end() == 143


@pytest.mark.parametrize("stop", [signal.SIGSTOP, signal.SIGTSTP])
def test_stopped_and_continued(tmp_path: Path, long: tuple[str, ...], stop: signal.Signals) -> None:
    """Stopped and continued from outside, the app shows its screen, hears keys and leaves the terminal as it was."""
    with Terminal(*long, cwd=tmp_path) as terminal:
        modes = terminal.modes()
        terminal.wait_for("ready")
        assert terminal.modes() != modes
        terminal.press(CTRL_R)
        terminal.wait_for("training · epoch")
        threads = terminal.threads()
        for _ in range(3):
            os.kill(terminal.pid, stop)
            terminal.wait_until(terminal.is_stopped, "the stop")
            terminal.resize(1, 1)
            terminal.resize(80, 24)
            os.kill(terminal.pid, signal.SIGCONT)
            terminal.wait_for("training · epoch", "smoothed", "p Pause s Stop", "q Leave")
        terminal.press("p")
        terminal.wait_for("paused")
        assert terminal.threads() < threads + 3  # one may read keys, not one for each time
        terminal.press("p")
        terminal.wait_for("training · epoch")
        terminal.terminate()
        assert terminal.wait_for_end() == 143
        assert terminal.modes() == modes
        assert not terminal.on_other_screen


@pytest.mark.parametrize("opens", [CTRL_P, ENTER], ids=["the palette of commands", "the choices of a constant"])
def test_keys_that_come_before_their_list(tmp_path: Path, short: tuple[str, ...], opens: str) -> None:
    """A user who types ahead and pages through a list before it is open loses nothing but these keys."""
    with Terminal(*short, cwd=tmp_path) as terminal:
        terminal.wait_for("ready", "about")
        closed = terminal.text
        for _ in range(5):
            terminal.press(opens + PAGE_UP + PAGE_DOWN + PAGE_UP)
            terminal.wait_until(lambda: terminal.text != closed, "the list")
            terminal.press(ESCAPE)
            # A key that comes at once after Escape would be Alt with that key.
            terminal.wait_until(lambda: terminal.text == closed, "the form")
        terminal.press(CTRL_R)
        terminal.wait_for("completed", "class 1")
        terminal.press("q")
        assert terminal.wait_for_end() == 0


def test_without_the_app_in_a_terminal(tmp_path: Path, short: tuple[str, ...]) -> None:
    """`cifar-tui train` in a terminal shows progress and ends with the result on the normal screen."""
    with Terminal("train", *short, cwd=tmp_path) as terminal:
        terminal.wait_for("training, epoch", "loss")  # over before the speed is known, on a fast machine
        assert terminal.wait_for_end() == 0
        assert "The run is in runs/first" in terminal.text


@pytest.mark.parametrize(("presses", "status", "evaluated"), [(1, "stopped", True), (2, "interrupted", False)])
def test_ctrl_c(tmp_path: Path, long: tuple[str, ...], presses: int, status: str, evaluated: bool) -> None:
    """Ctrl-C ends `cifar-tui train` with its results saved, a second one at once with a checkpoint to go on from."""
    with Terminal("train", *long, "--no-evaluate-each-epoch", cwd=tmp_path) as terminal:
        terminal.wait_for("training, epoch", "it/s")
        terminal.press("\x03")
        if presses == 2:
            journal = tmp_path / "runs" / "first" / "events.jsonl"
            terminal.wait_until(lambda: '"stopping"' in journal.read_text(), "the stop")
            terminal.press("\x03")
        assert terminal.wait_for_end() == 130
    summary = json.loads((tmp_path / "runs" / "first" / "summary.json").read_text())
    assert summary["status"] == status
    assert (summary["evaluation"] is not None) == evaluated


def test_terminate(tmp_path: Path, long: tuple[str, ...]) -> None:
    """SIGTERM ends `cifar-tui train` without waiting for an evaluation; the run can go on from where it was."""
    with Terminal("train", *long, "--no-evaluate-each-epoch", cwd=tmp_path) as terminal:
        terminal.wait_for("training, epoch", "it/s")
        terminal.terminate()
        assert terminal.wait_for_end() == 143
    summary = json.loads((tmp_path / "runs" / "first" / "summary.json").read_text())
    assert (summary["status"], summary["evaluation"]) == ("interrupted", None)


def test_terminal_that_goes_away(tmp_path: Path, short: tuple[str, ...]) -> None:
    """`cifar-tui train` finishes its run when the connection is lost."""
    with Terminal("train", *short, cwd=tmp_path) as terminal:
        terminal.wait_for("training, epoch", "loss")
        terminal.hang_up()
        summary = tmp_path / "runs" / "first" / "summary.json"
        assert terminal.process.wait() == 0
    assert json.loads(summary.read_text())["status"] == "completed"
