"""How a person is told that a run has ended: bell and notification of the terminal, and a command of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.text import clean

if TYPE_CHECKING:
    from engine.record.record import RunRecord

_LONGEST = 120
"""Characters of a notification."""


def announcement(text: str, environment: Mapping[str, str]) -> str:
    """Return the bell, and `text` as the notification that many terminals show on the desktop: OSC 9.

    Terminals that know no OSC 9 ignore it. tmux passes it on to its own terminal if `allow-passthrough` is on.
    """
    told = clean(text)[:_LONGEST]
    notification = f"\x1b]9;{told}\x1b\\"
    if environment.get("TMUX") or environment.get("TERM", "").startswith("tmux"):
        # Inside tmux's own sequence, each escape character is doubled.
        notification = "\x1bPtmux;" + notification.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return f"\a{notification}"


def in_words(record: RunRecord, name: str) -> str:
    """Return how a run ended: `cifar-tui: brisk-heron completed, 69.39 %`."""
    accuracy = record.accuracy
    return f"cifar-tui: {name} {record.status}{f', {accuracy:.2f} %' if accuracy is not None else ''}"


@dataclass(frozen=True)
class Ending:
    """What a person wants to happen when a run has ended."""

    command: str = ""
    """For the shell, see `engine.runs.when_done`; empty: none."""
    notify: bool | None = None
    """Whether the terminal rings and notifies; None: if stdout is one."""

    @property
    def words(self) -> list[str]:
        """The flags with which another process runs the same command."""
        return ["--when-done", self.command] if self.command else []

    def follows(self, record: RunRecord, folder: Path, *, waits: bool = True) -> str:
        """Run the command. Return in a line why it failed, if so. Without `waits` it is only begun."""
        if not self.command:
            return ""
        from engine.runs.when_done import WITHIN, run_command

        return run_command(self.command, record, folder, WITHIN if waits else 0.0)

    def announce(self, text: str, *, json: bool = False) -> None:
        """Ring, and notify with `text`, on the terminal there is. With `json`, stdout belongs to the events."""
        notify = sys.stdout.isatty() if self.notify is None else self.notify
        if not notify:
            return
        sequence = announcement(text, os.environ)
        streams = (sys.stderr,) if json else (sys.stdout, sys.stderr)
        stream = next((stream for stream in streams if stream.isatty()), None)
        with suppress(OSError):  # the terminal is gone, or there is none
            if stream is not None:
                stream.write(sequence)
                stream.flush()
            elif self.notify:
                with open("/dev/tty", "w") as terminal:
                    terminal.write(sequence)


DEFAULT, NOTHING = Ending(), Ending(notify=False)
"""A terminal rings and notifies; nobody is told."""
