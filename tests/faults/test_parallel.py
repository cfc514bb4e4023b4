"""Runs of several processes, one of which is killed, and runs of a batch system that takes their machine away."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine.hardware.processors import processor_limit
from engine.process import python_running
from engine.storage import tail
from tests.faults.conftest import Made
from tests.faults.runs import Command, Program, assert_same, finished, trains, wait
from tests.processes import ROOT

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(processor_limit().threads < 2, reason="needs two processors"),
]

TWO = ("--processes", "2")


@pytest.fixture(scope="session")
def straight_two(program: Program) -> Path:
    """A run of two processes that was left alone."""
    return finished(program, "straight-two", *TWO)


def resumed(program: Program, folder: Path, straight: Path) -> None:
    """Nothing is left of the processes of the run; it goes on and ends like `straight`."""
    wait(lambda: not program.left_running(), "the end of all processes")
    code, said = program.resume(folder.name)
    assert code == 0, said
    assert_same(folder, straight)
    shutil.rmtree(folder)


def others(command: Command) -> list[psutil.Process]:
    children = psutil.Process(command.pid).children(recursive=True)
    return [child for child in children if "engine.training.parallel" in " ".join(child.cmdline())]


@pytest.mark.repeat(1, 10)
@pytest.mark.parametrize("who", ["leader", "other"])
def test_killed(program: Program, straight_two: Path, made: Made, who: str, turn: int) -> None:
    """kill -9 of either process ends the run, all of it; it goes on from its checkpoint with the very same bits."""
    folder = program.runs / f"{who}-{turn}"
    with made("kill of two"):
        command = program.train(folder.name, *TWO)
        wait(lambda: trains(folder), "training")
        time.sleep(0.05 * turn)
        if who == "leader":
            command.send(signal.SIGKILL)
            command.ended()
        else:
            for other in others(command):
                other.kill()
            code, said = command.ended()
            if tail.read(folder).status == "completed":  # it had only not ended yet
                assert_same(folder, straight_two)
                return
            assert code == 1, said
            assert "was ended by SIGKILL. cifar-tui resume" in said
        resumed(program, folder, straight_two)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(program: Program, made: Made, number: int) -> None:
    """SIGTERM leaves with a checkpoint, and Ctrl-C evaluates and saves, as with one process."""
    folder = program.runs / f"signal-{number}"
    with made("signal to two"):
        command = program.train(folder.name, *TWO, epochs=200)
        wait(lambda: trains(folder), "training")
        command.send(number)
        code, said = command.ended()
        assert code == 128 + number, said
        assert tail.read(folder).status == ("interrupted" if number == signal.SIGTERM else "stopped")
        wait(lambda: not program.left_running(), "the end of all processes")


@pytest.mark.repeat(1, 5)
@pytest.mark.parametrize("rank", [0, 1])
def test_torchrun_restarts(program: Program, straight_two: Path, made: Made, rank: int, turn: int) -> None:
    """Under torchrun's --max-restarts a run whose process was killed goes on by itself, in its folder."""
    words = ("--standalone", "--nproc-per-node", "2", "--max-restarts", "1", "--no-python")
    before = (sys.executable, "-m", "torch.distributed.run", *words)
    folder = program.runs / f"torchrun-{rank}-{turn}"
    with made("torchrun"):
        command = program.train(folder.name, before=before)
        wait(lambda: trains(folder), "training")
        for worker in psutil.Process(command.pid).children():
            if worker.environ().get("RANK") == str(rank):
                worker.kill()
        code, said = command.ended()
        assert code == 0, said
        record = tail.read(folder)
        assert record.started is not None
        assert record.started.processes == 2
        assert (folder / "losses.f32").read_bytes() == (straight_two / "losses.f32").read_bytes()


def test_torchrun_and_a_wrong_constant(program: Program, made: Made) -> None:
    """A constant that contradicts torchrun, or a port that is taken, is told in a line, with exit code 2."""
    place = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    given = "; ".join(f"os.environ[{name!r}] = {value!r}" for name, value in place.items())
    with made("torchrun"):
        first = f"import os; {given}"
        code, said = program.train("wrong", "--processes", "3", first=first).ended()
        assert (code, said.strip()) == (
            2,
            "cifar-tui: --processes: torchrun has started 2, not 3; leave it out here",
        )
        code, said = program.train("wrong", "--seeds", "3", first=first).ended()
        assert code == 2
        assert len(said.splitlines()) == 1
        code, said = program.train("wrong", "--processes", "1000").ended()
        assert code == 2
        assert "need as many processors" in said
        assert not (program.runs / "wrong").exists()


@pytest.mark.parametrize("sent", ["to the script", "to all", "kill"])
def test_slurm(program: Program, straight: Path, made: Made, tmp_path: Path, sent: str) -> None:
    """A job of an array that Slurm ends is put in the queue again with a checkpoint, and goes on; also if killed."""
    runs, requeued = tmp_path / "runs", tmp_path / "requeued"
    for name, does in {
        "cifar-tui": f'exec {shlex.join(python_running("tui"))} "$@"',
        "scontrol": f'echo "$@" > {requeued}',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{does}\n")
        (tmp_path / name).chmod(0o755)
    constants = program.constants("", epochs=3)[:-4]  # without folder and name
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_ARRAY_JOB_ID": "77",
        "SLURM_ARRAY_TASK_ID": "0",
        "CONSTANTS": shlex.join(constants),
    }

    def submit(restarts: int) -> subprocess.Popen[bytes]:
        script = Path(__file__).with_name("array.sh")
        assert script.read_text().rstrip() in (ROOT / "README.md").read_text(), "the README shows the same"
        return subprocess.Popen(
            ["bash", str(script)],
            cwd=tmp_path,
            env={**environment, "SLURM_RESTART_COUNT": str(restarts)},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    with made("Slurm"):
        job = submit(0)
        wait(lambda: trains(runs / "seed-0"), "training")
        if sent == "kill":
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()
        else:
            for number in (signal.SIGCONT, signal.SIGTERM):
                (os.killpg if sent == "to all" else os.kill)(job.pid, number)
            assert job.wait(60) == 143
            assert requeued.read_text() == "requeue 77_0\n"
            assert tail.read(runs / "seed-0").status == "interrupted"
            with contextlib.suppress(ProcessLookupError):  # what Slurm does to what is left
                os.killpg(job.pid, signal.SIGKILL)
        assert submit(1).wait(120) == 0
        assert_same(runs / "seed-0", straight)
