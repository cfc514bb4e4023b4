"""The notebook's run on real images, from the form to the results on disk."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from engine.kernels import compiled
from engine.process import python_running
from tests.terminal import Terminal

ARCHIVE = Path(__file__).parent.parent.parent / "shared" / "cifar10" / "cifar10-jpeg.tar.xz"
CTRL_R = "\x12"


@pytest.mark.skipif(not ARCHIVE.exists(), reason="needs the real images in ../shared/cifar10 beside the checkout")
def test_notebooks_run_on_real_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On CIFAR-10 a user gets every loss and every prediction of the notebook's loop, bit for bit, and all results.

    The program runs with oneDNN's default kernels, whatever the processor has; the notebook's loop with those for AVX2.
    One thread, because two would wait for the processors that other tests keep busy.
    """
    kernels = os.environ["ONEDNN_MAX_CPU_ISA"]
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "images", filter="fully_trusted")  # half the time of "data"
    with Terminal(
        "--data", "images", "--name", "real", "--threads", "1", cwd=tmp_path, patience=900, afresh=True
    ) as terminal:
        terminal.wait_for("6,252 iter", "89,834 parameters", "ready")
        terminal.press(CTRL_R)
        terminal.wait_for("training · epoch")
        terminal.wait_for("completed", "6,252 iterations")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert "The run is in runs/real: summary.json, loss.csv, loss.svg, report.md" in terminal.text
    folder = tmp_path / "runs" / "real"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["dataset"]["train_images"] == 50_000
    assert (summary["iterations"], summary["parameters"]) == (6_252, 89_834)
    assert 66 <= summary["evaluation"]["accuracy"] <= 70.5
    losses = np.fromfile(folder / "losses.f32", dtype="<f4")
    assert losses[:100].mean() > 1.9
    assert 0.7 < losses[-500:].mean() < 1.0
    if compiled.library() is None:
        assert "torch's" in summary["device"]["sums"]
        return  # the bits are those of oneDNN's default kernels
    assert "convolutions as oneDNN's AVX2 kernels" in summary["device"]["sums"]
    notebooks = tmp_path / "notebooks.f32"
    done = subprocess.run(
        [*python_running("tests.notebook"), "images", "data", "1", str(notebooks)],
        cwd=tmp_path,
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": kernels},
        check=True,
        capture_output=True,
        text=True,
    )
    np.testing.assert_array_equal(losses, np.fromfile(notebooks, dtype="<f4"))
    assert summary["evaluation"]["confusion_matrix"] == json.loads(done.stdout)
