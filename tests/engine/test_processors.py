"""How many threads a run may use: what the machine, its administrator and its user allow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.config import TrainingConfig
from engine.control import Control
from engine.hardware import processors
from engine.hardware.processors import ThreadLimit, has_native_bfloat16, processor_quota, thread_limit
from engine.preflight import preflight
from engine.record.log import RunLog
from engine.training.threads import _candidates
from engine.training.trainer import train
from tests.images import made_up_images


def made_up(folder: Path, groups: str, files: Mapping[str, str]) -> tuple[Path, Path]:
    """Files as Linux shows control groups, and the list of this process's groups."""
    own = folder / "own"
    own.write_text(groups)
    for name, content in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder / "cgroup", own


@pytest.mark.parametrize(
    ("groups", "files", "quota"),
    [
        pytest.param("0::/\n", {"cpu.max": "25000 100000\n"}, 0.25, id="version 2, as a container sees it"),
        pytest.param("0::/\n", {"cpu.max": "max 100000\n"}, None, id="no limit"),
        pytest.param("0::/\n", {}, None, id="no files"),
        pytest.param("", {"cpu.max": "25000 100000\n"}, None, id="no groups"),
        pytest.param(
            "0::/user/session/run\n",
            {"user/session/run/cpu.max": "max 100000", "user/session/cpu.max": "150000 100000", "user/cpu.max": "4 1"},
            1.5,
            id="the smallest of all groups above",
        ),
        pytest.param(
            "7:pids:/docker/12\n3:cpu,cpuacct:/docker/12\n0::/docker/12\n",
            {"cpu,cpuacct/cpu.cfs_quota_us": "50000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
            0.5,
            id="version 1, with the machine's name for the group",
        ),
        pytest.param(
            "3:cpu:/\n0::/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            None,
            id="version 1 without a limit",
        ),
        pytest.param("2:cpuacct:/\n", {"cpu/cpu.cfs_quota_us": "1", "cpu/cpu.cfs_period_us": "1"}, None, id="other"),
        pytest.param("0::/\n", {"cpu.max": "nonsense"}, None, id="something else in the file"),
        pytest.param("0::/\n", {"cpu.max": "1000 0"}, None, id="no period"),
    ],
)
def test_quota_of_a_container(groups: str, files: Mapping[str, str], quota: float | None, tmp_path: Path) -> None:
    """The processor time that a container may use is found with either version of control groups."""
    assert processor_quota(*made_up(tmp_path, groups, files)) == quota


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with eight processors and no limits."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(processors, "processor_quota", lambda: None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("quota", "affinity", "wanted", "limit"),
    [
        (None, 8, "", ThreadLimit(8)),
        (0.25, 8, "", ThreadLimit(1, "this container has 0.25 of a processor")),
        (2.5, 8, "", ThreadLimit(3, "this container has the time of 2.5 processors")),
        (64.0, 8, "", ThreadLimit(8)),
        (None, 2, "", ThreadLimit(2, "this process may use 2 of 8 processors")),
        (0.25, 2, "4", ThreadLimit(1, "this container has 0.25 of a processor")),
        (4.0, 8, "3", ThreadLimit(3, "OMP_NUM_THREADS is 3")),
        (None, 8, "x", ThreadLimit(8)),
    ],
)
def test_smallest_limit_counts(
    quota: float | None, affinity: int, wanted: str, limit: ThreadLimit, eight: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Threads are limited by the smallest limit there is, and the look ahead says which."""
    eight.setattr(processors, "processor_quota", lambda: quota)
    eight.setattr(os, "sched_getaffinity", lambda pid: set(range(affinity)), raising=False)
    eight.setenv("OMP_NUM_THREADS", wanted)
    assert thread_limit() == limit
    config = TrainingConfig(data="demo", device="cpu", runs_dir=tmp_path, data_dir=tmp_path)
    lines = next(check.lines for check in preflight(config).checks if check.subject == "device")
    count = "1 thread" if limit.threads == 1 else f"1 to {limit.threads} threads, whichever is fastest"
    assert lines[1] == (f"{count}: {limit.reason}" if limit.reason else count)


def test_fast_processors_are_tried() -> None:
    """On a Mac with slower processors the number of fast ones is among the thread counts that are measured."""
    assert _candidates(12, 6) == (1, 2, 4, 6, 8, 12)
    assert _candidates(12) == _candidates(12, 12) == (1, 2, 4, 8, 12)
    assert _candidates(1, 4) == (1,)
    assert _candidates(64) == (1, 2, 4, 8, 16, 32)
    if sys.platform != "darwin":
        assert processors.fast_processors() is None


@pytest.mark.parametrize(
    ("flags", "kernels", "native"),
    [
        ("fpu avx2 avx512f avx512_bf16", "", True),
        ("fpu amx_bf16", "all", True),
        ("fpu avx512_bf16", "avx512_core_amx", True),
        ("fpu avx512_bf16", "AVX512_CORE", False),
        ("fpu avx512_bf16", "AVX2", False),
        ("fpu avx2 avx512f", "", False),
        ("", "", None),
    ],
)
def test_native_bfloat16(flags: str, kernels: str, native: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """bfloat16 is native if Linux lists an instruction set for it and oneDNN may use it. Elsewhere it is not known."""
    monkeypatch.setattr(processors, "_cpuinfo", lambda field: {"flags": flags}[field])
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", kernels)
    assert has_native_bfloat16() is native


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="macOS has no processor affinity")
def test_affinity_that_changes_during_training() -> None:
    """When a run loses processors, its losses are those of a run that kept them."""
    allowed, before = os.sched_getaffinity(0), torch.get_num_threads()
    config = TrainingConfig(model="batchnorm", epochs=1, batch_size=16, device="cpu", threads=2)

    def losses(pinned_after: int | None) -> NDArray[np.float32]:
        log = RunLog()
        take = log.losses

        def told(values: NDArray[np.float32]) -> None:
            take(values)
            if len(log.loss_buffer) == pinned_after:
                for thread in os.listdir("/proc/self/task"):
                    os.sched_setaffinity(int(thread), {min(allowed)})

        log.losses = told  # type: ignore[method-assign]
        train(config, made_up_images(96, 20), log, Control())
        return log.loss_buffer.values()

    try:
        expected, found = losses(None), losses(2)
    finally:
        for thread in os.listdir("/proc/self/task"):
            os.sched_setaffinity(int(thread), allowed)
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("given", "set_to"),
    [({}, "20000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_waiting_threads_leave_the_processor(given: Mapping[str, str], set_to: str | None) -> None:
    """Threads wait in a short loop only, before torch is loaded, unless the user says how they wait."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    }
    code = "import sys, os, engine; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], env={**environment, **given}, cwd=Path(__file__).parents[2], capture_output=True
    )
    assert run.stdout.decode().split() == [str(set_to), "False"]
