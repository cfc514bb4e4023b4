"""What the screens look like. Accept a change with `pytest --snapshot-update`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from textual.screen import Screen

from engine.config import TrainingConfig
from engine.export import FILES, WITH_PREDICTIONS
from engine.hardware.monitor import Monitor
from engine.hardware.samples import ComputerSample, GpuSample, OtherProcess, Reading
from engine.preflight import Check, Preflight
from engine.record.rates import RateCurve
from engine.runs.contract import RunView
from engine.runs.rate_search import RateSearch
from engine.use.exported import FILES as MODEL_FILES
from tests.records import finished_record, live_log
from tui.app import CifarApp
from tui.dialogs.choice import leaving
from tui.dialogs.export_to import Exportable, ExportTo
from tui.look.colours import Depth
from tui.look.theme import DARK, LIGHT
from tui.screens.rate_finder import RateFinderScreen
from tui.screens.results import ResultsScreen
from tui.screens.setup import SetupScreen
from tui.screens.training import TrainingScreen

LOOKED = Preflight(
    (
        Check(
            "data", True, ("CIFAR-10 in data, verified", "50,000 training, 5,000 a class · 10,000 test · 10 classes")
        ),
        Check("device", True, ("cpu  A processor", "1 to 2 threads, whichever is fastest")),
        Check("model", True, ("cnn, 89,834 parameters", "(64, 3, 32, 32) → (64, 10)")),
        Check("work", True, ("1,563 iterations an epoch, 6,252 in all", "4 evaluations of 10,000 test images")),
        Check("run", True, ("saved in runs/<a name chosen at the start>",)),
    )
)


def looked(config: TrainingConfig) -> Preflight:
    return LOOKED


def refused(config: TrainingConfig) -> Preflight:
    reason = "/mnt/flowers does not exist; it must be cifar10, demo, or a folder that holds train/ and test/"
    return Preflight((Check("data", False, (), ("data",)), *LOOKED.checks[1:2]), {"data": reason})


def training() -> Screen[Any]:
    """Return the training screen of a run that does not go on."""
    run = SimpleNamespace(log=live_log(4_000), folder=Path("runs/brisk-heron"), seconds=lambda: 41.0)
    return TrainingScreen(cast(RunView, run))


def machine() -> Screen[Any]:
    """Return the training screen with all figures of a machine whose GPU is slowed down."""
    board = GpuSample(memory=(2_100_000_000, 80_000_000_000), most_watts=700.0, megahertz=1_755)
    slowed = replace(board, slowed_by=("power limit",), others=(OtherProcess(4711, "python", 20_100_000_000),))
    gpu = [replace(slowed, busy=90.0 + i % 8, watts=380.0 + 20 * (i % 7), celsius=min(71, 40 + i)) for i in range(90)]
    memory = (3_100_000_000, 24_000_000_000)
    computer = [ComputerSample(30.0 + 5 * (i % 9), 1.9, memory, contained=True) for i in range(90)]
    reading = Reading(tuple(gpu), tuple(computer), (79_000_000_000,), has_gpu=True)
    monitor: Any = SimpleNamespace(start=lambda: monitor, close=lambda: None, reading=lambda: reading)
    run = SimpleNamespace(log=live_log(4_000), folder=Path("runs/brisk-heron"), seconds=lambda: 41.0)
    screen = TrainingScreen(cast(RunView, run), machine_of=lambda folder, device: cast(Monitor, monitor))
    screen.add_class("-machine")
    return screen


def rate_found() -> Screen[Any]:
    """Return the learning-rate finder after a measurement with the noise of small batches."""
    average = np.interp(np.arange(80), [0, 45, 60, 79], [2.3, 2.3, 1.6, 3.5])
    losses = average + np.random.default_rng(0).normal(0, 0.05, 80)
    curve = RateCurve(tuple(losses.tolist()), ended=True)
    search = SimpleNamespace(config=TrainingConfig(), curve=curve, error=None, ended=True, cancel=lambda: None)
    return RateFinderScreen(cast(RateSearch, search))


SCREENS: dict[str, Callable[[], Screen[Any]]] = {
    "setup": lambda: SetupScreen({}, looked, pause=0),
    "training": training,
    "machine": machine,
    "learning rate": rate_found,
    "results": lambda: ResultsScreen(finished_record(), Path("runs/brisk-heron")),
    "wrong": lambda: SetupScreen({"data": "/mnt/flowers", "name": "mine"}, refused, pause=0),
    "leaving": leaving,
    "export": lambda: ExportTo(
        Exportable("results", (*FILES, *WITH_PREDICTIONS), Path("/mnt/brisk-heron-export"), lambda folder: None),
        Exportable("model", MODEL_FILES, Path("/mnt/brisk-heron-model"), lambda folder: None),
    ),
}


class Showing(CifarApp):
    """The app with another screen in place of the form."""

    def __init__(self, screen: Callable[[], Screen[Any]]) -> None:
        super().__init__({}, look=looked)
        self._shown = screen

    def first_screen(self) -> Screen[Any]:
        return self._shown()


async def settled(pilot: Any, theme: str = DARK.name) -> None:
    """Wait until nothing on the screen changes."""
    pilot.app.theme = theme
    await pilot.pause(0.5)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_looks(name: str, size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    """Each screen looks as it did when last approved, narrow and wide."""
    assert snap_compare(Showing(SCREENS[name]), terminal_size=size, run_before=settled)


def test_light_theme(snap_compare: Callable[..., bool]) -> None:
    """The light theme looks as it did when last approved."""
    light = partial(settled, theme=LIGHT.name)
    assert snap_compare(Showing(SCREENS["training"]), terminal_size=(120, 40), run_before=light)


VIEWS = {"columns": "v", "map": "m", "history": "h", "chart": "c", "accuracies": "a", "earlier": "["}
"""Views of the results, and the keys that lead to them."""


async def pressed(pilot: Any, keys: str, depth: Depth = "true") -> None:
    """Press `keys`, and wait until nothing on the screen changes."""
    pilot.app.use_colours(depth)
    await settled(pilot)
    await pilot.press(*keys)
    await pilot.pause(0.3)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("view", VIEWS)
def test_views_of_the_results(view: str, size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    """So does each view of the results."""
    chart_first = "c" if view == "accuracies" and size == (80, 24) else ""
    keys = partial(pressed, keys=chart_first + VIEWS[view])
    assert snap_compare(Showing(SCREENS["results"]), terminal_size=size, run_before=keys)


@pytest.mark.parametrize("depth", ["256", "16", "none"])
@pytest.mark.parametrize("view", ["map", "history"])
def test_maps_with_fewer_colours(view: str, depth: Depth, snap_compare: Callable[..., bool]) -> None:
    """So do the map and the history in 256 colours, in 16 and without any."""
    keys = partial(pressed, keys=VIEWS[view], depth=depth)
    assert snap_compare(Showing(SCREENS["results"]), terminal_size=(80, 24), run_before=keys)
