"""A model that is exported: what another program finds in its folder, and what is refused when it is read back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from engine import models
from engine.config import TrainingConfig
from engine.errors import RunFolderError
from engine.export.model.folder import write_model
from engine.runs.local import Run
from engine.storage import tail
from engine.training.resident import normalized
from engine.use.exported import read
from engine.use.trained import opened, trained
from tests.images import made_up_images, save_folder
from tests.interrupted import ended
from tests.records import finished_record

IMAGES = made_up_images(120, 60, classes=3, noisy=0.3)


@pytest.fixture(autouse=True)
def _without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    """`test_onnx.py` is about model.onnx, which takes seconds to make."""
    monkeypatch.setattr("engine.export.model.checked.find_spec", lambda name: None)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `images` in three classes."""
    root = tmp_path_factory.mktemp("model")
    save_folder(root / "images", IMAGES)
    return root


def run_of(root: Path, name: str, **constants: Any) -> Path:
    """The folder of a run on the images below `root`."""
    values: dict[str, Any] = {"epochs": 1, "device": "cpu", "threads": 1, "name": name, "runs_dir": root / "runs"}
    values |= {"data": str(root / "images"), "data_dir": root / "data", **constants}
    run = ended(Run(TrainingConfig.checked(values)))
    assert run.error is None
    return run.folder


@pytest.fixture(scope="module")
def plain(root: Path) -> Path:
    return run_of(root, "plain")


@pytest.fixture(scope="module")
def best(root: Path) -> Path:
    """The folder of a run whose best epoch is not its last."""
    return run_of(root, "best", epochs=4, keep_best=True, average=0.5, learning_rate=0.02)


def exported(run: Path, to: Path, **given: Any) -> dict[str, Any]:
    """Export the network of `run`, and return the content of config.json."""
    write_model(tail.read(run), run, to, **given)
    content: dict[str, Any] = json.loads((to / "config.json").read_text())
    return content


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


NETWORKS: dict[str, dict[str, Any]] = {name: {"model": name} for name in models.names()}
NETWORKS["speedrun"] |= {"width": 8, "test_views": 6, "augmentation": "flip-shift", "precision": "bfloat16"}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_comes_back(name: str, root: Path, tmp_path: Path) -> None:
    """From its folder alone, an exported network has the weights of the run's, and makes the same of images."""
    run = run_of(root, name, runs_dir=tmp_path / "runs", **NETWORKS[name])
    exported(run, tmp_path / "to")
    back, of_run = read(tmp_path / "to").network, trained(run, tail.read(run))
    assert same_weights(back, of_run)
    assert not back.training
    pixels = normalized(torch.from_numpy(IMAGES.test.images)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        assert torch.equal(back(pixels), of_run(pixels))


def test_what_another_program_is_told(plain: Path, tmp_path: Path) -> None:
    """config.json has the network, the classes, and what goes in and comes out."""
    content = exported(plain, tmp_path)
    assert (content["schema_version"], content["architecture"], content["num_classes"]) == (1, "cnn", 3)
    assert content["label_names"] == ["class 0", "class 1", "class 2"]
    given = {"name": "images", "dtype": "uint8", "shape": ["n", 32, 32, 3], "channels": "rgb", "divided_by": 255}
    assert content["input"] == {**given, "mean": [0.5] * 3, "std": [0.5] * 3}
    assert content["output"] == {"name": "probabilities", "dtype": "float32", "shape": ["n", 3]}
    assert load_file(tmp_path / "model.safetensors").keys() == models.build("cnn", 3).state_dict().keys()


def test_best_and_newest_weights(best: Path, tmp_path: Path) -> None:
    """A run that kept its best weights exports those, or with `newest` the last; the card tells its accuracy."""
    record = tail.read(best)
    as_evaluated, newest = exported(best, tmp_path / "best"), exported(best, tmp_path / "newest", weights="newest")
    chosen = record.evaluations[-1].iteration
    assert record.best is not None
    assert (as_evaluated["weights"], as_evaluated["iteration"]) == ("best", chosen)
    assert (newest["weights"], newest["iteration"]) == ("newest", len(record.losses))
    assert chosen != len(record.losses)
    assert same_weights(read(tmp_path / "newest").network, opened(best, record, "newest").network)
    assert not same_weights(read(tmp_path / "newest").network, read(tmp_path / "best").network)
    for folder, iteration in (("best", chosen), ("newest", len(record.losses))):
        done = [each for each in record.evaluations if each.iteration == iteration][-1]
        assert f"**{done.accuracy:.2f} %**" in (tmp_path / folder / "README.md").read_text()


def test_best_weights_that_were_not_kept(plain: Path, tmp_path: Path) -> None:
    """If a run has no best weights that is said, and nothing is written."""
    with pytest.raises(RunFolderError, match="has no best weights"):
        write_model(tail.read(plain), plain, tmp_path / "to", weights="best")
    assert not (tmp_path / "to").exists()


def test_weights_between_two_evaluations(plain: Path, tmp_path: Path) -> None:
    """Of weights that no evaluation is of, the card tells no accuracy of others."""
    record = tail.read(plain)
    record.evaluations.clear()
    write_model(record, plain, tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "These weights were not evaluated." in text
    assert "model-index" not in text


def test_the_card(plain: Path, tmp_path: Path) -> None:
    """The card has the data and its fingerprint, the recipe, accuracies, calibration, times, machine; and no place."""
    exported(plain, tmp_path)
    record, text = tail.read(plain), (tmp_path / "README.md").read_text()
    assert record.started is not None
    evaluation = record.evaluation
    assert evaluation is not None
    assert text.startswith("---\nlibrary_name: cifar-tui\npipeline_tag: image-classification\n")
    assert f"      value: {evaluation.accuracy / 100:.6g}\n---\n" in text
    for one in evaluation.per_class:
        assert f"| {one.name} | {one.correct} | {one.total} | {one.accuracy:.1f} % |" in text
    rows = ("optimizer", "learning rate", "fingerprint", "device", "training", "torch")
    assert all(f"\n| {row} | " in text for row in rows)
    assert record.started.dataset.fingerprint in text
    assert "expected calibration error" in text
    assert str(plain.parent.parent) not in text.replace("\\", "")


def test_hostile_names_in_a_card(plain: Path, tmp_path: Path) -> None:
    """Names from outside are text in the card, and do not end the heading that hubs read."""
    shutil.copytree(plain, tmp_path / "run")
    for name in ("events.jsonl", "config.json"):
        path = tmp_path / "run" / name
        path.write_text(path.read_text().replace("class 1", "<script>|# [a](b)\\n---\\nlicense: x"))
    exported(tmp_path / "run", tmp_path / "to")
    text = (tmp_path / "to" / "README.md").read_text()
    assert "<script>" not in text
    assert "[a](b)" not in text
    assert "\nlicense" not in text
    assert read(tmp_path / "to").contract.label_names[1] == "<script>|# [a](b) --- license: x"


# Where it is written


def test_exported_again(best: Path, tmp_path: Path) -> None:
    """An export replaces an earlier one of the same run, and a network of other weights does not stay behind."""
    exported(best, tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"of other weights")
    assert exported(best, tmp_path, weights="newest")["weights"] == "newest"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert read(tmp_path).contract.weights == "newest"


def test_files_of_others_are_not_replaced(plain: Path, best: Path, tmp_path: Path) -> None:
    """Neither a project's README.md, nor a run's config.json, nor the model of another run is replaced."""
    record = tail.read(plain)
    before = (plain / "config.json").read_bytes()
    with pytest.raises(RunFolderError, match=r"holds a config\.json that is not of an exported model"):
        write_model(record, plain, plain)
    assert (plain / "config.json").read_bytes() == before
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(RunFolderError, match=r"holds a README\.md that is not"):
        write_model(record, plain, tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "model.onnx").write_bytes(b"of somebody else")
    with pytest.raises(RunFolderError, match=r"holds a model\.onnx that is not"):
        write_model(record, plain, tmp_path / "foreign")
    exported(best, tmp_path / "other")
    with pytest.raises(RunFolderError, match="holds the model of another run, best"):
        write_model(record, plain, tmp_path / "other")
    with pytest.raises(RunFolderError, match="is a file, not a folder"):
        write_model(record, plain, tmp_path / "README.md")


def test_a_run_without_a_checkpoint(tmp_path: Path) -> None:
    """A run without a checkpoint says so."""
    with pytest.raises(RunFolderError):
        write_model(finished_record(), tmp_path / "none", tmp_path / "to")
    assert not (tmp_path / "to").exists()


# Damaged and hostile folders


def test_onnx_of_somebody_else_is_not_read(plain: Path, tmp_path: Path) -> None:
    """Whatever `model.onnx` is, the program opens the weights beside it."""
    exported(plain, tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"of somebody else")
    assert same_weights(read(tmp_path).network, trained(plain, tail.read(plain)))


def change(**fields: Any) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(content | fields))

    return apply


def config_is(content: bytes) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / "config.json").write_bytes(content)

    return apply


def folder_of_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()


def weights_are(changed: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        tensors = changed(dict(load_file(folder / "model.safetensors")))
        (folder / "model.safetensors").unlink()
        save_file(tensors, folder / "model.safetensors")

    return apply


def numbers_of_an_unknown_type(folder: Path) -> None:
    """`F8_E8M0` is a type of the format that torch does not read."""
    path = folder / "model.safetensors"
    content = path.read_bytes()
    size = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:size])
    first, last = header["fc2.bias"]["data_offsets"]
    header["fc2.bias"] |= {"dtype": "F8_E8M0", "shape": [last - first]}
    new = json.dumps(header).encode()
    path.write_bytes(len(new).to_bytes(8, "little") + new + content[size:])


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "cannot be read: No such file"),
    "not JSON": (config_is(b"\x89PNG"), "does not describe a model"),
    "deep JSON": (config_is(b"[" * 100_000), "does not describe a model"),
    "large": (config_is(b" " * (2 << 20)), "larger than"),
    "of something else": (config_is(b'{"architectures": ["BertModel"]}'), "does not describe a model"),
    "of the future": (change(schema_version=2), "schema_version"),
    "fewer names": (change(label_names=["a", "b"]), "contradicts itself"),
    "another number of classes": (
        change(num_classes=2, label_names=["a", "b"], output={"shape": ["n", 2]}),
        "does not fit the network cnn with 2 classes",
    ),
    "no such network": (change(architecture="os.system"), "architecture: os.system is not allowed"),
    "another network": (change(architecture="deeper"), "does not fit the network deeper"),
    "an endless width": (change(architecture="speedrun", width=10**9), "width: 1000000000 is not allowed"),
    "three views": (change(views=3), "views: 3 is not allowed"),
    "another normalization": (
        change(input={"mean": [0.485, 0.456, 0.406], "std": [0.5, 0.5, 0.5]}),
        "normalized in another way",
    ),
    "another input": (change(input={"dtype": "float32"}), r"input\.dtype"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "cannot be read: No such file"),
    "a pickle": (lambda folder: torch.save({"a": 1}, folder / "model.safetensors"), "cannot be read"),
    "a folder": (folder_of_weights, "cannot be read"),
    "a tensor more": (weights_are(lambda t: t | {"more": np.zeros(3, np.float32)}), "does not fit"),
    "other numbers": (weights_are(lambda t: t | {"fc2.bias": t["fc2.bias"] + 1}), "is not the file that config.json"),
    "numbers of an unknown type": (numbers_of_an_unknown_type, "cannot be read"),
    "other types": (weights_are(lambda t: {k: v.astype(np.float16) for k, v in t.items()}), "does not fit"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folder_that_is_damaged_or_hostile(damage: str, plain: Path, tmp_path: Path) -> None:
    """What is wrong with an exported model is said in a line, and nothing in it is run."""
    exported(plain, tmp_path)
    apply, told = DAMAGES[damage]
    apply(tmp_path)
    with pytest.raises(RunFolderError, match=told) as error:
        read(tmp_path)
    assert len(error.value.message.splitlines()) == 1
    assert len(error.value.message) < 700
