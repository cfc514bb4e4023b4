"""The optimizers step by step: against torch's own, or the formula written plainly; what every one of them must do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim._muon import _zeropower_via_newtonschulz

from engine import registry
from engine.recipe import optimizers
from engine.recipe.flat import Flat, flatten
from engine.recipe.optimizers import Settings, muon
from tests.tracing import Trace, check_recordable

NAMES = registry.names("recipe/optimizers", first="adam")
SETTINGS = Settings(
    learning_rate=0.1,
    momentum=0.6,
    weight_decay=0.004,
    batch_size=50,
    named_rates={"first.bias": 0.02, "norm.bias": 0.02, "head.weight": 0.05},
)
every_optimizer = pytest.mark.parametrize("name", NAMES)


def built(dtype: torch.dtype = torch.float32, layout: torch.memory_format = torch.contiguous_format) -> nn.Module:
    """Parameters of all kinds: of colours, hidden filters of three shapes, one of them high, biases, a matrix."""
    torch.manual_seed(0)
    layers = {
        "first": nn.Conv2d(3, 6, 2),
        "second": nn.Conv2d(6, 8, 3, bias=False),
        "third": nn.Conv2d(8, 8, 3),
        "fourth": nn.Conv2d(8, 8, 3, bias=False),
        "high": nn.Conv2d(8, 16, 1, bias=False),
        "norm": nn.BatchNorm2d(16),
        "head": nn.Linear(16, 10),
    }
    model = nn.ModuleDict(layers).to(dtype).to(memory_format=layout)
    layers["norm"].weight.requires_grad_(False)
    return model


def groups_of(model: nn.Module) -> list[Flat]:
    """The first layer learns in the first part of the run only, the others always."""
    first = [name for name, _ in model.named_parameters() if name.startswith("first")]
    return flatten(model.named_parameters(), dict.fromkeys(first, 0.375))


def gradients_at(step: int, groups: Iterable[Flat]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(step)
    return [
        torch.randn(each.shape, generator=generator, dtype=torch.float64).to(each.dtype) * 10.0 ** (step % 4 - 3)
        for group in groups
        for each in group.parameters
    ]


def rates_at(step: int) -> list[float]:
    """Of both groups."""
    return [0.1 * (1 - step / 20), 0.1 * max(0.0, 1 - step / 8)]


def ours(
    name: str,
    model: nn.Module,
    steps: Iterable[int],
    settings: Settings = SETTINGS,
    state: dict[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Train `model`, from `state` on, and return the optimizer's state."""
    groups = groups_of(model)
    optimizer = optimizers.build(name, groups, settings, fused=True)
    if state is not None:
        optimizer.restore(state)
    for step in steps:
        optimizer.rates.copy_(torch.tensor(rates_at(step), dtype=torch.float64))
        optimizer.step(gradients_at(step, groups))
    return optimizer.state()


def torchs(make: Callable[[Any], torch.optim.Optimizer], model: nn.Module, steps: int) -> None:
    groups = groups_of(model)
    optimizer = make([{"params": list(group.parameters)} for group in groups])
    for step in range(steps):
        for group, rate in zip(optimizer.param_groups, rates_at(step), strict=True):
            group["lr"] = rate
        parameters = [each for group in groups for each in group.parameters]
        for parameter, gradient in zip(parameters, gradients_at(step, groups), strict=True):
            parameter.grad = gradient
        optimizer.step()


def check_same(model: nn.Module, other: nn.Module, tolerance: float) -> None:
    for (name, a), b in zip(model.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sgd_is_torchs(momentum: float, decay: float, dtype: torch.dtype) -> None:
    """SGD moves two groups with rates of their own, which change, as torch's own does with Nesterov's momentum."""
    settings, model, other = replace(SETTINGS, momentum=momentum, weight_decay=decay), built(dtype), built(dtype)
    ours("sgd", model, range(20), settings)
    nesterov = momentum > 0
    torchs(lambda groups: torch.optim.SGD(groups, momentum=momentum, weight_decay=decay, nesterov=nesterov), other, 20)
    check_same(model, other, 2e-6 if dtype == torch.float32 else 1e-13)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_adamw_is_torchs(decay: float, dtype: torch.dtype) -> None:
    """AdamW moves two groups with rates of their own, which change, as torch's own does."""
    model, other = built(dtype), built(dtype)
    ours("adamw", model, range(20), replace(SETTINGS, weight_decay=decay))
    torchs(lambda groups: torch.optim.AdamW(groups, weight_decay=decay), other, 20)
    check_same(model, other, 2e-6 if dtype == torch.float32 else 1e-13)


def plainly_orthogonalized(matrix: Tensor) -> Tensor:
    x: Tensor = matrix / torch.linalg.vector_norm(matrix)
    for _ in range(3):
        square = x @ x.T
        x = 3.4445 * x - 4.7750 * square @ x + 2.0315 * square @ square @ x
    return x


@torch.no_grad()
def muon_plainly(model: nn.Module, steps: int) -> None:
    """The formula, parameter by parameter."""
    groups = groups_of(model)
    sums = {name: torch.zeros_like(each) for name, each in model.named_parameters()}
    means, squares = ({name: each.clone() for name, each in sums.items()} for _ in range(2))
    for step in range(1, steps + 1):
        names = [(name, rate) for group, rate in zip(groups, rates_at(step - 1), strict=True) for name in group.names]
        for (name, rate), gradient in zip(names, gradients_at(step - 1, groups), strict=True):
            weight = model.get_parameter(name)
            if name in ("second.weight", "third.weight", "fourth.weight", "high.weight"):
                sums[name] = 0.6 * sums[name] + gradient
                weight.mul_(math.sqrt(len(weight)) / weight.norm())
                update = (gradient + 0.6 * sums[name]).flatten(1)
                weight.sub_(rate * plainly_orthogonalized(update).view(weight.shape))
            elif name in SETTINGS.named_rates:
                named = SETTINGS.named_rates[name]
                of_sum = 50 * gradient + 0.004 / named * weight
                sums[name] = 0.85 * sums[name] + of_sum
                weight.sub_(named * rate / 0.1 * (of_sum + 0.85 * sums[name]))
            else:
                small = 0.0125 * rate
                weight.mul_(1 - small * 0.004)
                means[name] = 0.9 * means[name] + 0.1 * gradient
                squares[name] = 0.999 * squares[name] + 0.001 * gradient**2
                root = (squares[name] / (1 - 0.999**step)).sqrt() + 1e-8
                weight.sub_(small * means[name] / (1 - 0.9**step) / root)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 1e-4)])
def test_muon_is_the_formula(dtype: torch.dtype, tolerance: float) -> None:
    """Muon moves hidden filters along their orthogonalized momentum, the rest by SGD or AdamW, as published."""
    model, other = built(dtype), built(dtype)
    ours("muon", model, range(20))
    muon_plainly(other, 20)
    check_same(model, other, tolerance)


@pytest.mark.parametrize("shape", [(16, 40), (40, 16), (24, 24)])
def test_orthogonalization_is_torchs(shape: tuple[int, int]) -> None:
    """Each matrix of a batch is orthogonalized as torch's Muon does it, apart from torch's rounding to bfloat16."""
    torch.manual_seed(1)
    matrices = torch.randn(3, *shape) * torch.tensor([1e-4, 1.0, 1e3]).view(3, 1, 1)
    found = muon.orthogonalized(matrices)
    expected = [_zeropower_via_newtonschulz(each, muon.COEFFICIENTS, muon.STEPS, muon.EPSILON) for each in matrices]
    torch.testing.assert_close(found, torch.stack(expected).float(), rtol=0, atol=0.02)
    assert not muon.orthogonalized(torch.zeros(1, 4, 5)).any()


def test_weight_decay_of_named_parameters() -> None:
    """At the full rate, a step shrinks a weight that the network has a rate for by the part that decay says."""
    parameter = nn.Parameter(torch.tensor([2.0, -3.0]))
    groups = flatten([("bias", parameter)], {})
    settings = replace(SETTINGS, named_rates={"bias": 0.053})
    optimizer = optimizers.build("muon", groups, settings, fused=True)
    optimizer.step([torch.zeros(2)])
    torch.testing.assert_close(parameter.data, torch.tensor([2.0, -3.0]) * (1 - 0.004 * 1.85))  # Nesterov's 1 + 0.85


@every_optimizer
def test_going_on_in_another_layout(name: str) -> None:
    """A state taken with one layout of the weights in memory goes on in another, to the same weights."""
    straight, last = built(), built(layout=torch.channels_last)
    assert last["third"].weight.stride() != straight["third"].weight.stride()  # type: ignore[index]
    before = ours(name, straight, range(12))
    last.load_state_dict(straight.state_dict())
    after = ours(name, straight, range(12, 20), state=before)
    expected = ours(name, last, range(12, 20), state=before)
    check_same(straight, last, 1e-6)
    assert after.keys() == expected.keys() == before.keys()
    for key, tensor in after.items():
        torch.testing.assert_close(tensor, expected[key], rtol=1e-5, atol=1e-6, msg=key)


@every_optimizer
def test_a_state_is_a_copy(name: str) -> None:
    """A state that was taken stays as it was while the training goes on, and going on from it has equal bits."""
    model, groups = built(), list[Flat]()
    groups = groups_of(model)
    optimizer = optimizers.build(name, groups, SETTINGS, fused=True)
    for step in range(3):
        optimizer.step(gradients_at(step, groups))
    state, weights = optimizer.state(), [group.values.clone() for group in groups]
    kept = {key: tensor.clone() for key, tensor in state.items()}
    optimizer.step(gradients_at(3, groups))
    expected = [group.values.clone() for group in groups]
    assert all(torch.equal(tensor, kept[key]) for key, tensor in state.items())
    optimizer.restore(state)
    for group, values in zip(groups, weights, strict=True):
        group.values.copy_(values)
    optimizer.step(gradients_at(3, groups))
    assert all(torch.equal(group.values, values) for group, values in zip(groups, expected, strict=True))


@every_optimizer
def test_gradients_in_another_layout(name: str) -> None:
    """A gradient whose numbers lie in memory in another order than its weights moves the right ones, and is kept."""
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        model = built()
        groups = groups_of(model)
        optimizer = optimizers.build(name, groups, SETTINGS, fused=True)
        gradients = [
            each.contiguous(memory_format=layout) if each.ndim == 4 else each for each in gradients_at(0, groups)
        ]
        optimizer.step(gradients)
        assert all(torch.equal(a, b) for a, b in zip(gradients, gradients_at(0, groups), strict=True))
        found.append(torch.cat([group.values for group in groups]))
    assert torch.equal(*found)


@every_optimizer
def test_every_parameter_moves_but_frozen_ones(name: str) -> None:
    """Frozen parameters keep their values, all others learn, and a rate of nothing moves none of a group."""
    model = built()
    before = {key: each.detach().clone() for key, each in model.named_parameters()}
    groups = groups_of(model)
    settings = replace(SETTINGS, weight_decay=0.0)
    optimizer = optimizers.build(name, groups, settings, fused=True)
    assert optimizer.rates.tolist() == [0.1, 0.1]
    optimizer.rates[0] = 0.0
    optimizer.step(gradients_at(0, groups))
    stay = {key for key, each in model.named_parameters() if torch.equal(each, before[key])}
    assert stay == {"norm.weight", "first.weight", "first.bias"}


@every_optimizer
def test_can_be_recorded(name: str) -> None:
    """A CUDA graph can repeat a step: the same operations on the same memory whatever the rates, and none waits."""
    groups = groups_of(built())
    optimizer, gradients = optimizers.build(name, groups, SETTINGS, fused=True), gradients_at(0, groups)
    traces = [Trace(), Trace()]
    for number, trace in enumerate(traces):
        optimizer.rates.copy_(torch.tensor(rates_at(number), dtype=torch.float64))
        with trace:
            optimizer.step(gradients)
    check_recordable(*traces)
