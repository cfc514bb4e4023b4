"""The list of runs: what it knows of each, and that it reads again only what changed."""

from __future__ import annotations

import json
import os
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.storage import listing
from engine.storage.entry import read_entry
from engine.storage.layout import INDEX
from engine.storage.listing import Listing, list_runs
from tests.made_runs import make_run, training
from tests.records import SECONDS_PER_ITERATION


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs whose journals are read from now on."""
    read: list[str] = []
    really = read_entry

    def counted(folder: Path, now: float) -> object:
        read.append(folder.name)
        return really(folder, now)

    monkeypatch.setattr(listing, "read_entry", counted)
    return read


def test_progress_and_time_left_of_a_live_run(tmp_path: Path) -> None:
    """A run that trains tells how much of it is done and how long the rest takes; after its end it tells neither."""
    folder = make_run(tmp_path / "a", iterations=3_126, evaluations=False, ends=False)
    os.utime(folder / "events.jsonl", (now := time.time(), now))
    with training(folder):
        (entry,) = list_runs(tmp_path)
    assert (entry.status, entry.progress, entry.live) == ("training", 50, True)
    assert entry.left == pytest.approx(3_126 * SECONDS_PER_ITERATION, rel=0.15)
    (entry,) = list_runs(tmp_path)
    assert (entry.status, entry.progress, entry.left, entry.train_seconds) == ("interrupted", 50, None, None)


def test_only_what_changed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look, and the first of another process, read no journal that stayed as it was."""
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", ends=False)
    first = Listing(tmp_path)
    before = first.look().entries
    read = reads(monkeypatch)
    assert first.look().entries == before
    assert list_runs(tmp_path) == before
    assert read == []
    with (tmp_path / "a" / "events.jsonl").open("ab") as journal:
        journal.write(b"?\n")
    assert {entry.name: entry.status for entry in first.look().entries} == {"a": "unreadable", "b": "interrupted"}
    with training(tmp_path / "b"):
        assert {entry.name: entry.status for entry in first.look().entries}["b"] == "training"
    assert set(read) == {"a", "b"}


def test_journal_that_has_just_changed_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two changes within a moment can leave a journal with the same size and time: it is read again."""
    journal = make_run(tmp_path / "a") / "events.jsonl"
    now = time.time()
    os.utime(journal, (now, now))
    look = Listing(tmp_path)
    assert look.look().entries[0].status == "completed"
    journal.write_bytes(journal.read_bytes().replace(b'"completed"', b'"stopped"  '))
    os.utime(journal, (now, now))
    assert look.look().entries[0].status == "stopped"
    assert list_runs(tmp_path)[0].status == "stopped"


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"[]", b'{"written_by":"me","runs":{"a":1}}', None])
def test_index_that_is_damaged(tmp_path: Path, content: bytes | None) -> None:
    """A damaged index, or something else in its place, changes nothing of the list."""
    make_run(tmp_path / "a")
    expected = list_runs(tmp_path)
    index = tmp_path / INDEX
    index.unlink()
    if content is None:
        index.mkdir()
    else:
        index.write_bytes(content)
    assert list_runs(tmp_path) == expected
    if content is not None:
        assert json.loads(index.read_bytes())["runs"].keys() == {"a"}


def test_index_goes_with_nothing(tmp_path: Path) -> None:
    """A run that was copied from elsewhere together with an index, or renamed, is listed as it is."""
    make_run(tmp_path / "here" / "a")
    make_run(tmp_path / "here" / "c")
    list_runs(tmp_path / "here")
    (tmp_path / "here" / "a").rename(tmp_path / "here" / "b")
    (tmp_path / "here").rename(tmp_path / "there")
    make_run(tmp_path / "there" / "a", epochs=2, iterations=3_126)
    entries = {entry.name: entry for entry in list_runs(tmp_path / "there")}
    assert entries["a"].planned == 3_126
    assert entries["b"].planned == 6_252
    assert all(entry.path == tmp_path / "there" / name for name, entry in entries.items())
    assert entries.keys() == {*"abc"}


def test_list_of_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in a folder where no index can be written are listed without one."""
    make_run(tmp_path / "a")

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("engine.storage.index.replace_synced", refused)
    assert [entry.status for entry in list_runs(tmp_path)] == ["completed"]
    assert not (tmp_path / INDEX).exists()


def test_look_that_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where reading takes long, a look ends in time with some of the runs; the next ones go on until all are read."""
    for name in "abcd":
        make_run(tmp_path / name, iterations=10, evaluations=False)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "events.jsonl").touch()
    seconds = count()
    clock = SimpleNamespace(monotonic=lambda: next(seconds), time_ns=time.time_ns)
    monkeypatch.setattr(listing, "time", clock)  # a second goes by whenever it is asked for the time
    runs = Listing(tmp_path)
    looks = [runs.look(at_most=2.5) for _ in range(4)]
    assert [len(looked.entries) for looked in looks] == [2, 4, 5, 5]
    assert [looked.unread for looked in looks] == [3, 1, 0, 0]
    assert {entry.name for entry in looks[-1].entries} == {*"abcd", "broken"}
