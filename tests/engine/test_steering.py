"""A run whose constants are changed while it trains: applied between two iterations, kept, and met again on resume."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from engine import data
from engine.config import TrainingConfig
from engine.control import EvaluateNow, Leave, Pause, Request, Resume, SaveNow, Set, Stop
from engine.errors import RunFolderError
from engine.record.event_json import to_json
from engine.record.events import Changed, Evaluated, Event, Notice, Refused, RunResumed
from engine.runs.local import Run
from engine.storage import listing, tail
from engine.training import restore
from engine.training.clock import Clock
from tests.images import made_up_images
from tests.interrupted import assert_same_tensors, at, ended, final_state, told

BATCHES = 5
"""Iterations of an epoch of the runs here."""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """Constants of a quick run of 15 iterations below `tmp_path`, with a checkpoint after every epoch."""
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(160, 40, noisy=0.3))
    monkeypatch.setattr(restore, "KEPT_AFTER_EPOCH", 0.0)
    return TrainingConfig(
        data="demo", epochs=3, device="cpu", threads=1, runs_dir=tmp_path / "runs", data_dir=tmp_path, name="first"
    )


def asking(run: Run, *wishes: tuple[int, Request]) -> Run:
    """`run`, which is asked for each of `wishes` right after its iteration."""
    for iteration, request in wishes:
        if iteration:
            at(run, iteration, partial(run.ask, request))
        else:
            run.ask(request)
    return run


def changes(run: Run) -> list[tuple[int, str, float, float]]:
    """The changes that a run reported: iteration, name, from, to."""
    return [(e.iteration, e.name, e.before, e.after) for e in run.log.events if isinstance(e, Changed)]


def assert_same_run(run: Run, straight: Run) -> None:
    """`run` ended with the very numbers of `straight` and with the same journal."""
    assert run.error is None
    for one in (run.record(), tail.read(run.folder)):
        assert one.status == "completed"
        np.testing.assert_array_equal(one.losses, straight.record().losses)
    assert_same_tensors(final_state(run.folder), final_state(straight.folder))
    assert told(run.folder) == told(straight.folder)
    files = [json.loads((each.folder / "changes.json").read_text()) for each in (run, straight)]
    assert files[0] == files[1]


RATE, SLOWER = Set("learning_rate", 0.01), Set("learning_rate", 0.0003)
STEERED = {
    "one": ((7, RATE),),
    "at the start": ((0, RATE),),
    "two": ((6, RATE), (12, SLOWER)),
    "more epochs": ((8, Set("epochs", 5)),),
    "fewer epochs": ((8, Set("epochs", 2)),),
    "more in the last iteration": ((15, Set("epochs", 4)),),
    "both": ((4, RATE), (9, Set("epochs", 4)), (9, SLOWER)),
    "at the end of an epoch": ((5, RATE), (10, Set("epochs", 4))),
}
FALLING = {
    "schedule": "cosine",
    "optimizer": "sgd",
    "momentum": 0.9,
    "learning_rate": 0.02,
    "average": 0.9,
    "warmup": 0.5,
}


@pytest.mark.parametrize("constants", [{}, FALLING], ids=["constant", "falling"])
@pytest.mark.parametrize("name", STEERED)
def test_resumed_after_a_change(config: TrainingConfig, name: str, constants: dict[str, Any]) -> None:
    """Whatever was changed before a crash, the resumed run has the losses and weights, to the last bit, of one that was
    changed at the same iterations and never interrupted."""
    config = config.replaced(**constants)
    wishes = STEERED[name]
    straight = ended(asking(Run(config.replaced(name="straight")), *wishes))
    assert len(changes(straight)) == len(wishes)
    last = max(iteration for iteration, _ in wishes)
    crashed = shutil.copytree(
        crash(config, wishes, after=min(last + 2, len(straight.record().losses) - 1)), config.runs_dir / "first"
    )
    again = ended(Run.resume(crashed))
    assert_same_run(again, straight)
    assert changes(again) == changes(straight)


@pytest.mark.parametrize("seed", range(8))
def test_any_requests_and_a_crash(config: TrainingConfig, seed: int) -> None:
    """Whatever was asked before and after a crash, the run ends as one that was asked the same and did not crash."""
    random = Random(seed)
    config = config.replaced(**FALLING) if seed % 2 else config
    made: list[tuple[int, Request]] = []
    for iteration in sorted(random.sample(range(1, 15), 5)):
        rate, epochs = round(random.uniform(1e-4, 1e-2), 5), random.randint(2, 5)
        requests: list[Request] = [Set("learning_rate", rate), Set("epochs", epochs), EvaluateNow(), SaveNow()]
        made.append((iteration, random.choice(requests)))
    straight = ended(asking(Run(config.replaced(name="straight")), *made))
    at_most = len(straight.record().losses) - 1
    after = random.randint(1, at_most)
    crashed = crash(config, tuple(wish for wish in made if wish[0] < after), after=after)
    again = Run.resume(Path(shutil.copytree(crashed, config.runs_dir / "first")))
    ended(asking(again, *(wish for wish in made if wish[0] >= after)))
    assert again.error is None
    np.testing.assert_array_equal(again.record().losses, straight.record().losses)
    assert_same_tensors(final_state(again.folder), final_state(straight.folder))
    assert changes(again) == changes(straight)


def crash(config: TrainingConfig, wishes: tuple[tuple[int, Request], ...], after: int) -> Path:
    """A copy of the folder of a run as it was after so many iterations: its checkpoint is older."""
    run = asking(Run(config.replaced(name="crashed")), *wishes)
    copy = config.runs_dir.parent / "as-it-was"
    at(run, after, lambda: shutil.copytree(run.folder, copy))
    at(run, after, partial(run.ask, Leave()))
    ended(run)
    (copy / "lock").unlink()
    return copy


# What a request does


def test_a_new_rate_counts_from_the_next_iteration_on(config: TrainingConfig) -> None:
    """The iterations until the request are those of a run that was left alone; the one after it has the new rate."""
    alone, steered = ended(Run(config.replaced(name="alone"))), ended(asking(Run(config), (7, RATE)))
    before, after = alone.record().losses, steered.record().losses
    np.testing.assert_array_equal(before[:8], after[:8])  # a loss is measured before its step
    assert (before[8:] != after[8:]).all()
    assert changes(steered) == [(7, "learning_rate", 0.001, 0.01)]
    assert steered.record().constants_now["learning_rate"] == 0.01


def test_the_last_of_two_in_one_iteration_counts(config: TrainingConfig) -> None:
    """Of two rates that are asked for between the same two iterations only the last is taken and written."""
    once, twice = Run(config.replaced(name="once")), Run(config)
    ended(asking(once, (7, RATE)))
    ended(asking(twice, (7, SLOWER), (7, RATE)))
    assert_same_run(twice, once)
    assert changes(twice) == [(7, "learning_rate", 0.001, 0.01)]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Set("learning_rate", 0.0), "0.0 is not allowed; it must be a number above 0, at most 10"),
        (Set("learning_rate", 11), "11 is not allowed"),
        (Set("learning_rate", float("nan")), "nan is not allowed"),
        (Set("learning_rate", float("inf")), "inf is not allowed"),
        (Set("learning_rate", 0.001), "it is 0.001 already"),
        (Set("epochs", 0), "0 is not allowed; it must be a whole number"),
        (Set("epochs", 2.5), "2.5 is not allowed"),
        (Set("epochs", 1), "1 would be fewer than the 1.4 epochs that are done"),
        (Set("epochs", 2), "2 epochs are not less than the 2 of the run"),
    ],
)
def test_a_value_that_is_not_allowed(config: TrainingConfig, request_: Set, said: str) -> None:
    """The run says why it does not take a value, and trains as if it had not been asked."""
    config = config.replaced(warmup=2.0) if request_ == Set("epochs", 2) else config
    alone, asked = ended(Run(config.replaced(name="alone"))), ended(asking(Run(config), (7, request_)))
    (refused,) = [event for event in asked.log.events if isinstance(event, Refused)]
    assert (refused.iteration, refused.name) == (7, request_.name)
    assert said in refused.reason
    assert any(line.endswith(f"unchanged: {refused.reason}") for line in tail.read(asked.folder).lines)
    assert changes(asked) == []
    assert not (asked.folder / "changes.json").exists()
    np.testing.assert_array_equal(asked.record().losses, alone.record().losses)


@pytest.mark.parametrize("constants", [{}, {"model": "batchnorm", "average": 0.9, "keep_best": True, "patience": 1}])
def test_an_evaluation_on_request_disturbs_nothing(config: TrainingConfig, constants: dict[str, Any]) -> None:
    """The network is evaluated as it is, and then trains on to the same bits; patience and best weights ignore it."""
    config = config.replaced(**constants)
    alone = ended(Run(config.replaced(name="alone")))
    asked = ended(asking(Run(config), (0, EvaluateNow()), (7, EvaluateNow()), (8, EvaluateNow())))
    np.testing.assert_array_equal(asked.record().losses, alone.record().losses)
    assert_same_tensors(final_state(asked.folder), final_state(alone.folder))
    found = asked.record().evaluations
    assert [done.iteration for done in found if done.asked] == [0, 7, 8]
    matrices = [done.matrix for done in found if not done.asked]
    assert matrices == [done.matrix for done in alone.record().evaluations]
    closing = asked.record().closing
    assert closing is not None
    assert closing.train_seconds > 0


def test_the_time_of_an_evaluation_on_request() -> None:
    """An evaluation within the training of an epoch counts as evaluation, and the training around it as training."""
    now = [0.0]
    clock = Clock(lambda: now[0])
    with clock.counting("training"):
        now[0] += 5
        with clock.counting("evaluation"):
            now[0] += 2
        assert (clock.lap, clock.spent("training")) == (2, 5)
        now[0] += 3
    assert (clock.spent("training"), clock.spent("evaluation")) == (8, 2)


def test_an_evaluation_that_is_due_anyway(config: TrainingConfig) -> None:
    """At the end of an epoch the evaluation of the epoch answers; right after it nothing is evaluated again."""
    run = asking(Run(config), (5, EvaluateNow()))
    on(run, lambda event: isinstance(event, Evaluated) and event.iteration == 10, lambda: run.ask(EvaluateNow()))
    ended(run)
    assert [(done.iteration, done.asked) for done in run.record().evaluations] == [(5, False), (10, False), (15, False)]
    assert run.record().notices == ["The network was evaluated already after iteration 10."]


def test_evaluations_on_request_alone(config: TrainingConfig) -> None:
    """A run that is evaluated only at its end can be evaluated within, also when its last iteration is done."""
    run = ended(asking(Run(config.replaced(evaluate_each_epoch=False)), (5, EvaluateNow()), (15, EvaluateNow())))
    assert [(done.iteration, done.asked) for done in run.record().evaluations] == [(5, True), (15, True)]
    assert run.record().status == "completed"


def test_a_checkpoint_on_request(config: TrainingConfig) -> None:
    """A checkpoint of that very iteration is saved, and the run says so."""
    run = asking(Run(config), (7, SaveNow()))
    seen: list[bool] = []
    at(run, 8, lambda: seen.append((run.folder / "checkpoints/iteration-000000000007/manifest.json").is_file()))
    ended(run)
    assert seen == [True]
    assert run.record().notices == ["A checkpoint was saved after iteration 7."]


def test_requests_in_a_pause(config: TrainingConfig) -> None:
    """A paused run takes a new rate, is evaluated and says so, and does not go on by itself."""
    run = asking(Run(config), (7, Pause()))
    run.start()
    try:
        wait_for(run, lambda: run.record().paused is not None)
        for request in (RATE, EvaluateNow(), SaveNow()):
            run.ask(request)
        wait_for(run, lambda: len(run.record().notices) == 1)
        record = run.record()
        assert record.paused is not None
        assert (len(record.losses), record.evaluations[-1].iteration, record.evaluations[-1].asked) == (7, 7, True)
        assert record.constants_now["learning_rate"] == 0.01
    finally:
        run.ask(Resume())
        assert run.join(60)
    straight = ended(asking(Run(config.replaced(name="straight")), (7, RATE)))
    np.testing.assert_array_equal(run.record().losses, straight.record().losses)


def test_more_epochs_while_the_last_evaluation_goes_on(config: TrainingConfig) -> None:
    """A run that is in its last evaluation can still be made longer."""
    run = Run(config)
    on(run, lambda event: isinstance(event, Evaluated) and event.iteration == 15, lambda: run.ask(Set("epochs", 4)))
    ended(run)
    assert len(run.record().losses) == 20
    assert changes(run) == [(15, "epochs", 3, 4)]
    assert (run.record().status, run.record().epochs) == ("completed", 4)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (RATE, "Learning rate unchanged: the training was over before 0.01 came"),
        (EvaluateNow(), "An evaluation was asked for when the training was over."),
        (SaveNow(), "A checkpoint was asked for when the training was over; the last one is saved."),
    ],
)
def test_a_request_after_a_stop(config: TrainingConfig, request_: Request, said: str) -> None:
    """What is asked for when the training is over does nothing, and the run says so."""
    run = ended(asking(Run(config), (7, Stop()), (7, request_)))
    assert said in run.record().lines
    assert (run.record().status, changes(run)) == ("stopped", [])


def test_a_list_of_runs_knows_the_new_length(config: TrainingConfig) -> None:
    """Progress and length follow the new epochs, also where the journal is so long that its middle is not read."""
    run = ended(asking(Run(config), (8, Set("epochs", 5)), (15, Stop())))
    (entry,) = listing.list_runs(config.runs_dir)
    assert (entry.planned, entry.iterations, entry.progress) == (25, 15, 60.0)
    journal, padding = run.folder / "events.jsonl", to_json(Notice(seconds=1.0, text="x" * 1_000)) + b"\n"
    lines = journal.read_bytes().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if b'"changed"' in line)
    journal.write_bytes(b"".join([*lines[:at], *[padding] * 200, lines[at], *[padding] * 200, *lines[at + 1 :]]))
    (entry,) = listing.list_runs(config.runs_dir)
    assert (entry.planned, entry.iterations, entry.progress) == (25, 15, 60.0)
    (run.folder / "changes.json").write_bytes(b"damaged")
    (entry,) = listing.list_runs(config.runs_dir)
    assert entry.status == "stopped"


# Going back


def test_a_change_after_going_back_takes_the_place_of_later_ones(config: TrainingConfig) -> None:
    """A resumed run that is steered anew does not return to what was asked for before the crash."""
    crashed = crash(config, ((8, RATE), (9, SLOWER)), after=9)
    shutil.copytree(crashed, config.runs_dir / "first")
    again = Run.resume(config.runs_dir / "first")
    ended(asking(again, (7, Set("learning_rate", 0.02))))
    straight = ended(asking(Run(config.replaced(name="straight")), (7, Set("learning_rate", 0.02))))
    assert_same_run(again, straight)
    assert changes(again) == [(7, "learning_rate", 0.001, 0.02)]


def test_a_change_is_met_again_without_a_checkpoint(config: TrainingConfig) -> None:
    """A run whose checkpoints are all gone starts again, with its changes at their iterations."""
    crashed = crash(config, ((8, RATE),), after=9)
    shutil.rmtree(crashed / "checkpoints")
    again = ended(Run.resume(Path(shutil.copytree(crashed, config.runs_dir / "first"))))
    assert_same_run(again, ended(asking(Run(config.replaced(name="straight")), (8, RATE))))
    assert not [event for event in again.log.events if isinstance(event, RunResumed)]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"changes":[{"iteration":1}]}', b"\xff\x00"])
def test_damaged_changes(config: TrainingConfig, content: bytes) -> None:
    """A run whose changes cannot be read does not go on without them; the message names the file and what to do."""
    crashed = Path(shutil.copytree(crash(config, ((8, RATE),), after=9), config.runs_dir / "first"))
    (crashed / "changes.json").write_bytes(content)
    again = ended(Run.resume(crashed))
    assert isinstance(again.error, RunFolderError)
    assert "changes.json does not hold the changes of the run: damaged. Without that file" in again.error.message
    (crashed / "changes.json").unlink()
    assert ended(Run.resume(crashed)).record().status == "completed"


def test_changes_that_cannot_be_written(config: TrainingConfig) -> None:
    """A disk that fails costs the note for a resume, never the change; the run says so."""
    run = Run(config)
    at(run, 6, lambda: (run.folder / "changes.json").mkdir())
    ended(asking(run, (7, RATE)))
    assert changes(run) == [(7, "learning_rate", 0.001, 0.01)]
    assert "Could not write down a change" in run.record().notices[0]


def on(run: Run, when: Callable[[Event], bool], act: Callable[[], object]) -> None:
    """Let `act` happen in `run` right after an event."""
    take = run.log.event

    def follow(event: Event) -> None:
        take(event)
        if when(event):
            act()

    run.log.event = follow  # type: ignore[method-assign]


def wait_for(run: Run, until: Callable[[], bool]) -> None:
    while not until():
        assert not run.join(0.01)
