"""The compiled convolutions against torch's: the same bits, or torch's own."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.kernels import convolutions
from engine.kernels.convolutions import CHANNELS, compiled_is_equal, convolved
from tests.images import made_up_images

Layers = list[nn.Conv2d]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    compiled_is_equal.cache_clear()


def built() -> Layers:
    torch.manual_seed(4)
    return [nn.Conv2d(i, o, 3, padding=1) for i, o in itertools.pairwise(CHANNELS)]


def images_of(count: int) -> Tensor:
    """Pictures with plain backgrounds, where many windows hold equal values."""
    pictures = torch.from_numpy(made_up_images(count, 2).train.images[:count]).permute(0, 3, 1, 2)
    pictures[: count // 3] = 255
    return pictures.float().div_(127.5).sub_(1).contiguous()


def as_the_notebook_does(images: Tensor, layers: Layers) -> Tensor:
    for layer in layers:
        images = functional.max_pool2d(functional.relu(layer(images)), 2, 2)
    return images


def results(
    convolve: Callable[[Tensor, Layers], Tensor], images: Tensor, gradient: Tensor | None = None
) -> list[Tensor]:
    """The features and all gradients."""
    layers = built()
    features = convolve(images, layers)
    features.backward(torch.ones_like(features) if gradient is None else gradient)  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for layer in layers for parameter in layer.parameters()]
    return [features.detach(), *(each for each in gradients if each is not None)]


def assert_equal(ours: list[Tensor], notebooks: list[Tensor]) -> None:
    assert len(ours) == len(notebooks) == 7
    for one, other in zip(ours, notebooks, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


def needs_the_compiled_code() -> None:
    if convolutions._library() is None:
        pytest.skip("the convolutions are not compiled: no compiler, or another processor than x86-64 with AVX2")


def needs_the_avx2_kernels() -> None:
    """With other kernels of oneDNN the comparison finds a difference, and torch computes."""
    needs_the_compiled_code()
    if os.environ.get("ONEDNN_MAX_CPU_ISA", torch.backends.cpu.get_cpu_capability()) != "AVX2":
        pytest.skip("oneDNN uses other kernels here, which sum in another order: set ONEDNN_MAX_CPU_ISA=AVX2")


@pytest.fixture(params=["compiled", "torch's"])
def contestant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "compiled":
        needs_the_avx2_kernels()
        monkeypatch.setattr(convolutions, "_convolved_by_torch", None)  # calling it would fail
        monkeypatch.setattr(convolutions, "compiled_is_equal", lambda threads, images: True)
    else:
        monkeypatch.setattr(convolutions, "_library", lambda: None)
    return str(request.param)


@pytest.mark.parametrize("count", [2, 16, 33, 100])
@pytest.mark.parametrize("threads", [1, 2, 3, 5, 16])
@pytest.mark.usefixtures("contestant")
def test_the_notebooks_bits(count: int, threads: int) -> None:
    """Features and gradients are the notebook's bit for bit, whatever the batch size and the number of threads."""
    torch.set_num_threads(threads)
    images = images_of(count)
    gradient = torch.randn(count, 64, 4, 4, generator=torch.Generator().manual_seed(1))
    assert_equal(results(convolved, images, gradient), results(as_the_notebook_does, images, gradient))


@pytest.mark.usefixtures("contestant")
def test_evaluation_has_the_same_features() -> None:
    """Without gradients the features are those that training sees."""
    images, layers = images_of(40), built()
    with torch.inference_mode():
        features = convolved(images, layers)
    assert torch.equal(features, as_the_notebook_does(images, layers))


def test_what_is_not_a_number_is_passed_on() -> None:
    """NaN reaches the features as it does in the notebook, so a diverged network is noticed."""
    needs_the_avx2_kernels()
    images = images_of(4)
    images[2, 1, 7, 9] = float("nan")
    images[3, :, 20, 20] = float("inf")
    layers = built()
    broken = convolved(images, layers).isnan()
    assert broken.any()
    assert torch.equal(broken, as_the_notebook_does(images, layers).isnan())


@pytest.mark.usefixtures("contestant")
def test_images_laid_out_otherwise() -> None:
    """Images that are not contiguous, as after permuting their dimensions, give the same results."""
    images = images_of(6)
    turned = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert_equal(results(convolved, turned), results(convolved, images))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_compiled_code_is_used_here(threads: int) -> None:
    """With oneDNN's AVX2 kernels the compiled code is used."""
    needs_the_avx2_kernels()
    torch.set_num_threads(threads)
    assert compiled_is_equal(threads, 32)


@pytest.mark.parametrize(("kernels", "equal"), [("SSE41", False), ("AVX2", True)])
def test_the_notebooks_bits_with_any_kernels(kernels: str, equal: bool) -> None:
    """The compiled code is used with oneDNN's AVX2 kernels only. The bits are the notebook's with any kernels."""
    needs_the_compiled_code()
    code = f"""
import torch
from engine.bench.notebook import CNN
from engine.kernels.convolutions import compiled_is_equal
from engine.models import build
for threads in (1, 2, 5):
    torch.set_num_threads(threads)
    for count in (8, 33):
        assert compiled_is_equal(threads, count) == {equal}, (threads, count)
        images, notebook = torch.rand(count, 3, 32, 32), CNN(10)
        model = build("cnn", 10)
        model.load_state_dict(notebook.state_dict())
        for network in (model, notebook):
            torch.nn.functional.cross_entropy(network(images), torch.arange(count) % 10).backward()
        assert torch.equal(model(images), notebook(images))
        for ours, notebooks in zip(model.parameters(), notebook.parameters(), strict=True):
            assert torch.equal(ours.grad, notebooks.grad), (threads, count)
"""
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": kernels}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=Path(__file__).parents[2], check=True)


def test_one_wrong_bit_and_torch_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the compiled code computes anything but torch's bits, torch is used, and the numbers stay the same."""
    needs_the_compiled_code()
    backward = convolutions._backward

    def almost_right(*arguments: Tensor) -> list[Tensor]:
        gradients = backward(*arguments)  # type: ignore[arg-type]
        gradients[2].view(torch.int32)[5, 6, 1, 1] ^= 1
        return gradients

    compiled_is_equal.cache_clear()
    monkeypatch.setattr(convolutions, "_backward", almost_right)
    assert not compiled_is_equal(torch.get_num_threads(), 8)
    images = images_of(8)
    assert_equal(results(convolved, images), results(as_the_notebook_does, images))


def test_comparing_draws_no_random_number() -> None:
    """The comparison draws no random numbers of the run, so a seed gives the same run with it and without."""
    before = torch.get_rng_state()
    compiled_is_equal.cache_clear()
    with torch.inference_mode():  # as when an evaluation comes first
        compiled_is_equal(torch.get_num_threads(), 4)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_the_compiled_code_is_not_made_for() -> None:
    """A single image, bfloat16, gradients of the images and batches of many gigabytes are left to torch."""
    images = images_of(2)
    assert convolutions._is_made_for(images)
    assert not convolutions._is_made_for(images[:1])
    assert not convolutions._is_made_for(images.double())
    assert not convolutions._is_made_for(images.clone().requires_grad_())
    assert not convolutions._is_made_for(torch.empty(1).expand(40_000, 3, 32, 32))
    with torch.autocast("cpu", torch.bfloat16):
        assert not convolutions._is_made_for(images)
        assert results(convolved, images)[0].dtype == torch.bfloat16


def test_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """If memory runs out in the compiled code, it raises the error that a run explains."""
    needs_the_compiled_code()
    library = convolutions._library()
    monkeypatch.setattr(convolutions, "compiled_is_equal", lambda threads, images: True)
    monkeypatch.setattr(library, "backward", lambda *arguments: -1)
    with pytest.raises(MemoryError):
        results(convolved, images_of(3))
    monkeypatch.setattr(library, "forward", lambda *arguments: -1)
    with pytest.raises(MemoryError):
        convolved(images_of(3), built())
