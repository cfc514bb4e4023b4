"""`cifar-tui set`: a live run is given other constants from a script, and answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import data
from engine.config import TrainingConfig
from engine.control import Leave, Pause, Resume, Set
from engine.errors import ConstantError
from engine.runs.local import Run
from tests.images import made_up_images
from tests.interrupted import at
from tui.command_line import main as cli
from tui.command_line.steering import read


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A run that is paused after 7 iterations of 500,000."""
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(1_600, 40))
    monkeypatch.chdir(tmp_path)
    constants = {"epochs": 10_000, "device": "cpu", "threads": 1, "data_dir": tmp_path, "name": "first"}
    run = Run(TrainingConfig.checked({"data": "demo", **constants}))
    at(run, 7, lambda: run.ask(Pause()))
    run.start()
    while run.record().paused is None:
        assert not run.join(0.01)
    yield run
    run.ask(Leave())
    assert run.join(60)


@pytest.mark.parametrize("name", ["first", "runs/first", None])
def test_a_live_run_takes_what_it_is_given(run: Run, name: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    """Each value is told with what it was and when it counts, and the run trains with it from there on."""
    words = [*([name] if name else []), "learning_rate=0.0003", "epochs=12"]
    assert cli.execute(["set", *words]) == 0
    out = capsys.readouterr().out.splitlines()
    assert sorted(out) == [
        "Epochs from 10000 to 12 after iteration 7",
        "Learning rate from 0.001 to 0.0003 after iteration 7",
    ]
    constants = run.record().constants_now
    assert (constants["learning_rate"], constants["epochs"]) == (0.0003, 12)
    assert cli.execute(["set", *words[:-1]]) == 0
    assert capsys.readouterr().out == "Learning rate unchanged: it is 0.0003 already\n"


def test_a_run_that_refuses(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """What the run cannot take is told with its reason and exit code 2, and the rest is taken."""
    run.ask(Resume())
    while len(run.record().losses) <= 50:
        assert not run.join(0.01)
    assert cli.execute(["set", "epochs=1", "learning-rate=0.01"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("Learning rate from 0.001 to 0.01 after iteration ")
    assert err.startswith("cifar-tui: first: epochs unchanged: 1 would be fewer than the 1.")


def test_a_run_that_ends_first(run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """If the run is left before it has answered, that is told with exit code 1."""
    monkeypatch.setattr(run.control, "take", tuple)
    monkeypatch.setattr("tui.command_line.steering._LOOKS_EVERY", 0.0)
    monkeypatch.setattr("engine.runs.watched.Outbox.ask", lambda outbox, request: run.ask(Leave()))
    assert cli.execute(["set", "learning_rate=0.01"]) == 1
    assert capsys.readouterr().err == "cifar-tui: first: it ended before it took learning rate\n"


def test_no_run_to_set(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that does not train, and one that is not there, are told as by other commands."""
    assert cli.execute(["set", "second", "epochs=3"]) == 2
    assert "There is no run second in runs" in capsys.readouterr().err
    run.ask(Leave())
    assert run.join(60)
    assert cli.execute(["set", "first", "epochs=3"]) == 1
    assert "The run first is not live: it is interrupted." in capsys.readouterr().err
    assert cli.execute(["set", "epochs=3"]) == 2
    assert "No run in runs is live." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--learning-rate: nothing is set; for example cifar-tui set learning_rate=0.0003"),
        (("first",), "nothing is set"),
        (("learning_rate=0",), "--learning-rate: 0 is not allowed; it must be a number above 0, at most 10"),
        (("learning_rate=nan",), "nan is not allowed"),
        (("learning_rate=",), "it is empty; it must be a number"),
        (("epochs=2.5",), "--epochs: 2.5 is not allowed; it must be a whole number"),
        (("seed=3",), "--seed: a run that trains takes only learning_rate and epochs, each as NAME=VALUE"),
        (("first", "second", "epochs=3"), "--second: a run that trains takes only"),
        (("epochs=3", "first"), "--first: a run that trains takes only"),
    ],
)
def test_words_that_set_nothing(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A value that no run can have, another constant, and words that are none are refused before any run is asked."""
    assert cli.execute(["set", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_run_whose_name_looks_like_a_value() -> None:
    """Only what follows a constant that can change is a value; the last of two values of a constant counts."""
    assert read(["epochs", "epochs=3"]) == ("epochs", [Set("epochs", 3)])
    assert read(["runs/rate=3", "epochs=3"])[0] == "runs/rate=3"
    with pytest.raises(ConstantError, match="a run that trains"):
        read(["epochs=3", "rate=3"])
