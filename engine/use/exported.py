"""A model that was exported: a folder with weights and with all that it takes to build their network, for any program.

model.safetensors    the weights, under the names that they have in a run's checkpoints
config.json          the network, the names of the classes, what goes in and what comes out; `Contract`
model.onnx           the same network with the normalization before it and softmax behind it
README.md            the model card

The folder may be anybody's: what is read is bounded and checked, and nothing in it is run. `model.onnx` and the card
are not read here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from engine.config import CONSTANTS, TrainingConfig
from engine.errors import RunFolderError
from engine.files import read_bounded
from engine.text import clean, counted

if TYPE_CHECKING:
    from torch import nn

MODEL, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
ONNX: Literal["model.onnx"] = "model.onnx"
FILES = (MODEL, ONNX, CARD, CONFIG)
"""In the order in which they are written."""

SCHEMA_VERSION: Literal[1] = 1
"""Changes when a field changes its meaning or goes, not when one is added."""

_LARGEST_CONFIG = 1 << 20
"""Bytes; the names of ten thousand classes fit."""
_LARGEST_HEADER = 1 << 20
"""Bytes of a safetensors file before its numbers."""

_STRICT = ConfigDict(extra="ignore", allow_inf_nan=False)
_Count = Annotated[int, Field(ge=0, le=2**62)]
_Three = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Input:
    """What goes in: images as files have them. ((bytes / 255) − mean) / std, as float32, goes into the network."""

    name: Literal["images"] = "images"
    dtype: Literal["uint8"] = "uint8"
    shape: tuple[Literal["n"], Literal[32], Literal[32], Literal[3]] = ("n", 32, 32, 3)
    channels: Literal["rgb"] = "rgb"
    divided_by: Literal[255] = 255
    mean: _Three = (0.5, 0.5, 0.5)
    std: _Three = (0.5, 0.5, 0.5)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Output:
    """What comes out: a probability for each class, in the order of `label_names`."""

    name: Literal["probabilities"] = "probabilities"
    dtype: Literal["float32"] = "float32"
    shape: tuple[Literal["n"], int]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class OnnxFile:
    """`model.onnx`, and how it was checked against the network before it was written."""

    file: Literal["model.onnx"] = ONNX
    sha256: str
    views: Literal[1] = 1
    """It looks at each image once, however often the run's evaluation did."""
    images: _Count
    """Test images that both classified."""
    agreement: Annotated[float, Field(ge=0, le=100)]
    """Percent of them that both took for the same class."""
    largest_difference: Annotated[float, Field(ge=0, le=1)]
    """The largest difference between two probabilities."""
    onnxruntime: str
    """The version that it was checked with."""

    @property
    def told(self) -> str:
        """How it was checked, in words."""
        images = counted(self.images, "test image")
        return (
            f"{self.file} takes {self.agreement:g} % of {images} for the same class as the network from one view;"
            f" probabilities differ by {self.largest_difference:.1e} at most (onnxruntime {self.onnxruntime})"
        )


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Contract:
    """The content of config.json."""

    schema_version: Literal[1] = SCHEMA_VERSION
    made_by: str
    name: str
    """The name of the run."""
    architecture: str
    """The network, by its name in `engine.models`."""
    width: int
    """Channels, for those networks that have a width."""
    num_classes: Annotated[int, Field(ge=1, le=2**20)]
    label_names: tuple[str, ...]
    precision: str
    """How numbers were multiplied in the run's evaluation."""
    views: int
    """How often the run's evaluation looked at each image: 1, 2 or 6 times, see `engine.recipe.views`."""
    weights: Literal["best", "newest"]
    iteration: _Count
    """Iterations of the run after which the weights were these."""
    sha256: str
    """Of `model.safetensors`."""
    output: Output
    input: Input = field(default_factory=Input)
    onnx: OnnxFile | None = None

    def as_json(self) -> bytes:
        """Return the content of the file."""
        content = json.loads(_CONTRACT_JSON.dump_json(self))
        return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"


_CONTRACT_JSON = TypeAdapter(Contract)


class Exported(NamedTuple):
    """An exported model, opened."""

    contract: Contract
    config: TrainingConfig
    """Of it the network's name and width, the precision and the number of views count."""
    network: nn.Module
    """On the processor, in evaluation mode: images (n, 3, 32, 32) float32 from -1 to 1 to logits (n, classes)."""


def is_exported(folder: Path) -> bool:
    """Return whether `folder` looks like an exported model, whole or not, and not like a run."""
    return (folder / MODEL).is_file() and (folder / CONFIG).is_file()


def read_contract(folder: Path) -> Contract:
    """Read config.json of the model in `folder`. Raises `RunFolderError` if it is damaged or another's."""
    path = folder / CONFIG
    try:
        contract = _CONTRACT_JSON.validate_json(read_bounded(path, _LARGEST_CONFIG, follow_links=True))
    except OSError as error:
        raise RunFolderError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        reason = f"{place}: {first['msg']}" if place else str(first["msg"])
        raise RunFolderError(f"{path} does not describe a model of cifar-tui. {clean(reason)[:200]}.") from None
    classes = contract.num_classes
    if len(contract.label_names) != classes or contract.output.shape[1] != classes:
        told = f"num_classes is {classes:,}, label_names has {len(contract.label_names):,} names"
        raise RunFolderError(
            f"{path} contradicts itself: {told}, and there are {contract.output.shape[1]:,} probabilities."
        )
    if (contract.input.mean, contract.input.std) != (Input().mean, Input().std):
        raise RunFolderError(f"{path} wants images normalized in another way. cifar-tui knows only mean and std 0.5.")
    return contract


def read(folder: Path) -> Exported:
    """Open the model in `folder`. No random numbers are drawn.

    Raises `RunFolderError` if it is damaged, or if its weights are not those of the network that it names.
    """
    import torch
    from torch import Tensor

    from engine import models

    contract = read_contract(folder)
    config = _constants(folder, contract)
    with torch.device("meta"):  # the names and shapes of the weights, without room for them
        network = models.build(config.model, contract.num_classes, config.width)
    like: dict[str, Tensor] = network.state_dict()
    network.load_state_dict(_weights(folder / MODEL, contract, like), assign=True)
    return Exported(contract, config, network.eval().requires_grad_(False))


def _constants(folder: Path, contract: Contract) -> TrainingConfig:
    # Each is checked by itself: whether they go together depends on others, with which the network was trained.
    fields = {"model": "architecture", "width": "width", "precision": "precision", "test_views": "views"}
    read: dict[str, object] = {}
    for constant in CONSTANTS:
        if name := fields.get(constant.name):
            try:
                read[constant.name] = constant.read(getattr(contract, name))
            except ValueError as error:
                told = f"{name}: {clean(error)}"
                raise RunFolderError(
                    f"{folder / CONFIG} does not describe a network of this program. {told}."
                ) from None
    return TrainingConfig().replaced(**read)


def _weights(path: Path, contract: Contract, like: dict[str, Any]) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    most = sum(tensor.numel() * tensor.element_size() for tensor in like.values()) + _LARGEST_HEADER
    try:
        content = read_bounded(path, most, follow_links=True)
        found = load(content)
    except (OSError, SafetensorError, KeyError) as error:  # KeyError: a type of numbers that torch does not have
        reason = getattr(error, "strerror", None) or str(error)
        raise RunFolderError(f"{path} cannot be read: {clean(reason)[:200]}.") from None
    forms = [{name: (t.shape, t.dtype) for name, t in tensors.items()} for tensors in (found, like)]
    if forms[0] != forms[1]:
        network = f"the network {contract.architecture} with {contract.num_classes:,} classes"
        raise RunFolderError(f"{path} does not fit {network}, which {CONFIG} beside it names.")
    if hashlib.sha256(content).hexdigest() != contract.sha256:
        raise RunFolderError(f"{path} is not the file that {CONFIG} beside it was written for. Export the model again.")
    return found
