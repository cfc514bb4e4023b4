"""Runs quick enough to be killed two hundred times, the run that nobody disturbs, and how faults are counted."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.faults.runs import Program, finished
from tests.faults.table import TABLE

Often = Callable[[int, int], int]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a test that is one fault, as `pytest.mark.faults("its row")` says."""
    report = yield
    mark = item.get_closest_marker("faults")
    if mark is not None and mark.args and report.when == "call" and not report.skipped:
        TABLE.count(mark.args[0], held=report.passed)
    return report


@pytest.fixture(scope="session")
def often(request: pytest.FixtureRequest) -> Often:
    """How often a fault is made: the first number in an ordinary run of the tests, the second with --all-faults."""
    return lambda ordinary, all_faults: all_faults if request.config.getoption("--all-faults") else ordinary


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program, with a folder of 512 small images to train on for three epochs of 64 iterations."""
    root = tmp_path_factory.mktemp("faults")
    random = np.random.default_rng(0)
    for part, count in (("train", 256), ("test", 64)):
        for name, colour in (("blue", (40, 60, 200)), ("red", (200, 60, 40))):
            folder = root / "images" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(random.normal(colour, 60, (32, 32, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return Program(root)


@pytest.fixture(scope="session")
def straight(program: Program) -> Path:
    """The folder of the run that nobody disturbs."""
    return finished(program, "straight")
