"""Predictions of an evaluation: kept as a whole, read back as they were, bounded in number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load, save

from engine.errors import RunFolderError
from engine.record.classified import Classified
from engine.record.event_json import from_json, to_json
from engine.record.events import Evaluated, KeptPredictions, SplitName
from engine.storage import predictions
from tests.classified import evaluated, made_up

FOUND = made_up(50, 4)


def keep(
    folder: Path,
    earlier: list[Evaluated],
    iteration: int = 10,
    *,
    split: SplitName = "test",
    found: Classified = FOUND,
) -> Evaluated:
    """Keep predictions after the evaluations `earlier`, and add the event of this one."""
    kept = predictions.write(folder, earlier, split, iteration, found)
    earlier.append(evaluated(found, kept, iteration=iteration, split=split))
    return earlier[-1]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "predictions").iterdir())


@pytest.mark.parametrize("classes", [1, 4, 300])
def test_read_as_written(tmp_path: Path, classes: int) -> None:
    """What was kept is what is read, whatever the number of classes."""
    found = made_up(50, classes)
    read = predictions.read(tmp_path, keep(tmp_path, [], found=found), found.classes)
    for name in ("labels", "predicted", "probabilities"):
        np.testing.assert_array_equal(getattr(read, name), getattr(found, name))


def test_the_journal_names_the_file() -> None:
    """The journal has the file's name and hash, and never a name that leads elsewhere."""
    event = evaluated(FOUND, KeptPredictions("iteration-000000000010.safetensors", "0" * 64))
    assert from_json(to_json(event)) == (event, ())
    with pytest.raises(ValueError, match="pattern"):
        from_json(to_json(event).replace(b"iteration-000000000010", b"../../secret"))


def changed(**tensors: NDArray[Any]) -> Callable[[bytes], bytes]:
    return lambda content: save({**load(content), **tensors})


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda content: content[:-1], "is damaged"),
    "header only": (lambda content: content[:8], "is damaged"),
    "empty": (lambda content: b"", "is damaged"),
    "longer": (lambda content: content + b"\0" * 5_000, "larger than"),
    "fewer images": (lambda content: save({name: each[:-1] for name, each in load(content).items()}), "50 images"),
    "fewer classes": (changed(probabilities=np.zeros((50, 3), np.float16)), "4 classes"),
    "other type": (changed(probabilities=np.zeros((50, 4), np.float32)), "larger than|4 classes"),
    "NaN": (changed(probabilities=np.full((50, 4), np.nan, np.float16)), "probabilities that are none"),
    "infinity": (changed(probabilities=np.full((50, 4), np.inf, np.float16)), "probabilities that are none"),
    "label that is no class": (changed(labels=np.full(50, 9, np.uint16)), "confusion matrix"),
    "labels of others": (changed(labels=np.zeros(50, np.uint16)), "confusion matrix"),
}


@pytest.mark.parametrize("sealed", [False, True], ids=["", "with its hash"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_predictions(tmp_path: Path, damage: str, sealed: bool) -> None:
    """Predictions that are not those of their evaluation are refused in words, also if their hash was made to fit."""
    event = keep(tmp_path, [])
    assert event.predictions is not None
    path = tmp_path / "predictions" / event.predictions.file
    spoil, said = DAMAGES[damage]
    content = spoil(path.read_bytes())
    path.write_bytes(content)
    if sealed:
        event = replace(event, predictions=replace(event.predictions, sha256=hashlib.sha256(content).hexdigest()))
    with pytest.raises(RunFolderError, match=said if sealed else "is damaged|larger than"):
        predictions.read(tmp_path, event, FOUND.classes)


def test_nothing_kept(tmp_path: Path) -> None:
    """A run of an older version says that it kept none; predictions that were thinned are no longer kept."""
    with pytest.raises(RunFolderError, match="kept no predictions"):
        predictions.read(tmp_path, evaluated(FOUND), FOUND.classes)
    event = keep(tmp_path, [])
    predictions.drop_newer(tmp_path, [])
    with pytest.raises(RunFolderError, match="no longer kept"):
        predictions.read(tmp_path, event, FOUND.classes)


def test_outputs_that_are_not_finite(tmp_path: Path) -> None:
    """Outputs of a network that diverged are not kept, and the reason is told."""
    found = replace(FOUND, probabilities=np.full_like(FOUND.probabilities, np.nan))
    with pytest.raises(RunFolderError, match="not finite"):
        keep(tmp_path, [], found=found)
    assert not (tmp_path / "predictions").exists()


def test_evaluations_of_the_same_iteration(tmp_path: Path) -> None:
    """Validation images, test images, and the same images once more each have a file of their own."""
    done: list[Evaluated] = []
    keep(tmp_path, done, split="validation")
    keep(tmp_path, done)
    keep(tmp_path, done)
    assert files(tmp_path) == [
        "iteration-000000000010-2.safetensors",
        "iteration-000000000010.safetensors",
        "validation-000000000010.safetensors",
    ]


def test_bounded_in_number(tmp_path: Path) -> None:
    """Of a long run the newest, the best and a thinned history stay, the first evaluation among them."""
    best = made_up(50, 4, seed=1)
    best = replace(best, predicted=best.labels)
    done: list[Evaluated] = []
    for iteration in range(200):
        keep(tmp_path, done, iteration, found=best if iteration == 101 else FOUND)
    kept = {int(name[10:22]) for name in files(tmp_path)}
    assert {0, 101, 198, 199} <= kept
    assert len(kept) <= predictions.MOST_FILES + 3
    assert len(set(np.diff(sorted(kept - {101, 198, 199})))) == 1
    predictions.read(tmp_path, done[101], FOUND.classes)


def test_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of evaluations that are large, fewer stay."""
    monkeypatch.setattr(predictions, "MOST_BYTES", 5 * 50 * 12)
    done: list[Evaluated] = []
    for iteration in range(100):
        keep(tmp_path, done, iteration)
    assert len(files(tmp_path)) <= 5 + 3


def test_thinning_never_removes_what_would_stay_later(tmp_path: Path) -> None:
    """Wherever a run is interrupted, what it has thinned by then is nothing that the whole run keeps."""
    done: list[Evaluated] = []
    removed: set[str] = set()
    for iteration in range(150):
        keep(tmp_path, done, iteration, found=made_up(50, 4, seed=iteration))
        names = {each.predictions.file for each in done if each.predictions}
        assert not removed & set(files(tmp_path))
        removed |= names - set(files(tmp_path))
    assert removed


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """A file that was never finished, or never named by the journal, is removed by the next evaluation."""
    done: list[Evaluated] = []
    event = keep(tmp_path, done)
    assert event.predictions is not None
    folder = tmp_path / "predictions"
    (folder / ".iteration-000000000020.safetensors.123").write_bytes(b"half")
    (folder / "iteration-000000000020.safetensors").write_bytes(b"not named")
    keep(tmp_path, done, 30)
    assert files(tmp_path) == [event.predictions.file, "iteration-000000000030.safetensors"]
