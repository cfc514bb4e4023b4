"""A disk that is full, fails, or is gone: the training ends as it should, and somebody is told what was not saved."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from engine.storage import checkpoint
from engine.storage import folder as rundir
from tests.faults.conftest import Often
from tests.faults.runs import PATIENCE, Program, ended, struck
from tests.faults.table import TABLE

pytestmark = pytest.mark.faults

FAILURES = {
    "write": "error=ENOSPC",
    "fsync": "error=EIO",
    "mkdir": "error=ENOSPC",
    "rename": "error=EROFS",
    "ftruncate": "error=EIO",
}


@pytest.mark.parametrize("call", FAILURES)
def test_disk_that_fails_once(program: Program, straight: Path, often: Often, tmp_path: Path, call: str) -> None:
    """Whichever step of saving fails, training completes with the same numbers, a whole checkpoint is there, and what
    failed is told."""
    log = tmp_path / "strace"
    told = 0
    for number in count(often(3, 1), often(17, 1)):
        name = f"{call}-fails-{number}"
        folder = program.runs / name
        code, said = ended(program.train(name, before=struck(call, number, FAILURES[call], str(log))))
        if "INJECTED" not in log.read_text():
            assert code == 0, said
            shutil.rmtree(folder)
            break  # there is no such step any more
        TABLE.count("a write, fsync, mkdir or rename that fails")
        if code == 2:
            assert "cannot be made" in said or not said  # what it says may have been struck as well
            assert not folder.exists()
            continue
        assert code == 0, said
        record = rundir.read(folder)
        np.testing.assert_array_equal(record.losses, rundir.read(straight).losses)
        assert record.status == "completed"
        assert next(checkpoint.whole(folder / "checkpoints"))
        told += any("ould not" in notice for notice in record.notices)
        shutil.rmtree(folder)
    # A line on the screen, and waiting for the folder of the runs, may fail without anybody missing something.
    assert told or number <= often(20, 5)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("a disk of one megabyte cannot be mounted here: it takes root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_disk_of_one_megabyte(program: Program, straight: Path, small_disk: Path) -> None:
    """Where the disk takes no second checkpoint the run completes, keeps what it could save, and says so at the end."""
    words = program.constants("small")
    words[words.index("--runs-dir") + 1] = str(small_disk)
    code, said = ended(program.start("train", *words))
    assert code == 0, said
    assert "Could not save a checkpoint: No space left on device" in said
    assert "At the end it still could not save a checkpoint" in said
    record = rundir.read(small_disk / "small")
    np.testing.assert_array_equal(record.losses, rundir.read(straight).losses)
    with contextlib.suppress(StopIteration):  # not even the first one may fit
        assert next(checkpoint.whole(small_disk / "small" / "checkpoints")).state.position.iteration < 192
    TABLE.count("a disk of one megabyte")


def test_disk_that_has_room_again(program: Program, straight: Path, small_disk: Path) -> None:
    """What could not be saved while the disk was full is saved when it has room; the run can be gone on with."""
    words = program.constants("again", epochs=60)
    words[words.index("--runs-dir") + 1] = str(small_disk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 900_000)
    process = program.start("train", *words)
    folder = small_disk / "again"
    wait(lambda: "Could not" in journal(folder) or len(losses(folder)) > 100)
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    wait(lambda: any(checkpoint.whole(folder / "checkpoints")))
    process.terminate()
    code, said = ended(process)
    assert code == 143, said
    record = rundir.read(folder)
    assert record.status == "interrupted"
    done = min(len(record.losses), 192)
    np.testing.assert_array_equal(record.losses[:done], rundir.read(straight).losses[:done])
    TABLE.count("a full disk that has room again")


def test_folder_that_is_removed(program: Program) -> None:
    """A run whose folder is removed under it completes, and says that it could not be saved."""
    process = program.train("removed", epochs=12)
    folder = program.runs / "removed"
    wait(lambda: any(folder.glob("checkpoints/iter*")))
    shutil.rmtree(folder)
    code, said = ended(process)
    assert code == 0, said
    assert "completed" in said
    assert "Could not save a checkpoint: No such file or directory" in said
    shutil.rmtree(folder, ignore_errors=True)
    TABLE.count("a folder that is removed")


def wait(until: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def journal(folder: Path) -> str:
    try:
        return (folder / "events.jsonl").read_text()
    except OSError:
        return ""


def losses(folder: Path) -> bytes:
    try:
        return (folder / "losses.f32").read_bytes()
    except OSError:
        return b""


def test_read_only_folder_is_refused(program: Program, straight: Path, small_disk: Path) -> None:
    """A run in a folder that cannot be written to is not gone on with; the reason is told."""
    shutil.copytree(straight, small_disk / "straight", ignore=shutil.ignore_patterns("checkpoints"))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    code, said = ended(program.start("resume", "straight", "--runs-dir", str(small_disk)))
    assert code == 1
    assert "Read-only file system" in said
    TABLE.count("a read-only folder")
