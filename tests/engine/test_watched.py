"""A run of another process: watched, asked, and known to be alive or dead."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine import data
from engine.config import TrainingConfig
from engine.control import Control, EvaluateNow, Leave, Pause, Resume, SaveNow, Set, Stop
from engine.errors import RunFolderError
from engine.runs.local import Run
from engine.runs.watched import WatchedRun
from engine.storage import listing
from engine.storage.inbox import Inbox, Outbox
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
    """A watcher sees the losses and events of the run as they come, and can pause, resume and stop it."""
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


def test_pause_of_another_process_is_known(config: TrainingConfig) -> None:
    """Someone who begins to watch a paused run can resume it."""
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


def test_folder_of_no_run_is_refused(tmp_path: Path) -> None:
    """A folder that is not a run's is refused in words."""
    with pytest.raises(RunFolderError, match="is not the folder of a run"):
        WatchedRun(tmp_path)


def test_request_that_cannot_be_left(tmp_path: Path) -> None:
    """If a request cannot be written, the error says so."""
    with pytest.raises(RunFolderError, match="cannot be asked to stop: No such file"):
        Outbox(tmp_path / "gone").ask(Stop())


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """An inbox in `tmp_path`, after an earlier process was asked to stop."""
    Outbox(tmp_path).ask(Stop())
    return Inbox(tmp_path, Control())


def test_requests_of_earlier_processes_and_nonsense_are_forgotten(tmp_path: Path, inbox: Inbox) -> None:
    """A resumed run does not stop because its predecessor was asked to, and nonsense asks for nothing."""
    requests, control = tmp_path / "requests", inbox.control
    requests.write_bytes(b"x" * 200_000 + b"\n" + b"dance\n\xff\npause 7\npaus")
    for _ in range(5):  # each look reads a part
        inbox.look()
    assert (control.paused, control.stops) == (False, 0)
    with requests.open("ab") as file:
        file.write(b"e?\nsto")
    outbox = Outbox(tmp_path)
    inbox.look()
    assert control.stops == 0
    with requests.open("ab") as file:
        file.write(b"p\n")
    outbox.ask(Pause())
    inbox.look()
    assert (control.paused, control.stops) == (True, 1)
    outbox.ask(Resume())
    inbox.look()
    assert not control.paused


def test_requests_that_steer_leave_a_pause_as_it_is(tmp_path: Path, inbox: Inbox) -> None:
    """A pause that another process holds outlasts its other requests, and still ends when that process does."""
    outbox = Outbox(tmp_path)
    wishes = (Set("learning_rate", 0.0003), Set("epochs", 7), EvaluateNow(), SaveNow())
    for request in (Pause(), *wishes):
        outbox.ask(request)
    inbox.look()
    assert inbox.control.take() == wishes
    assert inbox.control.paused
    outbox.close()
    inbox.look()
    assert not inbox.control.paused


@pytest.mark.parametrize(
    "line",
    [
        *(b'set {"name":"seed","value":1}', b'set {"name":"epochs"}', b"set", b'set {"name":"epochs","value":"x"}'),
        *(b"set [1]", b'set {"name":["epochs"],"value":4}', b'SET {"name":"epochs","value":4}', b"evaluatenow 1"),
    ],
)
def test_requests_that_are_none(tmp_path: Path, inbox: Inbox, line: bytes) -> None:
    """A line that asks for what no run can do is skipped, and the next one is taken."""
    (tmp_path / "requests").write_bytes(line + b"\nsavenow\n")
    inbox.look()
    assert inbox.control.take() == (SaveNow(),)


def test_fifo_in_the_place_of_the_requests(tmp_path: Path) -> None:
    """A FIFO in the place of the requests never blocks the asking process."""
    os.mkfifo(tmp_path / "requests")
    with pytest.raises(RunFolderError, match="cannot be asked to pause: not a regular file"):
        Outbox(tmp_path).ask(Pause())


HOLDING = """
import sys, time
from pathlib import Path
sys.path.append(sys.argv[2])
from engine.control import Pause
from engine.storage.inbox import Outbox
outbox = Outbox(Path(sys.argv[1]))
outbox.ask(Pause())
print("paused", flush=True)
time.sleep(600)
"""


def test_run_goes_on_when_the_process_that_paused_it_is_killed(tmp_path: Path, inbox: Inbox) -> None:
    """A pause ends with the process that asked for it, even by kill -9, and not before."""
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen([sys.executable, "-c", HOLDING, str(tmp_path), root], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"paused\n"
        Outbox(tmp_path).close()  # another process that only watched
        for _ in range(3):
            inbox.look()
            assert inbox.control.paused
        process.kill()
    inbox.look()
    assert not inbox.control.paused


def test_pause_lasts_as_long_as_one_of_two_wants_it(tmp_path: Path, inbox: Inbox) -> None:
    """A run that two apps paused goes on when the second one lets go."""
    first, second = Outbox(tmp_path), Outbox(tmp_path)
    first.ask(Pause())
    second.ask(Pause())
    inbox.look()
    first.close()
    inbox.look()
    assert inbox.control.paused
    second.close()
    inbox.look()
    assert not inbox.control.paused


def test_pause_of_the_training_process_is_its_own(tmp_path: Path, inbox: Inbox) -> None:
    """A run paused in its own process stays paused when another process, which paused it too, ends."""
    inbox.control.ask(Pause())
    outbox = Outbox(tmp_path)
    outbox.ask(Pause())
    inbox.look()
    outbox.close()
    inbox.look()
    assert inbox.control.paused


def test_run_goes_on_when_it_is_let_go_of(config: TrainingConfig) -> None:
    """A run that was paused from a screen goes on when that screen closes it, in this process and in another."""
    run = Run(config).start()
    until(lambda: len(run.log.loss_buffer) > 0)
    watched = WatchedRun(run.folder).start()
    watched.ask(Pause())
    until(lambda: run.record().paused is not None)
    watched.close()
    until(lambda: run.record().paused is None)
    run.ask(Pause())
    until(lambda: run.record().paused is not None)
    run.close()
    until(lambda: run.record().paused is None)
    run.ask(Leave())
    assert run.join(60)


def test_run_that_is_offered_at_the_start(config: TrainingConfig) -> None:
    """The app offers the live run, else the latest if it was interrupted, else none."""
    assert listing.waiting(config.runs_dir) is None
    run = Run(config).start()
    until(lambda: len(run.log.loss_buffer) > 0)
    waiting = listing.waiting(config.runs_dir)
    assert waiting is not None
    assert (waiting.name, waiting.status) == ("first", "training")
    run.ask(Leave())
    assert run.join(60)
    waiting = listing.waiting(config.runs_dir)
    assert waiting is not None
    assert waiting.status == "interrupted"
    again = Run.resume(run.folder)
    again.start()
    again.ask(Stop())
    assert again.join(60)
    assert listing.waiting(config.runs_dir) is None
