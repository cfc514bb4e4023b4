"""The clipboard, through tmux.

Textual copies with the escape sequence OSC 52. tmux drops that sequence unless `set-clipboard` is `on`; its default is
`external`. The command `tmux load-buffer -w` always fills tmux's own paste buffer, and also sends the text on to the
clipboard of the terminal that tmux runs in (tmux 3.2 or newer).
"""

from __future__ import annotations

import os
import subprocess

from engine.errors import EngineError

_TIMEOUT = 5.0
"""Seconds."""


def inside_tmux() -> bool:
    """Return whether this program runs inside tmux on this machine."""
    return bool(os.environ.get("TMUX"))


def behind_tmux() -> bool:
    """Return whether the terminal is a tmux that this program may not reach, such as one that runs `ssh` to here."""
    return os.environ.get("TERM", "").startswith(("tmux", "screen"))


def copy_with_tmux(text: str) -> None:
    """Copy `text` to tmux's paste buffer and the terminal's clipboard. Raises `EngineError` if tmux does not.

    Waits for tmux, so it must not be called on the event loop.
    """
    try:
        subprocess.run(
            ["tmux", "load-buffer", "-w", "-"],
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
            timeout=_TIMEOUT,
        )
    except subprocess.CalledProcessError as error:
        raise EngineError(f"tmux could not copy: {error.stderr.decode(errors='replace').strip()}") from None
    except (OSError, subprocess.TimeoutExpired):
        raise EngineError("tmux did not answer.") from None
