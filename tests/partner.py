"""A second process for tests of data-parallel training: it follows one run after the other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import count

from torch._C._distributed_c10d import TCPStore

from engine.distributed.meeting import Meeting
from engine.distributed.place import Place
from engine.training.parallel.follower import follow
from tests.processes import ROOT


@contextmanager
def partner() -> Iterator[Callable[[], Meeting]]:
    """Start the process. What is yielded returns the meeting of the next run, which this process leads."""
    store = TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(minutes=2), wait_for_workers=False)
    place = Place(rank=0, size=2, host="127.0.0.1", port=store.port, size_here=2, hosted=True)
    follower = replace(place, rank=1, rank_here=1)
    process = subprocess.Popen([sys.executable, "-m", "tests.partner", json.dumps(asdict(follower))], cwd=ROOT)
    attempts = count()
    try:
        yield lambda: Meeting(replace(place, attempt=next(attempts)))
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    for attempt in count():
        follow(replace(Place(**json.loads(sys.argv[1])), attempt=attempt))
