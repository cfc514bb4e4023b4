"""How fast a GPU trains: figures, and what a graph must gain."""

from __future__ import annotations

import pytest

from engine.config.training import PRECISIONS
from engine.training.steps import choose
from tests.gpu.training import IS_GPU, Say, images, networks, not_recorded, trained

ITERATIONS = 512 if IS_GPU else 8

precisions = pytest.mark.parametrize("precision", PRECISIONS if IS_GPU else ["float32"])


@networks
@precisions
def test_a_graph_is_faster(name: str, precision: str, monkeypatch: pytest.MonkeyPatch, record_property: Say) -> None:
    """Recorded steps are faster than steps sent one by one, with each network and precision."""
    graph = trained(images(ITERATIONS), model=name, precision=precision, epochs=4)
    monkeypatch.setattr(choose, "GraphedSteps", not_recorded)
    eager = trained(images(ITERATIONS), model=name, precision=precision)
    for kind, result in (("graph", graph), ("eager", eager)):
        record_property(f"{name} {precision} {kind}: µs an iteration", round(1e6 * result.iteration, 1))
    record_property(f"{name} {precision} graph: s until the first iteration", round(graph.ready, 3))
    if IS_GPU:
        assert graph.iteration < eager.iteration


@precisions
@pytest.mark.parametrize("batch_size", [32, 512])
def test_images_a_second(batch_size: int, precision: str, record_property: Say) -> None:
    """The speed at the notebook's batch size and at one that fills a GPU."""
    result = trained(images(ITERATIONS), precision=precision, batch_size=batch_size, epochs=4)
    record_property(f"cnn {precision} batches of {batch_size}: images/s", round(batch_size / result.iteration))
