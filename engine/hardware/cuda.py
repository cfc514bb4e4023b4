"""What is known of the CUDA GPUs of this machine without using one.

Nothing here makes a context, which would keep half a gigabyte of a GPU for as long as the program runs.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cache

import torch

from engine.hardware import nvml
from engine.hardware.samples import OtherProcess
from engine.hardware.torch_errors import message

_FURTHER = re.compile(r"\. (?:Please|Setting|Alternatively)\b| \(Triggered internally")
"""Where advice follows in a warning of torch, behind what is wrong."""

PATIENCE = 2.0
"""Seconds for which the driver's library is waited for before a start."""


@dataclass(frozen=True)
class Gpus:
    """The CUDA GPUs that torch sees."""

    count: int
    problem: str = ""
    """Why CUDA cannot be used, such as a driver that is too old; empty if it can, or if there is nothing to say."""


@cache
def gpus() -> Gpus:
    """Return the GPUs. Asks torch once, since it gives its warning once."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            if torch.cuda.is_available():
                torch.cuda.init()  # type: ignore[no-untyped-call]
                # Counted afterwards: before, torch does not see how a GPU is divided (MIG).
                return Gpus(torch.cuda.device_count())
        except (RuntimeError, AssertionError) as error:
            return Gpus(0, message(error))
    return Gpus(0, _without_advice(str(told[0].message)) if told else "")


def _without_advice(warning: str) -> str:
    return _FURTHER.split(message(Warning(warning)))[0].removeprefix("CUDA initialization: ").rstrip(".")


def identity(device: torch.device) -> str:
    """Return what tells a CUDA GPU, or a part of one, from all others, whatever its number is here."""
    return str(torch.cuda.get_device_properties(device).uuid)[:80]


def free_memory(device: torch.device) -> tuple[int, int] | None:
    """Return the free and the whole memory of a CUDA device in bytes; None where the driver's library does not say.

    torch could say as well, but only by making a context.
    """
    gpu = identity(device)
    memory = nvml.answered(lambda: nvml.Gpu(gpu).memory(), PATIENCE)
    return (memory[1] - memory[0], memory[1]) if memory else None


def others(device: torch.device, process: int | None) -> tuple[OtherProcess, ...]:
    """Return who computes on a CUDA device, without `process`: see `nvml.Gpu.others`. Empty where that is not known."""
    gpu = identity(device)
    return nvml.answered(lambda: nvml.Gpu(gpu).others(process), PATIENCE) or ()
