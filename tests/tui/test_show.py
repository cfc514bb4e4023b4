"""`cifar-tui show`: the results of a run in a terminal or a pipe, without the app."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyte
import pytest

from engine.config import TrainingConfig
from engine.record.classified import chosen
from engine.record.events import Evaluated
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.runs.local import Run
from engine.storage import tail
from engine.use.images import images
from engine.use.results import classified
from tests.images import made_up_images, save_folder
from tests.interrupted import ended
from tests.records import finished_record, made_up_matrix, run_started
from tui.command_line import main as cli
from tui.command_line.exit_codes import ExitCode
from tui.command_line.results import print_results


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on a folder of noisy images."""
    root = tmp_path_factory.mktemp("show")
    save_folder(root / "images", made_up_images(120, 60, classes=3, noisy=0.3))
    constants = {"data": str(root / "images"), "data_dir": root / "data", "runs_dir": root / "runs", "name": "noisy"}
    run = ended(Run(TrainingConfig.checked({**constants, "epochs": 1, "device": "cpu", "threads": 1})))
    assert run.error is None
    return run.folder


def shown(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.execute(["show", "--runs-dir", str(folder.parent), *words]) == ExitCode.DONE
    return capsys.readouterr().out


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, **environment: str) -> None:
    for name in ("NO_COLOR", "COLORTERM", "TEXTUAL_COLOR_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": str(columns), "TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)


def screen(text: str, columns: int) -> pyte.Screen:
    made = pyte.Screen(columns, 200)
    pyte.Stream(made).feed(text.replace("\n", "\r\n"))
    return made


def test_in_a_pipe(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe gets plain text: accuracies, the whole matrix, how sure the network is, and the worst mistakes by file."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    text = shown(folder, capsys, "--colours", "true")
    assert "\x1b" not in text
    assert "▀" not in text
    record = tail.read(folder)
    evaluation = record.evaluation
    assert evaluation is not None
    assert f"{evaluation.accuracy:.2f} %" in text
    for row in evaluation.matrix:
        assert any([word for word in line.split() if word.isdigit()] == _cells(row) for line in _map(text))
    for measure in ("most confused: ", "(one standard error)", "top 2 ", "calibration error "):
        assert measure in text
    worst, names = chosen(classified(folder, record, 0), "surely wrong"), images(folder, record, "test").names
    listed = [line.split("  ")[-1] for line in text.split("surely wrong:\n")[1].splitlines() if line.startswith("  ")]
    assert listed == [names[number] for number in worst[:20]]


def _map(text: str) -> list[str]:
    """The rows of the map, without the names of the classes."""
    return [line.partition("class ")[2][1:] for line in text.split("taken for\n")[1].splitlines()[:3]]


def _cells(row: tuple[int, ...]) -> list[str]:
    return [str(count) for count in row if count]


@pytest.mark.parametrize("colours", ["true", "256", "16", "none"])
def test_on_a_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, colours: str
) -> None:
    """A terminal gets the map in shades and the worst mistakes as pictures, in as many colours as it has."""
    on_a_terminal(monkeypatch, 80)
    text = shown(folder, capsys, "--colours", colours)
    assert ("38;2;" in text) == (colours == "true")
    assert ("38;5;" in text) == (colours == "256")
    lines = [line.rstrip() for line in screen(text, 80).display]
    (title,) = (number for number, line in enumerate(lines) if line.startswith("surely wrong"))
    pictured, captions = lines[title + 1 : title + 9], lines[title + 9]
    assert all(line.strip() for line in pictured) or colours != "none"
    assert captions.count("→") == 4
    assert lines[title + 10].count("%") == 4
    assert max(map(len, lines)) <= 80


def test_as_the_environment_tells(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --colours, the terminal's environment decides, and NO_COLOR is obeyed."""
    on_a_terminal(monkeypatch, 80, COLORTERM="truecolor")
    assert "38;2;" in shown(folder, capsys)
    on_a_terminal(monkeypatch, 80, NO_COLOR="1")
    assert "38;" not in shown(folder, capsys)


@pytest.mark.parametrize("columns", [5, 20, 40])
def test_on_a_narrow_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """A narrow terminal is no reason to fail."""
    on_a_terminal(monkeypatch, columns)
    assert "The run is in" in shown(folder, capsys, "--colours", "256")


def test_without_predictions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run of an older version everything else is shown, and what is missing is said."""
    print_results(finished_record(), tmp_path, "none")
    text = capsys.readouterr().out
    assert "69.39 %" in text
    assert "cat → dog 213" in text
    assert "kept no predictions" in text


def test_without_pictures(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the images are gone, that is said, and the worst mistakes are listed by number, on a terminal as well."""
    copy = shutil.copytree(folder, tmp_path / "runs" / "noisy")
    config = copy / "config.json"
    config.write_text(config.read_text().replace(str(folder.parent.parent), str(tmp_path / "nowhere")))
    on_a_terminal(monkeypatch, 80)
    text = shown(copy, capsys, "--colours", "none")
    assert "Without pictures: The images of this run are gone" in text
    assert "image " in text.split("surely wrong:")[1]


@pytest.mark.parametrize("classes", [1, 2, 300])
def test_any_number_of_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str], classes: int) -> None:
    """A matrix that nobody could read is left out; the most confused classes are not."""
    names = tuple(f"a class whose name is long {k}" for k in range(classes))
    log = RunLog()
    log.event(run_started(classes=names))
    matrix = made_up_matrix(classes, 0.6, 50) if classes > 1 else ((50,),)
    log.event(Evaluated(seconds=9, duration=1, epoch=1, iteration=1_563, matrix=matrix))
    record = RunRecord(log)
    record.catch_up()
    print_results(record, tmp_path, "none")
    text = capsys.readouterr().out
    assert ("The map of 300 classes does not fit here" in text) == (classes == 300)
    assert ("taken for" in text) == (classes < 300)


def test_run_that_has_not_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that still reads its images has nothing to show, and says so."""
    for name in ("events.jsonl", "losses.f32", "config.json", "lock"):
        (tmp_path / "early").mkdir(exist_ok=True)
        (tmp_path / "early" / name).touch()
    assert cli.execute(["show", str(tmp_path / "early")]) == ExitCode.FAILED
    assert "has not begun to train" in capsys.readouterr().err
