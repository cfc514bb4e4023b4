"""kill -9, at any moment: the run can be resumed, and ends as if nothing had happened."""

from __future__ import annotations

import random
import re
import shutil
import signal
import time
from itertools import count
from pathlib import Path

import pytest

from engine.storage import changes
from tests.faults.conftest import Made, Often
from tests.faults.runs import CHANGES, RARELY, WHOLE_RECIPE, Program, assert_same, finished, steered, trains, wait

pytestmark = pytest.mark.faults

SYSTEM_CALLS = ("write", "fsync", "ftruncate", "mkdir", "rename", "unlink", "unlinkat")
"""What a run does to the disk: some 130 calls, most of them for its checkpoints."""


def assert_goes_on(program: Program, name: str, *words: str, straight: Path, first: str = "") -> None:
    """A run that was killed is resumed, or started again if it had no folder yet, and ends like `straight`."""
    folder = program.runs / name
    if not folder.exists():
        finished(program, name, *words, first=first)
    elif '"status":"completed"' not in (folder / "events.jsonl").read_text():  # else only the process had not ended
        code, said = program.resume(name, first)
        assert code == 0, said
    assert_same(folder, straight)
    assert all((folder / name).exists() for name in ("summary.json", "loss.csv", "report.md", "loss.svg"))
    shutil.rmtree(folder)


def kill_at_a_random_moment(
    program: Program, name: str, *words: str, seed: int, longest: float, first: str = ""
) -> None:
    """Kill a run that was just started, or within `longest` seconds of its training."""
    moments, folder = random.Random(seed), program.runs / name
    command = program.train(name, *words, first=first)
    early = moments.random() < 0.2  # before training begins
    wait((folder / "losses.f32").exists if early else lambda: trains(folder), "the run")
    time.sleep(moments.uniform(0, longest))
    command.send(signal.SIGKILL)
    command.ended()


@pytest.mark.repeat(4, 80)
def test_killed_at_a_random_moment(program: Program, straight: Path, made: Made, turn: int) -> None:
    """A run that is killed at any moment goes on from its checkpoint and ends bit for bit like one that was not."""
    with made("kill"):
        kill_at_a_random_moment(program, f"killed-{turn}", seed=turn, longest=0.6)
        assert_goes_on(program, f"killed-{turn}", straight=straight)


@pytest.mark.repeat(3, 80)
def test_killed_with_a_whole_recipe(program: Program, straight_recipe: Path, made: Made, turn: int) -> None:
    """So does a run whose optimizer, average, best weights and patience have a past of their own."""
    with made("kill, recipe"):
        kill_at_a_random_moment(program, f"recipe-{turn}", *WHOLE_RECIPE, seed=turn, longest=1.5)
        assert_goes_on(program, f"recipe-{turn}", *WHOLE_RECIPE, straight=straight_recipe)


@pytest.mark.repeat(3, 20)
def test_killed_while_it_is_steered(program: Program, straight_steered: Path, made: Made, turn: int) -> None:
    """A run whose constants are changed, killed at any moment, ends as one that was changed and not killed."""
    with made("kill, steered"):
        name, how = f"steered-{turn}", "" if turn % 2 else RARELY
        first = f"{how}\n{steered(*CHANGES)}"
        kill_at_a_random_moment(program, name, seed=turn, longest=0.8, first=first)
        known = {change.iteration for change in changes.read(program.runs / name)}
        left = [change for change in CHANGES if change[0] not in known]  # the others are not asked for again
        assert_goes_on(program, name, straight=straight_steered, first=steered(*left))


@pytest.mark.repeat(1, 20)
def test_killed_after_a_request(program: Program, made: Made, turn: int) -> None:
    """What a run has answered is never lost: killed then, it ends as one that was given the same from its start on."""
    name, folder = f"set-{turn}", program.runs / f"set-{turn}"
    with made("kill after set"):
        command = program.train(name, epochs=12, first=RARELY)
        wait(lambda: trains(folder), "the run")
        code, said = program.start("set", name, "learning_rate=0.01", "--runs-dir", str(program.runs)).ended()
        assert code == 0, said
        time.sleep(random.Random(turn).uniform(0, 0.2))
        command.send(signal.SIGKILL)
        command.ended()
        told = re.fullmatch(r"Learning rate from 0.001 to 0.01 after iteration (\d+)\n", said.replace(",", ""))
        assert told is not None, said
        given = steered((int(told[1]), "learning_rate", 0.01))
        straight = finished(program, f"straight-{name}", epochs=12, first=given)
        assert_goes_on(program, name, straight=straight)
        shutil.rmtree(straight)


@pytest.mark.parametrize("call", SYSTEM_CALLS)
def test_killed_at_every_step_of_saving(program: Program, straight: Path, often: Often, made: Made, call: str) -> None:
    """Killed at any write, fsync, rename or removal of a file, a run has a whole checkpoint to go on from."""
    for number in count(often(4, 1), often(25, 1)):
        name = f"{call}-{number}"
        code, said, struck = program.train_struck(name, call, number, "signal=KILL")
        if not struck:  # there is no such step any more
            assert code == 0, said
            shutil.rmtree(program.runs / name)
            break
        with made("kill at a step"):
            assert code == -signal.SIGKILL, said
            assert_goes_on(program, name, straight=straight)


def test_second_process_is_told_who_trains(program: Program, made: Made) -> None:
    """Two never train one run; the second is told who does and exits with 1, and after a kill -9 a third starts."""
    folder = program.runs / "held"
    with made("two processes"):
        first = program.train("held", epochs=400)
        wait(lambda: trains(folder), "training")
        for words in (("resume", "held", "--runs-dir", str(program.runs)), ("train", *program.constants("held"))):
            code, said = program.start(*words).ended()
            assert code == 1
            assert f"is being trained by process {first.pid} on " in said
            assert " since " in said
        first.send(signal.SIGKILL)
        first.ended()
        third = program.start("resume", "held", "--runs-dir", str(program.runs), "--json")
        wait(lambda: '"resumed"' in third.said() or '"run_resumed"' in third.said(), "the third process")
        third.send(signal.SIGTERM)
        assert third.ended()[0] == 143
    shutil.rmtree(folder)
