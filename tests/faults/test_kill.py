"""kill -9, at any moment: the run can be gone on with, and ends as if nothing had happened."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from tests.faults.conftest import Often
from tests.faults.runs import PATIENCE, Program, assert_same, ended, finished, struck
from tests.faults.table import TABLE

pytestmark = pytest.mark.faults

SYSTEM_CALLS = ("write", "fsync", "ftruncate", "mkdir", "rename", "unlink", "unlinkat")
"""What a run does to the disk: some 130 calls, most of them for its checkpoints."""


def goes_on(program: Program, name: str, straight: Path) -> None:
    """A run that was killed is resumed, or where it had no folder yet started again, and ends like `straight`."""
    folder = program.runs / name
    if not folder.exists():
        finished(program, name)
    elif '"status":"completed"' not in (folder / "events.jsonl").read_text():  # else only the process was still to end
        code, said = program.resume(name)
        assert code == 0, said
    assert_same(folder, straight)
    assert all((folder / name).exists() for name in ("summary.json", "loss.csv", "report.md", "loss.svg"))
    shutil.rmtree(folder)


def test_killed_at_random_moments(program: Program, straight: Path, often: Often) -> None:
    """A run that is killed at any moment goes on from its checkpoint and ends bit for bit like one that was not."""

    def kill(seed: int) -> None:
        moments, name = random.Random(seed), f"killed-{seed}"
        process = program.train(name)
        give_up = time.monotonic() + PATIENCE
        while not (program.runs / name / "losses.f32").exists() and time.monotonic() < give_up:
            time.sleep(0.01)
        if moments.random() < 0.8:  # the others before training begins
            while not any((program.runs / name).glob("checkpoints/iter*")) and time.monotonic() < give_up:
                time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.8))
        process.kill()
        ended(process)
        goes_on(program, name, straight)
        TABLE.count("kill -9 at a random moment")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(kill, range(often(4, 80))))


@pytest.mark.parametrize("call", SYSTEM_CALLS)
def test_killed_at_every_step_of_saving(program: Program, straight: Path, often: Often, call: str) -> None:
    """Killed at any write, fsync, rename or removal of a file, a run has a whole checkpoint to go on from."""
    for number in count(often(3, 1), often(17, 1)):
        name = f"{call}-{number}"
        code, said = ended(program.train(name, before=struck(call, number, "signal=KILL")))
        if code == 0:
            assert_same(program.runs / name, straight)
            shutil.rmtree(program.runs / name)
            break  # there is no such step any more
        assert code in (-signal.SIGKILL, 128 + signal.SIGKILL), said
        goes_on(program, name, straight)
        TABLE.count("kill -9 at a write, fsync, rename, mkdir or removal")


def test_second_process_is_told_who_trains(program: Program) -> None:
    """Two never train one run; the second is told who does and exits with 1, and after a kill -9 a third starts."""
    first = program.train("held", epochs=400)
    folder = program.runs / "held"
    give_up = time.monotonic() + PATIENCE
    while not any(folder.glob("checkpoints/iter*")):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    try:
        for words in (("resume", "held", "--runs-dir", str(program.runs)), ("train", *program.constants("held"))):
            code, said = ended(program.start(*words))
            assert code == 1
            assert f"is being trained by process {first.pid} on " in said
            assert " since " in said
    finally:
        first.kill()
        ended(first)
    third = program.start("resume", "held", "--runs-dir", str(program.runs), "--json")
    assert third.stdout is not None
    try:
        assert any('"taken_up"' in line for line in third.stdout)
    finally:
        third.terminate()
        assert ended(third)[0] == 143
    TABLE.count("a second process for a run that is trained, a third after kill -9")
    shutil.rmtree(folder)


def test_nothing_left_running(program: Program) -> None:
    """No process of these tests outlives them."""
    found = subprocess.run(["pgrep", "-f", f"tui .*{program.root}"], capture_output=True, text=True, check=False)
    assert found.stdout == ""
