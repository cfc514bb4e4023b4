"""model.onnx: every network, any number of images, the same classes, and no file where that does not hold."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import engine.export.model.onnx_file as onnx_file
from engine import models
from engine.config import TrainingConfig
from engine.errors import EngineError
from engine.export.model.checked import checked_onnx
from engine.export.model.folder import write_model
from engine.process import python_running
from engine.storage import tail
from engine.training.resident import normalized
from engine.use.exported import Contract, Exported, Output, read
from tests.engine.test_export_model import IMAGES, run_of
from tests.images import save_folder

PICTURES = np.random.default_rng(3).integers(0, 256, (300, 32, 32, 3), np.uint8)
EXTREMES = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (0, 1, 127, 128, 254, 255)])


def contract_of(name: str, width: int, classes: int = 10) -> Contract:
    return Contract(
        made_by="cifar-tui",
        name="n",
        architecture=name,
        width=width,
        num_classes=classes,
        label_names=tuple(f'"{i}" ä\n' for i in range(classes)),
        precision="bfloat16",
        views=6,
        weights="newest",
        iteration=1,
        sha256="0",
        output=Output(shape=("n", classes)),
    )


def a_network(name: str, width: int = 64) -> Exported:
    """A network with statistics and weights unlike those of its start."""
    torch.manual_seed(1)
    network = models.build(name, 10, width)
    models.set_up(network, lambda: normalized(torch.from_numpy(PICTURES)).permute(0, 3, 1, 2))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.2, 2)
            module.bias.data.normal_(0, 0.3)
    config = TrainingConfig().replaced(model=name, width=width, test_views=6, precision="bfloat16")
    return Exported(contract_of(name, width), config, network.eval().requires_grad_(False))


@pytest.mark.parametrize("name", models.names())
def test_every_network(name: str) -> None:
    """Another program gets from any number of images what the network makes of them."""
    model = a_network(name, 8 if name == "speedrun" else 64)
    content = onnx_file.made(model)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (given,), (got,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("images", "tensor(uint8)", ["n", 32, 32, 3])
    assert (got.name, got.type, got.shape) == ("probabilities", "tensor(float)", ["n", 10])
    for pictures in (*(PICTURES[:size] for size in (1, 2, 7, 256)), EXTREMES):
        (found,) = session.run(None, {"images": pictures})
        with torch.inference_mode():
            expected = model.network(normalized(torch.from_numpy(pictures)).permute(0, 3, 1, 2)).softmax(dim=1).numpy()
        np.testing.assert_allclose(found, expected, atol=2e-5)
        np.testing.assert_array_equal(found.argmax(1), expected.argmax(1))
    compared = onnx_file.compared(content, model, PICTURES)
    assert (compared.images, compared.agreed) == (300, 300)
    assert 0 <= compared.largest_difference < 2e-5
    file = onnx.load_from_string(content)
    assert {node.domain for node in file.graph.node} == {""}, "only operations of ONNX itself"
    told = {each.key: each.value for each in file.metadata_props}
    assert json.loads(told["label_names"]) == [f'"{i}" ä\n' for i in range(10)]
    assert json.loads(told["input"])["shape"] == ["n", 32, 32, 3]
    assert (told["architecture"], told["views"]) == (name, "1")
    assert b".py" not in content, "no path of this machine"


class _OtherwiseExported(nn.Module):
    """A network that is another one while it is exported, like the mistakes that an exporter makes."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Linear(3072, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.flat(images.flatten(1))
        return logits if torch.compiler.is_exporting() else logits.flip(1)


def test_a_file_that_does_something_else_is_found_out() -> None:
    """If the file takes images for other classes than the network, each is counted."""
    model = a_network("cnn")._replace(network=_OtherwiseExported().eval().requires_grad_(False))
    compared = onnx_file.compared(onnx_file.made(model), model, PICTURES)
    assert compared.agreed < 100
    assert compared.largest_difference > 0.01


# The process, and what it answers


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of `speedrun`, evaluated with six views."""
    root = tmp_path_factory.mktemp("onnx")
    save_folder(root / "images", IMAGES)
    return run_of(root, "small", model="speedrun", width=8, test_views=6, augmentation="flip-shift")


@pytest.fixture(scope="module")
def folder(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its export."""
    to, said = tmp_path_factory.mktemp("to"), list[str]()
    written = write_model(tail.read(run), run, to, say=said.append)
    assert said == []
    assert [path.name for path in written.paths] == ["model.safetensors", "model.onnx", "README.md", "config.json"]
    return to


def test_what_is_told_of_the_check(folder: Path) -> None:
    """config.json and the card tell that the file was compared on all test images, and how far it is off."""
    told = read(folder).contract.onnx
    assert told is not None
    assert (told.images, told.agreement, told.views) == (60, 100, 1)
    assert 0 <= told.largest_difference < 1e-4
    assert told.sha256 == hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    assert told.onnxruntime == onnxruntime.__version__
    assert f"{told.largest_difference:.1e}" in (folder / "README.md").read_text()


def test_ten_lines_without_this_program(folder: Path, tmp_path: Path) -> None:
    """The card's own lines classify a picture with what its folder holds, and need nothing of this program."""
    (code,) = re.findall(r"```python\n(import json.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line]) == 10
    assert code in (Path(__file__).parents[2] / "README.md").read_text(), "the project's README shows the same"
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    Image.fromarray(IMAGES.test.images[0]).resize((100, 90)).save(tmp_path / "picture.png")
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert {line.split("% ")[1] for line in lines} == set(IMAGES.classes)
    assert sum(float(line.split("%")[0]) for line in lines) == pytest.approx(100, abs=0.2)
    assert done.stderr == ""


def without(name: str) -> Callable[[str], object]:
    def find_spec(asked: str) -> object:
        return None if asked == name else object()

    return find_spec


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_without_the_extra(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Without a package of the extra everything else is exported, and the line that installs it is told."""
    monkeypatch.setattr("engine.export.model.checked.find_spec", without(missing))
    said: list[str] = []
    written = write_model(tail.read(run), run, tmp_path, say=said.append)
    assert said == [
        f"Without model.onnx: {missing} is not installed. pip install '.[onnx]' installs what it takes.",
    ]
    assert written.onnx is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert "onnx" not in (tmp_path / "README.md").read_text()


def test_without_the_images(run: Path, tmp_path: Path) -> None:
    """Where the test images are gone the file could not be checked, so it is left out, with the reason."""
    (run.parent.parent / "images").rename(tmp_path / "away")
    (run.parent.parent / "data").rename(tmp_path / "data")
    said: list[str] = []
    try:
        assert write_model(tail.read(run), run, tmp_path / "to", say=said.append).onnx is None
    finally:
        (tmp_path / "away").rename(run.parent.parent / "images")
        (tmp_path / "data").rename(run.parent.parent / "data")
    (told,) = said
    assert told.startswith("Without model.onnx: it could not be checked. The images of this run are gone")
    assert not (tmp_path / "to" / "model.onnx").exists()


def answering(answer: str) -> list[str]:
    """A process that answers so."""
    code = f"import json, pathlib, sys; folder = pathlib.Path(json.loads(input())); {answer}"
    return [sys.executable, "-I", "-c", code]


FOUND = {"images": 60, "agreed": 60, "largest_difference": 1e-6, "onnxruntime": "1"}


def found(**changes: Any) -> str:
    return f"(folder / 'model.onnx').write_bytes(b'x'); print({json.dumps(json.dumps(FOUND | changes))})"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (found(agreed=59), "takes 1 image of 60 for another class than the network"),
        (found(largest_difference=float("nan")), "not finite"),
        ("print(json.dumps({'error': 'E: ' + 1000 * 'x'}))", "could not export this network. E: xxx"),
        ("sys.exit(3)", "ended with 3 and no answer"),
        ("print('{')", "no answer"),
        (f"print({json.dumps(json.dumps(FOUND))})", "model.onnx: No such file"),
    ],
)
def test_a_file_that_is_not_written(answer: str, told: str) -> None:
    """A file that is wrong, or that could not be made, is not written, and the reason is one line."""
    with pytest.raises(EngineError, match=told) as error:
        checked_onnx(contract_of("cnn", 64), b"", IMAGES.test.images, answering(answer))
    assert len(error.value.message.splitlines()) == 1
    assert len(error.value.message) < 300


def test_all_agree() -> None:
    """A file that does what the network does is returned, with how it was checked."""
    content, told = checked_onnx(contract_of("cnn", 64), b"", IMAGES.test.images, answering(found()))
    assert (content, told.agreement, told.images) == (b"x", 100.0, 60)


def test_the_process_ends_with_the_program(tmp_path: Path) -> None:
    """If the program is killed meanwhile, the process ends and leaves nothing behind."""
    folder = tmp_path / "asked"
    folder.mkdir()
    process = subprocess.Popen(python_running("engine.export.model"), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.write(json.dumps(str(folder)).encode() + b"\n")
    process.stdin.close()
    assert process.wait(60) == 1
    assert not folder.exists()
