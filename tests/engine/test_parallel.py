"""Two processes train one run: with the numbers of one process, and under the same control."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from engine.config import TrainingConfig
from engine.control import EvaluateNow, Leave, Pause, Resume, Set, Stop
from engine.distributed import group
from engine.distributed.meeting import Meeting
from engine.record.event_json import from_json
from engine.record.events import Paused, RunResumed
from engine.record.record import RunRecord
from engine.runs.local import Run
from engine.training.reporter import Reporter
from tests.images import made_up_images, save_folder
from tests.partner import partner

IMAGES = 641
"""Twenty batches of 32 images and one with a single image, fewer than there are processes."""

Meet = Callable[[], Meeting]


@pytest.fixture(scope="module")
def meet() -> Iterator[Meet]:
    with partner() as found:
        yield found


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_folder(tmp_path_factory.mktemp("parallel") / "images", made_up_images(IMAGES, 24, 4))


@pytest.fixture
def constants(images: Path, tmp_path: Path) -> dict[str, object]:
    places = {"data": str(images), "data_dir": images.parent / "data", "runs_dir": tmp_path}
    return {**places, "epochs": 1, "device": "cpu", "threads": 1, "evaluate_each_epoch": False, "name": "one"}


def ended(run: Run) -> RunRecord:
    run.start()
    assert run.join(120)
    return run.record()


def alone(constants: dict[str, object]) -> RunRecord:
    return ended(Run(TrainingConfig.checked(constants)))


def together(constants: dict[str, object], meet: Meet) -> RunRecord:
    config = TrainingConfig.checked({**constants, "name": "two", "processes": 2})
    return ended(Run(config, meeting=meet()))


def losses(record: RunRecord) -> NDArray[np.float32]:
    return cast("NDArray[np.float32]", np.array(record.losses))


# With larger steps `deeper` makes more of its last digits: one process with one thread and with two is as far apart.
SGD = {"optimizer": "sgd", "learning_rate": 0.01}
AUGMENTED = {"augmentation": "flip-shift-cutout", "label_smoothing": 0.1, "average": 0.9}


@pytest.mark.parametrize(
    "recipe",
    [
        {"model": "cnn", **AUGMENTED},
        {"model": "batchnorm", **AUGMENTED},
        {"model": "residual"},
        {"model": "deeper", **SGD, "learning_rate": 1e-4},
        {"model": "speedrun", "width": 16, **SGD},
        {"model": "batchnorm", "batch_size": 33, "optimizer": "muon", "learning_rate": 0.1},
    ],
    ids=lambda recipe: f"{recipe['model']}-{recipe.get('optimizer', 'adam')}",
)
def test_the_losses_of_one_process(recipe: dict[str, object], constants: dict[str, object], meet: Meet) -> None:
    """Two processes give the losses of one, and recognise as many images, with every network and uneven parts."""
    one, two = alone({**constants, **recipe}), together({**constants, **recipe}, meet)
    assert one.status == two.status == "completed", two.closing
    assert len(losses(one)) == len(losses(two)) >= 20
    np.testing.assert_allclose(losses(two)[:20], losses(one)[:20], rtol=0, atol=1e-5)
    (seen,), (seen_by_two,) = one.trained, two.trained
    assert abs(seen.correct - seen_by_two.correct) <= 2
    assert seen.total == seen_by_two.total
    assert two.started is not None
    assert two.started.processes == 2


def test_the_same_bits_in_every_process(constants: dict[str, object], meet: Meet) -> None:
    """The same run twice gives the same bits, as with one process."""
    recipe = {**constants, "model": "deeper"}
    first = together(recipe, meet)
    second = ended(Run(TrainingConfig.checked({**recipe, "name": "again", "processes": 2}), meeting=meet()))
    assert losses(first).tobytes() == losses(second).tobytes()


def test_without_shared_memory(constants: dict[str, object], meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the processes share no memory, as on several machines, the sums go through sockets and are the same."""
    recipe = {**constants, "model": "batchnorm"}
    near = together(recipe, meet)
    monkeypatch.setattr(group, "is_possible", lambda place, device: False)
    far = ended(Run(TrainingConfig.checked({**recipe, "name": "far", "processes": 2}), meeting=meet()))
    assert far.status == "completed"
    np.testing.assert_allclose(losses(far), losses(near), rtol=0, atol=1e-6)


def test_requests(constants: dict[str, object], meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause, another learning rate, an evaluation and a stop are followed by all processes."""
    trained = Reporter.trained

    def ask(self: Reporter, found: NDArray[np.float32]) -> None:
        trained(self, found)
        match self._iteration:
            case 5:
                for request in (Pause(), EvaluateNow(), Set("learning_rate", 0.1)):
                    self._control.ask(request)
            case 25:
                self._control.ask(Stop())

    monkeypatch.setattr(Reporter, "trained", ask)
    found = []
    for name, processes in (("one", 1), ("two", 2)):
        config = TrainingConfig.checked({**constants, **SGD, "epochs": 2, "name": name, "processes": processes})
        run = Run(config, meeting=meet() if processes > 1 else None).start()
        while not any(isinstance(event, Paused) for event in run.log.events):
            assert not run.join(0.01)
        run.ask(Resume())
        assert run.join(60)
        found.append(run.record())
    one, two = found
    assert two.status == "stopped"
    assert len(losses(two)) == 25
    np.testing.assert_allclose(losses(two), losses(one), rtol=0, atol=1e-5)
    assert [change.change for change in two.changes] == [change.change for change in one.changes]
    assert [done.iteration for done in two.evaluations] == [5, 25]


def test_goes_on_with_another_number(constants: dict[str, object], meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of one process is interrupted, goes on with two and then with one again, and ends as if undisturbed."""
    straight = alone({**constants, **SGD, "name": "straight"})
    trained, leaves_at = Reporter.trained, [6, 13]

    def leave(self: Reporter, found: NDArray[np.float32]) -> None:
        trained(self, found)
        if self._iteration in leaves_at:
            leaves_at.remove(self._iteration)
            self._control.ask(Leave())

    monkeypatch.setattr(Reporter, "trained", leave)
    assert alone({**constants, **SGD}).status == "interrupted"
    folder = cast("Path", constants["runs_dir"]) / "one"
    assert ended(Run.resume(folder, processes=2, meeting=meet())).status == "interrupted"
    record = ended(Run.resume(folder, processes=1))
    assert record.status == "completed"
    events = [from_json(line)[0] for line in (folder / "events.jsonl").read_bytes().splitlines()]
    assert [event.processes for event in events if isinstance(event, RunResumed)] == [2, 1]
    np.testing.assert_allclose(losses(record), losses(straight), rtol=0, atol=1e-5)


def test_a_process_that_is_killed(constants: dict[str, object]) -> None:
    """A run whose second process is killed fails with that reason; it goes on from its checkpoint, with one or two."""
    config = TrainingConfig.checked({**constants, **SGD, "epochs": 500, "processes": 2})
    run = Run(config).start()
    while len(run.log.loss_buffer) < 30:
        assert not run.join(0.01), run.error
    (other,) = (each for each in psutil.Process().children() if "training.parallel" in " ".join(each.cmdline()))
    other.send_signal(signal.SIGKILL)
    assert run.join(60)
    assert run.record().status == "failed"
    assert run.error is not None
    assert "was ended by SIGKILL" in run.error.message
    assert "cifar-tui resume" in run.error.message
    again = Run.resume(run.folder, processes=1).start()
    while len(again.log.loss_buffer) < 60:
        assert not again.join(0.01), again.error
    again.ask(Leave())
    assert again.join(60)
    straight = alone({**constants, **SGD, "name": "straight", "epochs": 2})
    np.testing.assert_allclose(losses(again.record())[:30], losses(straight)[:30], rtol=0, atol=1e-5)
