"""`cifar-tui sweep`: what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.sweeps import places as here
from engine.sweeps.folder import SweepFolder
from engine.sweeps.spec import Spec
from engine.sweeps.work import Work
from engine.sweeps.workers import Worker
from tests.tui.test_sweep_screen import Reader
from tui.command_line.main import execute
from tui.command_line.sweeping import Teller

OVER = ("--over", "model=cnn,batchnorm")


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever this machine has; and in a folder of its own."""
    monkeypatch.setattr(here, "_gpus", list)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--over: there is nothing to vary"),
        (("--over", "model"), "--over: model is not understood; write for example model=cnn,batchnorm"),
        (("--over", "lr=1:2"), "--over lr: there is no such constant"),
        (("--over", "learning-rate=1:0.1"), "--over learning-rate: the range 1:0.1 is empty"),
        (("missing.toml",), "--spec: missing.toml cannot be read"),
        ((*OVER, "--model", "cnn"), "--over model: it is also given as a fixed constant"),
        ((*OVER, "--goal", "a b c"), "--goal: a b c is not allowed"),
        ((*OVER, "--device", "cuda"), "--device: there is no GPU that torch can use"),
        ((*OVER, "--devices", "0"), "--devices: there is no GPU 0: this machine has no GPU"),
        ((*OVER, "--devices", "first"), "--devices: first is not allowed"),
        ((*OVER, "--epochs", "0"), "--epochs: 0 is not allowed"),
        (("--resume",), "There is no sweep in runs"),
        (("--join", "other"), "There is no sweep other in runs. There are: none."),
        (("--resume", "--trials", "3"), "what a sweep tries cannot be changed"),
        (("--stop",), "There is no sweep in runs"),
    ],
)
def test_refusals(words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What cannot be done is said in a line or two, with exit code 2, and nothing is written."""
    assert execute(["sweep", *words]) == 2
    out, err = capsys.readouterr()
    assert told in err
    assert len(err.splitlines()) <= 2
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_spec_in_a_file_that_flags_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file says what to try, and flags change it; the sweep's folder has both."""
    (tmp_path / "spec.toml").write_text(
        'trials = 3\nseeds = 2\n[over]\nlearning_rate = "log:1e-3:1e-1"\n[constants]\ndata = "demo"\nepochs = 2\n'
    )
    monkeypatch.setattr(Work, "step", lambda self: False)
    words = ["spec.toml", "--over", "model=cnn,deeper", "--epochs", "5", "--trials", "4", "--name", "mine"]
    assert execute(["sweep", *words]) == 1, "no trial completed"
    spec = SweepFolder.open(tmp_path / "runs" / "mine").spec
    assert (list(spec.over), spec.trials, spec.seeds) == (["learning_rate", "model"], 4, 2)
    assert spec.constants == {"data": "demo", "epochs": 5}
    out = capsys.readouterr().out
    assert "runs/mine: 4 trials, 2 seeds each" in out
    assert "by tpe, to maximize accuracy" in out
    assert "--validation holds out images" in out.replace("\n", " ")


def test_a_name_that_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep of that name which is another one is told with the differences, and is not touched."""
    SweepFolder.create(tmp_path / "runs" / "mine", Spec.checked({"over": {"model": "cnn,deeper"}}))
    assert execute(["sweep", *OVER, "--name", "mine"]) == 2
    told = capsys.readouterr().err
    assert "over: {'model': ['cnn', 'deeper']} here, {'model': ['cnn', 'batchnorm']} there" in told
    assert "cifar-tui sweep --resume mine goes on with it" in told
    assert execute(["sweep", "--over", "model=cnn,deeper", "--name", "mine"]) == 2
    assert "is the same sweep" in capsys.readouterr().err


def test_a_sweep_that_others_work_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sweep that lives is joined, not resumed."""
    folder = SweepFolder.create(tmp_path / "runs" / "mine", Spec.checked({"over": {"model": "cnn,deeper"}}))
    worker = Worker(folder.path)
    assert execute(["sweep", "--resume"]) == 1
    assert capsys.readouterr().err == "cifar-tui: mine is being worked on by 1 process. --join helps.\n"
    worker.close()
    assert execute(["sweep", "--stop", "mine"]) == 1
    assert capsys.readouterr().err == "cifar-tui: Nobody works on mine.\n"


def test_what_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Each trial that ends has a line; at the end stand the best of them, and which constants mattered."""
    reader = Reader()
    teller = Teller(reader.folder, json=False)
    teller.show(reader.states)
    teller.show(reader.states)
    teller.end(reader.states)
    out = capsys.readouterr().out
    assert out.count("trial 1  learning_rate=0.0042  model=batchnorm  epochs=8  74.25") == 1
    table = out[out.index("accuracy") :]
    assert [line.split()[0] for line in table.splitlines()[2:6]] == ["1", "3", "0", "2"]
    assert "5 trials in 0:0" in out


def test_what_is_told_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json each trial that ends is one object, and nothing else is on stdout."""
    reader = Reader()
    teller = Teller(reader.folder, json=True)
    teller.begin(2)
    teller.show(reader.states)
    teller.end(reader.states)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["trial"] for line in lines] == [0, 1, 2, 3]
    assert lines[1] == {
        "trial": 1,
        "status": "completed",
        "values": {"learning_rate": 0.0042, "model": "batchnorm", "epochs": 8},
        "value": 74.25,
        "runs": ["trial-0001"],
    }


def test_list_of_runs_names_sweeps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`cifar-tui runs` tells of sweeps too, and of one that is damaged why."""
    SweepFolder.create(tmp_path / "runs" / "mine", Spec.checked({"over": {"model": "cnn,deeper"}}))
    assert execute(["runs"]) == 0
    assert "sweep mine: 0 of 2 trials ended" in capsys.readouterr().out
    (tmp_path / "runs" / "mine" / "sweep.json").write_text("{")
    assert execute(["runs"]) == 0
    assert "sweep mine: " in (out := capsys.readouterr().out)
    assert "is damaged" in out
