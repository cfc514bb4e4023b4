"""The table of faults: how often each was made, how often everything held, and the figures measured."""

from __future__ import annotations

import platform
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

ROWS = {
    "kill": "kill -9 at a random moment, resumed: equal bit for bit to the undisturbed run",
    "kill, recipe": "the same with every part of a recipe: Muon, augmentation, average, validation, patience, views",
    "kill, steered": "the same with another learning rate and more epochs, asked for while it trained",
    "kill after set": "kill -9 after `cifar-tui set`, resumed: equal bit for bit to a run that was given the same",
    "kill at a step": "kill -9 at a write, fsync, ftruncate, rename, mkdir or removal, resumed: equal bit for bit",
    "two processes": "a second process for a run that is trained; a third after kill -9",
    "disk step": "a write, fsync, ftruncate, mkdir or rename that fails (no space, I/O error, read-only)",
    "disk": "a disk of one megabyte; a full disk that has room again; a folder that is removed; a read-only folder",
    "SIGTERM train": "SIGTERM to `cifar-tui train` while it trains",
    "SIGTERM early": "SIGTERM while torch and the images are loaded",
    "SIGTERM early, busy": "the same beside three busy programs",
    "SIGTERM hangs": "SIGTERM while nothing answers: images on a dead network drive",
    "SIGTERM app": "SIGTERM to the app while it trains",
    "SIGTERM stalled": "SIGTERM to the app, its terminal stalled",
    "SIGTERM form": "SIGTERM to the app on its form, while torch is loaded",
    "no text": "bytes to the form that are not UTF-8",
    "pipe cache": "a named pipe in the place of the cached images: the form answers, SIGTERM ends it",
    "Ctrl-C": "Ctrl-C once",
    "Ctrl-C twice": "Ctrl-C twice",
    "hang-up app": "hang-up of the app: terminal closed, kill -HUP, SIGHUP ignored; in five situations",
    "hang-up train": "hang-up of `cifar-tui train`",
    "hang-up ssh": "an SSH session cut (real sshd)",
    "hang-up idle": "after a hang-up: processors used by a run with one thread",
    "stall": "a terminal that does not read: the whole screen is right afterwards",
    "background": "a background run whose app is killed; a watched run that is killed",
    "kill sweep": "kill -9 of a sweep, a trial or all of them, three times: every trial once, equal bit for bit",
    "join": "a second worker of a sweep, and kill -9 of the first",
    "Ctrl-C sweep": "Ctrl-C of a sweep, resumed",
    "kill of two": "kill -9 of one of two processes that train a run: all end, resumed equal bit for bit",
    "signal to two": "SIGTERM and Ctrl-C to a run of two processes",
    "torchrun": "kill -9 of a process under torchrun's --max-restarts: the run goes on by itself; wrong constants",
    "Slurm": "a job that a batch system ends with SIGCONT and SIGTERM, or with SIGKILL, goes on when it runs again",
    "damaged run": "damaged files of a run, all different: correct or an error in words",
    "damaged model": "damaged files of an exported model, all different: the same answers or an error in words",
    "damaged images": "damaged archives, batches, caches and pictures, all different: correct or an error in words",
    "hostile": "files made to do harm",
    "odd files": "terabytes; pipes, links, devices and folders in the place of files",
    "download": "a download that goes wrong, or two at once",
}
"""The rows of the table by the short names that tests use."""

README = Path(__file__).with_name("README.md")
_MARKED = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end -->)", re.DOTALL)

PROPERTY = "fault"
"""The name under which a test's report carries what it counted."""


@dataclass
class Count:
    """How often a fault was made, how often everything held, and the figures measured, by name."""

    times: int = 0
    held: int = 0
    figures: dict[str, list[float]] = field(default_factory=dict)


class Table:
    """What all tests of a session counted."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, Count] = defaultdict(Count)

    def add(self, properties: list[tuple[str, Any]]) -> None:
        """Add what the report of one test carries."""
        for name, value in properties:
            if name == PROPERTY:
                row, times, held, figures = value
                count = self._counts[row]
                count.times += times
                count.held += held
                for figure, number in figures.items():
                    count.figures.setdefault(figure, []).append(number)

    def missing(self) -> list[str]:
        """Rows that no test counted."""
        return [row for row in ROWS if row not in self._counts]

    def lines(self) -> list[str]:
        """The table in Markdown; empty if no fault was made."""
        if not self._counts:
            return []
        rows = [
            f"| {text} | {self._counts[row].times:,} | {self._counts[row].held:,} | {_shown(self._counts[row])} |"
            for row, text in ROWS.items()
            if row in self._counts
        ]
        return ["| fault | times | held | median; worst |", "| --- | ---: | ---: | --- |", *rows]

    def write(self, minutes: float, workers: int) -> None:
        """Replace the table in `README.md`."""
        text = (
            f"{date.today()}, {_processor()}, Python {platform.python_version()}, torch {version('torch')}, "
            f"{workers} workers, {minutes:.0f} minutes.\n\n" + "\n".join(self.lines()) + "\n"
        )
        README.write_text(_MARKED.sub(lambda _: text, README.read_text()))


def _shown(count: Count) -> str:
    return ", ".join(f"{median(numbers):.2g}; {max(numbers):.2g} {name}" for name, numbers in count.figures.items())


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    name = re.search(r"model name\s*: (.*)", told)
    instructions = "AVX-512" if "avx512f" in told else "AVX2" if "avx2" in told else platform.machine()
    count = len(re.findall(r"^processor\s*:", told, re.MULTILINE))
    return f"{count} × {name[1] if name else platform.processor()} ({instructions})"
