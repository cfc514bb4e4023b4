"""`cifar-tui train --seeds N`: ordinary runs, one after the other, that differ only in the seed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from statistics import mean, stdev

import pytest
from torch import nn

from engine import data, models
from engine.data.imageset import ImageSet
from engine.errors import DataError
from engine.storage.tail import read
from tests.images import made_up_images
from tests.networks import diverging
from tui.command_line import main as cli
from tui.command_line.exit_codes import ExitCode

Printed = pytest.CaptureFixture[str]

PLAIN = ["train", "--data", "demo", "--epochs", "1", "--device", "cpu", "--threads", "1"]
QUICK = [*PLAIN, "--seeds", "3", "--name", "calm"]


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImageSet:
    """The images of the runs, from memory; the runs are below `tmp_path`."""
    found = made_up_images(160, 40, noisy=0.5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: found)
    return found


def made() -> list[str]:
    """The names of the runs that are there."""
    return sorted(path.name for path in Path("runs").iterdir()) if Path("runs").exists() else []


def test_one_run_a_seed(capsys: Printed) -> None:
    """Each seed is an ordinary run with a name of its own; at the end stands their mean with its spread."""
    assert cli.execute([*QUICK, "--seed", "5"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert made() == ["calm-seed5", "calm-seed6", "calm-seed7"]
    records = [read(Path("runs") / name) for name in made()]
    assert [record.started.config["seed"] for record in records if record.started] == [5, 6, 7]
    assert all((Path("runs") / name / "summary.json").exists() for name in made())
    accuracies = [record.accuracy for record in records if record.accuracy is not None]
    told = f"{mean(accuracies):.2f} % ± {stdev(accuracies):.2f} over 3 seeds; 95 % interval of the mean "
    assert out.splitlines()[-1].startswith(told)
    assert "calm-seed6: run 2 of 3" in out
    assert cli.execute(["compare", "calm-*"]) == ExitCode.DONE
    assert f"A: {mean(accuracies):.2f} % ± {stdev(accuracies):.2f}" in capsys.readouterr().out


def test_json(capsys: Printed) -> None:
    """--json stays one event a line; each run begins with its name, and the last line has the mean of all."""
    assert cli.execute([*QUICK, "--json"]) == ExitCode.DONE
    out, err = capsys.readouterr()
    content = [json.loads(line) for line in out.splitlines()]
    events = [line["event"] for line in content]
    assert events.count("finished") == events.count("run_started") == 3
    assert [line["name"] for line in content if line["event"] == "run_started"] == made()
    last = content[-1]
    assert (last["event"], last["runs"], last["n"]) == ("seeds_trained", made(), 3)
    assert last["mean"] == pytest.approx(mean(last["accuracies"]))
    assert err == ""


def test_names_are_chosen(capsys: Printed) -> None:
    """Without --name the runs have one chosen name, and their seeds after it."""
    assert cli.execute([*PLAIN, "--seeds", "3", "--json"]) == ExitCode.DONE
    begun = {name.removesuffix(f"-seed{seed}") for seed, name in enumerate(made())}
    assert len(made()) == 3
    assert len(begun) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--seeds 0", "for --seeds. Must be >= 1"),
        ("--seeds 1001", "for --seeds. Must be <= 1000"),
        ("--seeds two", "--seeds"),
        (
            "--seeds 3 --seed 4294967294",
            "--seeds: the last seed would be above 4,294,967,295; begin with a smaller --seed",
        ),
        (f"--seeds 3 --name {'x' * 60}", f"--name: {'x' * 59}… is not allowed; it must be at most 64"),
        ("--seeds 3 --name calm", "--name: runs/calm-seed1 exists already; choose another name"),
    ],
)
def test_what_is_refused(words: str, told: str, capsys: Printed) -> None:
    """A wrong number, a seed or a name that cannot be is refused before the first run begins."""
    Path("runs/calm-seed1").mkdir(parents=True)
    assert cli.execute([*PLAIN, *words.split()]) == ExitCode.WRONG
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert len(err.splitlines()) <= 2
    assert made() == ["calm-seed1"]


def test_ctrl_c_ends_all(images: ImageSet, monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    """Ctrl-C stops the run that trains, no other follows, and the exit code says so."""
    loads: list[str] = []

    def load(source: str, data_dir: Path, progress: object) -> ImageSet:
        loads.append(source)
        if len(loads) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return images

    monkeypatch.setattr(data, "load", load)
    assert cli.execute(QUICK) == ExitCode.INTERRUPTED
    assert len(loads) == 2
    assert "calm-seed0" in made()
    assert "calm-seed2" not in made()


def test_one_that_fails(monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    """A run that diverges does not keep the others from their turn; the exit code and the last line tell of it."""
    builds: list[str] = []
    usual, bad = models.build, diverging(1)

    def build(name: str, classes: int, width: int = 64) -> nn.Module:
        builds.append(name)
        return bad(name, classes, width) if len(builds) == 2 else usual(name, classes, width)

    monkeypatch.setattr("engine.models.build", build)
    assert cli.execute(QUICK) == ExitCode.FAILED
    out, err = capsys.readouterr()
    assert made() == ["calm-seed0", "calm-seed1", "calm-seed2"]
    assert read(Path("runs/calm-seed1")).status == "failed"
    assert " over 2 seeds; " in out.splitlines()[-1]
    assert out.splitlines()[-1].endswith("1 of 3 did not complete.")
    assert "Try a smaller learning rate" in err


def test_images_that_are_missing(monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    """What keeps the first run from training at all is told once, and ends the series."""

    def load(source: str, data_dir: Path, progress: object) -> ImageSet:
        raise DataError("There are no images.")

    monkeypatch.setattr(data, "load", load)
    assert cli.execute(QUICK) == ExitCode.FAILED
    assert capsys.readouterr().err == "cifar-tui: There are no images.\n"
