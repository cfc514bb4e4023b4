"""`cifar-tui find-rate`: what it prints, its exit codes, and that it ends at once."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from engine import data
from engine.config import TrainingConfig
from engine.control import Control
from engine.data.imageset import ImageSet
from engine.errors import DataError
from engine.record.events import DataProgress
from engine.record.rates import RATES, RateCurve
from engine.runs.rate_search import RateSearch
from engine.training.rate_finder import find_rate
from tests.images import made_up_images, save_folder
from tests.terminal import Terminal
from tui.command_line import main as cli
from tui.command_line.exit_codes import ExitCode
from tui.command_line.rate_search import as_json, print_curve, progress_line

QUICK = ("--data", "demo", "--device", "cpu", "--threads", "1")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, with images from memory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(160, 40))
    return tmp_path


def printed(curve: RateCurve, *, terminal: bool = False, width: int = 80) -> str:
    stream = io.StringIO()
    colours = "truecolor" if terminal else None
    print_curve(Console(file=stream, width=width, force_terminal=terminal, color_system=colours), curve)  # type: ignore[arg-type]
    return stream.getvalue()


FALLING = RateCurve((*[2.3] * 40, *np.linspace(2.3, 1.5, 30).tolist(), *[9.0] * 20), ended=True)


def test_curve_and_flag_in_a_pipe(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe the curve and the flag to use are plain text; no run is left behind."""
    assert cli.execute(["find-rate", *QUICK]) == ExitCode.DONE
    out, err = capsys.readouterr()
    suggestion = find_rate(
        TrainingConfig(device="cpu", threads=1), made_up_images(160, 40), lambda curve: None, Control()
    ).suggestion
    assert out.splitlines()[-1] == f"Suggested: --learning-rate {suggestion}"
    assert "1e-7" in out
    assert all(len(line) <= 80 for line in out.splitlines()[:18])
    assert "\x1b" not in out
    assert err == ""
    assert list(here.iterdir()) == []


def test_json_is_one_object(capfd: pytest.CaptureFixture[str]) -> None:
    """--json prints one object and nothing else anywhere: rates, losses, smoothed losses and the suggestion."""
    assert cli.execute(["find-rate", *QUICK, "--json"]) == ExitCode.DONE
    out, err = capfd.readouterr()
    (line,) = out.splitlines()
    content = json.loads(line)
    assert list(content) == ["rates", "losses", "smoothed", "suggestion"]
    assert content["rates"] == RATES[: len(content["losses"])].tolist()
    assert len(content["losses"]) == len(content["smoothed"]) > 70
    assert 1e-7 < content["suggestion"] < 10
    assert err == ""


def test_json_without_a_suggestion() -> None:
    """Where nothing falls the suggestion is null."""
    assert json.loads(as_json(RateCurve((2.0, 3.0), ended=True)))["suggestion"] is None


def test_curve_on_a_terminal() -> None:
    """The curve keeps to the terminal's width, has colours, and marks the suggestion."""
    for width in (40, 80, 200):
        text = printed(FALLING, terminal=True, width=width)
        assert "\x1b[" in text
        assert "◆" in text
        plain = printed(FALLING, width=width).splitlines()
        assert max(len(line) for line in plain[:18]) <= min(width, 120)
        assert "diverges at 1.6" in " ".join(plain)
        assert plain[-1] == f"Suggested: --learning-rate {FALLING.suggestion}"
    assert printed(FALLING, width=1)


def test_nothing_to_suggest() -> None:
    """Where nothing falls that is said, and no flag."""
    assert printed(RateCurve((2.0, 3.0), ended=True)).splitlines()[-1] == (
        "No rate is suggested: the smoothed loss never falls."
    )
    assert "No rate is suggested" in printed(RateCurve((), ended=True))


def test_progress_in_words() -> None:
    """The line on a terminal says what is done, and never wraps."""
    search = RateSearch(TrainingConfig())
    assert progress_line(search, 80).plain == "starting"
    search.data_progress = DataProgress(seconds=0, activity="downloading", done=10**6, total=10**8, unit="bytes")
    assert progress_line(search, 80).plain == "downloading · 1.0 of 100.0 MB"
    search.data_progress = DataProgress(seconds=0, activity="reading", done=9, total=9, unit="images")
    assert progress_line(search, 80).plain == "choosing the fastest way to train"
    search.curve = RateCurve((2.0, 2.0))
    line = progress_line(search, 80).plain
    assert line == "measuring · 2 of 100 iterations · rate 1.2e-7 · smoothed loss 2.00"
    assert progress_line(search, 20).cell_len <= 20


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--epochs", "0"], ExitCode.WRONG, "--epochs: 0 is not allowed"),
        (["--data", "demo", "--device", "cuda:77"], ExitCode.WRONG, "--device: there is no cuda:77"),
        (["--data", "demo", "--validation", "200"], ExitCode.WRONG, "--validation: there are only 160 training images"),
    ],
)
def test_wrong_constants(arguments: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Constants that are wrong are refused as they are for a run."""
    assert cli.execute(["find-rate", *arguments]) == code
    out, err = capsys.readouterr()
    assert (out, err.startswith(f"cifar-tui: {told}")) == ("", True)


def test_images_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without images the reason is told, and the exit code is 1."""

    def load(*_: object) -> None:
        raise DataError("There is no network.")

    monkeypatch.setattr(data, "load", load)
    assert cli.execute(["find-rate", "--device", "cpu", "--json"]) == ExitCode.FAILED
    assert capsys.readouterr() == ("", "cifar-tui: There is no network.\n")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The words for a measurement of minutes, on a folder of images."""
    folder = save_folder(tmp_path_factory.mktemp("rates") / "images", made_up_images(256, 8, classes=2))
    where = ("--data", str(folder), "--data-dir", str(folder.parent / "data"))
    return (*where, "--threads", "1", "--device", "cpu", "--model", "residual", "--batch-size", "256")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it(here: Path, images: tuple[str, ...], number: int, code: int) -> None:
    """Ctrl-C and SIGTERM end the measurement at once, and the terminal is as it was."""
    with Terminal("find-rate", *images, cwd=here) as terminal:
        modes = terminal.modes()
        terminal.wait_for("measuring · ", "rate ")
        terminal.process.send_signal(number)
        assert terminal.wait_for_end() == code
        assert terminal.modes() == modes
        assert "measuring" not in terminal.text
        assert not terminal._screen.cursor.hidden
    assert list(here.iterdir()) == []


def test_a_hang_up_without_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Started with its output in a file, as in the background, a measurement outlives the terminal."""

    def load(*_: object) -> ImageSet:
        os.kill(os.getpid(), signal.SIGHUP)
        return made_up_images(160, 40)

    monkeypatch.setattr(data, "load", load)
    assert cli.execute(["find-rate", *QUICK, "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["suggestion"] is not None
