"""What a person takes home beside the bundle that a run writes itself: predictions, suspicions, and a page."""

from __future__ import annotations

import base64
import csv
import io
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.config import TrainingConfig
from engine.export import FILES, WITH_PREDICTIONS
from engine.export.bundle import write_bundle
from engine.export.formats.report_html import report_html
from engine.export.opened import Opened
from engine.record.classified import chosen
from engine.record.metrics.suspicious import suspicious
from engine.record.record import RunRecord
from engine.runs.local import Run
from engine.storage import tail
from engine.use.images import images
from engine.use.results import classified
from tests.images import made_up_images, save_folder
from tests.interrupted import ended
from tests.records import finished_record

HOSTILE = '<script>alert(1)</script> "a" & b\x1b[31m\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on a folder of noisy images, so that some are mistaken and some are suspicious."""
    root = tmp_path_factory.mktemp("home")
    save_folder(root / "images", made_up_images(200, 60, classes=3, noisy=0.3))
    constants = {"data": str(root / "images"), "data_dir": root / "data", "runs_dir": root / "runs", "name": "noisy"}
    config = TrainingConfig.checked({**constants, "epochs": 3, "device": "cpu", "threads": 1, "learning_rate": 0.005})
    run = ended(Run(config))
    assert run.error is None
    return run.folder


@pytest.fixture(scope="module")
def home(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files that are taken home from it, by name."""
    said: list[str] = []
    to = tmp_path_factory.mktemp("to") / "home"
    paths = write_bundle(tail.read(folder), to, folder, said.append)
    assert said == []
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_everything_is_taken_home(home: dict[str, str]) -> None:
    """An export has the files of the run itself, and those that take its predictions."""
    assert list(home) == [*FILES, *WITH_PREDICTIONS]


def test_predictions_as_a_table(folder: Path, home: dict[str, str]) -> None:
    """Each image has a row with its file, its classes, its loss and all probabilities."""
    record = tail.read(folder)
    found, table = classified(folder, record, -1), rows(home["predictions.csv"])
    assert [row["number"] for row in table] == [str(number) for number in range(60)]
    assert tuple(row["image"] for row in table) == images(folder, record, "test").names
    assert [row["true"] for row in table] == [found.classes[label] for label in found.labels]
    assert [row["predicted"] for row in table] == [found.classes[label] for label in found.predicted]
    kept = np.array([[float(row[f"p({name})"]) for name in found.classes] for row in table], np.float16)
    np.testing.assert_array_equal(kept, found.probabilities)
    np.testing.assert_allclose([float(row["loss"]) for row in table], found.losses, rtol=1e-4)


def test_suspicious_labels_as_a_table(folder: Path, home: dict[str, str]) -> None:
    """Images whose label is probably wrong have a row each, the most suspicious first."""
    found, table = classified(folder, tail.read(folder), -1), rows(home["suspicious.csv"])
    expected = suspicious(found)
    assert len(table) > 3
    assert [int(row["number"]) for row in table] == expected.indices.tolist()
    assert [row["probably"] for row in table] == [found.classes[k] for k in expected.classes]
    assert all(row["image"].startswith(f"test/{row['label']}/") for row in table)
    assert np.all(np.diff([float(row["p(label)"]) for row in table]) >= 0)


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def sources(self) -> list[str]:
        """Everything that a browser would load."""
        loading = ("src", "href", "data", "poster", "srcset", "action", "background")
        return [str(value) for _, attributes in self.tags for name, value in attributes.items() if name in loading]


def test_page_stands_alone(home: dict[str, str]) -> None:
    """The page loads nothing and runs nothing: its pictures are inside it."""
    page = Page(home["report.html"])
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "base"}
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "url(" not in home["report.html"]
    assert "@import" not in home["report.html"]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_page_shows_the_worst_mistakes(folder: Path, home: dict[str, str]) -> None:
    """The pictures are those of the mistakes with the largest losses, pixel for pixel."""
    record = tail.read(folder)
    found, shown = classified(folder, record, -1), images(folder, record, "test")
    worst = chosen(found, "surely wrong")
    sources = Page(home["report.html"]).sources
    assert len(sources) == min(36, len(worst)) > 3
    for source, number in zip(sources, worst, strict=False):
        content = base64.b64decode(source.partition(",")[2])
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), shown.images[number])


def test_page_has_everything(folder: Path, home: dict[str, str]) -> None:
    """Accuracy with its error, curve, classes, map, calibration, machine and constants stand on the page."""
    page, record = Page(home["report.html"]), tail.read(folder)
    evaluation = record.evaluation
    assert evaluation is not None
    assert f"{evaluation.accuracy:.2f} %" in page.text
    for title in (
        *("Loss and accuracy", "Accuracy by class", "What was taken for what", "Most confused"),
        *("How sure, how right", "Worst mistakes", "The run", "Constants", "learning rate", "fingerprint"),
    ):
        assert title in page.text
    assert [tag for tag, _ in page.tags].count("svg") == 2
    bars = [each for tag, each in page.tags if tag == "rect" and "fill:var(--right)" in str(each.get("style"))]
    assert 1 <= len(bars) <= 15


def test_run_without_predictions(tmp_path: Path) -> None:
    """Of a run of an older version the page has everything but what takes predictions; the tables are left out."""
    said: list[str] = []
    paths = write_bundle(finished_record(), tmp_path / "home", tmp_path / "run", said.append)
    assert [path.name for path in paths] == [*FILES, "report.html"]
    (reason,) = said
    assert reason.startswith("Without predictions.csv and suspicious.csv: ")
    assert "kept no predictions" in reason
    page = Page((tmp_path / "home" / "report.html").read_text())
    assert "kept no predictions" in page.text
    assert "69.39 %" in page.text


def test_run_whose_images_are_gone(folder: Path, tmp_path: Path) -> None:
    """Without the images the tables have numbers and the page says why it has no pictures."""
    copy = shutil.copytree(folder, tmp_path / "noisy")
    config = copy / "config.json"
    config.write_text(config.read_text().replace(str(folder.parent.parent), str(tmp_path / "nowhere")))
    paths = write_bundle(tail.read(copy), tmp_path / "home", copy)
    files = {path.name: path.read_text() for path in paths}
    assert list(files) == [*FILES, *WITH_PREDICTIONS]
    assert {row["image"] for row in rows(files["predictions.csv"])} == {""}
    page = Page(files["report.html"])
    assert "Without pictures: The images of this run are gone" in page.text
    assert page.sources == []
    assert "How sure, how right" in page.text


def test_hostile_names(tmp_path: Path) -> None:
    """Names that are markup are text on the page."""
    names = (HOSTILE, "' onload='x", *(f"class {k}" for k in range(8)))
    record = finished_record(classes=names, name=HOSTILE)
    page = Page(report_html(Opened(record, tmp_path)))
    assert "script" not in {tag for tag, _ in page.tags}
    assert "<script>alert(1)</script>" in page.text
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "\x1b" not in page.text


@pytest.mark.parametrize("classes", [2, 1_000])
def test_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    """A page of 1,000 classes is not a file of a hundred megabytes."""
    record = finished_record(classes=[f"a class whose name is long {k}" for k in range(classes)])
    content = report_html(Opened(record, tmp_path))
    assert len(content) < 1_000_000
    assert Page(content).text.count("a class whose name is long") >= classes


@pytest.mark.parametrize("make", [lambda: finished_record(evaluations=False)])
def test_run_without_an_evaluation(tmp_path: Path, make: Callable[[], RunRecord]) -> None:
    """A run that was not evaluated has a page, too."""
    assert "Not evaluated." in Page(report_html(Opened(make(), tmp_path))).text
