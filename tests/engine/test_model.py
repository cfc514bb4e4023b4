"""The network of a run, opened to classify other pictures."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import NoSuchRunError, RunFolderError
from engine.export.model.folder import write_model
from engine.storage import tail
from engine.storage.names import new_name
from engine.use.images import images
from engine.use.model import Model
from engine.use.results import classified
from tests.engine.test_use import trained_run
from tests.images import made_up_images, save_folder


@pytest.fixture(autouse=True)
def _without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    """`test_onnx.py` is about model.onnx, which takes seconds to make."""
    monkeypatch.setattr("engine.export.model.checked.find_spec", lambda name: None)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `images`, 90 training and 601 test images in three classes: no whole number of batches."""
    root = tmp_path_factory.mktemp("model")
    save_folder(root / "images", made_up_images(90, 601, classes=3))
    return root


@pytest.mark.parametrize(
    "constants",
    [
        {},
        {"model": "residual", "test_views": 6, "augmentation": "flip-shift"},
        {"model": "batchnorm", "test_views": 2, "augmentation": "flip", "precision": "bfloat16"},
    ],
    ids=["notebook", "views", "bfloat16"],
)
def test_classes_of_the_runs_own_evaluation(root: Path, tmp_path: Path, constants: dict[str, Any]) -> None:
    """A network opened again, also from an export, takes every image for what the run took it for, and is as sure."""
    folder = trained_run(root, new_name(root / "runs"), **constants)
    record, model = tail.read(folder), Model.open(folder)
    shown, kept = images(folder, record, "test"), classified(folder, record, len(record.evaluations) - 1)
    answers = model.answers(shown.images)
    np.testing.assert_array_equal(answers.classes, kept.predicted)
    np.testing.assert_array_equal(answers.probabilities.astype(np.float16), kept.probabilities.astype(np.float16))
    write_model(record, folder, tmp_path, None, print)
    exported = Model.open(tmp_path)
    np.testing.assert_array_equal(exported.probabilities(shown.images), answers.probabilities)
    assert (exported.classes, exported.views, exported.name) == (model.classes, model.views, model.name)
    assert (model.classes, model.views, model.name) == (record.classes, constants.get("test_views", 1), folder.name)


def test_features_before_the_last_layer(root: Path) -> None:
    """What the last layer makes of the features are the probabilities; no picture has no features."""
    model = Model.open(trained_run(root, "features"))
    pixels = made_up_images(1, 520, classes=3).test.images
    *_, last = (layer for layer in model.network.modules() if isinstance(layer, nn.Linear))
    with torch.inference_mode():
        logits = last(torch.from_numpy(model.features(pixels)))
    np.testing.assert_allclose(logits.softmax(1).numpy(), model.probabilities(pixels), atol=1e-6)
    assert model.features(pixels[:0]).shape == (0, 64)
    assert model.probabilities(pixels[:0]).shape == (0, 3)


def test_best_and_newest_weights(root: Path, tmp_path: Path) -> None:
    """A run that kept its best weights has them by default and its newest on request; one that did not says so."""
    best = trained_run(root, "best", epochs=3, keep_best=True, validation=30, learning_rate=0.05)
    pixels = made_up_images(1, 50, classes=3).test.images
    found = {weights: Model.open(best, weights=weights) for weights in (None, "best", "newest")}
    assert [model.weights for model in found.values()] == ["best", "best", "newest"]
    np.testing.assert_array_equal(found[None].probabilities(pixels), found["best"].probabilities(pixels))
    for kept in (best / "checkpoints").glob("best-*"):
        shutil.copytree(kept, tmp_path / kept.name)
        shutil.rmtree(kept)
    assert Model.open(best).weights == "newest"
    with pytest.raises(RunFolderError, match=r"has no best weights: the run did not keep them \(--keep-best\)"):
        Model.open(best, weights="best")


def test_what_is_no_network(root: Path, tmp_path: Path) -> None:
    """A folder without a run, without a checkpoint, or with weights of another network is refused in words."""
    with pytest.raises(NoSuchRunError, match="is neither the folder of a run nor an exported model"):
        Model.open(tmp_path)
    folder = tmp_path / "run"
    shutil.copytree(trained_run(root, "refused"), folder)
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises(RunFolderError, match="has no whole checkpoint"):
        Model.open(folder)
    shutil.copytree(trained_run(root, "other", model="batchnorm") / "checkpoints", folder / "checkpoints")
    with pytest.raises(RunFolderError, match="does not fit the network of this run"):
        Model.open(str(folder))


def test_what_are_no_images(root: Path) -> None:
    """Images of another shape or type are refused before the network sees them."""
    model = Model.open(trained_run(root, "shapes"))
    for wrong in (np.zeros((1, 28, 28, 3), np.uint8), np.zeros((1, 32, 32, 3), np.float32)):
        with pytest.raises(ValueError, match=r"expected uint8 images \(n, 32, 32, 3\), got"):
            model.probabilities(wrong)  # type: ignore[arg-type]
