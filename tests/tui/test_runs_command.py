"""The commands that list, mark, rename and throw away runs."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from engine.storage.listing import list_runs
from tests.made_runs import make_run, training
from tests.records import run_started
from tui.command_line.exit_codes import ExitCode
from tui.command_line.main import execute


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds `brisk-heron`, an older `calm-tern` with other constants, and `deft-robin`, which was interrupted."""
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "runs"
    config = run_started().config
    make_run(runs / "brisk-heron")
    other = dict(config) | {"model": "batchnorm", "learning_rate": 0.003, "seed": 7}
    make_run(runs / "calm-tern", at="2026-03-13T08:00:00+01:00", config=other)
    make_run(runs / "deft-robin", iterations=3_126, ends=False, evaluations=False, at="2026-03-15T08:00:00+01:00")
    return runs


def names(*arguments: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert execute(["runs", "--json", *arguments]) == ExitCode.DONE
    return [entry["name"] for entry in json.loads(capsys.readouterr().out)]


def test_conditions_and_order(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The words after `runs` are conditions; --sort and --reverse order what meets them."""
    assert names(capsys=capsys) == ["deft-robin", "brisk-heron", "calm-tern"]
    assert names("accuracy>60", "--sort", "learning-rate", capsys=capsys) == ["calm-tern", "brisk-heron"]
    assert names("--sort", "name", "--reverse", capsys=capsys) == ["deft-robin", "calm-tern", "brisk-heron"]
    assert names("NOT", "has:accuracy", "OR", "seed=7", capsys=capsys) == ["deft-robin", "calm-tern"]
    assert execute(["runs", "nothing"]) == ExitCode.DONE
    assert capsys.readouterr().out == "None of the 3 runs in runs meets the conditions.\n"


def test_columns(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--columns chooses what is shown, as a table and as JSON."""
    assert execute(["runs", "--columns", "name,seed,learning_rate,progress", "--sort", "name"]) == ExitCode.DONE
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0] == ["name", "seed", "learning", "rate", "progress"]
    assert lines[2:] == [
        ["brisk-heron", "0", "0.001", "100", "%"],
        ["calm-tern", "7", "0.003", "100", "%"],
        ["deft-robin", "0", "0.001", "50", "%"],
    ]
    assert execute(["runs", "heron", "--columns", "tags,seed,progress,left", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == [{"tags": [], "seed": 0, "progress": 100, "left": None}]
    assert execute(["runs", "heron", "--columns", "+seed"]) == ExitCode.DONE
    assert capsys.readouterr().out.split()[:4] == ["name", "seed", "status", "started"]


def test_more_columns_than_there_is_room(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run stays a line on a terminal of 80 columns; the columns without room are told."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    wanted = "name,status,machine,learning_rate,batch_size,optimizer,schedule,augmentation,precision"
    assert execute(["runs", "--columns", wanted]) == ExitCode.DONE
    *lines, last = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out).splitlines()
    assert all(cell_len(line.rstrip()) <= 80 for line in lines)
    assert sum("heron" in line for line in lines) == 1
    assert last.startswith("Without room here: ")
    assert last.endswith("precision.")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["runs", "accuracy>high"], "accuracy>high\n                    ^ accuracy is a number, which high is not."),
        (["runs", "é(", "x"], "é( x\n            ^ this ( has no ) behind it."),
        (["runs", "--columns", "nme"], "There is no 'nme'. Did you mean name? There are name, status,"),
        (["runs", "--sort", "\x1b[1m"], "There is no "),
        (["tag", "brisk-heron", "a,b"], "'a,b' is no tag"),
        (["tag", "nobody", "good"], "There is no run nobody in runs."),
        (["rename", "brisk-heron", "calm-tern"], "calm-tern exists already; choose another name"),
        (["rename", "brisk-heron", "a/b"], "a/b is not allowed"),
        (["note", "brisk-heron", "x" * 2_001], "2,001 characters; at most 2,000 are possible"),
        (["trash", "brisk-heron", "nobody"], "There is no run nobody in runs."),
        (["trash", "--restore", "brisk-heron"], "There is no run brisk-heron in the trash of runs. It is empty."),
        (["trash", "--restore"], "--restore: name the runs; cifar-tui trash lists them"),
        (["trash", "--empty", "brisk-heron"], "--empty: it empties the whole trash; give neither runs nor"),
    ],
)
def test_wrong_words(here: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be done is told in a line or two, with exit code 2, and nothing has changed."""
    before = sorted(path for path in here.rglob("*") if path.name != ".index.json")
    assert execute(arguments) == ExitCode.WRONG
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert len(err.splitlines()) <= 2
    assert "\x1b" not in err
    assert sorted(path for path in here.rglob("*") if path.name != ".index.json") == before


def test_marks_from_the_command_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tags, a note and the pin are given, told and taken away again by a command each."""
    for arguments, told in (
        (["tag", "brisk-heron", "good", "first"], "brisk-heron: good, first"),
        (["tag", "brisk-heron", "--remove", "first"], "brisk-heron: good"),
        (["tag", "brisk-heron"], "brisk-heron: good"),
        (["note", "brisk-heron", "looks", "fine"], "brisk-heron: looks fine"),
        (["note", "brisk-heron"], "brisk-heron: looks fine"),
        (["pin", "brisk-heron"], "brisk-heron is pinned."),
    ):
        assert execute(arguments) == ExitCode.DONE
        assert capsys.readouterr().out == told + "\n"
    assert names("tag:good", "has:note", "pinned=yes", capsys=capsys) == ["brisk-heron"]
    assert execute(["tag", "brisk-heron", "--remove", "good"]) == ExitCode.DONE
    assert execute(["note", "brisk-heron", "--remove"]) == ExitCode.DONE
    assert execute(["pin", "--off"]) == ExitCode.DONE
    capsys.readouterr()
    assert names("has:tags OR has:note OR has:pinned", capsys=capsys) == []


def test_renaming_from_the_command_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run is renamed; a live one is not, and its process is named."""
    assert execute(["rename", "brisk-heron", "first"]) == ExitCode.DONE
    assert capsys.readouterr().out == "The run is in runs/first now.\n"
    with training(here / "deft-robin"):
        assert execute(["rename", "deft-robin", "second"]) == ExitCode.FAILED
        assert execute(["trash", "deft-robin"]) == ExitCode.FAILED
    assert "is being trained by process" in capsys.readouterr().err
    assert {entry.name for entry in list_runs(here)} == {"first", "calm-tern", "deft-robin"}


def test_trash_from_the_command_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs go to the trash and come back; it is emptied after a question, or with --yes where nobody can answer."""
    assert execute(["trash", "brisk-heron", "calm-tern"]) == ExitCode.DONE
    assert "calm-tern is in the trash; cifar-tui trash --restore calm-tern restores it." in capsys.readouterr().out
    assert execute(["trash"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert out.startswith("The trash holds 2 runs, 0.1 MB.\n")
    assert "brisk-heron" in out
    assert execute(["trash", "--restore", "brisk-heron"]) == ExitCode.DONE
    assert capsys.readouterr().out == "brisk-heron is in runs/brisk-heron again.\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert execute(["trash", "--empty"]) == ExitCode.WRONG
    assert "there is no terminal to ask at; give --yes, too" in capsys.readouterr().err
    for answer, told in (("", "Nothing was deleted."), ("no", "Nothing was deleted."), ("y", "Deleted 1 of 1.")):
        typed = io.StringIO(answer + "\n")
        monkeypatch.setattr(typed, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", typed)
        assert execute(["trash", "--empty"]) == ExitCode.DONE
        assert told in capsys.readouterr().out
    assert execute(["trash"]) == ExitCode.DONE
    assert capsys.readouterr().out == "The trash is empty.\n"
