"""The compiled batch normalization computes what torch's operations do, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

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


def layer_of(channels: int, pool: bool, kind: type[Normalization] = Normalization) -> Normalization:
    """A layer as in the middle of a training: with weights of both signs."""
    layer, generator = kind(channels, pool=pool), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return layer


class Torchs(Normalization):
    """What torch's operations make of the same numbers."""

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        x = nn.BatchNorm2d.forward(self, x)
        x = functional.relu(x if added is None else x + added)
        return functional.max_pool2d(x, 2) if self.pool else x


def results(layer: Normalization, x: Tensor, added: Tensor | None) -> list[Tensor]:
    """The output, all gradients, and the running statistics."""
    inputs = [each.clone().requires_grad_() for each in (x, added) if each is not None]
    out = layer(*inputs)
    gradient = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(out.dtype)
    gradients = torch.autograd.grad(out, [*inputs, *layer.parameters()], gradient)
    return [out.detach(), *gradients, *(each.clone() for each in layer.buffers())]


KINDS = pytest.mark.parametrize(("pool", "add"), [(False, False), (True, False), (False, True)])


@KINDS
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("shape", [(7, 16, 8, 8), (3, 48, 4, 6), (2, 128, 2, 2), (33, 32, 6, 4)])
@pytest.mark.usefixtures("only_compiled")
def test_what_torch_computes(
    pool: bool, add: bool, threads: int, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output, gradients and running statistics are torch's up to rounding, for any number of images and threads."""
    torch.set_num_threads(threads)
    x, added = drawn(*shape), drawn(*shape, seed=3) - 4 if add else None
    found = results(layer_of(shape[1], pool), x, added)
    monkeypatch.undo()
    exact = layer_of(shape[1], pool, Torchs).double()
    expected = results(exact, x.double(), None if added is None else added.double())
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=1e-4, atol=1e-5)
    assert found[0].is_contiguous(memory_format=torch.channels_last)


@KINDS
@pytest.mark.usefixtures("only_compiled")
def test_same_bits_each_time_and_on_each_processor(pool: bool, add: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number of threads gives the same bits, with AVX-512 as with AVX2."""
    torch.set_num_threads(3)
    x, added = drawn(20, 32, 8, 8), drawn(20, 32, 8, 8, seed=3) if add else None
    variants = [code for variant in compiled.VARIANTS if (code := compiled._loaded(variant)) and code.runs_here()]
    found = []
    for code in (*variants, variants[0]):
        monkeypatch.setattr(normalization, "library", lambda code=code: code)
        found.append(results(layer_of(32, pool), x, added))
    for each in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(each, found[0], strict=True))


@pytest.mark.usefixtures("only_compiled")
def test_what_is_not_a_number_is_passed_on() -> None:
    """NaN reaches the output of its channel, so a diverged network is noticed."""
    for pool in (False, True):
        x = drawn(4, 16, 4, 4)
        x[1, 3, 2, 2] = float("nan")
        broken = layer_of(16, pool)(x).isnan()
        assert broken[:, 3].all()
        assert not broken[:, :3].any()


@pytest.mark.usefixtures("only_compiled")
def test_channel_without_any_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all values are equal nothing is divided by zero, and the first of four equal values gets the gradient."""
    x = torch.full((2, 16, 4, 4), 5.0).contiguous(memory_format=torch.channels_last)
    found = results(layer_of(16, True), x, None)
    monkeypatch.undo()
    expected = results(layer_of(16, True, Torchs).double(), x.double(), None)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "case", ["evaluation", "no gradients", "usual layout", "odd size", "float64", "8 channels", "not compiled"]
)
def test_what_the_compiled_code_is_not_made_for(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else is left to torch, with torch's bits."""
    monkeypatch.setattr(normalization, "_Normalized", None)  # calling it would fail
    shape = (4, 8 if case == "8 channels" else 16, 5 if case == "odd size" else 4, 4)
    x, pair = drawn(*shape), [layer_of(shape[1], True, kind) for kind in (Normalization, Torchs)]
    if case == "usual layout":
        x = x.contiguous()
    if case == "float64":
        x, pair = x.double(), [layer.double() for layer in pair]
    if case == "evaluation":
        pair = [layer.eval() for layer in pair]
    if case == "not compiled":
        monkeypatch.setattr(compiled, "library", lambda: None)
        compiled.takes_channels.cache_clear()
    with torch.set_grad_enabled(case != "no gradients"):
        ours, torchs = (layer(x) for layer in pair)
    assert torch.equal(ours, torchs)


def test_bfloat16_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under autocast a convolution returns bfloat16, which torch normalizes."""
    monkeypatch.setattr(normalization, "_Normalized", None)
    layers = nn.Sequential(nn.Conv2d(3, 16, 3), layer_of(16, False)).to(memory_format=torch.channels_last)
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
