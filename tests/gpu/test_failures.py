"""What goes wrong on a GPU, and the training after it in the same process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine import models
from engine.errors import TrainingError
from engine.training.steps import choose
from tests.gpu.training import DEVICE, IS_GPU, Say, free_bytes, images, not_recorded, trained

ITERATIONS = 20

on_a_gpu = pytest.mark.skipif(not IS_GPU, reason="there is nothing to record on a processor")


def built_with(hook: Callable[[nn.Module, Any, Tensor], Tensor | None], patch: pytest.MonkeyPatch) -> None:
    """Let every network call `hook` after its forward pass."""
    build = models.build

    def built(name: str, classes: int, width: int) -> nn.Module:
        model = build(name, classes, width)
        model.register_forward_hook(hook)
        return model

    patch.setattr(models, "build", built)


def asks_for_a_number(module: nn.Module, _: Any, logits: Tensor) -> None:
    """Wait for a result, which cannot be recorded."""
    if module.training and torch.cuda.is_current_stream_capturing():
        logits.sum().item()


@on_a_gpu
def test_a_recording_that_fails(monkeypatch: pytest.MonkeyPatch, record_property: Say) -> None:
    """Training goes on without a graph, with the same losses, and says what could not be recorded."""
    good = trained(images(ITERATIONS), deterministic=True)
    with monkeypatch.context() as patch:
        patch.setattr(choose, "GraphedSteps", not_recorded)
        eager = trained(images(ITERATIONS), deterministic=True)
    for _ in range(2):
        with monkeypatch.context() as patch:
            built_with(asks_for_a_number, patch)
            fallen_back = trained(images(ITERATIONS), deterministic=True)
        (notice,) = fallen_back.notices
        record_property("what a failed recording says", notice)
        assert "slower" in notice
        assert notice.endswith(": CUDA error: operation not permitted when stream is capturing")
        np.testing.assert_array_equal(fallen_back.losses, eager.losses)
    again = trained(images(ITERATIONS), deterministic=True)
    assert again.notices == ()
    np.testing.assert_array_equal(again.losses, good.losses)


@on_a_gpu
def test_random_numbers_after_a_recording_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that draws random numbers on the GPU trains without a graph too, after its recording failed."""

    def hook(module: nn.Module, inputs: Any, logits: Tensor) -> Tensor:
        asks_for_a_number(module, inputs, logits)
        return nn.functional.dropout(logits, 0.1, module.training)

    built_with(hook, monkeypatch)
    result = trained(images(ITERATIONS))
    assert len(result.notices) == 1
    assert np.isfinite(result.losses).all()


@on_a_gpu
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_memory_after_runs(recorded: bool, monkeypatch: pytest.MonkeyPatch, record_property: Say) -> None:
    """What a run used is free afterwards, also if it could not be recorded."""
    if not recorded:
        built_with(asks_for_a_number, monkeypatch)
    trained(images(ITERATIONS), batch_size=300, model="deeper")  # loads the kernels
    before = free_bytes()
    for _ in range(3):
        trained(images(ITERATIONS), batch_size=300, model="deeper")
    lost = before - free_bytes()
    record_property(f"MB that three runs kept, {'' if recorded else 'not '}recorded", round(lost / 1e6, 1))
    assert lost < 64e6


@on_a_gpu
def test_out_of_memory(record_property: Say) -> None:
    """A batch that does not fit ends the run with what to do, and the next run has all of the memory again."""
    trained(images(ITERATIONS))
    before = free_bytes()
    torch.cuda.set_per_process_memory_fraction(2e9 / torch.cuda.mem_get_info()[1])
    many = images(1000)
    try:
        with pytest.raises(TrainingError, match=r"Out of memory with batches of 31,000 .* smaller batch") as told:
            trained(many, batch_size=31_000, model="deeper")
        lost = before - free_bytes()
        record_property("what a GPU without enough memory says", str(told.value))
        record_property("MB that a run kept which ran out of memory", round(lost / 1e6, 1))
        assert trained(images(ITERATIONS)).record.status == "completed"
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert lost < 64e6


@on_a_gpu
def test_out_of_memory_while_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little memory for the graph is told as that, not as something that cannot be recorded."""

    def gives_up(module: nn.Module, _: Any, logits: Tensor) -> None:
        if module.training and torch.cuda.is_current_stream_capturing():
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    built_with(gives_up, monkeypatch)
    with pytest.raises(TrainingError, match="Out of memory with batches"):
        trained(images(ITERATIONS))


def test_the_sanitizer_finds_nothing() -> None:
    """torch's CUDA sanitizer sees no two streams that use the same memory without waiting for each other."""
    program = (
        "from tests.gpu.training import Say, images, trained\n"
        "for name in ('cnn', 'batchnorm'):\n"
        "    result = trained(images(5), model=name, evaluate_each_epoch=True, epochs=2)\n"
        "    print(name, result.record.status, result.notices)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TORCH_CUDA_SANITIZER": "1"} if IS_GPU else None,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.stdout == "cnn completed ()\nbatchnorm completed ()\n", found.stdout + found.stderr[-2000:]
    assert "CSAN" not in found.stderr


@on_a_gpu
def test_the_device_is_the_one_asked_for() -> None:
    """After a run this thread has the device and the stream that it had before."""
    before = torch.cuda.current_device(), torch.cuda.current_stream()
    trained(images(ITERATIONS), device=f"cuda:{torch.cuda.device_count() - 1}" if DEVICE == "cuda" else DEVICE)
    assert (torch.cuda.current_device(), torch.cuda.current_stream()) == before
