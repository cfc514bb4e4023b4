"""`cifar-tui compare`: what it prints, writes and refuses."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engine.record.classified import chosen
from engine.use.compared import compared
from tests.images import made_up_images, save_folder
from tests.saved_runs import CLASSES, answers, save_run
from tui.command_line import main as cli
from tui.command_line.exit_codes import ExitCode

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three seeds each of two constants."""
    monkeypatch.chdir(tmp_path)
    for seed in range(3):
        save_run(Path("runs"), f"slow-seed{seed}", answers(0.5 + seed / 50, seed), seed=seed)
        save_run(Path("runs"), f"fast-seed{seed}", answers(0.7 + seed / 50, seed + 9), seed=seed, learning_rate=0.003)
    return tmp_path / "runs"


def test_two_groups_of_seeds(runs: Path, capsys: Printed) -> None:
    """The answer comes first, then the runs, only the differences, the classes, and the images one by one."""
    assert cli.execute(["compare", "slow-*", "fast-*"]) == ExitCode.DONE
    out = capsys.readouterr().out
    first = out.splitlines()[0]
    assert first.startswith("B is ")
    assert "points better than A (" in first
    assert "which 3 seeds each make" in first
    words = [line.split() for line in out.splitlines()]
    assert any(line[:4] == ["A", "slow", "(3", "seeds)"] for line in words)
    assert ["learning", "rate", "0.001", "0.003"] in words
    assert "batch size" not in out
    assert "--all shows them" in out
    changes = [float(line[5]) for line in words if line and line[0] in CLASSES]
    assert len(changes) == 4
    assert [abs(each) for each in changes] == sorted(map(abs, changes), reverse=True)
    assert "Of 400 test images" in out
    assert "only by slow-seed0" in out


def test_all_constants(runs: Path, capsys: Printed) -> None:
    """--all prints every constant, and the rest of what decides about results."""
    assert cli.execute(["compare", "slow-seed0", "fast-seed0", "--all"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert all(label in out for label in ("batch size", "data dir", "images", "torch"))
    assert "--all" not in out


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(
    columns: int, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    """On a terminal nothing is broken in the middle: columns that do not fit come below, with their letters."""
    for i in range(8):
        save_run(runs, f"another-run-with-a-long-name-{i}", answers(0.6, i), learning_rate=0.01 * (i + 1), keeps=False)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    assert cli.execute(["compare", "slow-*", "fast-*", "another-*"]) == ExitCode.DONE
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= columns
    shown = [word for line in lines if line.strip().startswith("class ") for word in line.split()]
    assert [word for word in shown if len(word) == 1] == list("ABCDEFGHIJ")


def test_json(runs: Path, capsys: Printed) -> None:
    """--json is one object with everything: groups, differences, classes, images and findings."""
    assert cli.execute(["compare", "slow-*", "fast-*", "--json"]) == ExitCode.DONE
    found = json.loads(capsys.readouterr().out)
    assert [group["name"] for group in found["groups"]] == ["slow", "fast"]
    assert found["groups"][0]["accuracy"]["n"] == 3
    assert [run["seed"] for run in found["groups"][0]["runs"]] == [0, 1, 2]
    assert found["constants"] == [{"name": "learning_rate", "differs": True, "values": ["0.001", "0.003"]}]
    assert found["findings"][0]["test"] == "welch"
    assert found["same_images"] is True
    images = found["images"]
    assert images["both"] + images["neither"] + len(images["only_first"]) + len(images["only_second"]) == 400


def test_csv(runs: Path, capsys: Printed) -> None:
    """--csv is a line a run, with the constants that differ and the accuracy of each class."""
    assert cli.execute(["compare", "slow-*", "fast-seed1", "--csv"]) == ExitCode.DONE
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["group"], row["run"], row["seed"]) for row in rows] == [
        ("A", "slow-seed0", "0"),
        ("A", "slow-seed1", "1"),
        ("A", "slow-seed2", "2"),
        ("B", "fast-seed1", "1"),
    ]
    assert {row["learning_rate"] for row in rows} == {"0.001", "0.003"}
    assert "batch_size" not in rows[0]
    assert float(rows[3]["accuracy"]) > float(rows[0]["accuracy"])
    mean = sum(float(rows[0][f"accuracy({name})"]) for name in CLASSES) / 4
    assert mean == pytest.approx(float(rows[0]["accuracy"]), abs=3)


@pytest.mark.parametrize("kind", ["html", "svg", "csv", "json"])
def test_files_to_take_home(kind: str, runs: Path, capsys: Printed) -> None:
    """--to writes a file of the kind that its ending says; a page loads nothing, and hostile names stay text."""
    save_run(runs, "<script>x", answers(0.9), epochs=3)
    path = Path(f"new/folder/both.{kind}")
    assert cli.execute(["compare", "slow-*", "fast-*", "<script>x", "--to", str(path)]) == ExitCode.DONE
    assert capsys.readouterr().out == f"{path}\n"
    content = path.read_text()
    if kind in ("svg", "html"):
        assert "<script>" not in content
        ElementTree.fromstring(
            content if kind == "svg" else content[content.index("<svg") : content.index("</svg>") + 6]
        )
    if kind == "html":
        assert "Without pictures" not in content  # there is no pair among three groups
        for told in ("points better than A", "What differs", "0.003", "Accuracy by class", "default-src 'none'"):
            assert told in content


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        ("slow-seed0", "Two runs or more can be compared. Name them; cifar-tui runs lists them.", ExitCode.WRONG),
        ("", "", ExitCode.WRONG),
        ("slow-seed0 slow-seed0", "slow-seed0 cannot be compared with itself. Name another run.", ExitCode.WRONG),
        ("slow-seed0 nobody", "There is no run nobody in runs. There are: ", ExitCode.WRONG),
        ("no* slow-seed0", "There is no run no* in runs. There are: ", ExitCode.WRONG),
        ("slow-* --to x.pdf", "--to: x.pdf must end in .html, .svg, .csv or .json", ExitCode.WRONG),
        ("slow-* --json --csv", "--csv: give --json or --csv, not both", ExitCode.WRONG),
        ("slow-* --to runs/slow-seed0/events.jsonl/x.svg", "could not be written", ExitCode.FAILED),
        ("slow-seed0 torn", "There are not two runs that can be compared.\ntorn is left out: ", ExitCode.FAILED),
    ],
)
def test_what_cannot_be_compared(words: str, told: str, code: ExitCode, runs: Path, capsys: Printed) -> None:
    """What is wrong is said in a line or two on stderr, with the documented exit code."""
    torn = save_run(runs, "torn")
    (torn / "events.jsonl").write_text("no journal\n")
    assert cli.execute(["compare", *words.split()]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("cifar-tui: ")
    assert told in err
    assert len(err.splitlines()) <= 2


def test_different_images_are_said_first(runs: Path, capsys: Printed) -> None:
    """Runs on different images are compared only with saying so, in the first line."""
    save_run(runs, "elsewhere", answers(0.9), fingerprint="c0" * 32)
    assert cli.execute(["compare", "slow-seed0", "elsewhere"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert out.startswith("Not the same images: ")
    assert "better" not in out


def test_page_with_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    """The page of two runs shows the images that only one of them gets right; without the images it says so."""
    monkeypatch.chdir(tmp_path)
    images = save_folder(tmp_path / "images", made_up_images(64, 80, classes=4, noisy=0.5))
    words = ["train", "--data", str(images), "--device", "cpu", "--threads", "1", "--epochs"]
    for name, epochs in (("short", "1"), ("long", "6")):
        assert cli.execute([*words, epochs, "--name", name, "--batch-size", "8"]) == ExitCode.DONE
    assert cli.execute(["compare", "short", "long", "--to", "both.html"]) == ExitCode.DONE
    content = Path("both.html").read_text()
    assert "<h3>long is right, short wrong</h3>" in content
    pair = compared([Path("runs/short"), Path("runs/long")]).pair
    assert pair is not None
    shown = re.findall(r'<img [^>]*title="test/([^"]*)"', content)
    names = [str(path.relative_to(images / "test")) for path in sorted((images / "test").glob("*/*"))]
    expected = [names[i] for i in chosen(pair.of_first, "surely wrong") if i in pair.only_second][:18]
    assert shown[: len(expected)] == expected
    assert len(expected) > 1
    assert ".png" in content
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    for cache in (tmp_path / "data" / "cache").iterdir():
        cache.unlink()
    assert cli.execute(["compare", "short", "long", "--to", "both.html"]) == ExitCode.DONE
    assert "Without pictures: The images of this run are gone" in Path("both.html").read_text()
