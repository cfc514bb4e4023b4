"""How faults are repeated and counted, and runs short enough to be killed two hundred times."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.faults.runs import CHANGES, WHOLE_RECIPE, Program, finished, steered, wait
from tests.faults.table import PROPERTY, ROWS
from tests.images import made_up_images, save_folder

Often = Callable[[int, int], int]
Made = Callable[[str], AbstractContextManager[dict[str, float]]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test that is marked `repeat(ordinary, all_faults)` once for each `turn`: workers share them."""
    mark = metafunc.definition.get_closest_marker("repeat")
    if mark is not None:
        ordinary, all_faults = mark.args
        metafunc.parametrize("turn", range(all_faults if metafunc.config.getoption("--all-faults") else ordinary))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a test that is one fault, as `pytest.mark.faults("its row")` says."""
    report = yield
    mark = item.get_closest_marker("faults")
    if mark is not None and mark.args and report.when == "call" and not report.skipped:
        report.user_properties.append((PROPERTY, (mark.args[0], 1, int(report.passed), {})))
    return report


@pytest.fixture(scope="session")
def often(request: pytest.FixtureRequest) -> Often:
    """How often a fault is made: the first number in an ordinary run of the tests, the second with --all-faults."""
    return lambda ordinary, all_faults: all_faults if request.config.getoption("--all-faults") else ordinary


@pytest.fixture
def made(record_property: Callable[[str, object], None]) -> Made:
    """Counts a fault: `with made("its row") as figures:` around the fault and the checks.

    Figures may be added. `times` is how many faults were made, if not one; only the last of them can have failed.
    """

    @contextmanager
    def count(row: str) -> Iterator[dict[str, float]]:
        assert row in ROWS
        figures: dict[str, float] = {}
        failed = 1
        try:
            yield figures
            failed = 0
        finally:
            times = int(figures.pop("times", 1))
            record_property(PROPERTY, (row, times, times - failed, figures))

    return count


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program, with a folder of 512 small images. Random labels keep the loss above zero."""
    root = tmp_path_factory.mktemp("faults")
    save_folder(root / "images", made_up_images(512, 128, noisy=0.3))
    program = Program(root)
    yield program
    wait(lambda: not program.left_running(), "processes outlive their tests")


@pytest.fixture(scope="session")
def straight(program: Program) -> Path:
    """The folder of the run that nobody disturbs."""
    return finished(program, "straight")


@pytest.fixture(scope="session")
def straight_recipe(program: Program) -> Path:
    """The folder of the undisturbed run with every part of a recipe."""
    return finished(program, "straight-recipe", *WHOLE_RECIPE)


@pytest.fixture(scope="session")
def straight_steered(program: Program) -> Path:
    """The folder of the undisturbed run whose constants are changed while it trains."""
    return finished(program, "straight-steered", first=steered(*CHANGES))


@pytest.fixture(scope="session")
def longer(program: Program) -> Path:
    """The folder of a run of twelve epochs that nobody disturbs: long enough to be struck in its middle."""
    return finished(program, "longer", epochs=12)
