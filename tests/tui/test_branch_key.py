"""The key that branches: from a run that trains to the form of one that begins with its weights, and to that run."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.control import Set, Stop
from engine.errors import RunFolderError
from engine.record.events import BranchOf
from engine.runs import branching
from tests.tui.test_app import LONG, Make, make_app, start, start_and_pause, until
from tui.screens.setup import SetupScreen
from tui.screens.training import TrainingScreen

__all__ = ["make_app"]  # a fixture


async def test_from_a_run_to_its_branch(make_app: Make) -> None:
    """`b` fills the form with the constants of now, the epochs left and the checkpoint; Start begins with it."""
    app = make_app(**LONG)
    async with app.run_test(size=(80, 24)) as pilot:
        parent = await start_and_pause(pilot, app)
        done = len(parent.log.loss_buffer)
        for request in (Set("learning_rate", 0.0005), Set("epochs", 500)):
            parent.ask(request)
        await until(pilot, lambda: parent.record().epochs == 500)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        assert app.form is not None
        values = app.form.values
        held = parent.folder / "branches" / f"iteration-{done:012d}"
        assert Path(values["start_from"]) == held
        assert held.is_dir()
        left = 500 - done // 5
        assert (values["learning_rate"], values["epochs"], values["name"]) == ("0.0005", str(left), "")
        (told,) = [notice.message for notice in app._notifications]
        assert told.startswith(f"A branch of first after iteration {done}. It still trains here: Ctrl+B")
        assert not parent.record().ended
        for _ in range(2):
            parent.ask(Stop())
        await until(pilot, lambda: parent.ended)
        await start(pilot)
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and app.training is not parent)
        branch = app.training
        assert branch is not None
        await until(pilot, lambda: branch.record().started is not None)
        started = branch.record().started
        assert started is not None
        assert started.branch_of == BranchOf("first", done, True)


def test_a_run_without_a_checkpoint(tmp_path: Path) -> None:
    """A run that has none, and does not train any more, cannot be branched from; nothing is waited for."""
    with pytest.raises(RunFolderError, match="has no checkpoint to branch from yet"):
        branching.point(tmp_path, 7, patience=3_600)
