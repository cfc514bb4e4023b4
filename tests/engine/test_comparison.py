"""A device that computes something else than the processor is found before the training."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from engine import models
from engine.config import TrainingConfig
from engine.recipe.recipe import Recipe
from engine.training.comparison import unlike_the_processor
from engine.training.loop import train_on_batch
from engine.training.resident import ResidentImages
from tests.images import made_up_images


@pytest.fixture
def images() -> ResidentImages:
    return ResidentImages(made_up_images(100, 10).train, torch.device("cpu"))


@pytest.mark.parametrize("name", models.names())
def test_a_device_that_is_right(name: str, images: ResidentImages) -> None:
    """Nothing is said where the losses agree, and the network, its state and the random numbers stay as they were."""
    torch.manual_seed(0)
    model = models.build(name, 10, width=8).train()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    assert unlike_the_processor(train_on_batch, model, TrainingConfig(model=name), images) == ""
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.parametrize("wrong", ["does nothing", "moves back", "not a number"])
def test_a_device_that_is_wrong(wrong: str, images: ResidentImages) -> None:
    """A device whose optimizer does not move the weights, moves them wrongly, or loses them is told."""
    torch.manual_seed(0)
    model = models.build("cnn", 10).train()
    rates = {"does nothing": 0.0, "moves back": -0.001, "not a number": float("nan")}
    first = list[nn.Module]()

    def step_of(
        copy: nn.Module, recipe: Recipe, precision: str, inputs: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        first.append(copy)
        if copy is first[0]:  # the device's; the second copy is the processor's
            recipe.optimizer.rates.fill_(rates[wrong])
        return train_on_batch(copy, recipe, precision, inputs, labels)

    said = unlike_the_processor(step_of, model, TrainingConfig(), images)
    assert said.startswith("After 5 steps on one batch cpu has the loss ")
    assert "--device cpu" in said
