"""The compiled convolutions against torch's: the same bits, or torch's own."""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.kernels import compiled, convolutions, onednn
from engine.kernels.compiled import VARIANTS
from engine.kernels.convolutions import CHANNELS, agrees, convolved
from tests.compiled_code import needs_the_compiled_code
from tests.images import made_up_images

Layers = list[nn.Conv2d]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    agrees.cache_clear()


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


@pytest.fixture(params=list(VARIANTS))
def variant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code compiled for AVX-512 and for AVX2, each where the processor has the instructions."""
    code = compiled._loaded(request.param)
    if code is None or not code.runs_here():
        pytest.skip(f"there is no code compiled for {VARIANTS[request.param]}, or this processor does not run it")
    monkeypatch.setattr(convolutions, "library", lambda: code)


def needs_the_avx2_kernels() -> None:
    """With other kernels of oneDNN torch's numbers are rounded otherwise."""
    needs_the_compiled_code()
    if not onednn.takes_avx2_kernels():
        pytest.skip("oneDNN uses other kernels here, which sum in another order: set ONEDNN_MAX_CPU_ISA=AVX2")


@pytest.fixture(params=["compiled", "torch's"])
def contestant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "compiled":
        needs_the_avx2_kernels()
        monkeypatch.setattr(convolutions, "_convolved_by_torch", None)  # calling it would fail
        monkeypatch.setattr(convolutions, "agrees", lambda threads, images: True)
    else:
        monkeypatch.setattr(convolutions, "library", lambda: None)
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
    assert agrees(threads, 32)


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("images", [2, 8, 33, 64])
@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_wide_and_narrow_registers_have_the_same_bits(threads: int, images: int) -> None:
    """Compiled for AVX-512 or for AVX2, the code passes its comparison with torch bit for bit."""
    needs_the_avx2_kernels()
    torch.set_num_threads(threads)
    assert agrees(threads, images)


NOTEBOOKS_AND_OURS = """
import hashlib
import sys
import torch
from engine.bench.notebook import CNN
from engine.kernels.convolutions import agrees
from engine.models import build

kernels_are_ours, threads = sys.argv[1] == "True", int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(0)
results = []
for count in (8, 33):
    images, notebook = torch.rand(count, 3, 32, 32), CNN(10)
    model = build("cnn", 10)
    model.load_state_dict(notebook.state_dict())
    assert agrees(threads, count)
    for network in (model, notebook):
        torch.nn.functional.cross_entropy(network(images), torch.arange(count) % 10).backward()
    pairs = [(ours.grad, notebooks.grad) for ours, notebooks in zip(model.parameters(), notebook.parameters())]
    pairs.append((model(images), notebook(images)))
    for ours, notebooks in pairs:
        assert torch.equal(ours, notebooks) or not kernels_are_ours
        torch.testing.assert_close(ours, notebooks, rtol=1e-4, atol=1e-5)
    results += [ours.detach().numpy().tobytes().hex() for ours, _ in pairs]
print(hashlib.sha256("".join(results).encode()).hexdigest())
"""


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_same_bits_whatever_kernels_onednn_takes(threads: int) -> None:
    """The network's numbers do not depend on oneDNN's kernels. With those for AVX2 they are the notebook's bits."""
    needs_the_compiled_code()
    found = set()
    for kernels in ("SSE41", "AVX2", "ALL"):
        environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": kernels}
        done = subprocess.run(
            [sys.executable, "-c", NOTEBOOKS_AND_OURS, str(kernels == "AVX2"), str(threads)],
            env=environment,
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
            text=True,
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_one_wrong_bit_and_torch_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the compiled code computes anything but torch's bits, torch is used, and the numbers stay the same."""
    needs_the_avx2_kernels()
    backward = convolutions.backward

    def almost_right(*arguments: Any) -> None:
        backward(*arguments)
        arguments[4][2].view(torch.int32)[5, 6, 1, 1] ^= 1

    agrees.cache_clear()
    monkeypatch.setattr(convolutions, "backward", almost_right)
    assert not agrees(torch.get_num_threads(), 8)
    images = images_of(8)
    assert_equal(results(convolved, images), results(as_the_notebook_does, images))


def test_other_numbers_are_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch's bits are not to be had, compiled code whose numbers are wrong is found out all the same."""
    needs_the_compiled_code()
    monkeypatch.setattr(convolutions, "takes_avx2_kernels", lambda: False)
    agrees.cache_clear()
    assert agrees(torch.get_num_threads(), 8)
    forward = convolutions.forward

    def wrong(*arguments: Any, **options: Any) -> Any:
        features, *others = forward(*arguments, **options)
        return features.mul_(1.01), *others

    agrees.cache_clear()
    monkeypatch.setattr(convolutions, "forward", wrong)
    assert not agrees(torch.get_num_threads(), 8)


def test_comparing_draws_no_random_number() -> None:
    """The comparison draws no random numbers of the run, so a seed gives the same run with it and without."""
    before = torch.get_rng_state()
    agrees.cache_clear()
    with torch.inference_mode():  # as when an evaluation comes first
        agrees(torch.get_num_threads(), 4)
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
    library = compiled.library()
    monkeypatch.setattr(convolutions, "agrees", lambda threads, images: True)
    monkeypatch.setattr(library, "backward", lambda *arguments: -1)
    with pytest.raises(MemoryError):
        results(convolved, images_of(3))
    monkeypatch.setattr(library, "forward", lambda *arguments: -1)
    with pytest.raises(MemoryError):
        convolved(images_of(3), built())


@pytest.mark.parametrize("missing", [("avx512",), ("avx512", "avx2")])
def test_a_processor_without_the_instructions(missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Code for instructions that the processor lacks is not used; without FMA or AVX2 torch computes everything."""
    needs_the_compiled_code()

    class Code:
        def __init__(self, variant: str) -> None:
            self.variant = variant

        def runs_here(self) -> bool:
            return self.variant not in missing

    monkeypatch.setattr(compiled, "_loaded", Code)
    found = compiled.library.__wrapped__()
    assert (found.variant if isinstance(found, Code) else None) == ("avx2" if len(missing) == 1 else None)
    monkeypatch.setattr(convolutions, "library", lambda: None)
    agrees.cache_clear()
    images = images_of(8)
    assert_equal(results(convolved, images), results(as_the_notebook_does, images))


def test_code_of_an_older_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that was compiled before an update, and lacks a function, is left alone; nothing fails."""
    needs_the_compiled_code()
    monkeypatch.setattr(ctypes, "CDLL", lambda file: SimpleNamespace(forward=SimpleNamespace()))
    assert all(compiled._loaded.__wrapped__(variant) is None for variant in VARIANTS)
