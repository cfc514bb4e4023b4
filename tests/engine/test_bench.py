"""The contest with the notebook: fair, and honest about what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from engine import models
from engine.bench import contest as contests
from engine.bench import contestant
from engine.bench.claims import FASTER, Claim, Course, agreement, speeds
from engine.bench.contest import Contest, contest
from engine.bench.together import together
from engine.config import TrainingConfig
from engine.errors import EngineError
from engine.hardware.processors import processor_limit
from tests.images import made_up_images, save_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of 180 training and 40 test images in two classes."""
    return save_folder(tmp_path / "images", made_up_images(180, 40, classes=2))


def held(folder: Path, told: list[str] | None = None, **constants: object) -> Contest:
    values = {"data": str(folder), "data_dir": folder.parent / "data", "device": "cpu", "threads": 1, **constants}
    config = TrainingConfig.checked(values)
    return contest(config, stand_in=False, say=(told if told is not None else []).append)


def test_a_whole_contest(folder: Path) -> None:
    """Both train one epoch with the same constants and losses, and put the test images into the same classes."""
    told: list[str] = []
    result = held(folder, told, batch_size=4)
    training, evaluation, losses, same = result.claims
    assert result.threads == 1
    assert result.network == "cnn"
    assert "180 training and 40 test images" in result.images
    assert len(training.measured) == 1
    assert len(evaluation.measured) == 3
    assert min(*training.measured, *evaluation.measured, result.iterations_per_second) > 0
    assert losses == Claim("losses that differ, of 45", "", (0.0,), "none", True)
    assert same.measured == (100.0,)
    assert same.holds
    assert "training, 45 of 45 iterations of each" in told


def test_contest_of_another_network(folder: Path) -> None:
    """Any network races the notebook's loop with that network, whose first losses and accuracy must agree."""
    result = held(folder, model="batchnorm")
    _, _, losses, accuracies, same = result.claims
    assert result.network == "batchnorm"
    assert "channels last" in result.layers
    assert losses.what == "largest difference of a loss in the first 10 iterations"
    assert losses.holds
    assert accuracies.holds
    assert same.promised == ""


def test_a_difference_is_found(folder: Path) -> None:
    """An engine that computes something else than the notebook does not pass for the same, on few images too."""
    claims = held(folder, precision="bfloat16", learning_rate=0.1).claims
    assert not next(claim for claim in claims if "difference of a loss" in claim.what).holds


def test_promises_of_each_network() -> None:
    """Every network that trains as the notebook does has its promise on a processor, and a GPU one for the notebook's;
    others have none."""
    assert set(models.names()) - {"speedrun"} == set(FASTER)
    for model, device, ratio, promised, holds in (
        ("cnn", "cpu", 3.9, "at least 4", False),
        ("residual", "cpu", 1.9, "at least 1.9", True),
        ("cnn", "cuda:0", 19.0, "at least 20", False),
        ("residual", "cuda:0", 0.5, "", True),
        ("mine", "cpu", 0.5, "", True),
    ):
        training, _ = speeds(model, device, [ratio], [9.0])
        assert (training.promised, training.holds) == (promised, holds)


def test_equal_bits_are_asked_for_where_they_are_promised() -> None:
    """One loss that differs by a bit breaks that promise, and a NaN does, too. Elsewhere ten losses must be close."""
    labels, losses = np.array([0, 1]), [2.0] * 12
    plain = Course(losses, [0, 1])
    other = Course([*losses[:-1], float(np.nextafter(np.float32(2), np.float32(3)))], [0, 0])
    broken = Course([*losses[:-1], float("nan")], [0, 1])
    assert [claim.holds for claim in agreement("cnn", plain, plain, labels, same_bits=True)] == [True, True]
    assert [claim.holds for claim in agreement("cnn", other, plain, labels, same_bits=True)] == [False, False]
    assert [claim.holds for claim in agreement("cnn", broken, plain, labels, same_bits=True)] == [False, True]
    assert all(claim.holds for claim in agreement("cnn", other, plain, labels, same_bits=False))
    for model, apart, holds in (("cnn", 2e-4, False), ("deeper", 2e-4, True), ("deeper", 0.06, False)):
        first, _, _ = agreement(model, Course([2 + apart, *losses[1:]], [0, 1]), plain, labels, same_bits=False)
        assert first.holds == holds


class InPlaceOf:
    """Answers as a contestant's process would, whose oneDNN has these kernels."""

    def __init__(self, name: str, environment: Mapping[str, str] | None, avx2_kernels: bool) -> None:
        self._ours = name == "engine" or bool(environment)
        self.about = {
            "threads": 1,
            "layers": "compiled",
            "iterations": 3,
            "images": "some",
            "labels": [0, 1],
            "avx2_order": name == "engine",
            "avx2_kernels": avx2_kernels,
            "same_bits": True,
        }
        self.course = Course([2.5 if self._ours or avx2_kernels else 2.6] * 3, [0, 1])

    def train(self, iterations: int) -> tuple[float, int]:
        return (1.0 if self._ours else 4.5) * iterations, iterations

    def evaluate(self) -> float:
        return 1.0 if self._ours else 6.0


@pytest.mark.parametrize("avx2_kernels", [True, False])
def test_bits_are_compared_with_the_same_kernels(avx2_kernels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The speed is compared with the notebook as it runs by default, the bits with oneDNN's AVX2 kernels."""
    started = []

    @contextmanager
    def contestant(
        name: str, config: TrainingConfig, stand_in: bool, environment: Mapping[str, str] | None = None
    ) -> Iterator[InPlaceOf]:
        started.append((name, environment))
        yield InPlaceOf(name, environment, avx2_kernels)

    monkeypatch.setattr(contests, "contestant", contestant)
    result = contest(TrainingConfig(device="cpu"), stand_in=False, say=lambda told: None)
    assert all(claim.holds for claim in result.claims)
    assert result.claims[0].median == 4.5
    again = [] if avx2_kernels else [("notebook", {"ONEDNN_MAX_CPU_ISA": "AVX2"})]
    assert started == [("notebook", None), ("engine", None), *again]


def test_a_contestant_that_fails(tmp_path: Path) -> None:
    """When a measurement cannot start, the reason is one sentence."""
    with pytest.raises(EngineError, match="failed"):
        held(tmp_path / "gone")


def test_stand_in_has_the_shape_of_cifar10(tmp_path: Path) -> None:
    """A machine without CIFAR-10 measures on as many images of the same size."""
    images = contestant.stand_in(tmp_path)
    assert images.train.images.shape == (50_000, 32, 32, 3)
    assert images.test.images.shape == (10_000, 32, 32, 3)
    assert len(np.unique(images.train.labels)) == len(images.classes) == 10


def test_several_processes_against_one(folder: Path) -> None:
    """Two processes and one train the same network in turns; only what is promised of `deeper` is held against it."""
    if processor_limit().threads < 2:
        pytest.skip("needs two processors")
    constants = {"data": str(folder), "data_dir": folder.parent / "data", "device": "cpu", "processes": 2, "threads": 1}
    (claim,) = together(TrainingConfig.checked(constants), 1, stand_in=False, say=lambda text: None)
    assert claim.what == "2 processes: iterations per second against one"
    assert len(claim.measured) == 1
    assert claim.median > 0
    assert claim.holds
    assert claim.promised == ""
    deeper = TrainingConfig.checked({**constants, "model": "deeper", "batch_size": 4})
    (claim,) = together(deeper, 1, stand_in=False, say=lambda text: None)
    assert claim.promised == "at least 1.2"
