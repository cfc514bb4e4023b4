"""The comparison with the notebook's loop, on a GPU."""

from __future__ import annotations

import os
from pathlib import Path

from engine.bench.contest import contest
from engine.config import TrainingConfig
from tests.gpu.training import DEVICE, IS_GPU, Say, images
from tests.images import save_folder

FOLDER = "CIFAR_TUI_GPU_IMAGES"
"""The environment variable with a folder of images for the bench; without it, it uses images that stand in for them."""


def test_the_bench(tmp_path: Path, record_property: Say) -> None:
    """Every promise about training and evaluation holds on a GPU, with the notebook's network and constants."""
    folder = os.environ.get(FOLDER, "")
    if not IS_GPU:
        folder = str(save_folder(tmp_path / "images", images(8)))
    config = TrainingConfig.checked({"device": DEVICE, "data_dir": tmp_path, **({"data": folder} if folder else {})})
    result = contest(config, stand_in=not folder, say=lambda text: None)
    for claim in result.claims:
        found = f"{claim.median:.4g}{claim.unit}, {min(claim.measured):.4g} to {max(claim.measured):.4g}"
        record_property(f"bench: {claim.what}", f"{found} ({claim.promised}, {'holds' if claim.holds else 'does not'})")
    record_property("bench: iterations/s", round(result.iterations_per_second))
    if IS_GPU:
        assert all(claim.holds for claim in result.claims)
