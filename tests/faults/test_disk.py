"""A disk that is full, fails, or is gone: training ends as it should, and what was not saved is told."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from engine.storage import checkpoint, tail
from tests.faults.conftest import Made, Often
from tests.faults.runs import Program, trains, wait

pytestmark = pytest.mark.faults

FAILURES = {
    "write": "error=ENOSPC",
    "fsync": "error=EIO",
    "mkdir": "error=ENOSPC",
    "rename": "error=EROFS",
    "ftruncate": "error=EIO",
}


@pytest.mark.parametrize("call", FAILURES)
def test_disk_that_fails_once(program: Program, straight: Path, often: Often, made: Made, call: str) -> None:
    """If a step of saving fails, training completes with the same numbers and a whole checkpoint, and the failure is
    told."""
    told = 0
    for number in count(often(3, 1), often(17, 1)):
        name = f"{call}-fails-{number}"
        folder = program.runs / name
        code, said, struck = program.train_struck(name, call, number, FAILURES[call])
        if not struck:  # there is no such step any more
            assert code == 0, said
            shutil.rmtree(folder)
            break
        with made("disk step"):
            if code == 2:
                assert "cannot be made" in said or not said  # the message may have been what failed
                assert not folder.exists()
                continue
            assert code == 0, said
            record = tail.read(folder)
            np.testing.assert_array_equal(record.losses, tail.read(straight).losses)
            assert record.status == "completed"
            assert next(checkpoint.whole(folder / "checkpoints"))
            told += any("ould not" in notice for notice in record.notices)
            shutil.rmtree(folder)
    # A line on the screen, or waiting for the folder of runs, may fail without a loss.
    assert told or number <= often(20, 5)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a disk of one megabyte cannot be mounted here: it takes root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_disk_of_one_megabyte(program: Program, straight: Path, small_disk: Path, made: Made) -> None:
    """If the disk has no room for a second checkpoint, the run completes, keeps what it saved, and says so at the
    end."""
    words = program.constants("small")
    words[words.index("--runs-dir") + 1] = str(small_disk)
    with made("disk"):
        code, said = program.start("train", *words).ended()
        assert code == 0, said
        assert "Could not save a checkpoint: No space left on device" in said
        assert "At the end it still could not save a checkpoint" in said
        record = tail.read(small_disk / "small")
        np.testing.assert_array_equal(record.losses, tail.read(straight).losses)
        with contextlib.suppress(StopIteration):  # not even the first one may fit
            assert next(checkpoint.whole(small_disk / "small" / "checkpoints")).state.position.iteration < 192


def test_disk_that_has_room_again(program: Program, straight: Path, small_disk: Path, made: Made) -> None:
    """What could not be saved while the disk was full is saved when it has room; the run can be resumed."""
    words = program.constants("again", epochs=60)
    words[words.index("--runs-dir") + 1] = str(small_disk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 900_000)
    folder = small_disk / "again"
    with made("disk"):
        command = program.start("train", *words)
        wait(lambda: b"Could not" in content(folder / "events.jsonl") or content(folder / "losses.f32")[100:], "a run")
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
        wait(lambda: any(checkpoint.whole(folder / "checkpoints")), "a checkpoint")
        command.send(signal.SIGTERM)
        code, said = command.ended()
        assert code == 143, said
        record = tail.read(folder)
        assert record.status == "interrupted"
        done = min(len(record.losses), 192)
        np.testing.assert_array_equal(record.losses[:done], tail.read(straight).losses[:done])


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_folder_that_is_removed(program: Program, made: Made) -> None:
    """A run whose folder is removed while it trains completes, and says that it could not be saved."""
    folder = program.runs / "removed"
    with made("disk"):
        command = program.train("removed", epochs=12)
        wait(lambda: trains(folder), "training")
        shutil.rmtree(folder)
        code, said = command.ended()
        assert code == 0, said
        assert "completed" in said
        assert "Could not save a checkpoint: No such file or directory" in said
    shutil.rmtree(folder, ignore_errors=True)


def test_read_only_folder_is_refused(program: Program, straight: Path, small_disk: Path, made: Made) -> None:
    """A run in a folder that cannot be written to is not resumed; the reason is told."""
    shutil.copytree(straight, small_disk / "straight", ignore=shutil.ignore_patterns("checkpoints"))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with made("disk"):
        code, said = program.start("resume", "straight", "--runs-dir", str(small_disk)).ended()
        assert code == 1
        assert "Read-only file system" in said
