"""The compiled batch normalization computes what torch's operations do, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine import models
from engine.kernels import compiled, normalization
from engine.kernels.normalization import Normalization
from tests.compiled_code import needs_the_compiled_code


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    compiled.takes_channels.cache_clear()


@pytest.fixture
def only_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test fail if torch normalizes."""
    needs_the_compiled_code()
    monkeypatch.setattr(functional, "batch_norm", None)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Numbers far from zero, some of them equal, with channels last."""
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 2 + 3
    return numbers.mul_(8).round_().div_(8).contiguous(memory_format=torch.channels_last)


Kind = Literal["plain", "pool", "add", "gelu", "frozen"]


def layer_of(channels: int, kind: Kind, layer_type: type[Normalization] = Normalization) -> Normalization:
    """A layer as in the middle of a training: with weights of both signs."""
    if kind == "frozen":
        layer = layer_type(channels, activation="gelu", scale=False, momentum=0.4, eps=1e-12)
    else:
        layer = layer_type(channels, pool=kind == "pool", activation="gelu" if kind == "gelu" else "relu")
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for each in (*learned(layer), layer.running_mean, layer.running_var):
            assert each is not None
            each.copy_(torch.randn(each.shape, generator=generator))
        assert layer.running_var is not None
        layer.running_var.abs_()
    return layer


def learned(layer: nn.Module) -> list[nn.Parameter]:
    return [each for each in layer.parameters() if each.requires_grad]


class Torchs(Normalization):
    """What torch's operations make of the same numbers."""

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        x = nn.BatchNorm2d.forward(self, x)
        if self.gelu:
            return functional.gelu(x)
        x = functional.relu(x if added is None else x + added)
        return functional.max_pool2d(x, 2) if self.pool else x


def results(layer: Normalization, x: Tensor, added: Tensor | None) -> list[Tensor]:
    """The output, all gradients, and the running statistics."""
    inputs = [each.clone().requires_grad_() for each in (x, added) if each is not None]
    out = layer(*inputs)
    gradient = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(out.dtype)
    gradients = torch.autograd.grad(out, [*inputs, *learned(layer)], gradient)
    return [out.detach(), *gradients, *(each.clone() for each in layer.buffers())]


KINDS = pytest.mark.parametrize("kind", get_args(Kind))


@KINDS
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("shape", [(7, 16, 8, 8), (3, 48, 4, 6), (2, 128, 2, 2), (33, 32, 6, 4), (5, 16, 7, 3)])
@pytest.mark.usefixtures("only_compiled")
def test_what_torch_computes(kind: Kind, threads: int, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Output, gradients and running statistics are torch's up to rounding, for any number of images and threads."""
    if kind == "pool" and shape[2] % 2:
        return  # left to torch, see below
    torch.set_num_threads(threads)
    x, added = drawn(*shape), drawn(*shape, seed=3) - 4 if kind == "add" else None
    found = results(layer_of(shape[1], kind), x, added)
    monkeypatch.undo()
    exact = layer_of(shape[1], kind, Torchs).double()
    expected = results(exact, x.double(), None if added is None else added.double())
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=1e-4, atol=1e-5)
    assert found[0].is_contiguous(memory_format=torch.channels_last)


@KINDS
@pytest.mark.usefixtures("only_compiled")
def test_evaluation(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluation uses the running statistics and leaves them as they are."""
    x, added = drawn(5, 32, 8, 6), drawn(5, 32, 8, 6, seed=3) - 4 if kind == "add" else None
    layer = layer_of(32, kind).eval()
    with torch.inference_mode():
        found = layer(x, added)
    monkeypatch.undo()
    exact = layer_of(32, kind, Torchs).double().eval()
    expected = exact(x.double(), None if added is None else added.double())
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)
    assert all(
        torch.equal(one, other) for one, other in zip(layer.buffers(), layer_of(32, kind).buffers(), strict=True)
    )


@pytest.mark.usefixtures("only_compiled")
def test_gelu_to_the_last_digits() -> None:
    """GELU is right to a few units of the last digit, also far below zero."""
    layer = Normalization(16, activation="gelu", eps=0).eval()  # so far it changes nothing but for GELU
    z = torch.linspace(-12, 12, 16 * 40_000).view(40, 16, 100, 10).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        found = layer(z)
    exact = z.double() / 2 * torch.special.erfc(-z.double() / 2**0.5)
    assert ((found - exact).abs() <= 8 * 2.0**-23 * exact.abs()).all()
    ends = torch.tensor([-3e38, -200, -0.0, 0, 3e38, float("nan")])
    with torch.inference_mode():
        found = layer(ends[:, None, None, None].repeat(1, 16, 1, 1).contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found[:, 0, 0, 0], torch.tensor([0, 0, 0, 0, 3e38, float("nan")]), equal_nan=True)


@pytest.mark.usefixtures("only_compiled")
def test_frozen_scale() -> None:
    """A layer without a scale trains its bias alone."""
    layer = layer_of(16, "frozen")
    layer(drawn(3, 16, 4, 4).requires_grad_()).sum().backward()
    assert layer.weight.grad is None
    assert layer.bias.grad is not None
    assert layer.state_dict().keys() == nn.BatchNorm2d(16).state_dict().keys()


@KINDS
@pytest.mark.usefixtures("only_compiled")
def test_same_bits_each_time_and_on_each_processor(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number of threads gives the same bits, with AVX-512 as with AVX2."""
    torch.set_num_threads(3)
    x, added = drawn(20, 32, 8, 8), drawn(20, 32, 8, 8, seed=3) if kind == "add" else None
    variants = [code for variant in compiled.VARIANTS if (code := compiled._loaded(variant)) and code.runs_here()]
    found = []
    for code in (*variants, variants[0]):
        monkeypatch.setattr(normalization, "library", lambda code=code: code)
        found.append(results(layer_of(32, kind), x, added))
    for each in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(each, found[0], strict=True))


@pytest.mark.usefixtures("only_compiled")
def test_what_is_not_a_number_is_passed_on() -> None:
    """NaN reaches the output of its channel, so a diverged network is noticed."""
    for kind in get_args(Kind):
        x = drawn(4, 16, 4, 4)
        x[1, 3, 2, 2] = float("nan")
        broken = layer_of(16, kind)(x).isnan()
        assert broken[:, 3].all()
        assert not broken[:, :3].any()


@pytest.mark.usefixtures("only_compiled")
def test_channel_without_any_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all values are equal nothing is divided by zero, and the first of four equal values gets the gradient."""
    x = torch.full((2, 16, 4, 4), 5.0).contiguous(memory_format=torch.channels_last)
    found = results(layer_of(16, "pool"), x, None)
    monkeypatch.undo()
    expected = results(layer_of(16, "pool", Torchs).double(), x.double(), None)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "case",
    [
        "evaluation with gradients",
        "training without gradients",
        "usual layout",
        "odd size",
        "float64",
        "8 channels",
        "not compiled",
    ],
)
def test_what_the_compiled_code_is_not_made_for(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else is left to torch, with torch's bits."""
    monkeypatch.setattr(normalization, "_Normalized", None)  # calling it would fail
    shape = (4, 8 if case == "8 channels" else 16, 5 if case == "odd size" else 4, 4)
    x, pair = drawn(*shape), [layer_of(shape[1], "pool", each) for each in (Normalization, Torchs)]
    if case == "usual layout":
        x = x.contiguous()
    if case == "float64":
        x, pair = x.double(), [layer.double() for layer in pair]
    if case == "evaluation with gradients":
        pair = [layer.eval() for layer in pair]
    if case == "not compiled":
        monkeypatch.setattr(compiled, "library", lambda: None)
        compiled.takes_channels.cache_clear()
    with torch.set_grad_enabled(case != "training without gradients"):
        ours, torchs = (layer(x) for layer in pair)
    assert torch.equal(ours, torchs)


def test_bfloat16_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under autocast a convolution returns bfloat16, which torch normalizes."""
    monkeypatch.setattr(normalization, "_Normalized", None)
    layers = nn.Sequential(nn.Conv2d(3, 16, 3), layer_of(16, "plain")).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        assert layers(drawn(2, 3, 6, 6)).dtype == torch.bfloat16


@pytest.mark.parametrize(("name", "layers"), [("batchnorm", 3), ("deeper", 6), ("residual", 7)])
def test_networks_use_it(name: str, layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every normalization of the networks is compiled when they train with channels last."""
    needs_the_compiled_code()
    calls, apply = [], normalization._Normalized.apply

    def counted(*inputs: object) -> Tensor:
        calls.append(inputs)
        result: Tensor = apply(*inputs)
        return result

    monkeypatch.setattr(normalization._Normalized, "apply", counted)
    model = models.build(name, 10).to(memory_format=torch.channels_last).train()
    model(torch.rand(4, 3, 32, 32).contiguous(memory_format=torch.channels_last)).sum().backward()
    assert len(calls) == layers
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        (
            "batchnorm",
            ["layers.0", "layers.1", "layers.4", "layers.5", "layers.8", "layers.9", "layers.13", "layers.15"],
        ),
        (
            "deeper",
            [
                *("layers.0", "layers.1", "layers.3", "layers.4", "layers.7", "layers.8", "layers.10", "layers.11"),
                *("layers.14", "layers.15", "layers.17", "layers.18", "layers.22", "layers.24"),
            ],
        ),
        ("residual", ["first.0", "first.1", "blocks.0.first.0", "blocks.0.first.1", "blocks.0.second.0"]),
    ],
)
def test_checkpoints_of_older_versions_fit(name: str, weights: list[str]) -> None:
    """The weights have the names that they always had in checkpoints."""
    names = [key.removesuffix(".weight") for key in models.build(name, 10).state_dict() if key.endswith(".weight")]
    assert names[: len(weights)] == weights
    assert name == "residual" or len(names) == len(weights)


class Parts:
    """Two processes with a part of a batch each, in two threads."""

    def __init__(self) -> None:
        self._meet = threading.Barrier(2)
        self._said: dict[int, Tensor] = {}
        self.first: int | None = None
        """The thread that has the first part."""

    def add_up(self, tensor: Tensor) -> None:
        tensor.copy_(sum(self._exchanged(tensor).values(), torch.zeros_like(tensor)))

    def share(self, tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            tensor.copy_(self._exchanged(tensor)[self.first or 0])

    def _exchanged(self, tensor: Tensor) -> dict[int, Tensor]:
        self._said[threading.get_ident()] = tensor.clone()
        self._meet.wait(60)
        said = dict(self._said)
        self._meet.wait(60)
        return said


@pytest.mark.parametrize("kind", ["plain", "pool", "add", "gelu"])
@pytest.mark.parametrize("channels", [32, 12])
def test_parts_of_a_batch(kind: Kind, channels: int) -> None:
    """Parts of a batch are normalized as the whole batch is, forward and backward, compiled or not."""
    x, added = drawn(6, channels, 8, 8), drawn(6, channels, 8, 8, seed=2) if kind == "add" else None
    whole = layer_of(channels, kind)
    x.requires_grad_()
    expected = whole(x) if added is None else whole(x, added)
    gradient = drawn(*expected.shape, seed=3)
    expected.backward(gradient)
    together, layers = Parts(), [layer_of(channels, kind) for _ in range(2)]
    parts = [each.detach().clone(memory_format=torch.preserve_format).requires_grad_() for each in (x[:2], x[2:])]
    outs: list[Tensor] = [torch.empty(0)] * 2

    def work(number: int) -> None:
        if number == 0:
            together.first = threading.get_ident()
        layer, own = layers[number], slice(0, 2) if number == 0 else slice(2, 6)
        layer.together = together
        outs[number] = layer(parts[number]) if added is None else layer(parts[number], added[own])
        outs[number].backward(gradient[own])  # type: ignore[no-untyped-call]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close = partial(torch.testing.assert_close, atol=1e-4, rtol=1e-4)  # sums are added up in another order
    close(torch.cat(outs), expected)
    assert x.grad is not None
    close(torch.cat([part.grad for part in parts if part.grad is not None]), x.grad)
    for layer in layers:
        close(layer.running_mean, whole.running_mean)
        close(layer.running_var, whole.running_var)
    for name, parameter in whole.named_parameters():
        both = [dict(layer.named_parameters())[name].grad for layer in layers]
        close(sum(each for each in both if each is not None), parameter.grad)
