"""The model card: a README.md about an exported model, with the heading that model hubs read.

It names no place on the machine that the model comes from: a card is made to be published.
"""

from __future__ import annotations

import json
from typing import Any

from engine.export.facts import constants, facts
from engine.export.page.markdown import plain, table
from engine.export.summary import summary
from engine.record.events import Evaluated
from engine.record.metrics.standard_error import standard_error
from engine.record.record import RunRecord
from engine.text import clean, counted
from engine.use.exported import Contract

_PLACES = {"data", "data_dir", "runs_dir", "name"}
"""Constants that say where something was on a machine, and the name, which is in the title."""


def card(record: RunRecord, contract: Contract) -> str:
    """Return the card of the network that `contract` describes, of the run of `record`."""
    content = summary(record)
    index = _evaluation(record, contract)
    parts = [_heading(record, contract, index), f"# {plain(contract.name)}", _about(record, contract, content)]
    parts += _results(record, contract, index)
    parts += ["## Input and output", _table(_contract(contract)), *_use(contract)]
    parts += ["## Training", _table(_run(record, content)), "## Recipe", _table(constants(content, without=_PLACES))]
    return "\n\n".join(parts) + "\n"


def _evaluation(record: RunRecord, contract: Contract) -> int | None:
    """Return the number of the newest evaluation of these weights; None if they were not evaluated."""
    found = [i for i, done in enumerate(record.evaluations) if done.iteration == contract.iteration]
    return found[-1] if found else None


def _heading(record: RunRecord, contract: Contract, index: int | None) -> str:
    """Return what hubs read, in YAML. Texts are in JSON, which YAML includes."""
    assert record.started is not None
    lines = ["---", "library_name: cifar-tui", "pipeline_tag: image-classification"]
    lines += ["tags:", "- image-classification", "- safetensors", *(["- onnx"] if contract.onnx else [])]
    dataset = clean(record.started.dataset.name)
    if dataset == "CIFAR-10":
        lines += ["datasets:", "- cifar10"]
    lines += ["metrics:", "- accuracy"]
    if index is not None:
        done = record.evaluations[index]
        lines += [
            "model-index:",
            f"- name: {_text(contract.name)}",
            "  results:",
            "  - task:",
            "      type: image-classification",
            "    dataset:",
            f"      name: {_text(dataset)}",
            f"      type: {'cifar10' if dataset == 'CIFAR-10' else 'images'}",
            f"      split: {done.split}",
            "    metrics:",
            "    - type: accuracy",
            f"      value: {done.accuracy / 100:.6g}",
        ]
    return "\n".join([*lines, "---"])


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)


def _about(record: RunRecord, contract: Contract, content: dict[str, Any]) -> str:
    dataset = plain(content["dataset"]["name"])
    classes = counted(contract.num_classes, "class", "classes")
    which = {"best": "the best weights", "newest": "the newest weights"}[contract.weights]
    return (
        f"The network `{contract.architecture}` with {counted(content['parameters'], 'parameter')}, trained with"
        f" cifar-tui to tell {classes} of 32×32 images apart, on {dataset}. These are {which} of the"
        f" run, after {contract.iteration:,} of {counted(record.planned, 'iteration')}."
    )


def _results(record: RunRecord, contract: Contract, index: int | None) -> list[str]:
    if index is None:
        return ["## Results", "These weights were not evaluated."]
    done, found = record.evaluations[index], record.evaluation_at(index)
    rows = [(plain(one.name), f"{one.correct:,}", f"{one.total:,}", f"{one.accuracy:.1f} %") for one in found.per_class]
    told = [f"Accuracy on {found.total:,} {done.split} images: **{found.accuracy:.2f} %**, {_errors(done)}."]
    told += [f"> {plain(note)}" for note in (record.started.dataset.notes if record.started else ())]
    parts = ["## Results", *told, table(("class", "correct", "of", "accuracy"), rows)]
    if confused := found.most_confused(5):
        pairs = ", ".join(f"{plain(c.true)} for {plain(c.predicted)} ({c.count:,})" for c in confused)
        parts.append(f"Most often taken for another: {pairs}.")
    return parts


def _errors(done: Evaluated) -> str:
    told = [f"standard error {standard_error(done.correct, done.total):.2f} points"]
    if done.views > 1:
        told.append(f"from {done.views} views of each image; {done.plain_accuracy:.2f} % from one")
    if done.loss is not None:
        told.append(f"loss {done.loss:.4f}")
    if done.calibration_error is not None:
        told.append(f"expected calibration error {done.calibration_error:.2f} points")
    return ", ".join(told)


def _contract(contract: Contract) -> list[tuple[str, str]]:
    given, names = contract.input, ", ".join(contract.label_names[:100])
    more = f" and {len(contract.label_names) - 100:,} more, see config.json" if len(contract.label_names) > 100 else ""
    return [
        ("input", f"{given.name}: {given.dtype} (n, 32, 32, 3), red, green and blue from 0 to 255"),
        ("normalization", "bytes / 255, minus 0.5, divided by 0.5; float32 (n, 3, 32, 32) goes into the network"),
        ("output", f"probabilities: float32 (n, {contract.num_classes}), the softmax of the network's logits"),
        ("classes", names + more),
        ("precision of the evaluation", contract.precision),
        ("views of the evaluation", str(contract.views)),
    ]


_WITH_ONNX = """```python
import json
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("model.onnx")
classes = json.loads(session.get_modelmeta().custom_metadata_map["label_names"])
picture = Image.open("picture.png").convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)
(probabilities,) = session.run(["probabilities"], {"images": np.asarray(picture)[None]})
for probability, name in sorted(zip(probabilities[0], classes), reverse=True)[:3]:
    print(f"{probability:.1%} {name}")
```"""


def _use(contract: Contract) -> list[str]:
    parts = ["## Use"]
    if contract.onnx:
        parts += [
            "With `pip install onnxruntime pillow`, and without cifar-tui:",
            _WITH_ONNX,
            f"Checked before it was written: {plain(contract.onnx.told)}.",
        ]
    return [
        *parts,
        "`model.safetensors` has the weights, `config.json` what it takes to build their network. In cifar-tui, for a"
        " uint8 array (n, 32, 32, 3):",
        "```python\nfrom engine.use.model import Model\n\n"
        "probabilities = Model.open(folder).probabilities(images)\n```",
    ]


def _run(record: RunRecord, content: dict[str, Any]) -> list[tuple[str, str]]:
    told = [pair for pair in facts(record, content) if pair[0] != "data"]  # its source is a place
    return [("status", content["status"]), ("data", content["dataset"]["name"]), *told]


def _table(pairs: list[tuple[str, str]]) -> str:
    return table(("", ""), [(plain(name), plain(value)) for name, value in pairs], texts=2)
