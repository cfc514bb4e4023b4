"""The device that a run computes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.errors import ConstantError
from engine.hardware.processors import processor_name
from engine.record.events import DeviceInfo
from engine.text import clean


def available() -> tuple[str, ...]:
    """The devices of this machine by the names that `--device` takes, the fastest first."""
    gpus = tuple(f"cuda:{i}" for i in range(torch.cuda.device_count())) if torch.cuda.is_available() else ()
    return (*gpus, *(("mps",) if torch.backends.mps.is_available() else ()), "cpu")


def choose(name: str, precision: str = "float32") -> torch.device:
    """Return the device that the constant `device` means on this machine.

    Raises `ConstantError` if there is no such device, or if it cannot compute in `precision`.
    """
    devices = available()
    wanted = devices[0] if name == "auto" else "cuda:0" if name == "cuda" and "cuda:0" in devices else name
    if wanted not in devices:
        raise ConstantError({"device": f"there is no {name} on this machine; there is {' and '.join(devices)}"})
    if precision == "tf32" and not wanted.startswith("cuda"):
        raise ConstantError({"precision": f"tf32 needs a CUDA GPU, and this run would use {wanted}; take float32"})
    return torch.device(wanted)


def describe(device: torch.device, sums: str | None = None) -> DeviceInfo:
    """Return the record's entry for `device`. Its thread count is the one that torch uses now in this thread."""
    if device.type == "cuda":
        return DeviceInfo("cuda", clean(torch.cuda.get_device_name(device)))
    if device.type == "mps":
        return DeviceInfo("mps", clean(processor_name()))
    return DeviceInfo("cpu", clean(processor_name()), torch.get_num_threads(), sums)


def free_memory(device: torch.device) -> tuple[str, ...]:
    """Return one line about the free memory of a CUDA device; nothing for other devices."""
    if device.type != "cuda":
        return ()
    free, total = torch.cuda.mem_get_info(device)
    return (f"{free / 1e9:.0f} GB of {total / 1e9:.0f} GB free",)


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
