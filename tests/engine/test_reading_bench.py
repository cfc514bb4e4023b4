"""What the bench says of reading a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from engine.bench.reading import reading
from engine.config import TrainingConfig


def test_first_reading_and_the_cache(tmp_path: Path) -> None:
    """The files are read once and the cache five times, and the user's own cache is left alone."""
    for place in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / "images" / place).mkdir(parents=True)
        Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "images" / place / "0.png")
    own = tmp_path / "data"
    files, busy, cached = reading(TrainingConfig(data=str(tmp_path / "images"), data_dir=own), lambda text: None)
    assert files.what == "reading 4 images from their files"
    assert busy.median > 0
    assert len(cached.measured) == 5
    assert cached.holds
    assert not own.exists()
