"""The list of runs in the app."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.app import App
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from engine.storage import marks, moving
from engine.storage.listing import Listing, Looked, list_runs
from tests.made_runs import make_run, training
from tests.records import run_started
from tui.dialogs.choice import Choice
from tui.dialogs.trash import Trash
from tui.look.theme import DARK, LIGHT
from tui.screens.messages import Back, Compare, NewRun, OpenRun, ResumeRun
from tui.screens.runs import RunsScreen
from tui.screens.shown_runs import ShownRuns
from tui.widgets.run_table import RunTable
from tui.widgets.title_bar import TitleBar

NARROW, WIDE = (80, 24), (120, 40)


class Host(App[None]):
    """Shows the list of the runs in a folder, and keeps what it asks of the app."""

    def __init__(
        self, runs_dir: Path, look: Callable[[], Looked] | None = None, shown: ShownRuns | None = None
    ) -> None:
        super().__init__()
        self.asked: list[Message] = []
        self.runs = RunsScreen(runs_dir, look or Listing(runs_dir).look, shown)

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.theme = DARK.name
        self.push_screen(self.runs)

    def on_open_run(self, message: OpenRun) -> None:
        self.asked.append(message)

    def on_resume_run(self, message: ResumeRun) -> None:
        self.asked.append(message)

    def on_compare(self, message: Compare) -> None:
        self.asked.append(message)

    def on_new_run(self, message: NewRun) -> None:
        self.asked.append(message)

    def on_back(self, message: Back) -> None:
        self.asked.append(message)

    @property
    def table(self) -> RunTable:
        return self.runs.query_one(RunTable)

    @property
    def names(self) -> list[str]:
        return [Path(row.key).name for row in self.table._rows]

    @property
    def here(self) -> str:
        return Path(self.table.key or "").name


def drawn(app: App[None]) -> str:
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


def words(app: App[None]) -> str:
    """What is drawn as one line, without the frames: a message may go on in the next row."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", drawn(app)).split())


async def until(pilot: Pilot[None], reached: Callable[[], object]) -> None:
    give_up = time.monotonic() + 8
    while not reached():
        assert time.monotonic() < give_up, f"in vain; the screen is:\n{drawn(pilot.app)}"
        await asyncio.sleep(0.01)
    await pilot.pause()


async def ready(pilot: Pilot[None], app: Host) -> None:
    await until(pilot, lambda: app.runs.query(RunTable) and app.table.has_focus and app.table._rows)


async def typed(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*({" ": "space"}.get(letter, letter) for letter in text))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Four runs, the latest first: `deft-robin` was interrupted, then `brisk-heron`, `calm-tern`, `old-jay`."""
    config = dict(run_started().config)
    make_run(tmp_path / "deft-robin", 3_126, ends=False, evaluations=False, at="2026-03-15T08:00:00+01:00")
    make_run(tmp_path / "brisk-heron")
    other = config | {"model": "batchnorm", "learning_rate": 0.003, "seed": 7}
    make_run(tmp_path / "calm-tern", at="2026-03-13T08:00:00+01:00", config=other)
    make_run(tmp_path / "old-jay", at="2026-01-01T08:00:00+01:00", config=config | {"epochs": 3})
    return tmp_path


async def test_reason_of_a_run_that_cannot_be_read(tmp_path: Path) -> None:
    """A run that cannot be read says why as long as the cursor is on it, and is not opened."""
    make_run(tmp_path / "fine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "events.jsonl").write_text("nonsense\n")
    (tmp_path / "broken" / "losses.f32").touch()
    app = Host(tmp_path)
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        assert app.here == "fine"
        assert "not an event" not in drawn(app)
        await pilot.press("down")
        assert "line 1: not an event of this version." in words(app)
        await pilot.press("enter", "n", "r")
        await pilot.pause()
        assert [type(message) for message in app.asked] == [NewRun]


async def test_keys_that_lead_elsewhere(here: Path) -> None:
    """Enter opens a run, n takes its constants into the form, r resumes one that can be resumed, Esc goes back."""
    app = Host(here)
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        await pilot.press("r", "down", "r", "down", "enter", "n", "escape")
        await until(pilot, lambda: len(app.asked) == 4)
        resume, opened, new, back = app.asked
        assert isinstance(resume, ResumeRun)
        assert resume.folder == here / "deft-robin"
        assert isinstance(opened, OpenRun)
        assert opened.folder == here / "calm-tern"
        assert isinstance(new, NewRun)
        assert (new.constants["learning_rate"], new.constants["name"]) == (0.003, "")
        assert isinstance(back, Back)
        assert [n.message for n in app._notifications] == ["brisk-heron cannot be resumed: it is completed."]


async def test_filter(here: Path) -> None:
    """Conditions filter while they are typed; what cannot be read is told, and Esc takes them away."""
    app = Host(here)
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        await pilot.press("slash")
        await typed(pilot, "accuracy")
        assert len(app.names) == 4, "a field that is being typed is no word to search for"
        await typed(pilot, ">60")
        assert app.names == ["brisk-heron", "calm-tern", "old-jay"]
        assert "3 of 4 runs" in app.runs.query_one(TitleBar).middle
        await typed(pilot, " seed>")
        assert "Character 18: there is no value after >." in drawn(app)
        assert app.names == ["brisk-heron", "calm-tern", "old-jay"]
        await typed(pilot, "3")
        await pilot.press("enter", "space")
        assert "no value after" not in drawn(app)
        assert app.names == ["calm-tern"]
        await pilot.press("slash", *["backspace"] * 40)
        await typed(pilot, "nothing")
        await pilot.press("enter")
        assert "No run meets the conditions." in drawn(app)
        await pilot.press("escape")
        assert len(app.names) == 4
        assert not app.runs.query_one(Input).display or not app.runs.has_class("-filter")
        assert "1 marked" in app.runs.query_one(TitleBar).middle
        assert app.asked == []


async def test_order(here: Path) -> None:
    """o sorts by the next column, O turns the order round, a click on a heading sorts by it; the cursor stays."""
    app = Host(here)
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot, app)
        await pilot.press("down")
        await pilot.press("O")
        assert app.names == ["old-jay", "calm-tern", "brisk-heron", "deft-robin"]
        assert app.here == "brisk-heron"
        await pilot.click(RunTable, offset=(7, 1))
        assert app.names == ["brisk-heron", "calm-tern", "deft-robin", "old-jay"]
        assert "name▲" in drawn(app)
        await pilot.press("o", "o")
        assert "accuracy▼" in drawn(app)
        assert app.names[-1] == "deft-robin"
        assert app.here == "brisk-heron"


async def test_columns(here: Path) -> None:
    """Each constant can be a column, and the list be sorted by it; where not all fit, the arrow keys move on."""
    app = Host(here)
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        for name in ("learning rate", "seed", "label smoothing"):
            await pilot.press("v", "slash")
            await typed(pilot, name)
            await pilot.press("enter")
            if name == "seed":
                await pilot.press("down", "o")
            await pilot.press("escape")
        assert app.names[0] == "calm-tern"
        assert "by seed ▼" in drawn(app)
        assert "label smoothing" not in drawn(app)
        await pilot.press("right", "right", "right", "right")
        assert "0.003" in drawn(app)
        assert "label smoothing" in drawn(app)
        assert "calm-tern" in drawn(app)
        await pilot.press("v", "home", "enter", "escape")
        assert "label smoothing" not in drawn(app)
        assert all(len(line) == 80 for line in drawn(app).splitlines())


async def test_what_was_chosen_comes_back(here: Path) -> None:
    """Filter, order, columns and marks are still there when the list is opened again."""
    shown = ShownRuns()
    for first in (True, False):
        app = Host(here, shown=shown)
        async with app.run_test(size=NARROW) as pilot:
            await ready(pilot, app)
            if first:
                await pilot.press("slash", *"heron", "enter", "space", "O")
            assert app.names == ["brisk-heron"]
            assert [run.name for run in shown.marked] == ["brisk-heron"]
            assert not shown.descending


@pytest.mark.parametrize(
    ("keys", "folders"),
    [
        ("space down space c", ["deft-robin", "calm-tern"]),
        ("down space c", ["brisk-heron", "calm-tern"]),
        ("asterisk down c", ["deft-robin", "brisk-heron"]),
        ("a c", ["deft-robin", "brisk-heron", "calm-tern", "old-jay"]),
        ("c", None),
        ("end space c", None),
        ("asterisk c", None),
    ],
)
async def test_comparing(here: Path, keys: str, folders: list[str] | None) -> None:
    """c compares the marked runs; one mark with the run under the cursor, none with the pinned run; else it is told."""
    app = Host(here)
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        for key in keys.split():
            await pilot.press(key)
            if key == "asterisk":
                await until(pilot, lambda: any(row.pinned for row in app.table._rows))
        await until(pilot, lambda: app.asked or app._notifications)
        if folders is None:
            assert [n.message for n in app._notifications] == [
                "Mark two runs or more with the space bar; c compares them."
            ]
        else:
            (asked,) = app.asked
            assert isinstance(asked, Compare)
            assert [folder.name for folder in asked.folders] == folders


async def test_tags_note_and_pin(here: Path) -> None:
    """Marked runs get tags together; a note and the pin are of the run under the cursor. The list shows all at once."""
    app = Host(here)
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot, app)
        await pilot.press("space", "space", "t")
        await typed(pilot, "a=b")
        await pilot.press("enter")
        await until(pilot, lambda: "'a=b' is no tag" in drawn(app))
        await pilot.press("backspace", "backspace", "backspace")
        await typed(pilot, "good late")
        await pilot.press("enter")
        await until(pilot, lambda: drawn(app).count("good late") == 2)
        await pilot.press("t")
        await typed(pilot, "-late, new")
        await pilot.press("enter")
        await until(pilot, lambda: drawn(app).count("good new") == 2)
        await pilot.press("N")
        await typed(pilot, "why not")
        await pilot.press("enter")
        await until(pilot, lambda: "why not" in drawn(app))
        await pilot.press("asterisk")
        await until(pilot, lambda: "★" in drawn(app))
        entries = {entry.name: entry for entry in list_runs(here)}
        assert entries["deft-robin"].tags == entries["brisk-heron"].tags == ("good", "new")
        assert (entries["calm-tern"].note, entries["calm-tern"].pinned) == ("why not", True)
        await pilot.press("asterisk")
        await until(pilot, lambda: "★" not in drawn(app))


async def test_renaming(here: Path) -> None:
    """A run is renamed, and the cursor stays on it; a name that is taken, and a live run, are refused in words."""
    app = Host(here)
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        await pilot.press("down", "R", *["backspace"] * 11)
        await typed(pilot, "old-jay")
        await pilot.press("enter")
        await until(pilot, lambda: "exists already; choose another" in words(app))
        await pilot.press("home", "X", "enter")
        await until(pilot, lambda: "Xold-jay" in app.names)
        assert app.here == "Xold-jay"
        with training(here / "deft-robin"):
            await pilot.press("home", "R", "X", "enter")
            await until(pilot, lambda: "is being trained by process" in words(app))
    assert {entry.name for entry in list_runs(here)} == {"deft-robin", "Xold-jay", "calm-tern", "old-jay"}


async def test_trash(here: Path) -> None:
    """A run goes to the trash with a key, several after a question; they come back, or are deleted after a question."""
    app = Host(here)
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        await pilot.press("x")
        await until(pilot, lambda: len(app.names) == 3)
        await pilot.press("space", "space", "delete")
        await until(pilot, lambda: isinstance(app.screen, Choice))
        assert "Move 2 runs to the trash?" in drawn(app)
        await pilot.press("left", "enter")
        await until(pilot, lambda: app.names == ["old-jay"])
        await pilot.press("z")
        await until(pilot, lambda: "The trash holds 3 runs" in drawn(app))
        await pilot.press("end", "enter")
        await until(pilot, lambda: "The trash holds 2 runs" in drawn(app))
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(app.screen, Choice))
        assert "Nothing of it can be restored then." in drawn(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Trash))
        assert len(moving.trash(here)) == 2, "the answer under the cursor keeps it"
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("left", "enter")
        await until(pilot, lambda: "The trash is empty." in drawn(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.names) == 2)
        assert "old-jay" in app.names
    assert moving.trash(here) == ()


async def test_live_run_is_not_thrown_away(here: Path) -> None:
    """Of several runs those that can go to the trash go; why another one stays is told."""
    app = Host(here)
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        with training(here / "deft-robin"):
            await pilot.press("space", "space", "x")
            await until(pilot, lambda: isinstance(app.screen, Choice))
            await pilot.press("left", "enter")
            await until(pilot, lambda: "brisk-heron" not in app.names)
            told = [n.message for n in app._notifications]
            assert any("deft-robin is being trained by process" in message for message in told)
            assert "deft-robin" in app.names


async def test_live_runs_go_on_by_themselves(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run does is shown without a key: its progress and the time left; then its end. Only its row is drawn."""
    folder = here / "deft-robin"
    app = Host(here)
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot, app)
        with training(folder):
            now = time.time()
            os.utime(folder / "events.jsonl", (now, now))
            await until(pilot, lambda: "training 50 %" in drawn(app))
            assert "left" in drawn(app)
            refreshed: list[int] = []
            refresh = app.table.refresh

            def counted(*regions: Region, **how: bool) -> RunTable:
                refreshed.append(len(regions))
                return refresh(*regions, **how)

            monkeypatch.setattr(app.table, "refresh", counted)
            with (folder / "losses.f32").open("ab") as losses:
                losses.write(b"\0" * 4 * 700)
            await until(pilot, lambda: "training 61 %" in drawn(app))
            assert set(refreshed) == {1}
        await until(pilot, lambda: "interrupted" in drawn(app))


async def test_thousand_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many runs there are, what is drawn and asked for is that of one screen, and every run can be reached."""
    (entry,) = list_runs(make_run(tmp_path / "one").parent)
    many = [
        type(entry)(**{**vars(entry), "name": f"run-{number:04}", "path": tmp_path / f"run-{number:04}"})
        for number in range(1_000)
    ]
    app = Host(tmp_path, lambda: Looked(many))
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        lines: list[int] = []
        render = app.table.render_line

        def counted(y: int) -> Strip:
            lines.append(y)
            return render(y)

        monkeypatch.setattr(app.table, "render_line", counted)
        await pilot.press("end")
        assert app.here == "run-0999"
        assert "run-0999" in drawn(app)
        await pilot.press("up")
        assert len(lines) < 60
        await pilot.press("pageup", "home")
        assert "run-0000" in drawn(app)
        assert app.table.virtual_size.height == 1_001


async def test_runs_that_are_still_being_read(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where reading takes long, the runs read so far are shown and the others are counted; the list fills by itself."""
    entries = list_runs(here)
    looks = iter([Looked(entries[:1], 3), Looked(entries[:3], 1)])
    app = Host(here, lambda: next(looks, Looked(entries)))
    monkeypatch.setattr("tui.screens.runs.LOOKS_EVERY", 1_000.0)  # the timer has no part in it
    titles: list[str] = []
    tell = app.runs._tell_how_many

    def told() -> None:
        tell()
        titles.append(app.runs.query_one(TitleBar).middle)

    monkeypatch.setattr(app.runs, "_tell_how_many", told)
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: len(app.names) == 4)
    assert titles == ["1 run · 3 more being read", "3 runs · 1 more being read", "4 runs"]


async def test_hostile_words(tmp_path: Path) -> None:
    """Names, notes and constants from outside are shown as plain text, whatever is in them, however long."""
    config = dict(run_started().config) | {"model": "[bold]x[/]\x1b[2J", "optimizer": "\u202e" + "y" * 500}
    folder = make_run(tmp_path / "a\x1b[31m[red]b", config=config)
    marks.note(folder, "[link=x]\x1b]0;t\x07 note")
    app = Host(tmp_path)
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        text = drawn(app)
        assert "a[red]b" in text
        assert "[bold]x[/]" in text
        assert "[link=x] note" in text
        assert all(character.isprintable() or character == "\n" for character in text)
        await pilot.press("N", "escape", "R", "escape", "t", "escape", "z", "escape", "v", "escape", "slash")
        await typed(pilot, "[bold]")
        await pilot.press("escape")
        assert all(character.isprintable() or character == "\n" for character in drawn(app))


async def test_other_colours(here: Path) -> None:
    """A change of the colours reaches the list at once."""
    app = Host(here)
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        before = app.table.render_line(1)
        app.register_theme(LIGHT)
        app.theme = LIGHT.name
        await pilot.pause()
        after = app.table.render_line(1)
        assert before.text == after.text
        assert all(one.style != other.style for one, other in zip(before, after, strict=True) if one.text.strip())


@pytest.mark.parametrize("size", [(20, 6), (40, 10), (200, 60)])
async def test_any_size(here: Path, size: tuple[int, int]) -> None:
    """The list can be used in a terminal of any size."""
    app = Host(here)
    async with app.run_test(size=size) as pilot:
        await ready(pilot, app)
        await pilot.press("down", "right", "left", "space", "pagedown", "v", "escape", "z", "escape")
        await pilot.resize_terminal(30, 8)
        await pilot.pause()
        await pilot.press("up")
        assert app.names


async def test_folder_that_fails(here: Path) -> None:
    """A folder of runs that cannot be read any more is told, and looked at again later."""
    looks = [Listing(here).look()]

    def look() -> Looked:
        if looks:
            return looks.pop()
        raise OSError(5, "Input/output error", str(here))

    app = Host(here, look)
    async with app.run_test(size=NARROW) as pilot:
        await ready(pilot, app)
        await pilot.press("f5")
        await until(pilot, lambda: app._notifications)
        assert "Input/output error" in next(iter(app._notifications)).message
        assert len(app.names) == 4
