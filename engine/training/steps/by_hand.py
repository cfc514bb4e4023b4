"""The notebook's network without autograd: the body of `train_on_batch` as compiled code and a few calls of torch.

For so small a network, autograd's bookkeeping and its temporary tensors cost as much as a fifth of the arithmetic. The
convolutions are `engine.kernels.convolutions`; the rest calls the operations that autograd would call, on the same
tensors, so the bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from engine.config import TrainingConfig
from engine.kernels import convolutions
from engine.recipe.recipe import Recipe
from engine.training.layout import has_the_notebooks_bits
from engine.training.resident import normalized

_MEAN = 1
"""The reduction of a loss over the batch, as torch numbers it."""
_IGNORED = -100
"""The label that `CrossEntropyLoss` leaves out by default. No image has it."""

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Trains on a batch, images and labels. Returns its loss, a scalar on the device, and its logits (n, classes)."""


def order_of_sums(config: TrainingConfig, device: torch.device) -> str | None:
    """Return, for the record, in which order the sums of the notebook's network run; None for another network.

    Two runs with the same seed and threads have the same bits if this is the same.
    """
    if not has_the_notebooks_bits(config, device):
        return None
    layers = convolutions.order_of_sums(torch.get_num_threads(), config.batch_size)
    return f"convolutions {layers}, the rest torch's for {torch.backends.cpu.get_cpu_capability()}"


def by_hand(step: Step, model: nn.Module, recipe: Recipe, config: TrainingConfig) -> Step:
    """Return a step with the bits of `step`, which trains `model` on a batch.

    It takes images as floats or, which is faster, as bytes. It is `step` itself for another network, precision, loss or
    optimizer, and calls it for batches that the compiled code does not compute.
    """
    if not has_the_notebooks_bits(config, recipe.parameters[0].device) or _has_hooks(model):
        return step
    room = recipe.optimizer.room
    if config.label_smoothing or not room:
        return step
    gradients = dict(zip(map(id, recipe.parameters), room, strict=True))
    named = dict(model.named_parameters())
    convolution = [named[f"conv{layer}.{kind}"] for kind in ("weight", "bias") for layer in (1, 2, 3)]
    linear = [named[f"fc{layer}.{kind}"] for layer in (1, 2) for kind in ("weight", "bias")]
    of_convolution = [gradients[id(parameter)] for parameter in convolution]
    of_weight1, of_bias1, of_weight2, of_bias2 = (gradients[id(parameter)] for parameter in linear)
    weight1, bias1, weight2, bias2 = (parameter.data for parameter in linear)
    aten, one, shades = torch.ops.aten, torch.ones(()), normalized(torch.arange(256, dtype=torch.uint8))

    def train(inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if not convolutions.computes(inputs):
            return step(normalized(inputs) if inputs.dtype == torch.uint8 else inputs, labels)
        of_bytes = shades if inputs.dtype == torch.uint8 else None
        maps, activations, winners = convolutions.forward(inputs, convolution, shades=of_bytes)
        features = maps.view(len(inputs), -1)
        hidden = torch.addmm(bias1, features, weight1.t()).relu_()
        logits = torch.addmm(bias2, hidden, weight2.t())
        log_probabilities = torch.log_softmax(logits, 1)
        loss, count = aten.nll_loss_forward(log_probabilities, labels, None, _MEAN, _IGNORED)

        gradient = aten.nll_loss_backward(one, log_probabilities, labels, None, _MEAN, _IGNORED, count)
        gradient = aten._log_softmax_backward_data(gradient, log_probabilities, 1, torch.float32)
        torch.mm(gradient.t(), hidden, out=of_weight2)
        torch.sum(gradient, 0, out=of_bias2)
        gradient = aten.threshold_backward(gradient.mm(weight2), hidden, 0)
        torch.mm(gradient.t(), features, out=of_weight1)
        torch.sum(gradient, 0, out=of_bias1)
        gradient = gradient.mm(weight1)
        convolutions.backward(gradient, convolution[:3], activations, winners, of_convolution)
        recipe.step(room)
        return loss, logits

    return train


def _has_hooks(model: nn.Module) -> bool:
    """Return whether something watches or changes what the layers compute, which happens only if they are called."""
    return any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
