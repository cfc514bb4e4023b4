"""The order of a training's work on a GPU, played without one: no two streams use memory that they do not wait for.

Streams and events are stood in for. Each operation on a processor is told to the rules of torch's CUDA sanitizer, as if
the GPU did it in the stream that is current.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Self

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.cuda._sanitizer import EventHandler, zip_arguments
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine import models
from engine.config import TrainingConfig
from engine.control import Control
from engine.hardware import device as devices
from engine.recipe.recipe import Recipe
from engine.record.log import RunLog
from engine.training import trainer
from engine.training.loop import train_on_batch
from engine.training.predict import predict
from engine.training.resident import ResidentImages
from engine.training.steps.graphed import GraphedSteps
from tests.images import made_up_images
from tests.networks import take_the_path_of_a_gpu

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
IMAGES = made_up_images(100, 20)


class Stream:
    """In the place of `torch.cuda.Stream`."""

    device_index = 0

    def __init__(self, order: Order) -> None:
        self._order = order
        order.made.append(self)
        self.number = len(order.made)

    def wait_stream(self, other: Self) -> None:
        event = next(self._order.events)
        self._order.rules._handle_event_creation(event)
        self._order.rules._handle_event_record(event, other.number)
        self._order.rules._handle_event_wait(event, self.number)


class Order(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes which stream uses which memory, and every use that nothing puts into an order."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rules = EventHandler()
        self.events = iter(range(1, 1_000_000))
        self.made: list[Stream] = []
        self.current = Stream(self)
        self.races: list[str] = []
        self.launches: dict[int, int] = {}
        """How many operations each stream got."""

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        read, written = set[int](), set[int]()
        for argument, value in zip_arguments(operation._schema, args, kwargs):
            if argument.alias_info is None:
                read |= memory_of(value)
            elif argument.alias_info.is_write:
                written |= memory_of(value)
        result = operation(*args, **kwargs)
        if all(returned.alias_info is None for returned in operation._schema.returns):
            written |= memory_of(result)
        number = self.current.number
        self.launches[number] = self.launches.get(number, 0) + 1
        names: dict[int, list[str]] = {each: [] for each in read | written}
        errors = self.rules._handle_kernel_launch(number, read - written, written, set(), str(operation), names)
        self.races += [f"{operation} in stream {number}" for _ in errors]
        return result

    @contextmanager
    def stream(self, stream: Stream) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before


def memory_of(values: Any) -> set[int]:
    return {each.untyped_storage().data_ptr() for each in tree_leaves(values) if isinstance(each, Tensor)} - {0}


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> Iterator[Order]:
    """The streams of a GPU that is not there."""
    order = Order()
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "Stream", partial(Stream, order))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: order.current)
    monkeypatch.setattr(torch.cuda, "stream", order.stream)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(devices, "_STREAMS", {})
    take_the_path_of_a_gpu(monkeypatch)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.autograd.set_multithreading_enabled(False):
        yield order
    torch.set_num_threads(threads)


def test_the_rules_see_a_race(order: Order) -> None:
    """Two streams that use the same memory without waiting are found."""
    with order:
        tensor = torch.zeros(5)
        with order.stream(Stream(order)):
            tensor.add_(1)
    assert order.races


@pytest.mark.parametrize("name", models.names())
def test_recorded_steps(name: str, order: Order) -> None:
    """What was made before the training's stream is finished in it, and what it made is finished afterwards."""
    with order:
        model = models.build(name, 10, width=8)
        images = ResidentImages(IMAGES.train, CPU)
        recipe = Recipe(model, TrainingConfig(device="cpu"), batches=4, fused=True)
        step = partial(train_on_batch, model, recipe, "float32")
        for _ in range(2):
            with devices.working_on(GPU):
                steps = GraphedSteps(step, images, 32, model, recipe, 10, lambda run: run)
                losses = list(steps.epoch(torch.arange(100), recipe.rates(0, 4)))
            predict(model, images, "float32")
    assert np.isfinite(np.concatenate(losses)).all()
    assert order.races == []
    assert len(order.made) == 2, "the second training takes the stream of the first"
    assert min(order.launches.values()) > 10


def test_a_run(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole run leaves a network that can be used at once, and all of its work is in one stream."""
    working_on = devices.working_on
    monkeypatch.setattr(devices, "usable", lambda *constants: CPU)
    monkeypatch.setattr(devices, "working_on", lambda device: working_on(GPU))
    config = TrainingConfig(epochs=2, device="cpu", threads=1, model="batchnorm")
    with order:
        trained = trainer.train(config, IMAGES, RunLog(), Control())
        assert set(order.launches) == {2}
        predict(trained.model, ResidentImages(IMAGES.test, CPU), "float32")
    assert order.races == []
