"""Runs that are renamed, thrown away and restored."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import ConstantError, EngineError, NoSuchRunError, RunFolderError
from engine.export.bundle import write_bundle
from engine.storage import moving, tail
from engine.storage.listing import list_runs
from tests.made_runs import make_run, training


def names(runs_dir: Path) -> list[str]:
    return sorted(entry.name for entry in list_runs(runs_dir))


def test_renamed(tmp_path: Path) -> None:
    """A renamed run has its new name in every list, record and file; its journal stays as it was."""
    folder = make_run(tmp_path / "a")
    journal = (folder / "events.jsonl").read_bytes()
    write_bundle(tail.read(folder), folder, folder)
    new = moving.rename(folder, "b c")
    assert (new, names(tmp_path)) == (tmp_path / "b c", ["b c"])
    started = tail.read(new).started
    assert started is not None
    assert started.name == "b c"
    assert (new / "events.jsonl").read_bytes() == journal
    write_bundle(tail.read(new), new, new)
    assert '"name": "b c"' in (new / "summary.json").read_text()
    assert moving.rename(new, "b c") == new


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "it is empty; give the run a name"),
        ("taken", "taken exists already; choose another name"),
        ("dangling", "dangling exists already; choose another name"),
        ("../up", "is not allowed; it must be at most 64 printable characters"),
        (".hidden", "is not allowed"),
        ("x" * 65, "is not allowed"),
        ("a\nb", "is not allowed"),
    ],
)
def test_names_that_a_run_cannot_get(tmp_path: Path, name: str, told: str) -> None:
    """A run is not renamed to what is no name or is there already: also not an empty folder, or a link to nothing."""
    folder = make_run(tmp_path / "a")
    (tmp_path / "taken").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(ConstantError) as error:
        moving.rename(folder, name)
    assert told in error.value.message
    assert names(tmp_path) == ["a"]


def test_live_run_stays(tmp_path: Path) -> None:
    """A run that a process trains is neither renamed nor thrown away: the message tells which process."""
    folder = make_run(tmp_path / "a", ends=False)
    with training(folder):
        attempts: list[Callable[[], object]] = [
            lambda: moving.rename(folder, "b"),
            lambda: moving.throw_away(folder),
        ]
        for attempt in attempts:
            with pytest.raises(RunFolderError, match=f"is being trained by process {os.getpid()} on "):
                attempt()
        assert names(tmp_path) == ["a"]
    lock = (folder / "lock").read_bytes()
    moving.rename(folder, "b")
    assert (tmp_path / "b" / "lock").read_bytes() == lock  # who trained it can still be told


def test_thrown_away_and_restored(tmp_path: Path) -> None:
    """A run in the trash is in no list; it comes back under its name, or beside a new run of that name."""
    for _ in range(2):
        moving.throw_away(make_run(tmp_path / "a"))
    assert names(tmp_path) == []
    later, first = moving.trash(tmp_path)
    assert (later.name, first.name) == ("a", "a")
    assert later.bytes > 4 * 6_252
    assert moving.restore(moving.find_in_trash(tmp_path, "a")) == tmp_path / "a"
    assert moving.restore(moving.find_in_trash(tmp_path, "a")) == tmp_path / "a-2"
    assert names(tmp_path) == ["a", "a-2"]
    with pytest.raises(NoSuchRunError, match=r"There is no run a in the trash of .*It is empty"):
        moving.find_in_trash(tmp_path, "a")


def test_emptying_the_trash(tmp_path: Path) -> None:
    """What is deleted from the trash is gone; a link in it goes, what it leads to stays, and so does a live run."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    moving.throw_away(make_run(tmp_path / "a"))
    (tmp_path / ".trash" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".trash" / "note.txt").write_text("x")
    live = moving.throw_away(make_run(tmp_path / "live", ends=False))
    with training(live):
        for each in moving.trash(tmp_path):
            if each.name == "live":
                with pytest.raises(RunFolderError, match=r"is being trained"):
                    moving.delete(each)
            else:
                moving.delete(each)
    assert [each.name for each in moving.trash(tmp_path)] == ["live"]
    assert (tmp_path / "elsewhere" / "file").exists()


def test_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run on another disk than its list, or a link to a run, is not copied: the message says what to do."""
    folder = make_run(tmp_path / "disk" / "a")
    (tmp_path / "a").symlink_to(folder)
    with pytest.raises(RunFolderError, match=r"is a link to .*/disk/a: it is not thrown away. Remove the link, or"):
        moving.throw_away(tmp_path / "a")
    mounted = make_run(tmp_path / "mounted")

    def another_disk(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "rename", another_disk)
    with pytest.raises(
        RunFolderError, match=r"it is on another disk than .*/\.trash, and nothing is copied. Move or del"
    ):
        moving.throw_away(mounted)
    assert names(tmp_path) == ["a", "mounted"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_lies_in_the_place_of_the_trash(tmp_path: Path, kind: str) -> None:
    """A file or a link where the trash would be is told: no run goes through it."""
    folder = make_run(tmp_path / "a")
    (tmp_path / "elsewhere" / "precious").mkdir(parents=True)
    place = tmp_path / ".trash"
    place.symlink_to(tmp_path / "elsewhere") if kind == "link" else place.touch()
    with pytest.raises(EngineError, match=r"is no folder for the trash: .*Remove it"):
        moving.throw_away(folder)
    assert moving.trash(tmp_path) == ()
    assert names(tmp_path) == ["a"]
