"""SIGTERM and Ctrl-C at any moment: in time, with the promised exit code, and with a run that can be resumed."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.storage import tail
from tests.faults.conftest import Made
from tests.faults.runs import CTRL_R, Program, assert_same, trains, wait
from tests.terminal import Terminal

pytestmark = pytest.mark.faults


@pytest.mark.repeat(1, 20)
def test_terminated(program: Program, longer: Path, made: Made, turn: int) -> None:
    """SIGTERM ends a run with exit code 143 and a checkpoint; resumed, it ends as if nothing had happened."""
    folder = program.runs / f"terminated-{turn}"
    with made("SIGTERM train") as figures:
        command = program.train(folder.name, epochs=12)
        wait(lambda: trains(folder), "training")
        time.sleep(random.Random(turn).uniform(0, 0.5))
        sent = time.monotonic()
        command.send(signal.SIGTERM)
        code, said = command.ended()
        figures["s"] = time.monotonic() - sent
        if tail.read(folder).status == "interrupted":
            assert code == 143, said
            code, said = program.resume(folder.name)
            assert code == 0, said
        assert_same(folder, longer)
    shutil.rmtree(folder)


@contextlib.contextmanager
def busy_programs(count: int) -> Iterator[None]:
    """Programs that each keep a processor busy."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


@pytest.mark.parametrize(("row", "others"), [("SIGTERM early", 0), ("SIGTERM early, busy", 3)])
@pytest.mark.repeat(1, 20)
def test_terminated_before_training(program: Program, made: Made, row: str, others: int, turn: int) -> None:
    """SIGTERM while torch is loaded or the images are read ends with exit code 143, also on a busy machine."""
    folder = program.runs / f"early-{others}-{turn}"
    with busy_programs(others), made(row) as figures:
        # Started afresh: a forked process has loaded torch already.
        command = program.train(folder.name, epochs=400, afresh=True)
        wait(folder.exists, "the folder of the run")
        time.sleep(random.Random(turn).uniform(0, 1.5))
        sent = time.monotonic()
        command.send(signal.SIGTERM)
        code, said = command.ended()
        figures["s"] = time.monotonic() - sent
        assert code == 143, said
    shutil.rmtree(folder, ignore_errors=True)


def test_terminated_while_nothing_answers(program: Program, made: Made) -> None:
    """SIGTERM ends a run that hangs on its images, as on a network drive that has gone."""
    folder = program.runs / "hangs"
    with made("SIGTERM hangs") as figures:
        hangs = "import threading; from engine import data; data.load = lambda *_: threading.Event().wait()"
        command = program.train("hangs", first=hangs)
        wait(folder.exists, "the folder of the run")
        sent = time.monotonic()
        command.send(signal.SIGTERM)
        code, said = command.ended()
        figures["s"] = time.monotonic() - sent
        assert code == 143, said
    shutil.rmtree(folder)


@pytest.mark.parametrize(("row", "presses"), [("Ctrl-C", 1), ("Ctrl-C twice", 2)])
@pytest.mark.repeat(1, 10)
def test_interrupted(program: Program, longer: Path, made: Made, row: str, presses: int, turn: int) -> None:
    """A first Ctrl-C stops with results, a second leaves with the checkpoint; either can be resumed."""
    folder = program.runs / f"ctrl-c-{presses}-{turn}"
    with made(row):
        command = program.train(folder.name, epochs=12)
        wait(lambda: trains(folder), "training")
        time.sleep(random.Random(turn).uniform(0, 0.5))
        for _ in range(presses):
            command.send(signal.SIGINT)
            time.sleep(0.05)  # two that are pending at once count as one
        code, said = command.ended()
        # A shell reports both as 130; the second may come when the process is about to end already.
        assert code == 130 or (presses == 2 and code == -signal.SIGINT), said
        record = tail.read(folder)
        # The run may have stopped, or completed, before the second signal came.
        assert record.status in ("stopped", "completed", *(["interrupted"] if presses == 2 else []))
        assert (folder / "summary.json").exists()
        if record.status != "completed":
            assert presses == 2 or record.evaluation is not None
            code, said = program.resume(folder.name)
            assert code == 0, said
        assert_same(folder, longer)
    shutil.rmtree(folder)


def terminated(terminal: Terminal, modes: object) -> float:
    """Seconds that the app takes to leave on SIGTERM, the terminal set to `modes` again."""
    sent = time.monotonic()
    terminal.terminate()
    assert terminal.wait_for_end() == 143
    seconds = time.monotonic() - sent
    assert terminal.modes() == modes
    assert not terminal.on_other_screen
    return seconds


@pytest.mark.repeat(1, 10)
def test_app_is_terminated(program: Program, longer: Path, made: Made, turn: int) -> None:
    """SIGTERM to the app leaves a checkpoint and a terminal as it was, with exit code 143."""
    folder = program.runs / f"app-{turn}"
    with (
        made("SIGTERM app") as figures,
        Terminal(*program.constants(folder.name, epochs=12), cwd=program.root, columns=100, rows=30) as terminal,
    ):
        modes = terminal.modes()
        terminal.wait_for("ready")
        terminal.press(CTRL_R)
        terminal.wait_for("training · epoch")
        terminal.read_for(random.Random(turn).uniform(0, 0.5))
        figures["s"] = terminated(terminal, modes)
        if tail.read(folder).status == "interrupted":
            code, said = program.resume(folder.name)
            assert code == 0, said
        assert_same(folder, longer)
    shutil.rmtree(folder)


@pytest.mark.repeat(1, 20)
def test_app_is_terminated_on_its_form(program: Program, made: Made, turn: int) -> None:
    """SIGTERM while the form is read and torch is loaded in the background leaves the terminal as it was, too."""
    with (
        made("SIGTERM form") as figures,
        Terminal(*program.constants("form"), cwd=program.root, afresh=True) as terminal,
    ):
        modes = terminal.modes()
        terminal.wait_for("Start")
        terminal.read_for(random.Random(turn).uniform(0, 2))
        figures["s"] = terminated(terminal, modes)


def test_terminal_that_does_not_read_delays_no_exit(program: Program, made: Made) -> None:
    """SIGTERM ends the app in time even if its terminal reads nothing any more."""
    folder = program.runs / "stuck"
    with (
        made("SIGTERM stalled") as figures,
        Terminal(*program.constants("stuck", epochs=400), cwd=program.root, columns=120, rows=40) as terminal,
    ):
        terminal.wait_for("ready")
        terminal.press(CTRL_R)
        terminal.wait_for("training · epoch")
        for _ in range(10):  # nobody reads: whole screens fill the terminal up
            terminal.press("r", "y")
            time.sleep(0.1)
        sent = time.monotonic()
        terminal.terminate()
        wait(terminal.has_ended, "the end of the app")
        figures["s"] = time.monotonic() - sent
        record = tail.read(folder)
        assert record.status == "interrupted"
        assert len(record.losses)
    shutil.rmtree(folder)
