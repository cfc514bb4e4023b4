"""The command line: what each command answers, on which stream, with which exit code."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from engine import data
from engine.config import CONSTANTS, PRESETS, TrainingConfig, preset_named
from engine.process import python_running
from engine.runs.local import Run
from tests.images import made_up_images, save_folder
from tests.networks import diverging
from tests.processes import start
from tui.command_line import main as cli
from tui.command_line import parser
from tui.command_line.arguments import as_config
from tui.command_line.exit_codes import ExitCode

COMMANDS = ("", "train", "runs", "export")


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Flags of a quick run below `tmp_path`, whose images come from memory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(160, 40))
    return ["--data", "demo", "--epochs", "1", "--device", "cpu", "--threads", "1"]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the version and nothing else."""
    assert cli.execute(["--version"]) == ExitCode.DONE
    assert capsys.readouterr().out.strip().replace(".", "").isdecimal()


COMPUTES = """
import sys, threading
import torch
from tui.command_line.main import main

def compute():
    images, weights = torch.ones(8, 3, 32, 32), torch.ones(6, 3, 5, 5, requires_grad=True)
    while True:
        torch.nn.functional.conv2d(images, weights).sum().backward()
        began.set()

began = threading.Event()
for _ in range(2):
    threading.Thread(target=compute, daemon=True).start()
began.wait()
sys.argv = ["cifar-tui", "--version"]
main()
"""


def test_leaving_while_torch_computes() -> None:
    """The program ends with its exit code and all it said, also where torch is loaded or computes in a thread still."""
    ended = subprocess.run([sys.executable, "-c", COMPUTES], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.strip().replace(".", "").isdecimal()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_enough_to_work_from(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help of every command names every flag, and of the constants also what is allowed and the default."""
    assert cli.execute([*command.split(), "--help"]) == ExitCode.DONE
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    if command in ("", "train"):
        for constant in CONSTANTS:
            assert constant.flag in shown
            assert constant.help[:20] in shown
    else:
        assert "--runs-dir" in shown
    if not command:
        assert all(name in shown for name in COMMANDS)
        assert "List the runs here" in shown  # a name alone does not say what its command does


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("train --epochs 0", "--epochs: 0 is not allowed; it must be a whole number from 1 to 10,000"),
        ("train --learning-rate fast", "--learning-rate: fast is not allowed; it must be a number above 0, at most 1"),
        ("--batch-size -3", "--batch-size: -3 is not allowed"),
        ("train --model [bold]x[/]", "--model: [bold]x[/] is not allowed; it must be one of cnn, "),
        ("train --epoks 3", "Unknown option: --epoks. Did you mean --epochs?"),
        ("trian", "'trian' is not understood here. The commands are bench, compare, export, "),
        ("train --epochs", "--epochs requires an argument"),
        ("export", "--to"),
        ("export nothing --to x", "There is no run nothing in runs"),
        ("export --to x --weights best", "--weights: it says which weights --model takes. Give --model too."),
        ("train --data /nowhere", "--data: /nowhere"),
        ("--preset no", 'for --preset. Choose from: "notebook", "look", '),
        ("train --preset minutes --optimizer adam", "--momentum: adam has a momentum of its own"),
        ("train --data ~nobody-here/images", "~nobody-here/images does not exist"),
        ("watch --runs-dir ~nobody-here", "There is no run in ~nobody-here yet"),
        ("train --data demo --name a/b", "--name: a/b is not allowed"),
        ("train --data demo --device cuda:77", "--device: there is no cuda:77 on this machine; there is"),
    ],
)
def test_wrong_command(
    arguments: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong is said in a line or two on stderr, with exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert cli.execute(shlex.split(arguments)) == ExitCode.WRONG
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("cifar-tui: ")
    assert told in err
    assert len(err.splitlines()) <= 2
    assert list(tmp_path.iterdir()) == []


def test_escape_sequences_stay_out_of_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What is typed on the command line comes back as plain text."""
    for arguments in (["train", "--model", "\x1b[31mx"], ["\x1b]0;title\x07"], ["train", "--\x1b[1m", "x"]):
        assert cli.execute(arguments) == ExitCode.WRONG
        assert "\x1b" not in capsys.readouterr().err


def test_flags_change_a_preset() -> None:
    """--preset gives its constants, and a flag changes one of them, before or after it, even back to its default."""
    for words in (
        ["--preset", "speedrun", "--epochs", "4", "--no-evaluate-each-epoch"],
        ["--epochs", "4", "--no-evaluate-each-epoch", "--preset", "speedrun"],
    ):
        _, bound, _ = parser.app.parse_args(["train", *words], exit_on_error=False, print_error=False)
        wanted = {**preset_named("speedrun").constants(), "epochs": 4, "evaluate_each_epoch": False}
        assert as_config(bound.arguments["config"]) == TrainingConfig.checked(wanted)


def test_help_tells_the_presets_and_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """--help lists the presets with what they do, and the default of every constant."""
    cli.execute(["train", "--help"])
    told = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"[choices: {', '.join(preset.name for preset in PRESETS)}]" in told
    assert all(preset.help in told for preset in PRESETS)
    assert all(f"[default: {c.default}]" in told for c in CONSTANTS if c.default != "")


def test_json_is_events_and_progress(quick: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """--json prints one event a line on stdout, the loss of each epoch among them, and nothing else anywhere."""
    quick[quick.index("--epochs") + 1] = "2"
    assert cli.execute(["train", *quick, "--json", "--name", "first"]) == ExitCode.DONE
    out, err = capfd.readouterr()
    content = [json.loads(line) for line in out.splitlines()]
    progress = [line for line in content if line["event"] == "progress"]
    assert [content[0]["event"], content[-1]["event"]] == ["run_started", "finished"]
    assert {(line["epoch"], line["iteration"], line["iterations"]) for line in progress} >= {(1, 5, 10), (2, 10, 10)}
    assert all(0 < line["loss"] < 10 for line in progress)
    assert err == ""


def test_plain_lines_in_a_pipe(quick: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe or a batch job's log a run prints plain lines, the result, and where its folder is."""
    assert cli.execute(["train", *quick, "--batch-size", "1", "--name", "first"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "Training cnn with 89,834 parameters on 160 images" in out
    assert "Epoch [1/1], Batch [160/160], Loss: " in out
    assert "first  completed" in out
    assert "The run is in runs/first: summary.json" in out


def test_runs_and_export(quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run is listed with its accuracy, as a table and as JSON, and exported by name, by folder and as the latest."""
    assert cli.execute(["runs"]) == ExitCode.DONE
    assert "There is no run in runs yet" in capsys.readouterr().out
    cli.execute(["train", *quick, "--name", "[x]"])
    capsys.readouterr()
    assert cli.execute(["runs"]) == ExitCode.DONE
    assert "[x]" in capsys.readouterr().out
    assert cli.execute(["runs", "--json"]) == ExitCode.DONE
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["name"], entry["status"]) == ("[x]", "completed")
    for i, run in enumerate(([], ["[x]"], ["runs/[x]"])):
        assert cli.execute(["export", *run, "--to", f"out{i}"]) == ExitCode.DONE
        written = capsys.readouterr().out.splitlines()
        assert [Path(path).name for path in written] == [
            *("summary.json", "loss.csv", "loss.svg", "report.md"),
            *("predictions.csv", "report.html", "suspicious.csv"),
        ]
        assert (tmp_path / f"out{i}" / "summary.json").read_bytes() == Path("runs/[x]/summary.json").read_bytes()
    assert cli.execute(["export", "--to", "model", "--model", "--weights", "newest"]) == ExitCode.DONE
    out, err = capsys.readouterr()
    names = [Path(path).name for path in out.splitlines()]
    assert names == ["model.safetensors", "model.onnx", "README.md", "config.json"]
    assert re.match(r"cifar-tui: model\.onnx takes 100 % of \d+ test images for the same class as the network", err)
    assert len(err.splitlines()) == 1


def test_run_that_fails(quick: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that fails gives its reason on stderr and exit code 1."""
    monkeypatch.setattr("engine.models.build", diverging(1))
    assert cli.execute(["train", *quick]) == ExitCode.FAILED
    assert "Try a smaller learning rate" in capsys.readouterr().err


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": ""}, {"TERM": "xterm-256color"}])
def test_app_where_no_app_can_run(environment: dict[str, str], tmp_path: Path) -> None:
    """Without a terminal that can draw the app says so in one line, names the way without it, and exits with 2."""
    done = subprocess.run(
        python_running("tui"),
        env={**os.environ, **environment},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.WRONG
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "cifar-tui train" in done.stderr


@pytest.mark.parametrize("read", [0, 1], ids=["before the first line", "after one byte"])
@pytest.mark.parametrize("command", ["runs", "runs --json", "train", "train --json"])
def test_reader_that_leaves(quick: list[str], tmp_path: Path, command: str, read: int) -> None:
    """`| head -1` ends a list quietly, and a run goes on to its end with its results saved."""
    cli.execute(["train", *quick, "--name", "first"])
    words = command.split()
    if "train" in words:
        images = save_folder(tmp_path / "images", made_up_images(40, 10, classes=2))
        words += ["--data", str(images), "--epochs", "1", "--threads", "1", "--name", "second"]
    reading, writing = os.pipe()
    with open(os.devnull) as nothing, open(tmp_path / "errors", "w") as errors:
        process = start(*words, cwd=tmp_path, files=(nothing.fileno(), writing, errors.fileno()))
    os.close(writing)
    os.read(reading, read)
    os.close(reading)
    assert (process.wait(), (tmp_path / "errors").read_text()) == (0, "")
    if "train" in words:
        assert (tmp_path / "runs" / "second" / "summary.json").exists()


@pytest.mark.parametrize(("command", "kind"), [("stop", "live"), ("resume", "unfinished")])
def test_no_run_to_stop_or_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, kind: str
) -> None:
    """Where there is nothing to stop or to go on with, that is told, with the command that lists the runs."""
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(160, 40))
    constants = {"epochs": 1, "device": "cpu", "threads": 1, "runs_dir": tmp_path, "data_dir": tmp_path}
    assert Run(TrainingConfig.checked({"data": "demo", "name": "first", **constants})).start().join(120)
    assert cli.execute([command, "--runs-dir", str(tmp_path)]) == 2
    assert f"No run in {tmp_path} is {kind}. cifar-tui runs lists them" in capsys.readouterr().err
    assert cli.execute([command, "first", "--runs-dir", str(tmp_path)]) == 1
    assert "complete" in capsys.readouterr().err
