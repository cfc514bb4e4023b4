"""The names of the files in a run's folder. They are a promise: scripts read them.

config.json     the constants as first given, plus versions, device, dataset
events.jsonl    the journal: one event a line
losses.f32      one little-endian float32 an iteration
changes.json    constants that were changed while the run trained, if there are any
branches/       checkpoints that are held for runs that shall begin with them
checkpoints/    the newest two, and the final one
origin/         the checkpoint of another run that this one began with, if it did
predictions/    what the network made of each image, of the newest, the best and some earlier evaluations
lock            held (flock) by the process that trains; says who and where
requests        requests of other processes to the one that trains
declined        empty; the app does not offer to resume the run
marks.json      tags and a note of a person
pinned          empty; the run that others are compared with
traceback.txt   after an internal error, for a bug report
summary.json loss.csv loss.svg report.md    written when the run ends (`engine.export`)
"""

from __future__ import annotations

from pathlib import Path

CONFIG = "config.json"
JOURNAL = "events.jsonl"
LOSSES = "losses.f32"
CHANGES = "changes.json"
BRANCHES = "branches"
CHECKPOINTS = "checkpoints"
ORIGIN = "origin"
PREDICTIONS = "predictions"
LOCK = "lock"
REQUESTS = "requests"
DECLINED = "declined"
MARKS = "marks.json"
PINNED = "pinned"
TRACEBACK = "traceback.txt"

SWEEP = "sweep.json"
"""In the folder of a sweep, which contains the folders of its trials."""

INDEX = ".index.json"
"""In the folder of runs: what the list of runs has read before."""

TRASH = ".trash"
"""In the folder of runs: runs that were thrown away and can be restored."""


def is_sweep(folder: Path) -> bool:
    """Return whether `folder` is the folder of a sweep."""
    return (folder / SWEEP).is_file()
