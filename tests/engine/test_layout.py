"""The networks that need not have the notebook's bits train in the layout that is fastest, and always the same way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch import Tensor, nn

from engine import data, models
from engine.config import TrainingConfig
from engine.control import Control, Leave
from engine.recipe.recipe import Recipe
from engine.record.events import Report
from engine.record.log import RunLog
from engine.runs.local import Run
from engine.training.layout import has_the_notebooks_bits, layout
from engine.training.resident import ResidentImages
from engine.training.trainer import train
from tests.images import made_up_images

CPU = torch.device("cpu")
QUICK = TrainingConfig(epochs=2, batch_size=32, device="cpu", threads=1, evaluate_each_epoch=False)
every_network = pytest.mark.parametrize("name", models.names())


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def is_channels_last(tensor: Tensor) -> bool:
    return tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()


@pytest.mark.parametrize(
    ("model", "precision", "device", "exact", "channels_last"),
    [
        ("cnn", "float32", "cpu", True, False),
        ("cnn", "bfloat16", "cpu", False, True),
        ("residual", "float32", "cpu", False, True),
        ("cnn", "float32", "cuda", False, False),
        ("cnn", "bfloat16", "cuda", False, True),
        ("residual", "tf32", "cuda", False, False),
        ("residual", "float32", "mps", False, False),
    ],
)
def test_only_the_notebooks_own_training_has_its_bits(
    model: str, precision: str, device: str, exact: bool, channels_last: bool
) -> None:
    """The notebook's network in float32 keeps the notebook's layout, other trainings on a processor the fastest."""
    config = TrainingConfig(model=model, precision=precision)
    assert has_the_notebooks_bits(config, torch.device(device)) == exact
    assert layout(config, torch.device(device)) == (torch.channels_last if channels_last else torch.contiguous_format)


@every_network
def test_layout_is_really_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch and every weight is in that layout, in training and in evaluation."""
    build, seen = models.build, list[tuple[bool, bool, bool]]()

    def watched(name: str, classes: int, width: int) -> nn.Module:
        model = build(name, classes, width)

        def look(module: nn.Module, inputs: tuple[Tensor]) -> None:
            weights = [each.weight for each in module.modules() if isinstance(each, nn.Conv2d) and each.in_channels > 1]
            seen.append((module.training, is_channels_last(inputs[0]), all(map(is_channels_last, weights[:2]))))

        model.register_forward_pre_hook(look)
        return model

    monkeypatch.setattr(models, "build", watched)
    train(QUICK.replaced(model=name, epochs=1), made_up_images(64, 40), RunLog(), Control())
    expected = name != models.NOTEBOOKS
    assert seen[0] == (False, False, False)  # the shape check, before
    assert seen[1:] == [(True, expected, expected)] * 2 + [(False, expected, expected)]


def test_other_processors_keep_the_usual_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor for which it was not measured, such as ARM, the layout is torch's usual one."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "SVE256")
    assert layout(TrainingConfig(model="deeper"), CPU) == torch.contiguous_format


@pytest.mark.parametrize(("model", "nnpack"), [("cnn", True), ("batchnorm", False)])
def test_nnpack_is_left_out_where_bits_may_differ(model: str, nnpack: bool) -> None:
    """NNPACK, which is slow on Macs, is only used where the bits must be those of the notebook there."""
    seen = []
    log = RunLog()
    log.losses = lambda values: seen.append(torch._C._get_nnpack_enabled())  # type: ignore[method-assign]
    train(QUICK.replaced(model=model, epochs=1), made_up_images(32, 20), log, Control())
    assert seen == [nnpack]
    assert torch._C._get_nnpack_enabled()


def test_batches_are_the_same_images_in_either_layout() -> None:
    """The layout changes where the numbers of a batch lie in memory, and none of them."""
    split = made_up_images(50, 10).train
    usual, last = ResidentImages(split, CPU), ResidentImages(split, CPU, torch.channels_last)
    for indices in (torch.randperm(50)[:20], slice(3, 40)):
        (images, labels), (others, same_labels) = usual.batch(indices), last.batch(indices)
        assert images.is_contiguous()
        assert is_channels_last(others)
        assert torch.equal(images, others)
        assert torch.equal(labels, same_labels)


def trained(config: TrainingConfig, report: Report) -> dict[str, Tensor]:
    return train(config, made_up_images(80, 20), report, Control()).model.state_dict()


@pytest.mark.parametrize(("name", "precision"), [*((name, "float32") for name in models.names()), ("cnn", "bfloat16")])
def test_same_seed_same_run(name: str, precision: str) -> None:
    """The same seed gives the same losses and weights, bit for bit; another seed gives others."""
    config = QUICK.replaced(model=name, precision=precision)
    logs = [RunLog() for _ in range(3)]
    first, again = trained(config, logs[0]), trained(config, logs[1])
    trained(config.replaced(seed=1), logs[2])
    losses, same, other = (log.loss_buffer.values() for log in logs)
    assert np.isfinite(losses).all()
    np.testing.assert_array_equal(losses, same)
    assert not np.array_equal(losses, other)
    assert all(torch.equal(tensor, again[key]) for key, tensor in first.items())


@every_network
def test_resumed_run_has_equal_bits(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every network that was interrupted goes on to the losses, weights and Adam state of one that was not."""
    monkeypatch.setattr(data, "load", lambda *arguments: made_up_images(160, 40))

    def run(called: str, leave_at: int | None) -> Run:
        folders = {"runs_dir": tmp_path, "data_dir": tmp_path, "data": "demo"}
        run = Run(QUICK.replaced(model=name, name=called, **folders))
        take = run.log.losses

        def losses(values: NDArray[np.float32]) -> None:
            take(values)
            if len(run.log.loss_buffer) == leave_at:
                run.ask(Leave())

        run.log.losses = losses  # type: ignore[method-assign]
        run.start()
        assert run.join(60)
        return run

    straight, again = run("straight", None), Run.resume(run("left", 7).folder)
    again.start()
    assert again.join(60)
    assert again.error is None
    np.testing.assert_array_equal(again.record().losses, straight.record().losses)
    for file in ("model", "training"):
        expected, found = (
            load_file(max((each.folder / "checkpoints").glob("iteration-*")) / f"{file}.safetensors")
            for each in (straight, again)
        )
        for key, tensor in expected.items():
            np.testing.assert_array_equal(found[key], tensor, err_msg=key)


def test_going_on_in_another_layout() -> None:
    """A checkpoint does not depend on the layout: one of an older version or of another device is gone on from."""

    def made(layout: torch.memory_format) -> tuple[nn.Module, Recipe]:
        torch.manual_seed(0)
        model = models.build("residual", 10).to(memory_format=layout)
        return model, Recipe(model, QUICK, fused=True)

    def gradients(number: int, recipe: Recipe) -> list[Tensor]:
        generator = torch.Generator().manual_seed(number)
        return [torch.randn(each.shape, generator=generator) for each in recipe.parameters]

    (usual, usual_recipe), (last, last_recipe) = made(torch.contiguous_format), made(torch.channels_last)
    for number in range(3):
        usual_recipe.optimizer.step(gradients(number, usual_recipe))
    last.load_state_dict(usual.state_dict())
    last_recipe.optimizer.restore(usual_recipe.optimizer.state())
    for recipe in (usual_recipe, last_recipe):
        recipe.optimizer.step(gradients(3, recipe))
    for name, tensor in usual.state_dict().items():
        torch.testing.assert_close(last.state_dict()[name], tensor, msg=name)
    for name, tensor in usual_recipe.optimizer.state().items():
        torch.testing.assert_close(last_recipe.optimizer.state()[name], tensor, msg=name)
