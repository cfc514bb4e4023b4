"""Where the runs of a sweep compute: one at a time on each GPU, or several on a processor, its threads divided."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConstantError
from engine.files import open_regular
from engine.text import counted


@dataclass(frozen=True)
class Place:
    """Where one run computes."""

    gpu: str = ""
    """The number or identity of a GPU as `CUDA_VISIBLE_DEVICES` takes it; empty for the processor."""
    threads: int = 0
    """Threads of the processor; 0 if the run chooses them itself."""


class Lease:
    """A GPU that nobody else's trial computes on: a locked file, which the kernel releases when its last holder ends.

    The process of the trial inherits it, so that the GPU stays taken if the sweep's own process is killed.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def take(cls, identity: str) -> Lease | None:
        """Take a GPU. Return None if a trial computes on it, of any sweep of this user. Raises `OSError`."""
        folder = Path(tempfile.gettempdir()) / f"cifar-tui-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in identity)
        descriptor = open_regular(folder / f"{name}.lock", flags=os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def close(self) -> None:
        """Let go of the GPU, as far as this process is concerned."""
        os.close(self.descriptor)


def places(device: str, at_once: int, gpus: Sequence[int], threads: int) -> list[Place]:
    """Return the places of a machine, as many as runs go at once.

    `device` is the constant of the runs. `at_once` 0 and no `gpus`: all there are. `threads` 0: the processors
    divided. Raises `ConstantError` if there are not so many devices.
    """
    from engine.hardware.processors import thread_limit

    found = _gpus() if device.partition(":")[0] in ("auto", "cuda") else []
    if gpus:
        wrong = [str(number) for number in gpus if not 0 <= number < len(found)]
        if wrong:
            there = f"has {counted(len(found), 'GPU')}, numbered from 0" if found else "has no GPU that torch can use"
            raise ConstantError({"devices": f"there is no GPU {', '.join(wrong)}: this machine {there}"})
        found = [found[number] for number in dict.fromkeys(gpus)]
    if found:
        if at_once > len(found):
            raise ConstantError(
                {"at_once": f"{at_once} runs need {at_once} GPUs, and there are {len(found)}; or --device cpu"}
            )
        return [Place(gpu=gpu) for gpu in found[: at_once or None]]
    if device.partition(":")[0] == "cuda":
        raise ConstantError({"device": "there is no GPU that torch can use; choose auto or cpu"})
    processors = thread_limit().threads
    count = at_once or min(processors, 4)
    return [Place(threads=threads or max(1, processors // count)) for _ in range(count)]


def _gpus() -> list[str]:
    """Return the GPUs as `CUDA_VISIBLE_DEVICES` takes them. torch is imported only if there may be one."""
    if not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/dxg").exists():
        return []
    from engine.hardware.cuda import gpus

    count, visible = gpus().count, os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in visible.split(",")] if visible else [str(i) for i in range(count)]
    return names[:count]
