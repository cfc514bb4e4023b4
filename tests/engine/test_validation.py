"""Training images that are held out: which, how many, and when they are looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.config import TrainingConfig
from engine.control import Control
from engine.data.imageset import ImageSet
from engine.errors import ConstantError
from engine.preflight import preflight
from engine.recipe.recipe import Recipe
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.runs.local import Run
from engine.training import loop
from engine.training.loop import train_on_batch
from engine.training.predict import Predictions, predict
from engine.training.resident import ResidentImages, normalized
from engine.training.trainer import train
from engine.training.validation import hold_out, shares
from tests.images import made_up_images, save_folder
from tests.interrupted import ended


def rows(images: ImageSet) -> dict[bytes, int]:
    """The label of each training image, by its pixels."""
    return {
        pixels.tobytes(): int(label) for pixels, label in zip(images.train.images, images.train.labels, strict=True)
    }


def test_every_class_gives_its_share() -> None:
    """Held out images come from every class in proportion; the others stay in order, and each is in one part."""
    images = made_up_images(1000, 10, classes=5)
    splits = hold_out(images, 100, seed=3)
    assert splits.validation is not None
    assert (len(splits.train), len(splits.validation), splits.measured_name) == (900, 100, "validation")
    for label in range(5):
        share = (images.train.labels == label).sum() / 10
        assert abs((splits.validation.labels == label).sum() - share) < 1
    whole = rows(images)
    parts = [{pixels.tobytes() for pixels in split.images} for split in (splits.train, splits.validation)]
    assert parts[0] | parts[1] == set(whole)
    assert not parts[0] & parts[1]
    for split in (splits.train, splits.validation):
        assert [whole[pixels.tobytes()] for pixels in split.images] == split.labels.tolist()
    places = [index for index, pixels in enumerate(images.train.images) if pixels.tobytes() in parts[0]]
    np.testing.assert_array_equal(splits.train.images, images.train.images[places])


def test_the_seed_decides() -> None:
    """The same seed holds out the same images, another seed others, and torch's random numbers are not used."""
    images = made_up_images(400, 10)
    first, again, other = (hold_out(images, 40, seed).validation for seed in (1, 1, 2))
    assert first is not None
    assert again is not None
    assert other is not None
    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


@given(counts=st.lists(st.integers(0, 5_000), min_size=2, max_size=40), validation=st.integers(1, 60_000))
def test_shares_are_exact_or_refused(counts: list[int], validation: int) -> None:
    """As many images as were asked for are held out, and every class keeps some and gives some; else it is refused."""
    names = [f"class {number}" for number in range(len(counts))]
    ideal = [count * validation / max(1, sum(counts)) for count in counts]
    try:
        found = shares(counts, validation, names)
    except ConstantError:
        assert validation >= sum(counts) or any(
            share < 1 or count - share < 1 for count, share in zip(counts, ideal, strict=True)
        )
    else:
        assert sum(found) == validation
        assert all(0 < share < count for share, count in zip(found, counts, strict=True))
        assert all(abs(share - exact) < 1 for share, exact in zip(found, ideal, strict=True))


@pytest.mark.parametrize(
    ("validation", "reason"),
    [
        (400, "there are only 400 training images, and some must remain to train on"),
        (401, "there are only 400 training images"),
        (3, "of class "),
        (398, "and leave none to train on"),
    ],
)
def test_too_many_or_too_few_are_refused(validation: int, reason: str) -> None:
    """More images than there are, or so few that a class has none, are refused beside the constant."""
    with pytest.raises(ConstantError) as caught:
        train(TrainingConfig(validation=validation, device="cpu"), made_up_images(400, 10), RunLog(), Control())
    assert list(caught.value.problems) == ["validation"]
    assert reason in caught.value.problems["validation"]


def test_the_form_says_so_and_a_run_leaves_nothing(tmp_path: Path) -> None:
    """Before a start the form names the constant; a run that is started ends with the reason and leaves no folder."""
    folder = save_folder(tmp_path / "images", made_up_images(60, 10, classes=3))
    places = {"data": str(folder), "data_dir": tmp_path, "runs_dir": tmp_path / "runs"}
    config = TrainingConfig.checked({**places, "validation": 60, "device": "cpu", "threads": 1})
    assert "there are only 60 training images" in preflight(config).problems["validation"]
    run = ended(Run(config))
    assert isinstance(run.error, ConstantError)
    assert "--validation: there are only 60 training images" in run.error.message
    assert not (tmp_path / "runs").exists()


def test_test_images_are_looked_at_once_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """With validation images, the network sees the test images after its training, and not before."""
    images, seen = made_up_images(200, 30), list[tuple[int, int]]()
    log = RunLog()

    def watched(model: nn.Module, of: ResidentImages, *arguments: Any, **keywords: Any) -> Predictions | None:
        seen.append((len(of), len(log.loss_buffer)))
        return predict(model, of, *arguments, **keywords)

    monkeypatch.setattr(loop, "predict", watched)
    config = TrainingConfig(validation=50, epochs=3, batch_size=30, keep_best=True, device="cpu", threads=1)
    trained = train(config, images, log, Control())
    assert seen == [(50, 5), (50, 10), (50, 15), (30, 15)]
    assert trained.predictions is not None
    assert len(trained.predictions) == 30
    record = RunRecord(log)
    record.catch_up()
    assert [(done.split, done.total) for done in record.evaluations] == [("validation", 50)] * 3 + [("test", 30)]
    assert record.started is not None
    assert (record.started.validation_images, record.started.images, record.started.batches) == (50, 150, 5)


def test_what_is_held_out_is_not_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pixels of the validation images never reach a training step."""
    images = made_up_images(120, 10)
    validation = hold_out(images, 30, seed=0).validation
    assert validation is not None
    held_out = {normalized(torch.from_numpy(pixels)).numpy().tobytes() for pixels in validation.images}
    seen = set[bytes]()

    def watched(model: nn.Module, recipe: Recipe, precision: str, inputs: Tensor, labels: Tensor) -> Any:
        seen.update(image.permute(1, 2, 0).contiguous().numpy().tobytes() for image in inputs)
        return train_on_batch(model, recipe, precision, inputs, labels)

    monkeypatch.setattr(loop, "train_on_batch", watched)
    config = TrainingConfig(validation=30, epochs=2, model="batchnorm", device="cpu", threads=1)
    train(config, images, RunLog(), Control())
    assert len(seen) == 90
    assert not seen & held_out
