"""A network as ONNX: bytes in, probabilities out, and the comparison of both.

Needs onnx, onnxscript and onnxruntime. Used only by the process of `engine.export.model.__main__`: while torch exports,
every network of the process is left to torch's own operations, and what the libraries print would spoil a screen.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.use.exported import Contract, Exported
from engine.use.model import Model

BATCHES = (1, 2, 7, 256)
"""Images that the file is given at once when it is compared: each number once, the last for all that remain.

torch's exporter has made files for one size of batch only, and others for every size but 1.
"""


class _FromBytes(nn.Module):
    """Images (n, 32, 32, 3) uint8 to probabilities (n, classes) float32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        # As `engine.training.resident.normalized`: the same operations in the same order.
        pixels = images.permute(0, 3, 1, 2).contiguous().to(torch.float32).div(255).sub(0.5).div(0.5)
        probabilities: Tensor = self.network(pixels).softmax(dim=1)
        return probabilities


def made(model: Exported) -> bytes:
    """Return the network as an ONNX file, with its names and its contract in the file's `metadata_props`."""
    example = torch.zeros((2, 32, 32, 3), dtype=torch.uint8)  # releases of torch made a constant of a batch of 1
    contract = model.contract
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about torch's own code; what comes out is compared
        program = torch.onnx.export(
            _FromBytes(model.network),
            (example,),
            dynamo=True,
            input_names=[contract.input.name],
            output_names=[contract.output.name],
            dynamic_shapes=({0: "n"},),
            external_data=False,
            verbose=False,
        )
    assert program is not None
    file = program.model_proto
    _forget_the_machine(file)
    onnx.helper.set_model_props(file, _properties(contract))
    onnx.checker.check_model(file, full_check=True)
    content: bytes = file.SerializeToString()
    return content


def _forget_the_machine(file: Any) -> None:
    """Remove what the exporter noted of each operation: lines of source code, with the folders that they are in."""
    graph = file.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info, graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _properties(contract: Contract) -> dict[str, str]:
    content = json.loads(contract.as_json())
    names = ("made_by", "name", "architecture", "num_classes", "label_names", "weights", "iteration", "input", "output")
    # Texts as they are, everything else as JSON.
    return {
        name: content[name] if isinstance(content[name], str) else json.dumps(content[name], ensure_ascii=False)
        for name in names
    } | {"views": "1"}


@dataclass(frozen=True)
class Comparison:
    """What an ONNX file and the network made of the same images."""

    images: int
    agreed: int
    """Images that both took for the same class."""
    largest_difference: float
    """Between two probabilities; NaN if one of them is."""
    onnxruntime: str


def compared(content: bytes, model: Exported, images: NDArray[np.uint8]) -> Comparison:
    """Classify `images` (n, 32, 32, 3) by the file and by the network, which looks at each once and in float32."""
    import onnxruntime  # here, since it starts threads when it is imported

    contract = model.contract
    config = model.config.replaced(test_views=1, precision="float32")
    network = Model(
        model.network, config, name=contract.name, classes=contract.label_names, weights=contract.weights
    ).probabilities(images)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    parts: list[NDArray[np.float32]] = []
    start = 0
    while start < len(images):
        size = BATCHES[min(len(parts), len(BATCHES) - 1)]
        (found,) = session.run([contract.output.name], {contract.input.name: images[start : start + size]})
        parts.append(found)
        start += size
    file = np.concatenate(parts)
    agreed = int((file.argmax(axis=1) == network.argmax(axis=1)).sum())
    return Comparison(len(images), agreed, float(np.abs(file - network).max()), onnxruntime.__version__)
