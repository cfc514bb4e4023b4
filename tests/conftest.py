"""What holds for every test."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, settings

from tests.faults.table import Table

# Machines are shared and slow at times: how long an example takes says nothing about the program.
settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# The compiled convolutions have the bits of oneDNN's AVX2 kernels. Without this, a processor with AVX-512 would skip
# the tests of equal bits. oneDNN reads it once, at its first use.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")

# The colours of a screen without a terminal. Textual reads it when it is imported.
os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"

TABLE = pytest.StashKey[Table]()
BEGAN = time.monotonic()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="every fault as often as tests/faults/README.md says")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the longest test: at the end, one worker would wait for the other."""
    items.sort(key=lambda item: "test_real_images" not in item.nodeid)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLE] = Table()
    config.pluginmanager.register(_Counts(config.stash[TABLE]))


class _Counts:
    """Adds up what the tests of all workers counted."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self._table.add(report.user_properties)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table of faults; with --all-faults, write it into `tests/faults/README.md`."""
    table = config.stash[TABLE]
    if not table.lines():
        return
    terminalreporter.section("faults")
    for line in table.lines():
        terminalreporter.write_line(line)
    if config.getoption("--all-faults"):
        if missing := table.missing():
            terminalreporter.write_line(f"tests/faults/README.md was not changed: no test made {', '.join(missing)}")
        else:
            table.write((time.monotonic() - BEGAN) / 60, config.getoption("numprocesses", None) or 1)
