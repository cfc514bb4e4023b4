"""Folders of made-up runs, for tests of what lists and moves them. Nothing is trained."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.record.event_json import to_json
from engine.record.events import Event, Finished
from engine.storage.lock import take
from tests.records import SECONDS_PER_ITERATION, live_log

LONG_AGO = 1_700_000_000
"""When journals were written, in seconds since 1970: the index trusts those that are a while old."""


def make_run(folder: Path, iterations: int = 6_252, *, ends: bool = True, **changes: Any) -> Path:
    """Make the folder of a run that did so many iterations; `changes` as for `live_log`."""
    log = live_log(iterations, **changes)
    events: list[Event] = list(log.events)
    if ends:
        trained = SECONDS_PER_ITERATION * iterations
        end = Finished(
            seconds=events[-1].seconds + 1,
            status="completed",
            iterations=iterations,
            train_seconds=trained,
            evaluation_seconds=3.6,
        )
        events.append(end)
    folder.mkdir(parents=True)
    (folder / "losses.f32").write_bytes(log.loss_buffer.values().astype("<f4").tobytes())
    (folder / "config.json").write_text("{}")
    journal = folder / "events.jsonl"
    journal.write_bytes(b"".join(to_json(event) + b"\n" for event in events))
    os.utime(journal, (LONG_AGO, LONG_AGO))
    return folder


@contextmanager
def training(folder: Path) -> Iterator[None]:
    """Let this process hold the lock of a run, as one that trains it does."""
    lock = take(folder)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)
        lock.close()
