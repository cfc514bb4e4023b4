"""The machine on the training screen: what stands in the side panel, and the view of all figures."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from rich.cells import cell_len
from textual.app import App
from textual.geometry import Region

from engine.hardware.monitor import Monitor
from engine.hardware.samples import ComputerSample, GpuSample, OtherProcess, Reading
from engine.record.events import DeviceInfo, RunResumed
from engine.record.log import RunLog
from tests.faults.runs import Command
from tests.images import made_up_images, save_folder
from tests.records import live_log
from tests.terminal import Terminal
from tests.tui.test_training import NARROW, WIDE, MadeUpRun, settle
from tui.look.cells import curve
from tui.look.theme import DARK
from tui.look.wording import size, used
from tui.screens.training import TrainingScreen
from tui.widgets.machine import Figure, MachineView, alarms, figures, section

GPU = GpuSample(97.0, (2_100_000_000, 80_000_000_000), 412.3, 700.0, 71, 1_755)
COMPUTER = ComputerSample(38.0, 1.9, (1_100_000_000, 24_000_000_000), True)
AT_WORK = Reading((GPU, GPU), (COMPUTER, COMPUTER), (79_000_000_000,), True)
OTHERS = (OtherProcess(4711, "python", 20_100_000_000), OtherProcess(4999, "", None))


class MadeUpMonitor:
    def __init__(self, reading: Reading) -> None:
        self.now, self.started, self.closed = reading, 0, 0

    def start(self) -> MadeUpMonitor:
        self.started += 1
        return self

    def close(self) -> None:
        self.closed += 1

    def reading(self) -> Reading:
        return self.now


class MachineApp(App[None]):
    """The training screen of a run that does not go on, on a machine of `reading`."""

    def __init__(self, reading: Reading, log: RunLog | None = None) -> None:
        super().__init__()
        self.monitors: list[MadeUpMonitor] = []
        self.devices: list[DeviceInfo] = []
        self.log_of_run = log if log is not None else live_log(4_000)
        self._reading = reading
        self.training = TrainingScreen(MadeUpRun(self.log_of_run), self._machine_of)

    def _machine_of(self, folder: Path, device: DeviceInfo) -> Monitor:
        self.devices.append(device)
        self.monitors.append(MadeUpMonitor(self._reading))
        return cast(Monitor, self.monitors[-1])

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.theme = DARK.name
        self.push_screen(self.training)

    @property
    def text(self) -> str:
        return "\n".join(strip.text.rstrip() for strip in self.screen._compositor.render_strips())

    @property
    def keys(self) -> list[str]:
        return [each.binding.description for each in self.screen.active_bindings.values() if each.binding.show]


def panel(reading: Reading) -> dict[str, str]:
    return dict(section(figures(reading)).rows)


def test_figures_of_the_side_panel() -> None:
    """A person reads how busy the GPU is, its power, heat and memory, the processor, and the disk that is left."""
    assert panel(AT_WORK) == {
        "GPU busy": "██ 97 %",
        "power": "412 of 700 W",
        "temperature": "71 °C",
        "GPU memory": "2.1 of 80 GB",
        "processor": "▃▃ 38 %",
        "memory": "1.1 of 24 GB",
        "disk left": "79 GB",
    }
    assert section(figures(AT_WORK)).warned == ()
    assert alarms(figures(AT_WORK)) == ""


def test_without_a_gpu_the_processor_stands_there() -> None:
    """On a box without a GPU the rows are the processor's, and nothing is said of a GPU."""
    found = panel(Reading((), (COMPUTER,), (79_000_000_000,)))
    assert list(found) == ["processor", "memory", "disk left"]
    assert panel(Reading()) == {}


@pytest.mark.parametrize(
    ("reading", "row", "alarm"),
    [
        (
            replace(AT_WORK, gpu=(replace(GPU, slowed_by=("power limit",)),)),
            ("slowed by", "power limit"),
            "slowed by power limit",
        ),
        (
            replace(AT_WORK, gpu=(replace(GPU, slowed_by=("power limit", "heat")),)),
            ("slowed by", "power limit …"),
            "slowed by power limit and heat",
        ),
        (replace(AT_WORK, gpu=(replace(GPU, others=OTHERS),)), ("others compute on it", "2"), "2 others compute on it"),
        (
            replace(AT_WORK, gpu=(replace(GPU, others=OTHERS[:1]),)),
            ("others compute on it", "1"),
            "1 other computes on it",
        ),
        (replace(AT_WORK, disk=(640_000_000,)), ("disk left", "640 MB"), "640 MB of disk left"),
        (
            replace(AT_WORK, computer=(replace(COMPUTER, memory=(23_500_000_000, 24_000_000_000)),)),
            ("memory", "24 of 24 GB"),
            "the container's memory is nearly full",
        ),
        (
            replace(AT_WORK, gpu=(), silent=("the GPU's driver",)),
            ("the GPU's driver", "no answer"),
            "no answer from the GPU's driver",
        ),
    ],
)
async def test_what_is_wrong(reading: Reading, row: tuple[str, str], alarm: str) -> None:
    """What is wrong with the machine stands in the panel in another colour, and at 80×24 first in the line of facts."""
    found = section(figures(reading))
    assert row in found.rows
    assert found.warned == row[:1]
    app = MachineApp(reading)
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert f"\n {alarm} · " in app.text


PART = replace(GPU, is_part=True, others=OTHERS)


@pytest.mark.parametrize("screen", [NARROW, WIDE])
@pytest.mark.parametrize(
    ("reading", "told"),
    [
        (
            replace(AT_WORK, gpu=(PART,)),
            ("board: power", "python (process 4711, 20.1 GB)", "1,755 MHz", "1.9 processors", "container's memory"),
        ),
        (Reading((), (COMPUTER,), (), True, "its driver's library is not installed"), ("driver's library is not",)),
        (Reading((), (), (79_000_000_000,), True, elsewhere="gpu\x1b[31mbox"), ("gpubox",)),
    ],
)
async def test_the_view_of_all_figures(screen: tuple[int, int], reading: Reading, told: tuple[str, ...]) -> None:
    """`m` shows all figures with their curves and in words what is missing; the same key leads back to the chart."""
    app = MachineApp(reading)
    async with app.run_test(size=screen) as pilot:
        await settle(pilot)
        await pilot.press("m")
        await settle(pilot)
        assert [said for said in told if said not in app.text] == []
        assert {cell_len(line.text) for line in app.screen._compositor.render_strips()} == {screen[0]}
        assert "each iteration" not in app.text
        assert not {"Zoom", "Scale", "Machine"} & set(app.keys)
        await pilot.press("m")
        await settle(pilot)
        assert "each iteration" in app.text


async def test_from_the_machine_to_the_log() -> None:
    """The log, the machine and the chart take each other's place, whichever key comes first."""
    app = MachineApp(AT_WORK)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("m", "l")
        await settle(pilot)
        assert "MHz" not in app.text
        assert app.keys.count("Chart") == 1
        await pilot.press("m")
        await settle(pilot)
        assert "MHz" in app.text
        assert "Log" in app.keys


async def test_a_figure_that_is_missing_costs_itself() -> None:
    """Whatever a machine does not tell, the others stand there."""
    for name in ("busy", "memory", "watts", "most_watts", "celsius", "megahertz"):
        missing: dict[str, Any] = {name: None}
        found = figures(replace(AT_WORK, gpu=(GPU, replace(GPU, **missing))))
        assert len(found) == len(figures(AT_WORK)) - (name != "most_watts")
    for name in ("busy", "run", "memory"):
        missing = {name: None}
        found = figures(replace(AT_WORK, computer=(COMPUTER, replace(COMPUTER, **missing))))
        assert len(found) == len(figures(AT_WORK)) - 1


async def test_only_what_changed_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two samples nothing of the view is painted again, and then only rows that differ."""
    app = MachineApp(AT_WORK)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("m")
        await settle(pilot)
        view, painted = app.training.query_one(MachineView), list[Region]()
        monkeypatch.setattr(view, "refresh", lambda *regions: painted.extend(regions))
        app.training.look()
        assert painted == []
        app.monitors[0].now = replace(AT_WORK, disk=(78_000_000_000,))
        app.training.look()
        assert len(painted) == 1


async def test_the_machine_of_a_resumed_run() -> None:
    """The machine is followed from the start of the training to the end of the screen; a resumed run's is its own."""
    log = RunLog()
    app = MachineApp(AT_WORK, log)
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert app.monitors == []
        assert "Machine" not in app.keys
        for event in live_log(100).events:
            log.event(event)
        app.training.look()
        app.training.look()
        assert [monitor.started for monitor in app.monitors] == [1]
        device = DeviceInfo("cuda", "NVIDIA H100", uuid="1-2-3")
        log.event(RunResumed(seconds=9, at="", epoch=1, iteration=100, device=device, versions={}))
        app.training.look()
        assert [(monitor.started, monitor.closed) for monitor in app.monitors] == [(1, 1), (1, 0)]
        assert app.devices[1] == device
        app.pop_screen()
        await settle(pilot)
        assert app.monitors[1].closed == 1


@pytest.mark.parametrize(
    ("shares", "cells", "rows", "drawn"),
    [
        ((0, 0.5, 1), 8, 1, ["▁▄█"]),
        ((0, 0.5, 1), 2, 1, ["▄█"]),
        ((None, 0.5, None), 8, 1, [" ▄ "]),
        ((2.0, -1.0), 8, 1, ["█▁"]),
        ((0, 0.5, 0.75, 1), 8, 2, ["  ▄█", "▁███"]),
        ((), 8, 1, [""]),
        ((1,), 0, 1, [""]),
    ],
)
def test_small_curves(shares: tuple[float | None, ...], cells: int, rows: int, drawn: list[str]) -> None:
    """A curve shows the newest values, one a cell, and leaves out what is not known."""
    assert curve(shares, cells, rows) == drawn


def test_sizes_in_words() -> None:
    """Bytes are told with two or three digits in the unit that people use."""
    told = [size(amount) for amount in (0, 640e6, 2.13e9, 9.96e9, 79e9, 951e9, 1.84e12)]
    assert told == ["0 MB", "640 MB", "2.1 GB", "10 GB", "79 GB", "1.0 TB", "1.8 TB"]
    assert used(2.13e9, 80e9) == "2.1 of 80 GB"


async def test_a_screen_too_small_for_it() -> None:
    """On a tiny terminal the view is cut, and nothing breaks."""
    app = MachineApp(replace(AT_WORK, gpu=(replace(GPU, others=OTHERS),)))
    async with app.run_test(size=(20, 8)) as pilot:
        await pilot.press("m")
        await settle(pilot)
        assert {cell_len(line.text) for line in app.screen._compositor.render_strips()} == {20}
        app.training.query_one(MachineView).show([Figure("x", "y" * 90), Figure("", "", in_full=("z" * 90,))])
        await settle(pilot)


LONG = ("--epochs", "10000", "--no-evaluate-each-epoch", "--name", "first")

A_DRIVER_THAT_HANGS = """
import dataclasses, time, pynvml
from engine.hardware import device, monitor
from engine.runs import energy
monitor.SILENT_AFTER = 0.5
energy._OPENS_WITHIN = 0.1
described = device.describe
device.describe = lambda *of: dataclasses.replace(described(*of), uuid="1-2-3")
pynvml.nvmlInit = lambda: time.sleep(3_600)
"""
"""Python code: a run on a processor is taken for one on a GPU whose driver never answers."""


def test_a_driver_that_hangs_holds_up_nothing(tmp_path: Path) -> None:
    """With a driver that never answers the app says so, the run goes on to its results, and leaving takes no time."""
    images = save_folder(tmp_path / "images", made_up_images(64, 16, classes=2))
    words = ("--data", str(images), "--data-dir", str(tmp_path / "data"), "--threads", "1", "--device", "cpu")
    with Terminal(*words, *LONG, cwd=tmp_path, first=A_DRIVER_THAT_HANGS) as terminal:
        terminal.wait_for("new run", "ready")
        terminal.press("\x12")
        terminal.wait_for("training · epoch", "no answer from the GPU's driver")
        terminal.press("m")
        terminal.wait_for("processor", "no answer")
        terminal.press("s")
        terminal.wait_for("stopped", "accuracy")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert json.loads((tmp_path / "runs/first/summary.json").read_text())["status"] == "stopped"


def test_watch_shows_the_machine_too(tmp_path: Path) -> None:
    """`watch` shows the machine of a run that another process of this machine trains."""
    images = save_folder(tmp_path / "images", made_up_images(64, 16, classes=2))
    words = ("--data", str(images), "--data-dir", str(tmp_path / "data"), "--threads", "1", "--device", "cpu")
    run = Command("train", *words, *LONG, cwd=tmp_path)
    while not (tmp_path / "runs/first/losses.f32").exists():
        assert run.process.poll() is None, run.said()
        time.sleep(0.02)
    with Terminal("watch", "first", cwd=tmp_path, columns=120, rows=40) as terminal:
        terminal.wait_for("training · epoch", "machine", "processor", "disk left")
        terminal.press("m")
        terminal.wait_for("used by this run", "processors")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    run.process.kill()
    run.ended()
