"""The learning-rate finder: what it trains, where it stops, and that nothing of it remains."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import data
from engine.bench.notebook import Notebook
from engine.config import TrainingConfig
from engine.control import Control, Stop
from engine.data.imageset import ImageSet
from engine.errors import ConstantError, DataError, Stopped, TrainingError
from engine.recipe.recipe import Recipe
from engine.record.log import RunLog
from engine.record.rates import RATES, RateCurve
from engine.runs.rate_search import RateSearch
from engine.training import alone, rate_finder
from engine.training.rate_finder import find_rate
from engine.training.trainer import train
from tests.images import made_up_images

IMAGES = made_up_images(160, 40)
CONFIG = TrainingConfig(epochs=1, batch_size=32, device="cpu", threads=1)


def found(config: TrainingConfig = CONFIG, images: ImageSet = IMAGES) -> RateCurve:
    return find_rate(config, images, lambda curve: None, Control())


def at_rates(patch: pytest.MonkeyPatch, *rates: float) -> None:
    patch.setattr(rate_finder, "RATES", np.array(rates))


@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_trains_as_the_notebook_at_growing_rates(schedule: str) -> None:
    """The losses are those of the notebook's own loop whose rate somebody changes in each iteration, bit for bit.

    A hundred iterations are twenty epochs here. The schedule, the warm-up and the rate of the config do not matter.
    """
    torch.set_num_threads(1)
    notebook = Notebook(IMAGES, torch.device("cpu"), epochs=20)
    (group,) = notebook.optimizer.param_groups
    group["lr"] = RATES[0]
    expected = []
    for loss, rate in zip(notebook.train(), [*RATES[1:], 0.0], strict=True):
        expected.append(loss)
        group["lr"] = rate
    curve = found(CONFIG.replaced(schedule=schedule, warmup=0.5 * (schedule != "constant"), learning_rate=3.0))
    assert curve.ended
    assert curve.losses == tuple(expected[: len(curve.losses)])
    assert len(curve.losses) > 70


def test_trains_as_the_run_of_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the rate of a run, the losses are that run's in the same order, bit for bit, from one epoch to the next.

    Network, augmentation, loss, batch size, precision, average, seed and the images held out are those of the config.
    """
    config = CONFIG.replaced(
        model="speedrun",
        width=8,
        augmentation="flip-shift",
        label_smoothing=0.1,
        batch_size=50,
        precision="bfloat16",
        validation=40,
        average=0.9,
        seed=3,
        evaluate_each_epoch=False,
        optimizer="sgd",
        learning_rate=0.01,
        momentum=0.9,
        epochs=6,  # of three iterations; in the first seven, all parameters learn
    )
    log = RunLog()
    train(config, IMAGES, log, Control())
    at_rates(monkeypatch, *[0.01] * 7)
    assert found(config).losses == tuple(log.loss_buffer.values()[:7].tolist())


def test_every_group_gets_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters that learn only in the first part of a run learn at the same rates as the others."""
    seen, step = [], Recipe.step

    def note(recipe: Recipe, gradients: Sequence[torch.Tensor]) -> None:
        seen.append(recipe.optimizer.rates.tolist())
        step(recipe, gradients)

    monkeypatch.setattr(Recipe, "step", note)
    at_rates(monkeypatch, 0.001, 0.01, 0.1)
    found(CONFIG.replaced(model="speedrun", width=8, batch_size=80, threads=1))
    assert seen == [[0.001] * 2, [0.01] * 2, [0.1] * 2]


def test_stops_at_four_times_the_lowest(monkeypatch: pytest.MonkeyPatch) -> None:
    """No iteration is made after the smoothed loss has exceeded four times its lowest value."""
    at_rates(monkeypatch, *[1e-7] * 10, *[10.0] * 90)
    curve = found()
    assert 10 < len(curve.losses) < 100
    assert curve.diverged
    assert not RateCurve(curve.losses[:-1]).diverged


def test_stops_where_a_loss_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that is not a number ends the measurement and is left out; what was measured before counts."""
    at_rates(monkeypatch, *[1e-7] * 10, *[1e38] * 90)
    curve = found()
    assert 10 < len(curve.losses) < 20
    assert np.isfinite(curve.losses).all()
    assert curve.ended


def test_a_run_after_it_has_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that follows has the losses of one without, and torch and the images are as they were."""

    def losses() -> list[float]:
        log = RunLog()
        train(CONFIG.replaced(augmentation="flip", epochs=2), IMAGES, log, Control())
        return [float(loss) for loss in log.loss_buffer.values()]

    def state() -> tuple[object, ...]:
        return (
            torch.get_rng_state().tolist(),
            torch.get_num_threads(),
            torch.get_float32_matmul_precision(),
            torch.backends.cudnn.allow_tf32,
            torch.backends.cudnn.deterministic,
            torch._C._get_nnpack_enabled(),
            IMAGES.train.images.tobytes(),
            IMAGES.test.images.tobytes(),
            IMAGES.train.labels.tobytes(),
        )

    at_rates(monkeypatch, *RATES[::10])
    expected, before = losses(), state()
    found(CONFIG.replaced(seed=5, model="batchnorm", augmentation="flip-shift", threads=2, deterministic=True))
    assert state() == before
    assert losses() == expected


def test_a_stop_is_heard_after_an_iteration() -> None:
    """Whoever cancels waits for one iteration at most, and torch is put back then as well."""
    control, seen, before = Control(), [], torch.get_rng_state()

    def show(curve: RateCurve) -> None:
        seen.append(len(curve.losses))
        if len(seen) == 3:
            control.ask(Stop())

    with pytest.raises(Stopped):
        find_rate(CONFIG, IMAGES, show, control)
    assert seen == [1, 2, 3]
    assert torch.equal(torch.get_rng_state(), before)


def test_not_beside_a_training() -> None:
    """While a run trains in this process there is no search, and a reason; a run that is started waits for its end."""
    with alone.training(), pytest.raises(TrainingError, match="A run is training here"):
        found()
    order = []

    def run() -> None:
        with alone.training():
            order.append("run")

    waiting = threading.Thread(target=run)

    def show(curve: RateCurve) -> None:
        if len(curve.losses) == 1:
            waiting.start()
        order.append("search")

    find_rate(CONFIG, IMAGES, show, Control())
    waiting.join()
    assert order.count("search") > 70
    assert order[-1] == "run"


def test_waits_for_another_measurement() -> None:
    """The look ahead of the form may be measuring: the search begins when that is done."""
    began, done = threading.Event(), threading.Event()

    def measure() -> None:
        with alone.measuring() as is_free:
            assert is_free
            began.set()
            done.wait()

    other = threading.Thread(target=measure)
    other.start()
    began.wait()
    threading.Timer(0.05, done.set).start()
    assert found().ended
    other.join()


def test_failure_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little memory is told as it is for a run."""

    def build(*_: object) -> object:
        raise MemoryError

    monkeypatch.setattr("engine.models.build", build)
    with pytest.raises(TrainingError, match="Out of memory with batches of 32 images"):
        found()


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RateSearch:
    """A search with images from memory, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: IMAGES)
    return RateSearch(CONFIG)


def test_search_in_a_thread(search: RateSearch) -> None:
    """A screen starts a search and looks at its curve; nothing is written."""
    assert search.start().join(60)
    assert search.error is None
    assert search.curve.ended
    assert search.curve.suggestion is not None
    assert list(Path().iterdir()) == []


def test_cancelled_while_images_are_read(search: RateSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search can be cancelled during a download, whose progress it tells."""
    reading = threading.Event()

    def load(source: str, data_dir: Path, progress: data.Progress) -> ImageSet:
        while True:
            progress("downloading", 1, 3, "images")
            reading.set()

    monkeypatch.setattr(data, "load", load)
    search.start()
    assert reading.wait(60)
    assert search.data_progress is not None
    assert search.data_progress.activity == "downloading"
    search.cancel()
    assert search.join(60)
    assert (search.error, search.curve) == (None, RateCurve())


@pytest.mark.parametrize(
    ("raised", "error"),
    [(DataError("no network"), DataError), (ConstantError({"data": "no such folder"}), ConstantError)],
)
def test_search_that_fails(
    search: RateSearch, monkeypatch: pytest.MonkeyPatch, raised: Exception, error: type[Exception]
) -> None:
    """What goes wrong is kept for whoever looks."""

    def load(*_: object) -> ImageSet:
        raise raised

    monkeypatch.setattr(data, "load", load)
    assert search.start().join(60)
    assert isinstance(search.error, error)


def test_a_bug_is_told_and_not_raised(search: RateSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug ends the search with a message that can be reported."""

    def load(*_: object) -> ImageSet:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(data, "load", load)
    assert search.start().join(60)
    assert isinstance(search.error, TrainingError)
    assert "ZeroDivisionError: oh" in search.error.message
