"""What the list of runs looks like. Accept a change with `pytest --snapshot-update`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.storage.entry import RunEntry
from engine.storage.listing import Looked
from tests.records import run_started
from tests.tui.test_runs import NARROW, WIDE, Host, drawn, ready, until
from tui.widgets.title_bar import TitleBar

HERE = Path("runs")


def run(name: str, day: int, **values: Any) -> RunEntry:
    """A run that completed on that day of March, unless `values` say otherwise; `config` changes constants."""
    config = dict(run_started().config) | values.pop("config", {})
    known: dict[str, Any] = {
        "status": "completed",
        "accuracy": 69.39,
        "dataset": "CIFAR-10",
        "model": str(config["model"]),
        "iterations": 6_252,
        "planned": 6_252,
        "train_seconds": 21.8,
        "parameters": 89_834,
        "device": "AMD EPYC 7763 64-Core Processor",
        "seed": config["seed"],
        "fingerprint": "5a" * 32,
    }
    at = f"2026-03-{day:02}T15:09:26+01:00"
    return RunEntry(name=name, path=HERE / name, at=at, config=config, **{**known, **values})


FAST = {"model": "speedrun", "optimizer": "muon", "learning_rate": 0.24, "momentum": 0.6, "batch_size": 2_000}

RUNS = [
    run("keen-plover", 16, status="training", iterations=4_001, accuracy=63.1, train_seconds=19.0, left=14.0),
    run("steady-merlin-with-a-long-name", 15, status="interrupted", accuracy=61.02, split="validation", tags=("lr",)),
    run("brisk-heron", 14, pinned=True, tags=("good", "baseline"), note="the notebook's own constants, first try"),
    run("fleet-robin", 13, accuracy=94.01, config=FAST | {"epochs": 8}, tags=("good",)),
    run("calm-tern", 12, accuracy=77.66, config={"model": "batchnorm", "seed": 7}),
    run("mellow-ibis", 11, status="failed", accuracy=None, iterations=120, reason="The loss is not finite."),
    RunEntry("torn", HERE / "torn", "unreadable", "", problem="runs/torn/events.jsonl, line 7: not an event."),
]


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("list", "down down space space"),
        ("unreadable", "end"),
        ("failed", "end up"),
        ("filter", "slash a c c u r a c y > h"),
        ("columns", "down down v down down down down down down enter"),
        ("tags", "down down t g o o d"),
    ],
    ids=lambda value: value.partition(" ")[0],
)
def test_looks(name: str, keys: str, size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    """The list and its dialogs look as they did when last approved, narrow and wide."""
    app = Host(HERE, lambda: Looked(RUNS))

    async def use(pilot: Any) -> None:
        await ready(pilot, app)
        await pilot.press(*keys.split())
        await pilot.pause(0.5)

    assert snap_compare(app, terminal_size=size, run_before=use)


def test_trash_looks(tmp_path: Path, snap_compare: Callable[..., bool]) -> None:
    """What is in the trash looks as it did when last approved."""
    for name in ("brisk-heron-20260314-150926", "torn-20260313-080000"):
        (tmp_path / ".trash" / name).mkdir(parents=True)
        (tmp_path / ".trash" / name / "losses.f32").write_bytes(b"\0" * 1_234_567)
    app = Host(tmp_path, lambda: Looked(RUNS))

    async def use(pilot: Any) -> None:
        await ready(pilot, app)
        app.runs.query_one(TitleBar).right = "runs"
        await pilot.press("z")
        await until(pilot, lambda: "The trash holds" in drawn(app))
        await pilot.pause(0.5)

    assert snap_compare(app, terminal_size=NARROW, run_before=use)
