"""Adam (Kingma and Ba, 2014) over all parameters of a network at once.

Ten small tensors cost ten times the calls of one: `flatten` lays all parameters and gradients of a network into one
tensor each, of which the layers keep views. `Adam` then computes what `torch.optim.Adam` computes, operation by
operation in the same order, so the same bits; torch's fused one rounds otherwise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.999)
"""Decay of the running means of the gradient and of its square; torch's defaults, and the paper's."""

EPSILON = 1e-8
"""Keeps the division finite; torch's default, and the paper's."""


def flatten(model: nn.Module) -> nn.Parameter:
    """One parameter (p,) that holds all of `model`'s, with a gradient of zeros; the layers keep views of both.

    The values, shapes and strides stay as they were. The gradients must be zeroed in place from now on: a layer whose
    `grad` is replaced would no longer be seen.
    """
    parameters = list(model.parameters())
    flat = nn.Parameter(torch.empty(sum(p.numel() for p in parameters), device=parameters[0].device))
    flat.grad = torch.zeros_like(flat)
    start = 0
    for parameter in parameters:
        view = flat.data.as_strided(parameter.shape, parameter.stride(), start)
        view.copy_(parameter.data)
        parameter.data = view
        parameter.grad = flat.grad.as_strided(parameter.shape, parameter.stride(), start)
        start += parameter.numel()
    return flat


class Adam:
    """Plain Adam on the one `parameter` that `flatten` made."""

    def __init__(self, parameter: nn.Parameter, learning_rate: float) -> None:
        assert parameter.grad is not None
        self._values, self._gradient = parameter.data, parameter.grad
        self._learning_rate = learning_rate
        self._steps = 0
        self._mean = torch.zeros_like(self._values)
        self._square_mean = torch.zeros_like(self._values)
        self._divisor = torch.empty_like(self._values)

    def zero_grad(self) -> None:
        self._gradient.zero_()

    @torch.no_grad()
    def step(self) -> None:
        """One step down the gradient. The order of the operations is `torch.optim.adam._single_tensor_adam`'s."""
        beta1, beta2 = BETAS
        self._steps += 1
        self._mean.lerp_(self._gradient, 1 - beta1)
        self._square_mean.mul_(beta2).addcmul_(self._gradient, self._gradient, value=1 - beta2)
        torch.sqrt(self._square_mean, out=self._divisor)
        self._divisor.div_(math.sqrt(1 - beta2**self._steps)).add_(EPSILON)
        self._values.addcdiv_(self._mean, self._divisor, value=-self._learning_rate / (1 - beta1**self._steps))

    def state(self) -> dict[str, Tensor]:
        """What the next step depends on, under the names that `torch.optim.Adam` gives it; not copied."""
        return {
            "step": torch.tensor(float(self._steps)),
            "exp_avg": self._mean,
            "exp_avg_sq": self._square_mean,
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state()` told, of this Adam or of torch's."""
        self._steps = int(state["step"].item())
        self._mean.copy_(state["exp_avg"])
        self._square_mean.copy_(state["exp_avg_sq"])
