"""Ctrl+Y copies the command, and the screen says what was done."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import EngineError
from tests.tui.test_setup import SetupApp, drawn, ready, until
from tui.app import CifarApp
from tui.screens.setup import SetupScreen
from tui.terminal import clipboard

COMMAND = "cifar-tui train --epochs 2"


@pytest.mark.parametrize(("term", "told"), [("xterm-256color", "clipboard ─"), ("tmux-256color", "(tmux may drop it)")])
async def test_outside_tmux_the_terminal_is_asked(term: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen says only that the command was sent, since the terminal may ignore it. The message covers nothing."""
    monkeypatch.setenv("TERM", term)
    app = SetupApp(values={"epochs": 2})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("ctrl+y")
        assert app.clipboard == COMMAND
        await until(pilot, lambda: "sent to the terminal's clipboard" in drawn(app))
        assert told in drawn(app)
        assert "Start  Ctrl+R" in drawn(app)
        app.line("epochs").value = "3"
        await until(pilot, lambda: "sent to" not in drawn(app))


async def test_inside_tmux_tmux_copies() -> None:
    """Inside tmux the command is copied by tmux, and the screen says so."""
    copied: list[str] = []
    app = SetupApp(values={"epochs": 2}, tmux=copied.append)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("ctrl+y")
        await until(pilot, lambda: "copied to tmux" in drawn(app))
        assert copied == [COMMAND]
        assert app.clipboard == ""


async def test_what_could_not_be_copied_is_shown() -> None:
    """If tmux fails, a dialog shows the reason and the whole command, which can be selected with the mouse."""

    def fail(text: str) -> None:
        raise EngineError("tmux did not answer.")

    app = SetupApp(values={"epochs": 2}, tmux=fail)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.status == "ready")
        await pilot.press("ctrl+y")
        await until(pilot, lambda: "tmux did not answer." in drawn(app))
        assert COMMAND in drawn(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.setup)


@pytest.fixture
def tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Start a tmux server without the user's settings and make this test look as if it ran inside it."""
    if shutil.which("tmux") is None:
        pytest.skip("there is no tmux")
    command = ["tmux", "-S", str(tmp_path / "socket")]
    subprocess.run([*command, "-f", os.devnull, "new-session", "-d", "cat"], check=True)
    monkeypatch.setenv("TMUX", f"{tmp_path / 'socket'},1,0")
    yield command
    subprocess.run([*command, "kill-server"], check=True)


async def test_the_app_copies_through_the_tmux_that_it_runs_in(tmux: list[str]) -> None:
    """Ctrl+Y in the app fills tmux's paste buffer."""
    app = CifarApp({"epochs": 2}, look=ready)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await until(pilot, lambda: "ready" in drawn(app))
        await pilot.press("ctrl+y")
        await until(pilot, lambda: "copied to tmux" in drawn(app))
    held = subprocess.run([*tmux, "show-buffer"], check=True, capture_output=True).stdout
    assert held.decode() == COMMAND


def test_tmux_holds_what_was_copied(tmux: list[str]) -> None:
    """With tmux's default settings the exact command is in its paste buffer."""
    assert clipboard.inside_tmux()
    clipboard.copy_with_tmux("cifar-tui train --name 'é €'")
    held = subprocess.run([*tmux, "show-buffer"], check=True, capture_output=True).stdout
    assert held.decode() == "cifar-tui train --name 'é €'"


def test_a_tmux_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of tmux is an error with a message."""
    monkeypatch.setenv("TMUX", f"{tmp_path / 'gone'},1,0")
    with pytest.raises(EngineError, match="tmux"):
        clipboard.copy_with_tmux("x")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="tmux did not answer"):
        clipboard.copy_with_tmux("x")
