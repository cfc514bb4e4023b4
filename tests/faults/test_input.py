"""Input that is no text, and files that are no files: the form stays and answers."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Made
from tests.terminal import Terminal

pytestmark = pytest.mark.faults

F1, ESCAPE = "\x1bOP", "\x1b"


@pytest.mark.repeat(2, 40)
def test_bytes_that_are_no_text(tmp_path: Path, made: Made, turn: int) -> None:
    """Bytes that are not UTF-8, as a noisy line or a paste sends them, leave the form as it was."""
    noise = bytes([0xFF]) if turn == 0 else bytes(random.Random(turn).choices(range(0x80, 0x100), k=1 + turn))
    with made("no text"), Terminal("--data", "demo", cwd=tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.press(noise.decode(errors="surrogateescape"))
        terminal.press(F1)
        terminal.wait_for("esc closes")
        terminal.terminate()
        assert terminal.wait_for_end() == 143


def test_pipe_in_the_place_of_the_cache(tmp_path: Path, made: Made) -> None:
    """A pipe where the cached images should be neither blocks the form nor its end."""
    cache = tmp_path / "data" / "cache" / "cifar10.safetensors"
    cache.parent.mkdir(parents=True)
    os.mkfifo(cache)
    with made("pipe cache") as figures, Terminal(cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.press(F1)
        terminal.wait_for("esc closes")
        sent = time.monotonic()
        terminal.terminate()
        assert terminal.wait_for_end() == 143
        figures["s"] = time.monotonic() - sent
