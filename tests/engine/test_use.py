"""A run opened again: its pictures, where its network looks, and what its first layer has learnt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from engine import data, models
from engine.config import TrainingConfig
from engine.data.imageset import Split
from engine.errors import DataError, RunFolderError
from engine.record.events import SplitName
from engine.runs.local import Run
from engine.storage import tail
from engine.storage.recorded import Recorded
from engine.training.resident import normalized
from engine.use.filters import filters
from engine.use.images import images
from engine.use.occlusion import Looks
from engine.use.results import classified, newest_kept
from engine.use.trained import trained, untrained
from tests.faults.test_damaged import seal
from tests.images import made_up_images, save_folder
from tests.interrupted import ended

SMALL = made_up_images(90, 30, classes=3)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `images`, 90 training and 30 test images in three classes."""
    root = tmp_path_factory.mktemp("use")
    save_folder(root / "images", SMALL)
    return root


def trained_run(root: Path, name: str, **constants: Any) -> Path:
    """The folder of a run of one epoch on the images below `root`."""
    values: dict[str, Any] = {"epochs": 1, "device": "cpu", "threads": 1, "name": name, "runs_dir": root / "runs"}
    values |= {"data": str(root / "images"), "data_dir": root / "data", **constants}
    run = ended(Run(TrainingConfig.checked(values)))
    assert run.error is None
    return run.folder


@pytest.fixture(scope="module")
def plain(root: Path) -> Path:
    """The folder of a run with the notebook's network, of which 30 training images were held out."""
    return trained_run(root, "plain", validation=30)


def outputs(model: nn.Module, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The probabilities of images (n, 32, 32, 3), shape (n, classes)."""
    with torch.inference_mode():
        logits: Tensor = model(normalized(torch.from_numpy(pixels)).permute(0, 3, 1, 2))
        found: NDArray[np.float32] = logits.softmax(dim=1).numpy()
        return found


@pytest.mark.parametrize("split", ["test", "validation"])
def test_pictures_of_an_evaluation(plain: Path, root: Path, split: SplitName) -> None:
    """The pictures are those that the predictions are of, in their order, named by their files."""
    record = tail.read(plain)
    index = [done.split for done in record.evaluations].index(split)
    found, shown = classified(plain, record, index), images(plain, record, split)
    np.testing.assert_array_equal(shown.labels, found.labels)
    np.testing.assert_allclose(outputs(trained(plain, record), shown.images), found.probabilities, atol=2e-3)
    for pixels, label, name in zip(shown.images, shown.labels, shown.names, strict=True):
        assert name.startswith(f"{'test' if split == 'test' else 'train'}/class {label}/")
        np.testing.assert_array_equal(np.asarray(Image.open(root / "images" / name)), pixels)


def test_pictures_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a source without files have numbers."""
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: SMALL)
    folder = trained_run(tmp_path, "numbers", data="demo", validation=30)
    record = tail.read(folder)
    assert images(folder, record, "test").names[7] == "test image 7"
    shown = images(folder, record, "validation")
    assert (shown.names[29], len(shown.images), len(shown.labels)) == ("validation image 29", 30, 30)
    np.testing.assert_array_equal(shown.labels, classified(folder, record, 0).labels)


def test_pictures_from_the_cache_alone(plain: Path, root: Path, tmp_path: Path) -> None:
    """If files vanish after the run, the pictures come from the cache and have numbers; without it they are gone."""
    (root / "images").rename(tmp_path / "away")
    try:
        shown = images(plain, tail.read(plain), "test")
        np.testing.assert_array_equal(shown.images.sum(axis=(1, 2, 3)), by_class(SMALL.test).sum(axis=(1, 2, 3)))
        assert shown.names[3] == "test image 3"
        (root / "data").rename(tmp_path / "data")
        with pytest.raises(DataError, match=r"The images of this run are gone: .*images does not exist"):
            images(plain, tail.read(plain), "test")
    finally:
        (tmp_path / "away").rename(root / "images")
        if (tmp_path / "data").exists():
            (tmp_path / "data").rename(root / "data")


def by_class(split: Split) -> NDArray[np.uint8]:
    """Images in the order in which a folder of them is read: by class, then by the names that `save_folder` gives."""
    order = sorted(range(len(split)), key=lambda i: (split.labels[i], f"{i}.png"))
    return split.images[order]


def test_pictures_that_have_changed(plain: Path, root: Path, tmp_path: Path) -> None:
    """If a picture was replaced it is said that they have changed, also when the new ones are in the cache."""
    shutil.copytree(root / "images", tmp_path / "images")
    shutil.copytree(root / "runs", tmp_path / "runs")
    config = tmp_path / "runs" / "plain" / "config.json"
    config.write_text(config.read_text().replace(str(root), str(tmp_path)))
    path = next((tmp_path / "images" / "test").glob("*/*.png"))
    Image.new("RGB", (32, 32)).save(path)
    for _ in ("read", "cached"):
        with pytest.raises(DataError, match="have changed"):
            images(tmp_path / "runs" / "plain", tail.read(plain), "test")


def test_nothing_is_downloaded_to_look(tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CIFAR-10 that is gone is said to be gone; no connection is made."""
    folder = shutil.copytree(plain, tmp_path / "runs" / "plain")
    content = json.loads((folder / "config.json").read_text())
    content["config"] |= {"data": "cifar10", "data_dir": str(tmp_path / "nothing")}
    (folder / "config.json").write_text(json.dumps(content))
    monkeypatch.setattr("engine.data.sources.cifar10.download", lambda *_: pytest.fail("a download"))
    with pytest.raises(DataError, match="no longer in"):
        images(folder, tail.read(plain), "test")


RECIPES: dict[str, dict[str, Any]] = {
    "cnn": {},
    "averaged": {"average": 0.5},
    "best": {"keep_best": True, "epochs": 3, "average": 0.5, "learning_rate": 0.02},
    **{name: {"model": name} for name in models.names() if name not in (models.NOTEBOOKS, "speedrun")},
    "speedrun": {"model": "speedrun", "width": 8},
}


@pytest.mark.parametrize("name", RECIPES)
def test_the_network_is_the_evaluated_one(name: str, root: Path, tmp_path: Path) -> None:
    """Opened again, a network gives the probabilities of its last evaluation: of its average or its best weights."""
    folder = trained_run(root, name, runs_dir=tmp_path, **RECIPES[name])
    record = tail.read(folder)
    found = classified(folder, record, -1)
    made = outputs(trained(folder, record), images(folder, record, "test").images)
    np.testing.assert_allclose(made, found.probabilities, atol=2e-3)


@pytest.mark.parametrize("name", models.names())
def test_the_network_as_it_began(name: str, plain: Path, tmp_path: Path) -> None:
    """The network of the start is that of the run's seed, and a run that trains beside draws what it would have."""
    constants: dict[str, Any] = {"width": 8} if name == "speedrun" else {}
    config = TrainingConfig(model=name, seed=3, name="plain", runs_dir=tmp_path, **constants)
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "config.json").write_bytes(Recorded.now(config).as_json("plain"))
    record = tail.read(plain)
    before = torch.get_rng_state()
    made = untrained(folder, record)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(3)
    expected = models.build(name, 3, config.width)
    torch.set_rng_state(before)
    for key, tensor in expected.state_dict().items():
        assert torch.equal(made.state_dict()[key], tensor), key


def test_opening_a_network_draws_nothing(plain: Path) -> None:
    """A run that trains in the same process keeps its numbers while somebody looks at another one."""
    before = torch.get_rng_state()
    record = tail.read(plain)
    Looks(trained(plain, record)).map(SMALL.test.images[0], 0)
    filters(plain, record)
    assert torch.equal(torch.get_rng_state(), before)


def test_where_a_network_looks(plain: Path) -> None:
    """Each cell of the map is what the probability loses when that patch alone is grey."""
    record, image = tail.read(plain), SMALL.test.images[4]
    found = Looks(trained(plain, record)).map(image, 1)
    model = trained(plain, record)

    def probability(pixels: Tensor) -> float:
        with torch.inference_mode():
            return float(model(pixels[None]).softmax(dim=1)[0, 1])

    pixels = normalized(torch.from_numpy(image)).permute(2, 0, 1).contiguous()
    assert found.shape == (8, 8)
    assert found.dtype == np.float32
    for row, column in ((0, 0), (2, 5), (7, 7)):
        hidden = pixels.clone()
        hidden[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0
        assert found[row, column] == pytest.approx(probability(pixels) - probability(hidden), abs=1e-5)


def test_filters_of_the_first_layer(plain: Path) -> None:
    """The filters are those of the checkpoint and of the start, and they have moved."""
    found = filters(plain, tail.read(plain))
    (last,) = {max((plain / "checkpoints").glob("iteration-*"))}
    np.testing.assert_array_equal(
        found.now, load_file(last / "model.safetensors")["conv1.weight"].transpose(0, 2, 3, 1)
    )
    torch.manual_seed(0)
    start = models.build("cnn", 3).get_parameter("conv1.weight").detach().numpy()
    np.testing.assert_array_equal(found.start, start.transpose(0, 2, 3, 1))
    assert found.change == pytest.approx(np.linalg.norm(found.now - found.start) / np.linalg.norm(found.start))
    assert found.change > 0.001


def test_filters_that_do_not_learn(root: Path, tmp_path: Path) -> None:
    """A first layer that is made from the images is as it was made."""
    folder = trained_run(root, "whitened", runs_dir=tmp_path, **RECIPES["speedrun"])
    found = filters(folder, tail.read(folder))
    assert found.now.shape == (24, 2, 2, 3)
    assert found.change == 0


def test_run_without_a_checkpoint(plain: Path, tmp_path: Path) -> None:
    """A run whose checkpoints are gone says so; its predictions are still there."""
    folder = shutil.copytree(plain, tmp_path / "plain")
    shutil.rmtree(folder / "checkpoints")
    record = tail.read(folder)
    with pytest.raises(RunFolderError, match="no whole checkpoint"):
        Looks(trained(folder, record))
    assert newest_kept(record) == 1
    assert len(classified(folder, record, 1)) == 30


def test_damaged_part_of_a_checkpoint(root: Path, tmp_path: Path) -> None:
    """If the average of the weights does not fit the network, that is said, and the checkpoint before is not enough."""
    folder = trained_run(root, "averaged", runs_dir=tmp_path, average=0.5)
    for path in (folder / "checkpoints").glob("iteration-*"):
        tensors = load_file(path / "training.safetensors")
        tensors["average.average.fc2.bias"] = np.zeros(5, np.float32)
        save_file(tensors, path / "training.safetensors")
        seal(path)
    with pytest.raises(RunFolderError, match="does not fit the network"):
        trained(folder, tail.read(folder))
