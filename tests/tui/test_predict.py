"""`cifar-tui predict`: pictures classified by the network of a run."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.config import TrainingConfig
from engine.data.decoding import FITS, decode
from engine.export.model.folder import write_model
from engine.runs.local import Run
from engine.storage import tail
from engine.use.model import Model
from tests.engine.test_pictures import bomb, save
from tests.images import made_up_images, save_folder
from tests.interrupted import ended
from tests.tui.test_show import on_a_terminal, screen
from tui.command_line import main as cli
from tui.command_line.exit_codes import ExitCode


@pytest.fixture(autouse=True)
def _without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    """`test_onnx.py` is about model.onnx, which takes seconds to make."""
    monkeypatch.setattr("engine.export.model.checked.find_spec", lambda name: None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on a folder of noisy images, beside which `images` lies."""
    root = tmp_path_factory.mktemp("predict")
    save_folder(root / "images", made_up_images(120, 60, classes=3, noisy=0.3))
    constants = {"data": str(root / "images"), "data_dir": root / "data", "runs_dir": root / "runs", "name": "heron"}
    made = ended(Run(TrainingConfig.checked({**constants, "epochs": 2, "device": "cpu", "threads": 1})))
    assert made.error is None
    return made.folder


def predicted(
    run: Path, capsys: pytest.CaptureFixture[str], *words: object, code: int = ExitCode.DONE
) -> tuple[str, str]:
    """What is printed on stdout and on stderr."""
    assert cli.execute(["predict", *map(str, words), "--runs-dir", str(run.parent)]) == code
    printed = capsys.readouterr()
    return printed.out, printed.err


@pytest.fixture
def in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.mark.usefixtures("in_a_pipe")
def test_accuracy_of_the_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The test folder of a run has exactly the run's own accuracy, by class too."""
    evaluation = tail.read(run).evaluation
    assert evaluation is not None
    test = run.parents[1] / "images" / "test"
    out, err = predicted(run, capsys, "heron", test, "--format", "table")
    said = f"accuracy {evaluation.accuracy:.2f} % ({evaluation.correct} of 60 pictures, by the names of their folders)"
    assert said in out
    rows = [line.partition("class ")[2].split()[1:] for line in out.split("taken for\n")[1].splitlines()[:3]]
    assert rows == [[str(count or "·") for count in row] for row in evaluation.matrix]
    assert err == ""
    out, err = predicted(run, capsys, "heron", test)
    assert err == f"cifar-tui: {said}\n"
    lines = list(csv.DictReader(io.StringIO(out)))
    assert sum(line["true"] == line["class"] for line in lines) == evaluation.correct
    assert [line["file"] for line in lines] == sorted(line["file"] for line in lines)


@pytest.mark.usefixtures("in_a_pipe")
def test_json_and_csv(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has a line a picture, CSV a row: the most probable classes, with the network's probabilities."""
    files = sorted((run.parents[1] / "images" / "test" / "class 1").iterdir())[:3]
    pixels = np.zeros((3, 32, 32, 3), np.uint8)
    decode([str(path) for path in files], pixels)
    wanted = Model.open(run).probabilities(pixels)
    out, _ = predicted(run, capsys, *files, "--format", "json")
    for line, path, shares in zip(out.splitlines(), files, wanted, strict=True):
        told = json.loads(line)
        assert told.keys() == {"file", "predictions"}
        assert told["file"] == str(path)
        order = np.argsort(-shares)
        assert [one["class"] for one in told["predictions"]] == [f"class {i}" for i in order]
        np.testing.assert_allclose([one["probability"] for one in told["predictions"]], shares[order], rtol=1e-5)
    out, _ = predicted(run, capsys, run, *files, "--top", 2)
    head, *rows = csv.reader(io.StringIO(out))
    assert head == ["file", "true", "class", "probability", "class_2", "probability_2"]
    for row, path, shares in zip(rows, files, wanted, strict=True):
        first, second = np.argsort(-shares)[:2]
        assert row[:3] + row[4:5] == [str(path), "", f"class {first}", f"class {second}"]
        np.testing.assert_allclose([float(row[3]), float(row[5])], shares[[first, second]], rtol=1e-5)


@pytest.mark.parametrize(("colours", "glyph"), [("true", "▀"), ("none", "█")])
def test_pictures_beside_bars(
    colours: str, glyph: str, run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal each picture is beside the bars of its classes, and a mark says whether it was recognised."""
    on_a_terminal(monkeypatch, 70)
    monkeypatch.chdir(run.parents[1] / "images" / "test")
    out, _ = predicted(run, capsys, ".", "--pictures", "--colours", colours, "--top", 2)
    lines = screen("\n".join(out.splitlines()[:60]), 70).display
    top = next(i for i, line in enumerate(lines) if "class 0/" in line)
    assert lines[top].rstrip().endswith(".png")
    assert "class" in lines[top + 1]
    assert "█" in lines[top + 1][25:]
    assert lines[top + 1].rstrip()[-1] in "✓✘"
    assert lines[top + 2].rstrip().endswith("%")
    assert glyph in out
    evaluation = tail.read(run).evaluation
    assert evaluation is not None
    assert (out.count("✓"), out.count("✘")) == (evaluation.correct, 60 - evaluation.correct)


@pytest.mark.parametrize("columns", [40, 80])
def test_table_on_a_terminal(
    columns: int, run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal shows a line a picture, and each fits into it."""
    on_a_terminal(monkeypatch, columns)
    monkeypatch.chdir(run.parents[1] / "images" / "test")
    out, _ = predicted(run, capsys, ".", "--colours", "none")
    rows = [line for line in out.splitlines() if "png" in line]
    assert len(rows) == 60
    assert all(len(row) <= columns for row in rows)
    assert all("%" in row and "class" in row for row in rows)


@pytest.mark.usefixtures("in_a_pipe")
def test_which_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first word is a run if it is called so; what lies here under that name is a picture."""
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.png")
    answers = [predicted(run, capsys, *words)[0] for words in (["heron", "a.png"], [run, "a.png"], ["a.png"])]
    assert len(set(answers)) == 1
    save(tmp_path / "heron" / "b.png")
    out, _ = predicted(run, capsys, "heron")
    assert "heron/b.png" in out


@pytest.mark.usefixtures("in_a_pipe")
def test_exported_model(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An exported model answers as the run that it is of, and has no other weights."""
    write_model(tail.read(run), run, tmp_path / "model", None, print)
    test = run.parents[1] / "images" / "test"
    capsys.readouterr()
    assert predicted(run, capsys, tmp_path / "model", test) == predicted(run, capsys, "heron", test)
    _, err = predicted(run, capsys, tmp_path / "model", test, "--weights", "best", code=ExitCode.FAILED)
    assert err.endswith("was exported with the newest weights and has no others.\n")


@pytest.mark.usefixtures("in_a_pipe")
@pytest.mark.parametrize(("damage", "said"), [("classes", "does not fit the network"), ("weights", "cannot be read")])
def test_exported_model_that_is_damaged(
    damage: str, said: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model with another number of classes, or with weights that are none, is refused in a line."""
    model = tmp_path / "model"
    write_model(tail.read(run), run, model, None, print)
    if damage == "classes":
        content = json.loads((model / "config.json").read_text())
        content |= {"num_classes": 2, "label_names": ["a", "b"]}
        content["output"]["shape"] = ["n", 2]
        (model / "config.json").write_text(json.dumps(content))
    else:
        (model / "model.safetensors").write_bytes(b"\x80\x04cposix\nsystem\n.")  # a pickle
    capsys.readouterr()
    _, err = predicted(run, capsys, model, save(tmp_path / "a.png"), code=ExitCode.FAILED)
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("in_a_pipe")
def test_names_on_stdin(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dash stands for the names on stdin, one a line."""
    names = [save(tmp_path / name) for name in ("a.png", "b.png", "c d.png")]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(names).encode())))
    out, _ = predicted(run, capsys, "-", "--format", "json")
    assert [json.loads(line)["file"] for line in out.splitlines()] == names


@pytest.mark.usefixtures("in_a_pipe")
def test_unreadable_among_others(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be read is told in a line each on stderr, the others are classified, and the exit code is 1."""
    save(tmp_path / "good.png")
    bomb(tmp_path / "bomb.png")
    (tmp_path / "text\x1b[31m.png").write_text("no picture")
    out, err = predicted(run, capsys, tmp_path, tmp_path / "gone.png", "--format", "json", code=ExitCode.FAILED)
    assert [Path(json.loads(line)["file"]).name for line in out.splitlines()] == ["good.png"]
    assert err.splitlines() == [
        f"cifar-tui: {tmp_path}/bomb.png: too many pixels",
        f"cifar-tui: {tmp_path}/text.png: not an image",
        f"cifar-tui: {tmp_path}/gone.png: there is no such file or folder",
    ]


@pytest.mark.usefixtures("in_a_pipe")
@pytest.mark.parametrize("fit", FITS)
def test_fit(fit: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The network sees a wide picture as the flag says."""
    image = Image.effect_noise((90, 30), 200).convert("RGB")
    image.save(tmp_path / "wide.png")
    pixels = np.zeros((1, 32, 32, 3), np.uint8)
    decode([str(tmp_path / "wide.png")], pixels, fit)  # type: ignore[arg-type]
    out, _ = predicted(run, capsys, tmp_path / "wide.png", "--fit", fit, "--format", "json", "--top", 1)
    share = json.loads(out)["predictions"][0]["probability"]
    assert share == pytest.approx(float(Model.open(run).probabilities(pixels).max()), rel=1e-5)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], ExitCode.WRONG, "no picture is named. Name files, folders, patterns in quotes, or - for names on stdin."),
        (["heron"], ExitCode.WRONG, "no picture is named."),
        (["a.png", "--pictures", "--format", "csv"], ExitCode.WRONG, "--pictures shows pictures in a table, and "),
        (["a.png", "--top", "0"], ExitCode.WRONG, "--top"),
        (["a.png", "--fit", "stretch"], ExitCode.WRONG, "--fit"),
        (["heron", "a.png", "--weights", "best"], ExitCode.FAILED, "has no best weights: the run did not keep them"),
        (["a.png", "--fitt"], ExitCode.WRONG, "'--fitt' is no flag here; a picture of that name is ./--fitt."),
        (["nothing"], ExitCode.FAILED, "nothing: there is no such file or folder"),
        (["folder"], ExitCode.FAILED, "folder: this folder holds no picture (jpg"),
    ],
)
def test_wrong_words(
    words: list[str],
    code: int,
    said: str,
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A command that cannot be done is told in one line."""
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.png")
    (tmp_path / "folder").mkdir()
    _, err = predicted(run, capsys, *words, code=code)
    assert said in err
    assert err.count("\n") == 1


def test_no_run_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a run it is told what to do."""
    _, err = predicted(tmp_path / "runs" / "none", capsys, save(tmp_path / "a.png"), code=ExitCode.WRONG)
    assert err.startswith("cifar-tui: There is no run in ")
    assert "Or name a run or an exported model before the pictures." in err
