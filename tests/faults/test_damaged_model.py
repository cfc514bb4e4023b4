"""An exported model that is damaged: the same answers, or an error of ours; nothing executed, memory bounded."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.config import TrainingConfig
from engine.export.model.folder import write_model
from engine.runs.local import Run
from engine.use.exported import CONFIG, MODEL
from engine.use.model import Model
from tests.faults.conftest import Made, Often
from tests.faults.test_damaged import all_different, bounded_memory, harmless, refused
from tests.images import made_up_images

pytestmark = pytest.mark.faults

IMAGES = made_up_images(1, 8).test.images


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an exported model, without its ONNX file, which is not read."""
    patch, root = pytest.MonkeyPatch(), tmp_path_factory.mktemp("exported")
    patch.setattr("engine.data.load", lambda source, data_dir, progress: made_up_images(64, 16))
    patch.setattr("engine.export.model.checked.find_spec", lambda name: None)
    try:
        config = TrainingConfig(data="demo", epochs=1, device="cpu", threads=1, runs_dir=root, data_dir=root / "data")
        run = Run(config).start()
        assert run.join(120)
        write_model(run.record(), run.folder, root / "model", say=lambda text: None)
    finally:
        patch.undo()
    return root / "model"


@pytest.mark.parametrize(
    ("name", "named"), [(CONFIG, False), (MODEL, False), (MODEL, True)], ids=["config", "weights", "weights, named"]
)
def test_damaged_exported_model(
    exported: Path, often: Often, made: Made, tmp_path: Path, name: str, named: bool
) -> None:
    """A damaged model answers as the whole one, or says in words what is wrong; `named`: config.json has its hash."""
    whole = Model.open(exported).probabilities(IMAGES)
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    content = (folder / name).read_bytes()

    def read() -> None:
        answers: list[NDArray[np.float32]] = []
        said = refused(lambda: answers.append(Model.open(folder).probabilities(IMAGES)))
        assert said is None or 0 < len(said.splitlines()) <= 3
        assert said or named or np.array_equal(answers[0], whole)
        assert said or answers[0].shape[0] == len(IMAGES)

    with made("damaged model") as figures, bounded_memory(figures):
        for times, damaged in enumerate(all_different(content, often(20, 250), f"{name} {named}"), 1):
            figures["times"] = times
            (folder / name).write_bytes(damaged)
            if named:
                described = json.loads((folder / CONFIG).read_bytes())
                described["sha256"] = hashlib.sha256(damaged).hexdigest()
                (folder / CONFIG).write_text(json.dumps(described))
            harmless(read)
