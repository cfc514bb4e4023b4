"""The compiled 3×3 convolution computes what torch's does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from engine import models
from engine.kernels import compiled, winograd
from engine.kernels.winograd import Convolution
from tests.compiled_code import needs_the_compiled_code


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    compiled.takes_channels.cache_clear()


@pytest.fixture
def _only_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test fail if torch convolves."""
    needs_the_compiled_code()
    monkeypatch.setattr(nn.Conv2d, "forward", None)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return numbers.contiguous(memory_format=torch.channels_last)


def layer_of(
    inputs: int, outputs: int, layout: torch.memory_format = torch.channels_last, *, pool: bool = False
) -> Convolution:
    layer = Convolution(inputs, outputs, pool=pool)
    with torch.no_grad():
        layer.weight.copy_(drawn(outputs, inputs, 3, 3, seed=1))
    return layer.to(memory_format=layout)


def results(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """The output and both gradients."""
    x = x.clone().requires_grad_()
    out = layer(x)
    gradient = drawn(*out.shape, seed=2).to(out.dtype)
    return [out.detach(), *torch.autograd.grad(out, [x, *layer.parameters()], gradient)]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(
    ("images", "inputs", "outputs", "height", "width"),
    [
        *((4, 32, 32, 8, 8), (1, 16, 48, 2, 2), (3, 48, 16, 6, 4), (7, 64, 144, 4, 4), (2, 32, 16, 32, 32)),
        *((2, 24, 32, 31, 31), (5, 32, 40, 7, 7), (3, 64, 24, 3, 3), (1, 16, 32, 1, 9), (9, 80, 80, 5, 2)),
    ],
)
@pytest.mark.usefixtures("_only_compiled")
def test_what_torch_computes(
    threads: int,
    images: int,
    inputs: int,
    outputs: int,
    height: int,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Output and gradients are torch's up to rounding, for any shape and any number of threads."""
    torch.set_num_threads(threads)
    x = drawn(images, inputs, height, width)
    found = results(layer_of(inputs, outputs), x)
    monkeypatch.undo()
    expected = results(layer_of(inputs, outputs).double(), x.double())
    for one, other in zip(found, expected, strict=True):
        assert one.is_contiguous(memory_format=torch.channels_last)
        assert (one - other).abs().max() <= 5e-6 * other.abs().max() * max(1, images * height * width / 64) ** 0.5


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("images", "inputs", "outputs", "height", "width"),
    [(1, 24, 80, 15, 13), (3, 64, 24, 7, 7), (5, 32, 16, 3, 3), (2, 16, 48, 8, 5), (2, 16, 32, 2, 6)],
)
@pytest.mark.usefixtures("_only_compiled")
def test_pooled(
    threads: int,
    images: int,
    inputs: int,
    outputs: int,
    height: int,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With pooling output and gradients are those of torch's two layers; a last odd line is dropped.

    The images are small, so that no window has two numbers that rounding puts in another order.
    """
    torch.set_num_threads(threads)
    x = drawn(images, inputs, height, width)
    found = results(layer_of(inputs, outputs, pool=True), x)
    monkeypatch.undo()
    expected = results(layer_of(inputs, outputs, pool=True).double(), x.double())
    assert found[0].shape[2:] == (height // 2, width // 2)
    for one, other in zip(found, expected, strict=True):
        assert one.is_contiguous(memory_format=torch.channels_last)
        assert (one - other).abs().max() <= 5e-6 * other.abs().max() * max(1, images * height * width / 64) ** 0.5


@pytest.mark.usefixtures("_only_compiled")
def test_pooling_of_equal_and_broken_numbers() -> None:
    """Of equal outputs the first gets the gradient, and what is not a number wins, as with torch's pooling."""
    layer, x = layer_of(32, 16, pool=True), torch.zeros(2, 32, 6, 6).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        layer.weight.fill_(1)
    x[1, 0, 0, 0] = float("nan")
    x.requires_grad_()
    out = layer(x)
    assert out[1, :, 0, 0].isnan().all()
    out[0].sum().backward()
    # The winner is the upper left pixel of each window: weight by weight it sees its neighbours, for 16 outputs.
    assert x.grad is not None
    torch.testing.assert_close(x.grad[0, 5, :3, :3], torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) * 16)


@pytest.mark.usefixtures("_only_compiled")
def test_small_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is at most 4 times that of torch's own convolution (measured: 2.4), and a millionth of the results."""
    x = drawn(8, 256, 15, 15).relu_()
    found = results(layer_of(256, 64), x)
    monkeypatch.undo()
    monkeypatch.setattr(winograd, "_is_made_for", lambda *_: False)
    own = results(layer_of(256, 64), x)
    exact = results(layer_of(256, 64).double(), x.double())
    for ours, torchs, right in zip(found, own, exact, strict=True):
        size = right.square().mean().sqrt()
        error, usual = ((each - right).square().mean().sqrt() / size for each in (ours, torchs))
        assert error <= 1e-6
        assert error <= 4 * usual


@pytest.mark.usefixtures("_only_compiled")
def test_weights_in_any_layout() -> None:
    """The weights may lie in memory as they like: the numbers are the same."""
    x = drawn(4, 32, 8, 8)
    ours, others = (results(layer_of(32, 16, each), x) for each in (torch.channels_last, torch.contiguous_format))
    assert all(torch.equal(one, other) for one, other in zip(ours, others, strict=True))


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.usefixtures("_only_compiled")
def test_same_bits_each_time_and_on_each_processor(pool: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number of threads gives the same bits, with AVX-512 as with AVX2."""
    torch.set_num_threads(3)
    variants = [code for variant in compiled.VARIANTS if (code := compiled._loaded(variant)) and code.runs_here()]
    found = []
    for code in (*variants, variants[0]):
        monkeypatch.setattr(winograd, "library", lambda code=code: code)
        found.append(results(layer_of(24, 48, pool=pool), drawn(5, 24, 7, 9)))
    for each in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(each, found[0], strict=True))


@pytest.mark.usefixtures("_only_compiled")
def test_images_do_not_depend_on_each_other() -> None:
    """An image has the same output beside any others, and what is not a number stays in its image."""
    layer, x = layer_of(32, 16), drawn(3, 32, 10, 6)
    together = layer(x)
    assert torch.equal(layer(x[1:2].contiguous(memory_format=torch.channels_last)), together[1:2])
    x[1, 4, 5, 2] = float("nan")
    broken = layer(x).isnan()
    assert broken[1].any()
    assert not broken[0].any()
    assert not broken[2].any()


@pytest.mark.parametrize("case", ["usual layout", "float64", "20 channels", "few channels", "not compiled"])
def test_what_the_compiled_code_is_not_made_for(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else is left to torch, with torch's bits."""
    monkeypatch.setattr(winograd, "_Convolved", None)  # calling it would fail
    inputs = {"20 channels": 20, "few channels": 16}.get(case, 32)
    layer, x = layer_of(inputs, 16 if case == "few channels" else 32), drawn(2, inputs, 4, 4)
    if case == "usual layout":
        x = x.contiguous()
    if case == "float64":
        layer, x = layer.double(), x.double()
    if case == "not compiled":
        monkeypatch.setattr(compiled, "library", lambda: None)
        compiled.takes_channels.cache_clear()
    expected = nn.functional.conv2d(x, layer.weight, padding=1)
    assert torch.equal(layer(x), expected)
    layer.pool = True
    assert torch.equal(layer(x), nn.functional.max_pool2d(expected, 2))


def test_bfloat16_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under autocast torch convolves in bfloat16."""
    monkeypatch.setattr(winograd, "_Convolved", None)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer_of(32, 32)(drawn(2, 32, 4, 4)).dtype == torch.bfloat16


@pytest.mark.parametrize(("name", "layers"), [("batchnorm", 2), ("deeper", 5), ("residual", 2)])
def test_networks_use_it(name: str, layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks convolve this way when they train with channels last, and when they are evaluated."""
    needs_the_compiled_code()
    calls, apply = [], winograd._Convolved.apply

    def counted(*inputs: Tensor) -> Tensor:
        calls.append(inputs)
        result: Tensor = apply(*inputs)
        return result

    monkeypatch.setattr(winograd._Convolved, "apply", counted)
    model = models.build(name, 10).to(memory_format=torch.channels_last)
    model.train()(drawn(4, 3, 32, 32)).sum().backward()
    assert len(calls) == layers
    assert all(parameter.grad is not None for parameter in model.parameters())
    with torch.inference_mode():
        model.eval()(drawn(4, 3, 32, 32))
    assert len(calls) == 2 * layers


def test_weights_are_those_of_torchs_layer() -> None:
    """A seed draws the same weights as for torch's convolution, under the same name."""
    torch.manual_seed(3)
    ours = Convolution(32, 16).state_dict()
    torch.manual_seed(3)
    torchs = nn.Conv2d(32, 16, 3, padding=1, bias=False).state_dict()
    assert ours.keys() == torchs.keys()
    assert torch.equal(ours["weight"], torchs["weight"])
