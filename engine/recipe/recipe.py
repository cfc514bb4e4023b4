"""How a network is trained: the only place that builds its loss, optimizer, rates and average of weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from engine.config import TrainingConfig
from engine.recipe import optimizers
from engine.recipe.averaging import Average
from engine.recipe.course import Course
from engine.recipe.flat import flatten
from engine.recipe.optimizers import Settings


class Recipe:
    """The loss and the optimizer of one network, for steps of any kind, as `config` says.

    `batches` are the iterations of an epoch. A `fused` optimizer is faster and rounds differently, see
    `engine.recipe.optimizers.build`. The network's parameters become views into flat tensors.
    """

    def __init__(self, model: nn.Module, config: TrainingConfig, *, batches: int = 1, fused: bool = False) -> None:
        self._groups = flatten(model.named_parameters(), getattr(model, "trained_for", {}))
        self.parameters = [parameter for group in self._groups for parameter in group.parameters]
        """What the network learns, in the order in which `step` takes the gradients."""
        self.criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
        settings = Settings(
            learning_rate=config.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            batch_size=config.batch_size,
            named_rates=getattr(model, "named_rates", {}),
        )
        self.optimizer = optimizers.build(config.optimizer, self._groups, settings, fused=fused)
        self.average = Average(model, config.average) if config.average else None
        self.course = Course(config, batches)

    def rates(self, iteration: int, count: int) -> Tensor:
        """Return the rates of the `count` iterations after `iteration` of them, (count, groups) float64.

        They depend on nothing but `course`, so a resumed run has the same.
        """
        return torch.from_numpy(self.course.rates([group.until for group in self._groups], iteration, count))

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move every parameter with the optimizer's `rates`. `gradients` are in the order of `parameters`."""
        self.optimizer.step(gradients)
        if self.average is not None:
            self.average.update()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Inside, the network has the weights that are evaluated: their average, if there is one."""
        if self.average is None:
            yield
        else:
            with self.average.applied():
                yield

    def settle(self, model: nn.Module, weights: Mapping[str, Tensor]) -> None:
        """Give `model` the weights to be evaluated for good: `weights`, or the average. No step follows."""
        with self.evaluating():
            kept = weights or {name: tensor.clone() for name, tensor in model.state_dict().items()}
        if weights or self.average is not None:
            model.load_state_dict(kept)
        self.average = None

    def state(self) -> dict[str, Tensor]:
        """Return copies of what the next step depends on, apart from the weights and `course`."""
        return {f"{part}.{name}": tensor for part, each in self._parts() for name, tensor in each.state().items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state()` returned earlier."""
        for part, each in self._parts():
            start = f"{part}."
            each.restore({name.removeprefix(start): state[name] for name in state if name.startswith(start)})

    def begin_with(self, state: Mapping[str, Tensor]) -> bool:
        """Take over what `state()` of another run returned, as far as it is whole; the average begins anew else.

        The network has the weights of that run already. Return whether the optimizer's state was taken.
        """
        taken = {}
        for part, each in self._parts():
            start = f"{part}."
            theirs = {name.removeprefix(start): state[name] for name in state if name.startswith(start)}
            taken[part] = theirs.keys() == each.state().keys()
            if taken[part]:
                each.restore(theirs)
            elif isinstance(each, Average):
                each.restart()
        return taken["optimizer"]

    def _parts(self) -> Iterator[tuple[str, optimizers.Optimizer | Average]]:
        yield "optimizer", self.optimizer
        if self.average is not None:
            yield "average", self.average
