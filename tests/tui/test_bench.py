"""`cifar-tui bench` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.bench.claims import Claim
from engine.bench.contest import Contest
from engine.config import TrainingConfig
from tests.images import made_up_images, save_folder
from tui.bench import machine as machine_bench
from tui.bench import report as bench
from tui.bench import terminal as terminal_bench
from tui.command_line import main as cli
from tui.command_line.exit_codes import ExitCode


@pytest.mark.parametrize(("holds", "code"), [(True, ExitCode.DONE), (False, ExitCode.FAILED)])
def test_table_and_json(
    holds: bool, code: ExitCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every figure stands in the table with what was promised, and in the JSON with each measurement behind it."""
    claim = Claim("training speed", "×", (2.0, 4.0, 3.0), "at least 3", holds)
    monkeypatch.setattr(bench, "contest", lambda *_, **__: Contest("some images", 2, "cnn", "torch's", 100.0, (claim,)))
    monkeypatch.setattr(bench, "terminal", None)  # must not be used
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    to = tmp_path / "bench.json"
    assert cli.execute(["bench", "--json", str(to), "--no-screen", "--data-dir", str(tmp_path)]) == code
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("training speed", "3", "2", "4", "at least 3", "yes" if holds else "no"))
    assert "some images (no CIFAR-10 at hand)" in printed
    written = json.loads(to.read_text())
    assert written["claims"][0]["measured"] == [2.0, 4.0, 3.0]
    assert written["claims"][0]["median"] == 3.0
    assert written["conditions"]["threads"] == "2"
    assert written["conditions"]["network"] == "cnn"
    assert written["conditions"]["oneDNN"] == "held to AVX2 by ONEDNN_MAX_CPU_ISA"
    assert "torch" in written["conditions"]["versions"]


def test_program_in_its_terminal(tmp_path: Path) -> None:
    """The bench starts the real app, sees its form, presses keys, and counts the bytes that it sends."""
    with terminal_bench.program(["--data", "demo", "--runs-dir", str(tmp_path)]) as app:
        painted = app.wait_for("seed", "Start")
        assert painted > app.began
        sent = app.bytes
        assert sent > 1000
        app.press("\x1bOP")
        app.wait_for("esc closes")
        assert app.bytes > sent


def test_only_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--only training measures one network in the time of its training, without images' files and screen."""
    save_folder(tmp_path / "images", made_up_images(8, 4, classes=2))
    raced = []

    def contest(config: TrainingConfig, **_: object) -> Contest:
        raced.append((config.model, config.data))
        return Contest("some images", 2, config.model, "torch's", 100.0, ())

    monkeypatch.setattr(bench, "contest", contest)
    for part in ("terminal", "frames", "machine", "read"):
        monkeypatch.setattr(bench, part, None)  # must not be used
    given = ["--model", "deeper", "--data", str(tmp_path / "images"), "--data-dir", str(tmp_path)]
    assert cli.execute(["bench", "--only", "training", *given]) == ExitCode.DONE
    assert raced == [("deeper", str(tmp_path / "images"))]
    with pytest.raises(TypeError):
        cli.execute(["bench", "--no-screen", *given])


def test_what_looking_at_the_machine_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a look at the machine is told of several rounds, without the first, which loads what it needs."""
    monkeypatch.setattr(machine_bench, "_ROUNDS", 3)
    monkeypatch.setattr(machine_bench, "_LOOKS", 3)
    told: list[str] = []
    (claim,) = machine_bench.looks("cpu", tmp_path, told.append)
    assert told == [f"looking at the machine, {turn} of 3" for turn in (1, 2, 3)]
    assert len(claim.measured) == 2
    assert min(claim.measured) > 0
    assert claim.holds == (claim.median <= 4)
