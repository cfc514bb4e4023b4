"""`cifar-tui bench`: every claim about speed, measured here and now; a table, and JSON."""

from __future__ import annotations

import json
import math
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from engine import data
from engine.bench.claims import Claim
from engine.bench.contest import contest
from engine.bench.keeping import keeping
from engine.bench.reading import reading as read
from engine.bench.recipes import recipes
from engine.bench.together import together
from engine.config import DATA_SOURCES, TrainingConfig
from engine.errors import DataError
from engine.text import clean
from tui.bench import frames, machine, terminal

SEEDS = 3
"""Whole runs of each preset."""

WINDOWS = 9
"""In which several processes are compared with one."""


def bench(config: TrainingConfig, to: Path | None, *, reading: bool, screen: bool) -> bool:
    """Measure, print the table, and write JSON to `to`. Return whether every promise held.

    Reading the images' files and keeping predictions are measured if `reading` is True, and what the screen costs if
    `screen` is.
    """
    config, stand_in = _here(config)
    with Console(stderr=True).status("measuring") as status:

        def say(text: str) -> None:
            status.update(text)

        result = contest(config, stand_in=stand_in, say=say)
        claims = result.claims
        if reading:
            claims += keeping(say)
        if reading and not stand_in and config.data not in DATA_SOURCES:
            claims += read(config, say)
        if screen:
            claims += frames.frames((terminal.COLUMNS, terminal.ROWS), say)
            with tempfile.TemporaryDirectory(prefix="cifar-tui-bench-") as folder:
                claims += machine.looks(config.device, Path(folder), say)
                shown = config.replaced(data="demo") if stand_in else config
                batches = math.ceil(data.find(shown.data, shown.data_dir).train_images / shown.batch_size)
                epochs = 1 + math.ceil(result.iterations_per_second * terminal.SECONDS / batches)
                claims += terminal.measure(shown, epochs, Path(folder), say)
    about = {"network": result.network, "layers": result.layers, "images": result.images}
    return _report(config.replaced(threads=result.threads), about, claims, to, stand_in)


def bench_recipes(config: TrainingConfig, to: Path | None) -> bool:
    """Train the presets for classifiers of their own, and report as `bench` does."""
    config, stand_in = _here(config)
    with Console(stderr=True).status("measuring") as status:
        claims = recipes(config, SEEDS, stand_in=stand_in, say=lambda text: status.update(text))
    return _report(config, {"images": "a stand-in" if stand_in else config.data}, claims, to, stand_in)


def bench_processes(config: TrainingConfig, to: Path | None) -> bool:
    """Compare the processes of `config` with one, and report as `bench` does."""
    from engine.hardware import device

    device.of_process(config.device, config.processes)
    config, stand_in = _here(config)
    with Console(stderr=True).status("measuring") as status:
        claims = together(config, WINDOWS, stand_in=stand_in, say=lambda text: status.update(text))
    about = {"network": config.model, "processes": str(config.processes)}
    return _report(config, {**about, "images": "a stand-in" if stand_in else config.data}, claims, to, stand_in)


def _here(config: TrainingConfig) -> tuple[TrainingConfig, bool]:
    """Return the constants with the device and the threads of this machine, and whether the images are not here."""
    import torch

    from engine.hardware import device

    chosen = device.choose(config.device, config.precision)
    config = config.replaced(device=str(chosen), threads=config.threads or torch.get_num_threads())
    try:
        return config, not data.find(config.data, config.data_dir).ready
    except DataError:
        return config, True


def _report(
    config: TrainingConfig, about: dict[str, str], claims: tuple[Claim, ...], to: Path | None, stand_in: bool
) -> bool:
    """Print conditions and claims, and write them to `to`. Return whether every promise held."""
    from engine.hardware import device
    from engine.hardware.versions import versions

    described = device.describe(device.choose(config.device, config.precision))
    held = os.environ.get("ONEDNN_MAX_CPU_ISA")
    conditions = {
        "device": f"{described.kind}: {described.name}",
        "threads": str(config.threads),
        **about,
        **({"oneDNN": f"held to {clean(held)} by ONEDNN_MAX_CPU_ISA"} if held else {}),
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }
    if stand_in:
        conditions["images"] += " (no CIFAR-10 at hand)"
    _print(conditions, claims)
    if to is not None:
        measured = [{**asdict(claim), "median": claim.median} for claim in claims]
        to.write_text(json.dumps({"conditions": conditions, "claims": measured}, indent=2, ensure_ascii=False) + "\n")
    return all(claim.holds for claim in claims)


def _print(conditions: dict[str, str], claims: tuple[Claim, ...]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 132  # a file has room for each claim on one line
    for name, value in conditions.items():
        console.print(f"{name:<9} {value}", soft_wrap=True, markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("what")
    for heading in ("median", "least", "most"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("unit")
    table.add_column("promised")
    table.add_column("holds")
    for claim in claims:
        figures = (f"{value:.3g}" for value in (claim.median, min(claim.measured), max(claim.measured)))
        table.add_row(claim.what, *figures, claim.unit, claim.promised, "yes" if claim.holds else "no")
    console.print(table)
