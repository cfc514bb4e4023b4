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
"""How far the losses of the first `COMPARED` iterations may be from those of the processor in float32."""

COMPARED = 5
"""Adam and batch normalization turn a last digit into a step. A processor with one thread and with two are 5e-7 apart
after 2 iterations of deeper, 2e-4 after 4 and 0.02 after 20."""

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
    """Each network begins with the processor's losses in each precision, and if asked to has the same bits each time,
    recorded as a graph or not."""
    expected = on_the_processor(name)
    fast = trained(images(ITERATIONS), model=name, precision=precision)
    graph, again = (trained(images(ITERATIONS), model=name, precision=precision, deterministic=True) for _ in range(2))
    with monkeypatch.context() as patched:
        patched.setattr(choose, "GraphedSteps", not_recorded)
        eager = trained(images(ITERATIONS), model=name, precision=precision, deterministic=True)
    for kind, result in (("deterministic", graph), ("fast", fast)):
        of = f"{name} {precision} {kind}: difference to the processor's loss in"
        record_property(f"{of} iteration 1", float(abs(result.losses[0] - expected[0])))
        record_property(f"{of} {COMPARED} iterations", apart(result.losses[:COMPARED], expected[:COMPARED]))
        record_property(f"{of} {ITERATIONS} iterations", apart(result.losses, expected))
        assert result.notices == ()
        assert np.isfinite(result.losses).all()
        assert apart(result.losses[:COMPARED], expected[:COMPARED]) <= CLOSE[precision]
        if precision == "float32":
            assert abs(result.losses[0] - expected[0]) < 1e-5
    assert bool(eager.notices) == IS_GPU
    np.testing.assert_array_equal(graph.losses, again.losses)
    np.testing.assert_array_equal(graph.losses, eager.losses)


@pytest.mark.skipif(not IS_GPU, reason="the processor has no tf32")
def test_precisions_differ() -> None:
    """tf32 and bfloat16 are what they say: their losses are not those of float32."""
    whole, tf32, rounded = (trained(images(ITERATIONS), precision=each).losses for each in PRECISIONS)
    assert apart(whole, tf32) > 0
    assert apart(whole, rounded) > apart(whole, tf32)
