"""What is known of the CUDA GPUs of this machine without using one.

Nothing here makes a context, which would keep half a gigabyte of a GPU for as long as the program runs.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cache

import torch

from engine.hardware.torch_errors import message

_FURTHER = re.compile(r"\. (?:Please|Setting|Alternatively)\b| \(Triggered internally")
"""Where advice follows in a warning of torch, behind what is wrong."""


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


def free_memory(device: torch.device) -> tuple[int, int] | None:
    """Return the free and the whole memory of a CUDA device in bytes; None where the driver's library does not say.

    torch could say as well, but only by making a context.
    """
    import pynvml

    identity = torch.cuda.get_device_properties(device).uuid
    try:
        pynvml.nvmlInit()
        for kind in ("GPU", "MIG"):
            try:
                memory = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByUUID(f"{kind}-{identity}"))
                return int(memory.free), int(memory.total)
            except pynvml.NVMLError_NotFound:
                continue
    except pynvml.NVMLError:
        pass
    return None
