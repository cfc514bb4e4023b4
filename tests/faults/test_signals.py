"""SIGTERM and Ctrl-C at any moment: in time, with the promised exit code, and with a run that can be gone on with."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from engine.storage import folder as rundir
from tests.faults.conftest import Often
from tests.faults.runs import PATIENCE, Program, assert_same, ended, finished
from tests.faults.table import TABLE
from tests.terminal import Terminal

pytestmark = pytest.mark.faults


@pytest.fixture(scope="session")
def longer(program: Program) -> Path:
    """A run of twelve epochs that nobody disturbs: long enough to be struck in its middle."""
    return finished(program, "longer", epochs=12)


def begun(folder: Path) -> None:
    """Wait until training has begun."""
    give_up = time.monotonic() + PATIENCE
    while not any(folder.glob("checkpoints/iter*")):
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_terminated(program: Program, longer: Path, often: Often) -> None:
    """SIGTERM ends a run with exit code 143 and a checkpoint; gone on with, it ends as if nothing had happened."""
    for seed in range(often(2, 20)):
        name = f"terminated-{seed}"
        process = program.train(name, epochs=12)
        begun(program.runs / name)
        time.sleep(random.Random(seed).uniform(0, 1))
        sent = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code, said = ended(process)
        seconds = time.monotonic() - sent
        if rundir.read(program.runs / name).status == "interrupted":
            assert code == 143, said
            code, said = program.resume(name)
            assert code == 0, said
        assert_same(program.runs / name, longer)
        shutil.rmtree(program.runs / name)
        TABLE.count("SIGTERM to cifar-tui train", seconds=seconds)


def test_terminated_before_training(program: Program, often: Often) -> None:
    """SIGTERM while torch is loaded or the images are read ends with exit code 143 as well."""
    for seed in range(often(2, 10)):
        name = f"early-{seed}"
        process = program.train(name)
        give_up = time.monotonic() + PATIENCE
        while not (program.runs / name).exists():
            assert time.monotonic() < give_up
            time.sleep(0.01)
        time.sleep(random.Random(seed).uniform(0, 1.5))
        sent = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code, said = ended(process)
        seconds = time.monotonic() - sent
        assert code == 143 or (code == 0 and "completed" in said), said
        shutil.rmtree(program.runs / name, ignore_errors=True)
        TABLE.count("SIGTERM while torch and the images are loaded", seconds=seconds)


def test_terminated_while_nothing_answers(program: Program) -> None:
    """SIGTERM ends a run that hangs on its images, as on a network drive that has gone."""
    hangs = "from engine import data; data.load = lambda *_: threading.Event().wait()"
    called = ("-c", f"import threading; {hangs}; from tui.command_line.main import main; main()")
    process = program.start("train", *program.constants("hangs"), called=called)
    give_up = time.monotonic() + PATIENCE
    while not (program.runs / "hangs").exists():
        assert time.monotonic() < give_up
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    code, said = ended(process)
    assert code == 143, said
    shutil.rmtree(program.runs / "hangs")


@pytest.mark.parametrize(("presses", "status"), [(1, "stopped"), (2, "interrupted")])
def test_interrupted(program: Program, longer: Path, often: Often, presses: int, status: str) -> None:
    """A first Ctrl-C stops with results, a second leaves with the checkpoint; either can be gone on with."""
    for seed in range(often(2, 10)):
        name = f"ctrl-c-{presses}-{seed}"
        process = program.train(name, epochs=12)
        begun(program.runs / name)
        time.sleep(random.Random(seed).uniform(0, 0.5))
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)  # two of the same kind at once are one
        code, said = ended(process)
        # A shell tells both as 130; the second may find the process on its way out already.
        assert code == 130 or (presses == 2 and code == -signal.SIGINT), said
        record = rundir.read(program.runs / name)
        assert record.status in (status, "stopped", "completed")  # it may have been done before the second came
        assert (program.runs / name / "summary.json").exists()
        if record.status != "completed":
            assert presses == 2 or record.evaluation is not None
            code, said = program.resume(name)
            assert code == 0, said
        assert_same(program.runs / name, longer)
        shutil.rmtree(program.runs / name)
        TABLE.count(f"Ctrl-C, {'once' if presses == 1 else 'twice'}")


def terminated(terminal: Terminal, modes: object) -> float:
    """Seconds that the app takes to leave on SIGTERM, the terminal set to `modes` again."""
    sent = time.monotonic()
    terminal.terminate()
    assert terminal.wait_for_end() == 143
    seconds = time.monotonic() - sent
    assert terminal.modes() == modes
    assert not terminal.on_other_screen
    return seconds


def test_app_is_terminated(program: Program, longer: Path, often: Often) -> None:
    """SIGTERM to the app leaves a checkpoint and a terminal as it was, with exit code 143."""
    for seed in range(often(1, 10)):
        name = f"app-{seed}"
        with Terminal(*program.constants(name, epochs=12), cwd=program.root, columns=100, rows=30) as terminal:
            modes = terminal.modes()
            terminal.wait_for("ready")
            terminal.press("\x12")
            begun(program.runs / name)
            time.sleep(random.Random(seed).uniform(0, 1))
            seconds = terminated(terminal, modes)
        code, said = program.resume(name)
        assert code == 0, said
        assert_same(program.runs / name, longer)
        shutil.rmtree(program.runs / name)
        TABLE.count("SIGTERM to the app", seconds=seconds)


def test_app_is_terminated_on_its_form(program: Program, often: Often) -> None:
    """SIGTERM while the form is read and torch is loaded behind it leaves the terminal as it was, too."""
    for seed in range(often(2, 20)):
        with Terminal(*program.constants("form"), cwd=program.root, columns=80, rows=24) as terminal:
            modes = terminal.modes()
            terminal.wait_for("Start")
            terminal.read_for(random.Random(seed).uniform(0, 2))
            seconds = terminated(terminal, modes)
        TABLE.count("SIGTERM to the app on its form", seconds=seconds)


def test_terminal_that_does_not_read_delays_no_exit(program: Program) -> None:
    """SIGTERM ends the app in time even where its terminal takes nothing any more."""
    with Terminal(*program.constants("stuck", epochs=400), cwd=program.root, columns=120, rows=40) as terminal:
        terminal.wait_for("ready")
        terminal.press("\x12")
        begun(program.runs / "stuck")
        time.sleep(3)  # nobody reads: the terminal fills up
        sent = time.monotonic()
        terminal.terminate()
        while not terminal.has_ended() and time.monotonic() < sent + PATIENCE:
            time.sleep(0.02)
        seconds = time.monotonic() - sent
    record = rundir.read(program.runs / "stuck")
    assert record.status == "interrupted"
    assert len(record.losses)
    shutil.rmtree(program.runs / "stuck")
    TABLE.count("SIGTERM to the app, its terminal stalled", seconds=seconds)
