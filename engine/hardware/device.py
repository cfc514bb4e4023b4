"""The device that a run computes on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil
import torch

from engine.errors import ConstantError
from engine.hardware import cuda
from engine.hardware.processors import processor_limit, processor_name
from engine.hardware.samples import OtherProcess
from engine.hardware.torch_errors import message
from engine.record.events import DeviceInfo
from engine.text import clean, counted


def available() -> tuple[str, ...]:
    """The devices of this machine by the names that `--device` takes, the fastest first."""
    gpus = tuple(f"cuda:{i}" for i in range(cuda.gpus().count))
    return (*gpus, *(("mps",) if torch.backends.mps.is_available() else ()), "cpu")


def choose(name: str, precision: str = "float32") -> torch.device:
    """Return the device that the constant `device` means on this machine, without using it.

    Raises `ConstantError` if there is no such device, or if it cannot compute in `precision`.
    """
    devices = available()
    wanted = devices[0] if name == "auto" else "cuda:0" if name == "cuda" and "cuda:0" in devices else name
    if wanted not in devices:
        problem = f"\nCUDA says: {cuda.gpus().problem}." if name.startswith("cuda") and cuda.gpus().problem else ""
        raise ConstantError(
            {"device": f"there is no {name} on this machine; there is {' and '.join(devices)}{problem}"}
        )
    if precision == "tf32" and not wanted.startswith("cuda"):
        raise ConstantError({"precision": f"tf32 needs a CUDA GPU, and this run would use {wanted}; take float32"})
    return torch.device(wanted)


def of_process(name: str, processes: int, rank: int = 0) -> str:
    """Return the device of the process `rank` where so many train one run on this machine, each on a device of its own.

    `name` is the constant `device`. Raises `ConstantError` if there are not so many devices.
    """
    if processes == 1:
        return name
    if name not in ("auto", "cuda", "cpu"):
        raise ConstantError({"device": f"{name} is one device, and each of {processes} processes needs one; take cuda"})
    gpus = cuda.gpus().count
    if name == "cpu" or (name == "auto" and not gpus):
        limit = processor_limit()
        if processes > limit.threads:
            there = f"this machine has {limit.threads}" + (f" ({limit.reason})" if limit.reason else "")
            raise ConstantError({"processes": f"{processes} need as many processors, and {there}"})
        return "cpu"
    if processes > gpus:
        there = counted(gpus, "GPU") if gpus else "no GPU"
        raise ConstantError(
            {"processes": f"{processes} need a GPU each, and this machine has {there}; --device cpu takes processors"}
        )
    return f"cuda:{rank}"


def usable(name: str, precision: str, notice: Callable[[str], None] = lambda text: None) -> torch.device:
    """Return the device of `choose` after it has computed something. `auto` takes the first that can.

    `notice` is called with the reason for each that `auto` leaves out. Raises `ConstantError` as `choose` does, and if
    the device that was asked for cannot compute.
    """
    chosen = choose(name, precision)
    if name != "auto":
        if reason := _failure(chosen):
            raise ConstantError({"device": f"{chosen} cannot be used: {reason}"})
        return chosen
    if cuda.gpus().problem:
        notice(f"CUDA cannot be used: {cuda.gpus().problem}. This run trains on {chosen}.")
    for each in available():
        chosen = choose(each, precision)
        if not (reason := _failure(chosen)):
            break
        notice(f"{each} cannot be used: {reason}. Another device trains instead.")
    return chosen


def _failure(device: torch.device) -> str:
    """Return why `device` cannot add two numbers; nothing if it can."""
    if device.type == "cpu":
        return ""
    if device.type == "cuda":
        _USED.add(device.index)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of a GPU that it has no kernels for; the error follows
            torch.ones(1, device=device).add_(1).item()
    except (RuntimeError, AssertionError) as error:
        reason = message(error)
        for words, meaning in _MEANINGS.items():
            if words in reason:
                return meaning
        return reason
    return ""


_MEANINGS = {
    "no kernel image": "this torch has no kernels for a GPU of its kind; install a torch that has",
    "busy or unavailable": "another program has it for itself, or an administrator has closed it",
    "out of memory": "its memory is full; close other programs that use it",
}
"""What errors of CUDA mean and what to do, by the words they are known by."""


def describe(device: torch.device, sums: str | None = None) -> DeviceInfo:
    """Return the record's entry for `device`. Its thread count is the one that torch uses now in this thread."""
    if device.type == "cuda":
        return DeviceInfo("cuda", clean(torch.cuda.get_device_name(device)), uuid=cuda.identity(device))
    if device.type == "mps":
        return DeviceInfo("mps", clean(processor_name()))
    return DeviceInfo("cpu", clean(processor_name()), torch.get_num_threads(), sums)


def remarks(device: torch.device) -> tuple[str, ...]:
    """Return at most one line: the free memory of a CUDA device, for another one why CUDA cannot be used."""
    if device.type != "cuda":
        return (f"CUDA cannot be used: {cuda.gpus().problem}",) if cuda.gpus().problem else ()
    memory = cuda.free_memory(device)
    return (f"{memory[0] / 1e9:.0f} GB of {memory[1] / 1e9:.0f} GB free",) if memory else ()


_MOST_TOLD = 3
"""Processes that are told one by one."""


def taken(device: torch.device) -> str:
    """Return who computes on a CUDA device beside this process, and which is free, in a line; empty if nobody does."""
    others = _others(device)
    if not others:
        return ""
    who = ", ".join(other.told for other in others[:_MOST_TOLD])
    more = f" and {len(others) - _MOST_TOLD} more" if len(others) > _MOST_TOLD else ""
    every = (torch.device(name) for name in available() if name.startswith("cuda"))
    free = next((each for each in every if each.index != device.index and not _others(each)), None)
    return f"{device} is in use by {who}{more}{f'; {free} is free' if free is not None else ''}"


def _others(device: torch.device) -> tuple[OtherProcess, ...]:
    if device.type != "cuda":
        return ()
    found = cuda.others(device, os.getpid() if device.index in _USED else None)
    own: set[int] = set()  # such as the process that measures how long a run takes
    if found:
        with suppress(psutil.Error, OSError):
            own = {child.pid for child in psutil.Process().children(recursive=True)}
    return tuple(other for other in found if other.pid not in own)


_USED: set[int | None] = set()
"""The numbers of the CUDA GPUs that this process has computed on: it is among those that use them until it ends."""


@contextmanager
def working_on(device: torch.device) -> Iterator[None]:
    """Let this thread compute on `device`: on a CUDA GPU, in a stream of its own. Other devices need nothing.

    A CUDA graph can only be recorded in such a stream. Everything else of a training goes into it too, since streams do
    not wait for each other: what was computed before is finished when the first operation begins, and what is computed
    afterwards can use the results. Memory that is free at the end is given back.
    """
    if device.type != "cuda":
        yield
        return
    _USED.add(device.index)
    with torch.cuda.device(device):
        outside = torch.cuda.current_stream()
        streams = _STREAMS.setdefault(outside.device_index, [])
        own = streams.pop() if streams else torch.cuda.Stream()  # type: ignore[no-untyped-call]
        own.wait_stream(outside)
        try:
            with torch.cuda.stream(own):
                yield
        finally:
            outside.wait_stream(own)
            streams.append(own)
            torch.cuda.empty_cache()


_STREAMS: dict[int, list[torch.cuda.Stream]] = {}
"""Streams that no run uses, by the number of their GPU. cuBLAS keeps memory for each stream it has ever worked in, some
64 MB on an H100, so the next run takes the same one."""
