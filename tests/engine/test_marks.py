"""Tags, notes and the pin of a run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import EngineError, RunFolderError
from engine.storage import marks
from engine.storage.listing import Listing, list_runs
from tests.made_runs import make_run


def test_tags_and_note_go_where_the_run_goes(tmp_path: Path) -> None:
    """Tags and a note are in the run's folder: the list shows them, after it was renamed too."""
    folder = make_run(tmp_path / "a")
    look = Listing(tmp_path)
    assert look.look().entries[0].tags == ()
    marks.tag(folder, add=["good", "lr/0.003"])
    marks.note(folder, " two\nlines ")
    assert (look.look().entries[0].tags, look.look().entries[0].note) == (("good", "lr/0.003"), "two lines")
    marks.tag(folder, add=["GOOD", "late"], remove=["LR/0.003", "none"])
    folder.rename(tmp_path / "b")
    assert look.look().entries[0].tags == list_runs(tmp_path)[0].tags == ("good", "late")


@pytest.mark.parametrize("tag", ["", "two words", "-good", "a" * 33, "a,b", 'a"', "(", "\x1b[1m", "a=b", "a:b"])
def test_what_is_no_tag(tmp_path: Path, tag: str) -> None:
    """What conditions could not name is refused as a tag, and nothing is written."""
    folder = make_run(tmp_path / "a")
    with pytest.raises(EngineError, match="is no tag; a tag has"):
        marks.tag(folder, add=["fine", tag])
    assert not (folder / "marks.json").exists()


def test_too_much(tmp_path: Path) -> None:
    """There is an end to tags and to the length of a note."""
    folder = make_run(tmp_path / "a")
    with pytest.raises(EngineError, match="a would have 21 tags; at most 20"):
        marks.tag(folder, add=[f"tag{number}" for number in range(21)])
    with pytest.raises(EngineError, match="2,001 characters; at most 2,000"):
        marks.note(folder, "x" * 2_001)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b'{"schema_version":2}',
        b'{"tags":["two words"]}',
        json.dumps({"tags": ["a"] * 99}).encode(),
        json.dumps({"note": "x" * 3_000}).encode(),
        b'{"note":1}',
        b"[" * 60_000,
        b" " * 70_000,
    ],
    ids=lambda content: str(content[:20]),
)
def test_damaged_marks(tmp_path: Path, content: bytes) -> None:
    """A run with damaged tags and notes is listed, with the reason; they are not overwritten without being asked."""
    folder = make_run(tmp_path / "a")
    (folder / "marks.json").write_bytes(content)
    (entry,) = list_runs(tmp_path)
    assert (entry.status, entry.tags, entry.note) == ("completed", (), "")
    assert "marks.json" in entry.remark
    assert "Delete it to give tags and a note anew." in entry.remark
    with pytest.raises(RunFolderError, match="Delete it"):
        marks.tag(folder, add=["good"])
    assert (folder / "marks.json").read_bytes() == content


def test_what_lies_in_the_place_of_the_marks(tmp_path: Path) -> None:
    """A link, a folder or a FIFO in their place is told, and nothing waits for it."""
    folder = make_run(tmp_path / "a")
    place = folder / "marks.json"
    in_its_place: list[Callable[[], object]] = [
        lambda: place.symlink_to("/etc/passwd"),
        lambda: os.mkfifo(place),
        lambda: place.mkdir(),
    ]
    for put in in_its_place:
        put()
        (entry,) = list_runs(tmp_path)
        assert "cannot be read" in entry.remark
        place.rmdir() if place.is_dir() else place.unlink()


def test_one_run_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pinning a run unpins the one before; of two that a copy brought, the newest counts."""
    one, other = make_run(tmp_path / "one"), make_run(tmp_path / "other")
    marks.pin(one)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no run").touch()
    marks.pin(Path("other"))
    assert [entry.name for entry in list_runs(tmp_path) if entry.pinned] == ["other"]
    (one / "pinned").touch()
    os.utime(one / "pinned", (1, 1))
    assert [entry.name for entry in list_runs(tmp_path) if entry.pinned] == ["other"]
    marks.unpin(other)
    assert marks.newest_pinned([one, other]) == one
