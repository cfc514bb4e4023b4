"""The average of the weights over time, against its formula."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch
from torch import Tensor, nn

from engine import models
from engine.recipe.averaging import Average
from engine.recipe.flat import flatten
from tests.tracing import Trace, check_recordable


def built(layout: torch.memory_format = torch.contiguous_format) -> nn.Module:
    torch.manual_seed(0)
    model = models.build("residual", 10).to(memory_format=layout)
    model.last.bias.requires_grad_(False)  # type: ignore[union-attr]
    flatten(model.named_parameters(), {})
    return model


def changed(model: nn.Module, number: int) -> None:
    """Let every tensor of `model` be another one, as training does."""
    generator = torch.Generator().manual_seed(number)
    with torch.no_grad():
        for each in model.state_dict().values():
            if each.is_floating_point():
                each.copy_(torch.randn(each.shape, generator=generator))
            else:
                each.add_(1)


def state_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: each.clone() for name, each in model.state_dict().items()}


@pytest.mark.parametrize("decay", [0.2, 0.4, 0.999])
def test_the_formula(decay: float) -> None:
    """The average follows the weights, faster at the start; what is not trained and what counts stays the network's."""
    model = built()
    average, expected = Average(model, decay), state_of(model)
    for t in range(1, 21):
        changed(model, t)
        average.update()
        kept = min(decay, (1 + t) / (10 + t))
        for name, value in model.state_dict().items():
            moves = value.is_floating_point() and name != "last.bias"
            expected[name] = kept * expected[name].double() + (1 - kept) * value if moves else value.clone()
    with average.applied():
        for name, value in model.state_dict().items():
            torch.testing.assert_close(value.double(), expected[name].double(), rtol=1e-5, atol=1e-6, msg=name)


def test_afterwards_the_network_goes_on() -> None:
    """After an evaluation of the average, and after one that fails, the weights have their bits and places again."""
    model = built()
    average = Average(model, 0.9)
    changed(model, 1)
    average.update()
    before, places = state_of(model), [each.data_ptr() for each in model.state_dict().values()]
    with suppress(ZeroDivisionError), average.applied():
        assert not torch.equal(model.state_dict()["last.weight"], before["last.weight"])
        assert [each.data_ptr() for each in model.state_dict().values()] == places
        raise ZeroDivisionError
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    assert [each.data_ptr() for each in model.state_dict().values()] == places


def test_going_on_in_another_layout() -> None:
    """An average goes on from its saved state bit for bit, also where the weights lie in memory in another order."""
    straight, model = built(), built(torch.channels_last)
    average, resumed = Average(straight, 0.7), Average(model, 0.7)
    for number in range(1, 9):
        changed(straight, number)
        average.update()
        if number == 5:
            saved = average.state()
    resumed.restore(saved)
    for number in range(6, 9):
        changed(model, number)
        resumed.update()
    assert average.state().keys() == resumed.state().keys()
    assert all(torch.equal(each, resumed.state()[name]) for name, each in average.state().items())
    with average.applied(), resumed.applied():
        assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), model.parameters(), strict=True))


def test_can_be_recorded() -> None:
    """A CUDA graph can keep the average: the same operations on the same memory, and nothing waits for the GPU."""
    average, traces = Average(built(), 0.9), [Trace(), Trace()]
    for trace in traces:
        with trace:
            average.update()
    check_recordable(*traces)
