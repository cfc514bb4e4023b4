"""Runs that are interrupted, resumed, and compared with one that nobody disturbed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from engine.control import Leave
from engine.runs.local import Run


def ended(run: Run) -> Run:
    """`run`, once it has ended."""
    run.start()
    assert run.join(120)
    return run


def left_after(run: Run, iteration: int) -> Run:
    """`run`, left with a checkpoint once so many iterations were done."""
    at(run, iteration, lambda: run.ask(Leave()))
    return ended(run)


def at(run: Run, iteration: int, act: Callable[[], object]) -> None:
    """Let `act` happen in `run` right after `iteration`."""
    take = run.log.losses

    def losses(values: NDArray[np.float32]) -> None:
        take(values)
        if len(run.log.loss_buffer) == iteration:
            act()

    run.log.losses = losses  # type: ignore[method-assign]


def final_state(folder: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors of a run's last checkpoint: weights, optimizer, average, best weights, random numbers."""
    last = max((folder / "checkpoints").glob("iteration-*"))
    return {**load_file(last / "model.safetensors"), **load_file(last / "training.safetensors")}


def best_weights(folder: Path) -> tuple[str, dict[str, NDArray[np.float32]]]:
    """The name and the tensors of the best weights that a run kept."""
    (best,) = (folder / "checkpoints").glob("best-*")
    return best.name, load_file(best / "model.safetensors")


def kept_predictions(folder: Path) -> dict[str, bytes]:
    """The content of each file in which a run keeps what it made of the images."""
    return {path.name: path.read_bytes() for path in sorted((folder / "predictions").iterdir())}


def assert_same_tensors(found: dict[str, NDArray[np.float32]], expected: dict[str, NDArray[np.float32]]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found[name], tensor, err_msg=name)


_OF_ITS_PROCESS = ("seconds", "at", "duration", "train_seconds", "evaluation_seconds", "name", "config")


def told(folder: Path) -> list[dict[str, Any]]:
    """What the journal of a run says, without its times, its name, and that it was interrupted."""
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    said = [
        {name: value for name, value in event.items() if name not in _OF_ITS_PROCESS}
        for event in events
        if event["event"] not in ("run_resumed", "stopping")
    ]
    # An evaluation that was broken off has begun twice.
    return [each for each, after in zip(said, [*said[1:], None], strict=True) if each != after]
