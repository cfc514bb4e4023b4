"""A GPU computes what the processor computes, however its operations are sent to it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.config.training import PRECISIONS
from engine.training.steps import choose
from tests.gpu.training import IS_GPU, Say, apart, images, networks, not_recorded, trained

CLOSE = {"float32": 5e-3, "tf32": 0.05, "bfloat16": 0.2}
"""How far the losses of the first `ITERATIONS` may be from those of the processor in float32."""

ITERATIONS = 20

precisions = pytest.mark.parametrize("precision", PRECISIONS if IS_GPU else ["float32", "bfloat16"])


@cache
def on_the_processor(name: str) -> NDArray[np.float32]:
    return trained(images(ITERATIONS), model=name, device="cpu", threads=8 if IS_GPU else 1).losses


@networks
@precisions
def test_same_losses_as_the_processor(
    name: str, precision: str, monkeypatch: pytest.MonkeyPatch, record_property: Say
) -> None:
    """Each network has the processor's losses in each precision, recorded as a graph or not, and the same each time."""
    graph, again = (trained(images(ITERATIONS), model=name, precision=precision) for _ in range(2))
    with monkeypatch.context() as patched:
        patched.setattr(choose, "GraphedSteps", not_recorded)
        eager = trained(images(ITERATIONS), model=name, precision=precision)
    expected = on_the_processor(name)
    of = f"{name} {precision}: largest difference of a loss in {ITERATIONS} iterations, graph to"
    record_property(f"{of} processor", apart(graph.losses, expected))
    record_property(f"{of} eager", apart(graph.losses, eager.losses))
    record_property(f"{of} graph", apart(graph.losses, again.losses))
    assert graph.notices == ()
    assert bool(eager.notices) == IS_GPU
    assert apart(graph.losses, expected) <= CLOSE[precision]
    assert apart(graph.losses, eager.losses) <= CLOSE[precision]
    if precision == "float32":
        assert abs(graph.losses[0] - expected[0]) < 1e-5
    np.testing.assert_array_equal(graph.losses, again.losses)


@pytest.mark.skipif(not IS_GPU, reason="the processor has no tf32")
def test_precisions_differ() -> None:
    """tf32 and bfloat16 are what they say: their losses are not those of float32."""
    whole, tf32, rounded = (trained(images(ITERATIONS), precision=each).losses for each in PRECISIONS)
    assert apart(whole, tf32) > 0
    assert apart(whole, rounded) > apart(whole, tf32)
