"""The acceptance on a CUDA GPU: `pytest tests/gpu`, some minutes. Without one, every test here is skipped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gpu.training import DEVICE

FIGURES = "CIFAR_TUI_GPU_FIGURES"
"""The environment variable with the name of a file that gets the figures as JSON."""

_HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Figures())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if _HERE in item.path.parents]
    if ours and not _there_is_a_device():
        for item in ours:
            item.add_marker(pytest.mark.skip(reason="this machine has no CUDA GPU"))
    for item in ours:
        # cuDNN tries plans that a GPU turns out not to support, and takes another.
        item.add_marker(pytest.mark.filterwarnings("ignore:Plan failed with a:UserWarning"))


def _there_is_a_device() -> bool:
    import torch

    return DEVICE == "cpu" or torch.cuda.is_available()


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Put back the number of threads, which runs on the processor change."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class _Figures:
    """Collects what the tests measured with `record_property`, from all workers, and prints it at the end."""

    def __init__(self) -> None:
        self._found: dict[str, object] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and "tests/gpu/" in report.nodeid:
            self._found.update(report.user_properties)
            if os.environ.get(FIGURES):
                Path(os.environ[FIGURES]).write_text(json.dumps(self._found, indent=2) + "\n")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._found:
            return
        terminalreporter.section("figures of the GPU")
        width = max(map(len, self._found))
        for name, value in self._found.items():
            terminalreporter.write_line(f"{name:{width}}  {value}")
