"""Writes the folder of an exported model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import engine
from engine.errors import EngineError, RunFolderError
from engine.export.model.card import card
from engine.export.model.checked import check_needed, checked_onnx
from engine.record.record import RunRecord
from engine.storage.durable import replace_synced
from engine.storage.recorded import Recorded
from engine.text import clean
from engine.use.exported import CARD, CONFIG, MODEL, ONNX, Contract, OnnxFile, Output, read_contract
from engine.use.images import images
from engine.use.trained import Weights, opened


class Written(NamedTuple):
    """What was written."""

    paths: tuple[Path, ...]
    onnx: OnnxFile | None
    """How model.onnx was checked; None if it was left out."""


def write_model(
    record: RunRecord,
    run: Path,
    to: Path,
    weights: Weights | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> Written:
    """Write the network of the run in the folder `run` to the folder `to`, made if necessary.

    `weights` None: those that the run evaluated. model.onnx is written only if it was checked on the run's test images;
    `say` is called with the reason if it is left out. Each file is replaced in one step, config.json last: it names the
    content of the others. Raises `RunFolderError` if the run has no such weights, or if `to` cannot be written or holds
    something else.
    """
    from safetensors.torch import save

    if record.started is None:
        raise RunFolderError("The run never began to train, so there is no network to export.")
    name = clean(record.started.name)
    _refuse_other(to, name)
    network, found, iteration = opened(run, record, weights)
    config = Recorded.read(run).resolved(run)
    content = save({key: tensor.contiguous().clone() for key, tensor in network.state_dict().items()})
    contract = Contract(
        made_by=f"cifar-tui {engine.__version__}",
        name=name,
        architecture=config.model,
        width=config.width,
        num_classes=len(record.classes),
        label_names=tuple(clean(each) for each in record.classes),
        precision=config.precision,
        views=config.test_views,
        weights=found,
        iteration=iteration,
        sha256=hashlib.sha256(content).hexdigest(),
        output=Output(shape=("n", len(record.classes))),
    )
    contents = {MODEL: content}
    try:
        contents[ONNX], onnx = checked_onnx(contract, content, _test_images(run, record))
        contract = replace(contract, onnx=onnx)
    except EngineError as error:
        say(f"Without {ONNX}: {error.message}")
    contents |= {CARD: card(record, contract).encode(), CONFIG: contract.as_json()}
    return Written(_write(contents, to), contract.onnx)


def _test_images(run: Path, record: RunRecord) -> NDArray[np.uint8]:
    check_needed()  # before images are read for nothing
    try:
        return images(run, record, "test").images
    except EngineError as error:
        raise EngineError(f"it could not be checked. {error.message}") from None


def _write(contents: dict[str, bytes], folder: Path) -> tuple[Path, ...]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if ONNX not in contents:
            (folder / ONNX).unlink(missing_ok=True)  # of other weights, from an earlier export
        for name, content in contents.items():
            replace_synced(folder / name, content)
    except OSError as error:
        raise RunFolderError(
            f"The model could not be written to {folder}: {error.strerror or error}. Choose another folder."
        ) from None
    return tuple(folder / name for name in contents)


def _refuse_other(folder: Path, name: str) -> None:
    """Raise `RunFolderError` if what is in `folder` is not an earlier export of the same run."""
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder} is a file, not a folder. Choose another folder.")
    try:
        there = [file for file in (CONFIG, MODEL, CARD, ONNX) if (folder / file).exists()]
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be read: {error.strerror or error}. Choose another folder.") from None
    if not there:
        return
    try:
        other = read_contract(folder).name
    except RunFolderError:
        raise RunFolderError(
            f"{folder} holds a {there[0]} that is not of an exported model. Choose another folder."
        ) from None
    if other != name:
        raise RunFolderError(f"{folder} holds the model of another run, {other[:64]}. Choose another folder.")
