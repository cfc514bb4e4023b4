"""Training steps, eager and recorded: one contract."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from engine import models, registry
from engine.config import TrainingConfig
from engine.recipe import optimizers
from engine.recipe.flat import flatten
from engine.recipe.optimizers import Settings
from engine.recipe.recipe import Recipe
from engine.training.loop import train_on_batch
from engine.training.order import shuffled
from engine.training.resident import ResidentImages
from engine.training.steps import choose
from engine.training.steps.choose import Steps, steps_on
from engine.training.steps.eager import EagerSteps
from engine.training.steps.graphed import GraphedSteps
from engine.training.trial import undone
from tests.images import made_up_images

CPU = torch.device("cpu")
LEARNING_RATE = 0.001
CONFIG = TrainingConfig(device="cpu", learning_rate=LEARNING_RATE)


@dataclass(frozen=True)
class Made:
    """Steps of one kind, with the recipe that they follow."""

    steps: Steps
    recipe: Recipe
    batch_size: int

    def epoch(self, order: Tensor, done: int = 0) -> NDArray[np.float32]:
        """Train on the images in `order` without the first `done` batches, and return the losses."""
        rates = self.recipe.rates(0, -(-len(order) // self.batch_size))
        return np.concatenate(list(self.steps.epoch(order, rates, done)))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """The threads of tests that run beside each other would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Recording(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Stands in for a CUDA graph: notes each operation with its tensors, and repeats exactly that.

    As on a GPU, a number that Python computed is repeated as it was.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._done: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        self._done.append((operation, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        anew: dict[int, Any] = {}
        with torch.no_grad():
            for operation, args, kwargs, result in self._done:
                args, kwargs = tree_map(lambda leaf: anew.get(id(leaf), leaf), (args, kwargs))
                repeated = operation(*args, **kwargs)
                for before, now in zip(tree_leaves(result), tree_leaves(repeated), strict=True):
                    if isinstance(before, Tensor):
                        anew[id(before)] = now


def again(run: Callable[[], None]) -> Callable[[], None]:
    """The simplest record of something to do: to replay is to run it again."""
    return run


def eager(model: nn.Module, images: ResidentImages, batch_size: int, precision: str = "float32") -> Made:
    recipe = Recipe(model, CONFIG, batches=len(images))
    steps = EagerSteps(partial(train_on_batch, model, recipe, precision), images, batch_size, recipe, 10)
    return Made(steps, recipe, batch_size)


def graphed(
    model: nn.Module,
    images: ResidentImages,
    batch_size: int,
    precision: str = "float32",
    record: Callable[[Callable[[], None]], Callable[[], object]] | None = again,
) -> Made:
    recipe = Recipe(model, CONFIG, batches=len(images), fused=True)
    step = partial(train_on_batch, model, recipe, precision)
    return Made(GraphedSteps(step, images, batch_size, model, recipe, 10, record), recipe, batch_size)


def replayed_on_a_gpu(model: nn.Module, images: ResidentImages, batch_size: int, precision: str = "float32") -> Made:
    held = ResidentImages(made_up_images(len(images), 10).train, torch.device("cuda"))
    return graphed(model.to("cuda"), held, batch_size, precision, record=None)


Make = Callable[..., Made]
both = pytest.mark.parametrize("make", [eager, graphed, *([replayed_on_a_gpu] if torch.cuda.is_available() else [])])


def resident(count: int) -> ResidentImages:
    return ResidentImages(made_up_images(count, 10).train, CPU)


def built(name: str = "cnn") -> nn.Module:
    torch.manual_seed(0)
    return models.build(name, 10, width=8).train()


def plain_losses(
    model: nn.Module,
    images: ResidentImages,
    batch_size: int,
    orders: list[Tensor],
    rates: tuple[float, ...] = (LEARNING_RATE,),
) -> list[float]:
    """What torch's own Adam makes of the same batches, with the last of `rates` from its epoch on."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    losses = []
    for number, order in enumerate(orders):
        optimizer.param_groups[0]["lr"] = rates[min(number, len(rates) - 1)]
        for indices in torch.split(order, batch_size):
            inputs, labels = images.batch(indices)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
    return losses


def two_orders(count: int) -> list[Tensor]:
    torch.manual_seed(1)
    return [shuffled(count) for _ in range(2)]


@cache
def plain_losses_of(name: str) -> list[float]:
    """Two epochs of the network `name` on 150 images in batches of 32."""
    return plain_losses(built(name), resident(150), 32, two_orders(150))


@both
@pytest.mark.parametrize(("images", "batch_size"), [(100, 32), (96, 32), (7, 1), (40, 40), (40, 64), (300, 299)])
def test_every_batch_of_an_epoch_once(make: Make, images: int, batch_size: int) -> None:
    """Each epoch gives one finite loss a batch, the shorter last one included, whatever the batch size."""
    made = make(built(), resident(images), batch_size)
    for _ in range(2):
        losses = made.epoch(torch.randperm(images))
        assert losses.shape == (-(-images // batch_size),)
        assert losses.dtype == np.float32
        assert np.isfinite(losses).all()


@both
@pytest.mark.parametrize("name", models.names())
def test_the_same_losses_as_plain_torch(make: Make, name: str) -> None:
    """Every network gets the losses of a plain torch loop, with either kind of steps."""
    made = make(built(name), resident(150), 32)
    losses = np.concatenate([made.epoch(order) for order in two_orders(150)])
    np.testing.assert_allclose(losses, plain_losses_of(name), atol=0.02)


@both
def test_losses_told_stay_as_they_were_told(make: Make) -> None:
    """The losses of one epoch do not change while the next one runs."""
    made = make(built(), resident(100), 32)
    first = made.epoch(torch.arange(100))
    kept = first.copy()
    made.epoch(torch.arange(100))
    np.testing.assert_array_equal(first, kept)


@both
def test_going_on_within_an_epoch(make: Make) -> None:
    """Steps that start in the middle of an epoch, with the same weights and Adam state, give the same numbers."""
    images = resident(200)
    torch.manual_seed(2)
    order = shuffled(200)
    straight_model = built()
    straight = make(straight_model, images, 32)
    straight.epoch(order)
    straight.epoch(order, done=5)  # a state in the middle of an epoch
    weights = {name: tensor.clone() for name, tensor in straight_model.state_dict().items()}
    state = straight.recipe.state()

    model = built()
    made = make(model, images, 32)
    model.load_state_dict(weights)
    made.recipe.restore(state)
    np.testing.assert_array_equal(made.epoch(order, done=3), straight.epoch(order, done=3))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), straight_model.parameters(), strict=True))


@both
@pytest.mark.parametrize("name", ["cnn", "batchnorm"])
def test_making_steps_changes_nothing(make: Make, name: str) -> None:
    """Preparing steps does not change weights, running means, Adam state and random numbers."""
    model = built(name)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    made = make(model, resident(50), 32)
    assert all(torch.equal(tensor.cpu(), before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(not tensor.any() for tensor in made.recipe.state().values())


@both
def test_bfloat16_is_another_run(make: Make) -> None:
    """bfloat16 changes the losses a little, which is why it is off unless asked for."""
    images, order = resident(200), torch.arange(200)
    whole, rounded = (make(built(), images, 32, precision).epoch(order) for precision in ("float32", "bfloat16"))
    assert not np.array_equal(whole, rounded)
    np.testing.assert_allclose(whole, rounded, atol=0.1)


@both
def test_learning_rate_changes_between_iterations(make: Make) -> None:
    """A new learning rate counts from the next iteration on, and the steps before it are untouched."""
    images, order = resident(96), torch.arange(96)
    made = make(built(), images, 32)
    losses = [made.epoch(order)]
    made.recipe.course.learning_rate = 0.004
    losses += [made.epoch(order), made.epoch(order)]
    expected = plain_losses(built(), images, 32, [order] * 3, rates=(LEARNING_RATE, 0.004))
    np.testing.assert_allclose(np.concatenate(losses), expected, atol=1e-4)
    unchanged = plain_losses(built(), images, 32, [order] * 3)
    assert np.abs(np.subtract(expected, unchanged)).max() > 0.01


def recorded(model: nn.Module, images: ResidentImages, batch_size: int) -> Made:
    """Steps that are recorded once, and then repeat the same operations on the same tensors."""
    recipe = Recipe(model, CONFIG, batches=len(images), fused=True)

    def record(run: Callable[[], None]) -> Callable[[], None]:
        recording = Recording()
        with undone(model, recipe), recording:
            run()
        return recording.replay

    step = partial(train_on_batch, model, recipe, "float32")
    return Made(GraphedSteps(step, images, batch_size, model, recipe, 10, record), recipe, batch_size)


@pytest.mark.parametrize("make", [eager, graphed, recorded])
def test_learning_rate_changes_within_an_epoch(make: Make) -> None:
    """Other rates count from the next batch on that is not done, as if the epoch had begun with them."""
    images, order = resident(80), torch.arange(80)
    model = built("batchnorm")
    made = make(model, images, 4)
    rates, changed = torch.full((20, 1), 0.001, dtype=torch.float64), torch.full((20, 1), 0.02, dtype=torch.float64)
    epoch = made.steps.epoch(order, rates)
    losses = [next(epoch)]
    done = len(losses[0])
    made.steps.change_rates(changed)
    losses += epoch
    assert done < 20
    other = built("batchnorm")
    expected = make(other, images, 4).steps.epoch(order, torch.cat([rates[:done], changed[done:]]))
    np.testing.assert_array_equal(np.concatenate(losses), np.concatenate(list(expected)))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_recorded_steps_read_the_learning_rate() -> None:
    """A recorded step repeats operations on the same tensors, so its learning rate must not be a number in Python."""
    images, order = resident(70), torch.arange(70)

    def losses(make: Make) -> NDArray[np.float32]:
        made = make(built("batchnorm"), images, 32)
        recipe, told = made.recipe, [made.epoch(order)]
        recipe.course.learning_rate = 0.0123
        return np.concatenate([*told, made.epoch(order), made.epoch(order)])

    np.testing.assert_array_equal(losses(recorded), losses(graphed))


@pytest.mark.parametrize("name", registry.names("recipe/optimizers", first="adam"))
@pytest.mark.parametrize("fused", [False, True])
def test_every_optimizer_keeps_the_contract(name: str, fused: bool) -> None:
    """Each optimizer goes on bit for bit from its saved state, with whatever learning rate it had."""
    results = []
    for interrupted in (False, True):
        torch.manual_seed(2)
        flat = flatten(nn.Linear(7, 5).named_parameters(), {})
        optimizer = optimizers.build(name, flat, Settings(learning_rate=0.1 / 3, momentum=0.9), fused=fused)
        for number in range(6):
            if number == 3:
                optimizer.rates.fill_(0.01 / 7)
            if number == 4 and interrupted:
                state = {name: tensor.clone() for name, tensor in optimizer.state().items()}
                rates = optimizer.rates
                optimizer = optimizers.build(name, flat, Settings(learning_rate=0.5, momentum=0.9), fused=fused)
                optimizer.restore(state)
                optimizer.rates.copy_(rates)
            optimizer.step([torch.sin(parameter * (number + 1)) for parameter in flat[0].parameters])
        results.append(flat[0].values)
    assert torch.equal(*results)


@pytest.mark.parametrize("rates", [(LEARNING_RATE,), (LEARNING_RATE, 0.1 / 3)])
def test_adam_is_torchs_bit_for_bit(rates: tuple[float, ...]) -> None:
    """The optimizer that works on all parameters at once moves them exactly where torch's own would."""
    ours, torchs = built("residual"), built("residual")
    optimizer = Recipe(ours, CONFIG).optimizer
    reference = torch.optim.Adam(torchs.parameters(), lr=LEARNING_RATE)
    generator = torch.Generator().manual_seed(0)
    for step in range(30):
        reference.param_groups[0]["lr"] = rates[step % len(rates)]
        optimizer.rates.fill_(rates[step % len(rates)])
        gradients = [
            torch.randn(each.shape, generator=generator) * 10.0 ** (step % 7 - 5) for each in ours.parameters()
        ]
        for parameter, gradient in zip(torchs.parameters(), gradients, strict=True):
            parameter.grad = gradient
        optimizer.step(gradients)
        reference.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), torchs.parameters(), strict=True))


def test_flattening_keeps_a_network() -> None:
    """A network whose parameters lie in one tensor has the same values, whatever their layout in memory."""
    model, other = built("deeper").to(memory_format=torch.channels_last), built("deeper")
    strides = [parameter.stride() for parameter in model.parameters()]
    (flat,) = flatten(model.named_parameters(), {})
    assert flat.values.shape == (sum(p.numel() for p in other.parameters()),)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    assert [parameter.stride() for parameter in model.parameters()] == strides
    flat.values.zero_()
    assert not any(parameter.any() for parameter in model.parameters())


@pytest.mark.parametrize("fused", [False, True])
def test_gradients_in_another_layout(fused: bool) -> None:
    """A gradient whose numbers lie in memory in another order than its parameter's moves the right numbers."""
    moved = []
    for layout in (torch.contiguous_format, torch.channels_last):
        parameter = nn.Parameter(torch.linspace(0, 1, 90).view(5, 2, 3, 3))
        groups = flatten([("filter", parameter)], {})
        optimizer = optimizers.build("adam", groups, Settings(learning_rate=0.1), fused=fused)
        gradient = torch.linspace(-1, 1, 90).view(5, 2, 3, 3).contiguous(memory_format=layout)
        optimizer.step([gradient])
        moved.append(parameter.detach())
    assert torch.equal(*moved)


def test_frozen_and_mixed_parameters() -> None:
    """Frozen parameters never move, and parameters of another dtype are trained beside the others."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2, dtype=torch.float64), nn.Linear(5, 6))
    model[2].requires_grad_(False)
    before = [parameter.clone() for parameter in model.parameters()]
    recipe = Recipe(model, CONFIG)
    loss = model[1](model[0](torch.ones(1, 3)).double()).sum()
    recipe.optimizer.step(torch.autograd.grad(loss, recipe.parameters))
    changed = [not torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True)]
    assert changed == [True] * 4 + [False] * 2
    assert [name for name, tensor in recipe.optimizer.state().items() if tensor.dtype == torch.float64] == [
        *("exp_avg.1", "exp_avg_sq.1")
    ]


def test_recording_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a GPU cannot record the steps, training goes on without, and the record says so."""

    def refuse(*constants: object) -> Steps:
        raise RuntimeError(
            "CUDA error: operation not permitted when stream is capturing\n"
            "Search for `cudaErrorStreamCaptureUnsupported' in https://docs.nvidia.com for more information.\n"
            "CUDA kernel errors might be asynchronously reported."
        )

    monkeypatch.setattr(choose, "GraphedSteps", refuse)
    held, model, notices = resident(50), built(), list[str]()
    held.device = torch.device("cuda")  # as far as the choice can see
    recipe = Recipe(model, CONFIG)
    step = partial(train_on_batch, model, recipe, "float32")
    assert isinstance(steps_on(held, step, model, recipe, 32, 10, notices.append), EagerSteps)
    (notice,) = notices
    assert notice.endswith("slower: CUDA error: operation not permitted when stream is capturing")


def test_memory_of_a_recording_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failed recording used is free when training begins without it: nothing holds the error."""
    used = []

    def refuse(*constants: object) -> Steps:
        batch = torch.zeros(1000)
        used.append(weakref.ref(batch))
        try:
            raise RuntimeError("not permitted")
        finally:
            raise RuntimeError("previous error")

    monkeypatch.setattr(choose, "GraphedSteps", refuse)
    held, model = resident(50), built()
    held.device = torch.device("cuda")  # as far as the choice can see
    recipe = Recipe(model, CONFIG)
    gc.disable()
    try:
        step = partial(train_on_batch, model, recipe, "float32")
        steps_on(held, step, model, recipe, 32, 10, lambda text: None)
        assert used[0]() is None
    finally:
        gc.enable()
