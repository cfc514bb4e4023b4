"""A run of another process: watched, asked, and told from one that died."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine import data
from engine.config import TrainingConfig
from engine.control import Control, Leave, Pause, Resume, Stop
from engine.errors import RunFolderError
from engine.runs.local import Run
from engine.runs.watched import WatchedRun
from engine.storage import folder as rundir
from engine.storage.inbox import Listener, ask
from tests.images import made_up_images


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """Constants of a run that is long enough to be watched, below `tmp_path`."""
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(160, 40))
    return TrainingConfig(
        data="demo", epochs=2_000, device="cpu", threads=1, runs_dir=tmp_path / "runs", data_dir=tmp_path, name="first"
    )


def until(reached: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_watched_run_is_the_run(config: TrainingConfig) -> None:
    """Whoever watches sees the losses and events of the run as they come, can pause it and go on, and stop it."""
    run = Run(config).start()
    until(lambda: len(run.log.loss_buffer) > 0)
    watched = WatchedRun(run.folder).start()
    until(lambda: len(watched.record().losses) > 20)
    watched.ask(Pause())
    until(lambda: run.record().paused is not None)
    until(lambda: watched.record().paused is not None)
    assert watched.record().status == "paused"
    assert abs(watched.seconds() - run.seconds()) < 2  # the start is told in whole seconds
    watched.ask(Resume())
    until(lambda: watched.record().paused is None)
    watched.ask(Stop())
    assert watched.join(60)
    assert run.join(60)
    assert watched.record().status == run.record().status == "stopped"
    np.testing.assert_array_equal(watched.record().losses, run.record().losses)
    watched.close()


def test_pause_of_somebody_else_is_known(config: TrainingConfig) -> None:
    """Whoever begins to watch a paused run can go on with it."""
    run = Run(config).start()
    until(lambda: len(run.log.loss_buffer) > 0)
    run.ask(Pause())
    until(lambda: run.record().paused is not None)
    watched = WatchedRun(run.folder).start()
    assert watched.record().paused
    watched.ask(Resume())
    until(lambda: not run.control.paused)
    watched.ask(Leave())
    assert run.join(60)
    assert watched.join(60)
    assert watched.record().status == "interrupted"


def test_nobody_watches_what_is_no_run(tmp_path: Path) -> None:
    """A folder that is not a run's is refused in words."""
    with pytest.raises(RunFolderError, match="is not the folder of a run"):
        WatchedRun(tmp_path)


def test_request_that_cannot_be_left(tmp_path: Path) -> None:
    """A run that cannot be told anything is an error in words."""
    with pytest.raises(RunFolderError, match="cannot be told to stop: No such file"):
        ask(tmp_path / "gone", Stop())


def test_requests_of_earlier_processes_and_nonsense_are_forgotten(tmp_path: Path) -> None:
    """A run that is taken up again does not stop because its predecessor was asked to; nonsense asks for nothing."""
    ask(tmp_path, Stop())
    control = Control()
    listener = Listener(tmp_path, control)
    try:
        (tmp_path / "requests").write_bytes(b"dance\n\xff\npause\nsto")
        until(lambda: control.paused)
        assert control.stops == 0
        with (tmp_path / "requests").open("ab") as file:
            file.write(b"p\n")
        until(lambda: control.stops == 1)
        assert not control.paused
    finally:
        listener.close()


def test_which_run_somebody_comes_back_for(config: TrainingConfig) -> None:
    """Coming back, one is offered the live run, else the latest if it was interrupted, else none."""
    assert rundir.waiting(config.runs_dir) is None
    run = Run(config).start()
    until(lambda: len(run.log.loss_buffer) > 0)
    waiting = rundir.waiting(config.runs_dir)
    assert waiting is not None
    assert (waiting.name, waiting.status) == ("first", "training")
    run.ask(Leave())
    assert run.join(60)
    waiting = rundir.waiting(config.runs_dir)
    assert waiting is not None
    assert waiting.status == "interrupted"
    again = Run.taking_up(run.folder)
    again.start()
    again.ask(Stop())
    assert again.join(60)
    assert rundir.waiting(config.runs_dir) is None
