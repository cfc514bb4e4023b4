"""What holds for every test."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.faults.table import TABLE

# Machines are shared and slow at times: how long an example takes says nothing about the program.
settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="every fault as often as the README's table says")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of what was done to the program, and what it made of it."""
    if TABLE.lines():
        terminalreporter.section("faults")
        for line in TABLE.lines():
            terminalreporter.write_line(line)
