"""How fast the images of a folder are read: first the files, with all processors, then the cache."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from engine import data
from engine.bench.claims import Claim
from engine.config import TrainingConfig
from engine.control import Control
from engine.data.progress import Progress
from engine.hardware.processors import most_threads

_READINGS = 5


def reading(config: TrainingConfig, say: Callable[[str], None]) -> tuple[Claim, ...]:
    """Read the folder that `config` names as if for the first time, then several times from the cache."""
    with tempfile.TemporaryDirectory(prefix="cifar-tui-bench-") as folder:
        anew = config.replaced(data_dir=Path(folder))
        say("reading the images' files")
        seconds, busy, count = _read(anew)
        cached = []
        for turn in range(_READINGS):
            say(f"reading the images' cache, {turn + 1} of {_READINGS}")
            cached.append(_read(anew)[0])
    # Listing the files and writing the cache keep only one processor busy, and so do the last files.
    enough = 0.7 * most_threads()
    return (
        Claim(f"reading {count:,} images from their files", "s", (seconds,), "", True),
        Claim("processors that reading the files kept busy", "", (busy,), f"at least {enough:.2g}", busy >= enough),
        Claim(f"reading {count:,} images from the cache", "s", tuple(cached), "at most 0.5", median(cached) <= 0.5),
    )


def _read(config: TrainingConfig) -> tuple[float, float, int]:
    """Return the seconds, the mean number of busy processors, and the number of images."""
    used, began = _processor_seconds(), time.perf_counter()
    images = data.load(config.data, config.data_dir, Progress(lambda *told: None, Control()))
    seconds = time.perf_counter() - began
    return seconds, (_processor_seconds() - used) / seconds, len(images.train) + len(images.test)


def _processor_seconds() -> float:
    """Return the processor time of this process and of its children, which decode the files."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
