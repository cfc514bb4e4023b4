"""Training steps, one at a time and replayed: one contract."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from engine import models
from engine.recipe.adam import Adam, flatten
from engine.record.events import Notice
from engine.record.log import RunLog
from engine.training.loop import shuffled
from engine.training.resident import ResidentImages
from engine.training.steps.eager import EagerSteps, Steps
from engine.training.steps.graphed import GraphedSteps
from tests.images import made_up_images

CPU = torch.device("cpu")
LEARNING_RATE = 0.001


def recorded(run: Callable[[], None]) -> Callable[[], None]:
    """Stands in for a GPU's recording: to replay is to run again."""
    return run


def eager(model: nn.Module, images: ResidentImages, batch_size: int, precision: str = "float32") -> Steps:
    return EagerSteps(model, images, batch_size, LEARNING_RATE, precision)


def graphed(model: nn.Module, images: ResidentImages, batch_size: int, precision: str = "float32") -> Steps:
    return GraphedSteps(model, images, batch_size, LEARNING_RATE, precision, record=recorded)


def replayed_on_a_gpu(model: nn.Module, images: ResidentImages, batch_size: int, precision: str = "float32") -> Steps:
    gpu = torch.device("cuda")
    held = ResidentImages(made_up_images(len(images), 10).train, gpu)
    return GraphedSteps(model.to(gpu), held, batch_size, LEARNING_RATE, precision)


Make = Callable[..., Steps]
both = pytest.mark.parametrize("make", [eager, graphed, *([replayed_on_a_gpu] if torch.cuda.is_available() else [])])


def resident(count: int) -> ResidentImages:
    return ResidentImages(made_up_images(count, 10).train, CPU)


def built(name: str = "cnn") -> nn.Module:
    torch.manual_seed(0)
    return models.build(name, 10).train()


def epoch(steps: Steps, order: torch.Tensor, done: int = 0) -> NDArray[np.float32]:
    steps.begin(order, done)
    losses = []
    while steps.left:
        losses.append(steps.advance())
    return np.concatenate(losses)


def plain_losses(model: nn.Module, images: ResidentImages, batch_size: int, orders: list[torch.Tensor]) -> list[float]:
    """What torch's own Adam makes of the same batches."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    losses = []
    for order in orders:
        for indices in torch.split(order, batch_size):
            inputs, labels = images.batch(indices)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
    return losses


@both
@pytest.mark.parametrize(("images", "batch_size"), [(100, 32), (96, 32), (7, 1), (40, 40), (40, 64), (5000, 4999)])
def test_every_batch_of_an_epoch_once(make: Make, images: int, batch_size: int) -> None:
    """Each epoch gives one finite loss a batch, the shorter last one included, whatever the batch size."""
    steps = make(built(), resident(images), batch_size)
    assert steps.left == 0
    for _ in range(2):
        losses = epoch(steps, torch.randperm(images))
        assert losses.shape == (-(-images // batch_size),)
        assert losses.dtype == np.float32
        assert np.isfinite(losses).all()


@both
@pytest.mark.parametrize("name", models.names())
def test_the_same_losses_as_plain_torch(make: Make, name: str) -> None:
    """However the steps are done, every network learns what torch's own loop would have taught it."""
    images = resident(300)
    torch.manual_seed(1)
    orders = [shuffled(300) for _ in range(2)]
    expected = plain_losses(built(name), images, 64, orders)
    steps = make(built(name), images, 64)
    np.testing.assert_allclose(np.concatenate([epoch(steps, order) for order in orders]), expected, atol=0.02)


@both
def test_losses_told_stay_as_they_were_told(make: Make) -> None:
    """What was told of one epoch does not change while the next one runs."""
    steps = make(built(), resident(100), 32)
    first = epoch(steps, torch.arange(100))
    kept = first.copy()
    epoch(steps, torch.arange(100))
    np.testing.assert_array_equal(first, kept)


@both
def test_going_on_within_an_epoch(make: Make) -> None:
    """Steps that take up an epoch in its middle, with its weights and Adam's state, go on as the others did."""
    images = resident(200)
    torch.manual_seed(2)
    order = shuffled(200)
    straight_model = built()
    straight = make(straight_model, images, 32)
    epoch(straight, order)
    epoch(straight, order, done=5)  # a state in the middle of things
    weights = {name: tensor.clone() for name, tensor in straight_model.state_dict().items()}
    state = {name: tensor.clone() for name, tensor in straight.optimizer_state().items()}

    model = built()
    steps = make(model, images, 32)
    model.load_state_dict(weights)
    steps.restore_optimizer(state)
    np.testing.assert_array_equal(epoch(steps, order, done=3), epoch(straight, order, done=3))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), straight_model.parameters(), strict=True))


@both
@pytest.mark.parametrize("name", ["cnn", "batchnorm"])
def test_making_steps_changes_nothing(make: Make, name: str) -> None:
    """Preparing a run leaves weights, running means and random numbers as they were."""
    model = built(name)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    steps = make(model, resident(50), 32)
    assert all(torch.equal(tensor.cpu(), before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(not tensor.any() for tensor in steps.optimizer_state().values())


@both
def test_bfloat16_is_another_run(make: Make) -> None:
    """bfloat16 changes the losses a little, which is why it is off unless asked for."""
    images, order = resident(200), torch.arange(200)
    whole, rounded = (epoch(make(built(), images, 32, precision), order) for precision in ("float32", "bfloat16"))
    assert not np.array_equal(whole, rounded)
    np.testing.assert_allclose(whole, rounded, atol=0.1)


def test_adam_is_torchs_bit_for_bit() -> None:
    """The optimizer that works on all parameters at once moves them exactly where torch's own would."""
    ours, torchs = built("residual"), built("residual")
    optimizer = Adam(flatten(ours), LEARNING_RATE)
    reference = torch.optim.Adam(torchs.parameters(), lr=LEARNING_RATE)
    generator = torch.Generator().manual_seed(0)
    for step in range(30):
        optimizer.zero_grad()
        reference.zero_grad()
        for parameter, other in zip(ours.parameters(), torchs.parameters(), strict=True):
            gradient = torch.randn(parameter.shape, generator=generator) * 10.0 ** (step % 7 - 5)
            assert parameter.grad is not None
            parameter.grad.copy_(gradient)
            other.grad = gradient
        optimizer.step()
        reference.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), torchs.parameters(), strict=True))


def test_flattening_keeps_a_network() -> None:
    """A network whose parameters lie in one tensor has the same values, and its gradients land in one tensor too."""
    model, other = built("deeper"), built("deeper")
    flat = flatten(model)
    assert flat.shape == (sum(p.numel() for p in other.parameters()),)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    model(torch.ones(2, 3, 32, 32)).sum().backward()
    assert flat.grad is not None
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    assert torch.equal(flat.grad, torch.cat(gradients))
    assert flat.grad.any()


def test_recording_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a GPU cannot record the steps, training goes on without, and the record says so."""
    from engine.config import TrainingConfig
    from engine.control import Control
    from engine.training import loop as training
    from engine.training.reporter import Course

    def refuse(*constants: object) -> Steps:
        raise RuntimeError("CUDA error: operation not permitted\n when stream is capturing")

    monkeypatch.setattr(training, "GraphedSteps", refuse)
    log, images = RunLog(), made_up_images(50, 10)
    course = Course(TrainingConfig(), images, log, Control(), lambda: 0.0)
    held = resident(50)
    held.device = torch.device("cuda")  # as far as the choice can see
    monkeypatch.setattr(training, "EagerSteps", lambda *constants: constants)
    assert training.make_steps(TrainingConfig(), built(), held, course)
    (notice,) = log.events
    assert isinstance(notice, Notice)
    assert "slower: CUDA error: operation not permitted when stream is capturing" in notice.text
