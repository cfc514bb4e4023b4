"""kill -9 of a sweep, of its trials, or of all of them: the sweep goes on, and each trial is trained once."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from engine.storage import tail
from engine.sweeps.folder import SweepFolder
from engine.sweeps.sweep import Sweep
from tests.faults.conftest import Made
from tests.faults.runs import Command, Program, wait

pytestmark = pytest.mark.faults

TRIALS = 4


def words(program: Program, name: str) -> list[str]:
    """A sweep of four trials, two at once."""
    return [
        *("sweep", "--over", "learning_rate=log:1e-4:1e-2", "--over", "model=cnn,batchnorm", "--sampler", "random"),
        *("--trials", str(TRIALS), "--at-once", "2", *program.constants(name, epochs=2)),
    ]


def results(folder: Path) -> list[tuple[Any, ...]]:
    """The values and the losses of each trial, which was trained once."""
    found = []
    for state in Sweep(SweepFolder.open(folder)).look():
        assert state.status == "completed", (state, (folder / "output" / f"{state.runs[0].name}.txt").read_text())
        assert not state.runs[0].failures
        record = tail.read(folder / state.runs[0].name)
        journal = (folder / state.runs[0].name / "events.jsonl").read_text()
        assert journal.count('"event":"run_started"') == 1
        assert journal.count('"event":"finished"') == 1
        found.append((dict(state.trial.values), record.losses.tolist(), state.value))
    return found


@pytest.fixture(scope="module")
def straight_sweep(program: Program) -> list[tuple[Any, ...]]:
    """The results of the sweep that nobody disturbs."""
    code, said = program.start(*words(program, "sweep")).ended()
    assert code == 0, said
    return results(program.runs / "sweep")


def left_running(program: Program, command: Command) -> list[int]:
    return [pid for pid in program.left_running() if pid != command.pid]


@pytest.mark.repeat(2, 50)
def test_killed_sweep(program: Program, straight_sweep: list[tuple[Any, ...]], made: Made, turn: int) -> None:
    """Whatever is killed, the sweep ends with every trial trained once, bit for bit as if nothing had happened."""
    moments, name = random.Random(turn), f"sweep-{turn}"
    folder = program.runs / name
    with made("kill sweep"):
        command = program.start(*words(program, name))
        wait((folder / "sweep.json").exists, "the sweep")
        for _ in range(3):
            time.sleep(moments.uniform(0.2, 4))
            victims = moments.choice(["sweep", "trial", "trial", "all"])
            if victims != "trial":
                command.send(signal.SIGKILL)
                command.process.wait()
            running = left_running(program, command)
            for pid in running if victims == "all" else running[:1] if victims == "trial" else ():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if command.process.poll() is not None:
                command.ended()
                command = program.start("sweep", "--resume", name, "--at-once", "2", "--runs-dir", str(program.runs))
        code, said = command.ended()
        assert code == 0, said
        assert results(folder) == straight_sweep
        assert len(list((folder / "trials").iterdir())) == TRIALS
    wait(lambda: not program.left_running(), "processes of the sweep")
    shutil.rmtree(folder)


def test_two_workers(program: Program, straight_sweep: list[tuple[Any, ...]], made: Made) -> None:
    """A worker that joins takes trials of its own, and one that is killed leaves its trials to the other."""
    name = "joined"
    folder = program.runs / name
    with made("join"):
        first = program.start(*words(program, name))
        wait((folder / "sweep.json").exists, "the sweep")
        second = program.start("sweep", "--join", name, "--at-once", "1", "--runs-dir", str(program.runs))
        wait(lambda: len(list((folder / "workers").iterdir())) == 2, "the second worker")
        time.sleep(2)
        first.send(signal.SIGKILL)
        first.ended()
        code, said = second.ended()
        assert code == 0, said
        assert results(folder) == straight_sweep
    wait(lambda: not program.left_running(), "processes of the sweep")


def test_ctrl_c_and_resume(program: Program, straight_sweep: list[tuple[Any, ...]], made: Made) -> None:
    """Ctrl-C ends the runs with checkpoints; the sweep that is resumed has the same results."""
    with made("Ctrl-C sweep"):
        command = program.start(*words(program, "stopped"))
        folder = program.runs / "stopped"
        wait(lambda: any(folder.glob("trial-*/checkpoints/iter*")), "a trial")
        command.send(signal.SIGINT)
        code, said = command.ended()
        assert code == 130
        assert "--resume stopped goes on with it" in said
        wait(lambda: not program.left_running(), "processes of the sweep")
        code, said = program.start("sweep", "--resume", "stopped", "--json", "--runs-dir", str(program.runs)).ended()
        assert code == 0, said
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        assert sorted(line["trial"] for line in lines) == list(range(TRIALS))
        assert results(folder) == straight_sweep
