"""The bundle that a person takes home: whole, exact, and safe to open."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.config import TrainingConfig
from engine.errors import RunFolderError
from engine.export import FILES
from engine.export import bundle as export
from engine.export.formats.loss_csv import loss_csv
from engine.export.formats.loss_svg import loss_svg
from engine.export.summary import summary as summary_of
from engine.record.events import DeviceInfo, Evaluated, Finished
from engine.record.log import RunLog
from engine.record.record import RunRecord
from tests.records import (
    CLASSES,
    NOTEBOOK_MATRIX,
    SECONDS_PER_ITERATION,
    demo_dataset,
    failed_record,
    finished_record,
    interrupted_record,
    live_log,
    live_record,
    run_started,
)

HOSTILE = "[a](b) `c` |d| <b>e</b> *f* _g_ ~h~ $i$ &amp; \\ \x1b[31mj\x07\nk \u202e"


def written(record: RunRecord, folder: Path) -> dict[str, str]:
    """The bundle's files by name, as text."""
    return {path.name: path.read_text(encoding="utf-8") for path in export.write_bundle(record, folder)}


def with_losses(losses: NDArray[np.float32], **changes: Any) -> RunRecord:
    """A stopped run of 5,000 iterations an epoch with these losses."""
    started = run_started(**{"batches": 5_000, "epochs": 1 + len(losses) // 5_000, **changes})
    log = RunLog()
    log.event(started)
    log.losses(losses)
    log.event(Finished(seconds=9, status="stopped", iterations=len(losses), train_seconds=5.0, evaluation_seconds=0.0))
    record = RunRecord(log)
    record.catch_up()
    return record


# Numbers


def test_summary_of_a_completed_run() -> None:
    """The summary holds what the run said, under the promised names."""
    summary = summary_of(finished_record())
    assert (summary["schema_version"], summary["name"], summary["status"]) == (1, "brisk-heron", "completed")
    assert set(summary["config"]) == set(vars(TrainingConfig()))
    assert summary["dataset"]["classes"] == list(CLASSES)
    assert summary["device"]["name"] == "AMD EPYC 7763 64-Core Processor"
    assert (summary["parameters"], summary["iterations"]) == (89_834, 6_252)
    evaluation = summary["evaluation"]
    assert (evaluation["accuracy"], evaluation["correct"], evaluation["total"]) == (69.39, 6_939, 10_000)
    assert evaluation["per_class"][8] == {"name": "ship", "accuracy": 89.4, "correct": 894, "total": 1_000}
    assert evaluation["confusion_matrix"] == [list(row) for row in NOTEBOOK_MATRIX]
    assert "reason" not in summary
    assert summary["started_at"] == "2026-03-14T15:09:26+01:00"
    assert summary["device"]["threads"] == 2
    assert [(done["epoch"], done["iteration"]) for done in summary["evaluations"]] == [
        *((1, 1_563), (2, 3_126), (3, 4_689), (4, 6_252))
    ]
    assert summary["evaluations"][-1]["accuracy"] == evaluation["accuracy"]
    assert (evaluation["epoch"], evaluation["iteration"]) == (4, 6_252)


def test_speed_counts_the_short_last_batch() -> None:
    """Images a second are the images that were really trained on: the last batch of an epoch is a short one."""
    timing = summary_of(finished_record())["timing"]
    assert timing["train_seconds"] == pytest.approx(6_252 * SECONDS_PER_ITERATION)
    assert timing["evaluation_seconds"] == pytest.approx(4 * 0.9)
    assert timing["images_per_second"] == pytest.approx(4 * 50_000 / timing["train_seconds"])


def test_speed_of_a_part_of_an_epoch() -> None:
    """A run that broke off within its second epoch is counted by whole batches there."""
    timing = summary_of(failed_record("no memory", iterations=1_563 + 100))["timing"]
    assert timing["images_per_second"] * timing["train_seconds"] == pytest.approx(50_000 + 100 * 32)


@pytest.mark.parametrize(("iterations", "told"), [(3_300, 3_126), (3_700, 3_626)])
def test_interrupted_run_is_timed_up_to_its_last_event(iterations: int, told: int) -> None:
    """Without a closing event, time and images are both counted up to the last event with an iteration."""
    summary = summary_of(interrupted_record(iterations))
    assert summary["status"] == "interrupted"
    assert summary["iterations"] == iterations
    timing = summary["timing"]
    assert timing["train_seconds"] == pytest.approx(told * SECONDS_PER_ITERATION)
    assert timing["evaluation_seconds"] == pytest.approx(1.8)
    images = 2 * 50_000 + (told - 3_126) * 32
    assert timing["images_per_second"] == pytest.approx(images / timing["train_seconds"])


def test_failed_run(tmp_path: Path) -> None:
    """A failed run has its reason in the summary and the report; a loss that is not finite is null."""
    record = failed_record("The loss became nan. Try a smaller learning rate.")
    record._log.loss_buffer._values[699] = np.nan
    files = written(record, tmp_path)
    summary = json.loads(files["summary.json"], parse_constant=pytest.fail)
    assert (summary["status"], summary["final_loss"], summary["evaluation"]) == ("failed", None, None)
    assert summary["reason"] == "The loss became nan. Try a smaller learning rate."
    assert "The loss became nan. Try a smaller learning rate." in files["report.md"]
    assert "were not evaluated" in files["report.md"]
    assert files["loss.csv"].endswith("700,1,nan\n")


def test_nothing_trained(tmp_path: Path) -> None:
    """A run that failed before its first iteration has a bundle too."""
    files = written(failed_record("no memory", iterations=0), tmp_path)
    summary = json.loads(files["summary.json"], parse_constant=pytest.fail)
    assert (summary["iterations"], summary["final_loss"]) == (0, None)
    assert summary["timing"]["images_per_second"] is None
    assert files["loss.csv"] == "iteration,epoch,loss\n"
    assert "no iteration recorded yet" in files["loss.svg"]


def test_run_that_never_began(tmp_path: Path) -> None:
    """A run that never began cannot be exported, and the message says so."""
    with pytest.raises(RunFolderError, match="never began"):
        export.write_bundle(RunRecord(RunLog()), tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_latest_evaluation_counts() -> None:
    """The summary of a live run has its latest evaluation."""
    record = live_record(3_500)
    latest = record.evaluation_at(1)
    assert summary_of(record)["evaluation"]["accuracy"] == latest.accuracy
    assert latest.accuracy != record.evaluation_at(0).accuracy


# Losses


def test_losses_with_their_epochs(tmp_path: Path) -> None:
    """Every iteration stands in loss.csv with its epoch, both from 1, and reads back to the same float32."""
    record = finished_record()
    rows = list(csv.DictReader(written(record, tmp_path)["loss.csv"].splitlines()))
    assert [int(row["iteration"]) for row in rows] == list(range(1, 6_253))
    assert [int(row["epoch"]) for row in rows] == [i // 1_563 + 1 for i in range(6_252)]
    np.testing.assert_array_equal(np.array([row["loss"] for row in rows], dtype=np.float32), record.losses)


@given(st.lists(st.floats(width=32), max_size=40))
def test_every_float_reads_back(values: list[float]) -> None:
    """Huge, tiny, negative, infinite: each loss is written so that it reads back bit for bit, and shortly."""
    losses = np.array(values, dtype=np.float32)
    lines = loss_csv(with_losses(losses)).splitlines()[1:]
    texts = [line.rpartition(",")[2] for line in lines]
    np.testing.assert_array_equal(np.array(texts, dtype=np.float32), losses)
    assert all(len(text) <= 20 for text in texts)


def test_shortest_digits() -> None:
    """A loss is written with no digit more than it needs."""
    csv_lines = loss_csv(with_losses(np.array([0.1, 2.3025851, 1e-7, np.nan], dtype=np.float32)))
    assert csv_lines.splitlines()[1:] == ["1,1,0.1", "2,1,2.3025851", "3,1,1e-07", "4,1,nan"]


def test_losses_across_blocks() -> None:
    """Where rows are made block by block, none is lost or doubled at the seams."""
    whole = loss_csv(finished_record())
    same = loss_csv(finished_record(), rows=100) == whole  # pytest would take minutes to explain a difference
    assert same


# Report


def test_report_for_a_person(tmp_path: Path) -> None:
    """The report says how good the model is, where it is weak, on what, where and with which constants."""
    report = written(finished_record(), tmp_path)["report.md"]
    assert report.startswith("# brisk-heron: completed\n")
    assert "of CIFAR-10: **69.39 %** (6,939 of 10,000), after epoch 4." in report
    assert "](loss.svg)" in report
    assert report.index("| ship | 894 | 1,000 | 89.4 % |") < report.index("| bird | 418 | 1,000 | 41.8 % |")
    assert "| cat | dog | 213 |" in report
    for row in (
        "| learning rate | 0.001 |",
        "| batch size | 32 images |",
        "| evaluate each epoch | yes |",
        "| device | cpu, AMD EPYC 7763 64-Core Processor, 2 threads |",
        "| iterations | 6,252 of 6,252 |",
        "| training | 31.3 s, 6,398 images/s |",
    ):
        assert row in report


def test_evaluation_within_an_epoch(tmp_path: Path) -> None:
    """A run that was stopped within an epoch is not said to be evaluated after that epoch; one thread is no threads."""
    log = live_log(2_108, evaluations=False, batches=313, epochs=10, device=DeviceInfo("cpu", "a processor", 1))
    log.event(Evaluated(seconds=9, duration=1, epoch=7, iteration=2_108, matrix=NOTEBOOK_MATRIX))
    record = RunRecord(log)
    record.catch_up()
    files = written(record, tmp_path)
    assert "(6,939 of 10,000), after 6.7 epochs (iteration 2,108)." in files["report.md"]
    assert "| device | cpu, a processor, 1 thread |" in files["report.md"]
    assert record.lines[-1] == "Test accuracy after 6.7 epochs (iteration 2,108): 69.39 % (6,939 of 10,000)"
    evaluation = json.loads(files["summary.json"])["evaluation"]
    assert (evaluation["epoch"], evaluation["iteration"]) == (7, 2_108)


def test_demo_set_is_named(tmp_path: Path) -> None:
    """The demo set is named beside its accuracy, in words and in the picture."""
    files = written(finished_record(dataset=demo_dataset()), tmp_path)
    assert "test images of demo set: **" in files["report.md"]
    assert "> The demo set is drawn by the program: its numbers say nothing about CIFAR-10." in files["report.md"]
    assert "demo set · " in files["loss.svg"]


def hostile_record() -> RunRecord:
    names = (HOSTILE, "]]>", "a" * 300, "漢字" * 99, "<!--", "g", "h", "i", "j", "k")
    return finished_record(
        dataset=dataclasses.replace(
            run_started(classes=names).dataset, name=HOSTILE, source=HOSTILE, notes=(HOSTILE,), fingerprint=HOSTILE
        ),
        name=HOSTILE,
        at=HOSTILE,
        device=DeviceInfo(HOSTILE, HOSTILE, 2),
        versions={HOSTILE: HOSTILE},
        config={**run_started().config, "model": HOSTILE, "data": HOSTILE},
    )


def test_hostile_text_in_the_report(tmp_path: Path) -> None:
    """Text from outside stays text: nothing of it becomes a link, a cell, code, HTML or a control character."""
    report = written(hostile_record(), tmp_path)["report.md"]
    assert all(c.isprintable() or c == "\n" for c in report)
    live = re.sub(r"\\[!-/:-@\[-`{-~]", "", report).replace("![Loss and accuracy over iterations](loss.svg)", "")
    assert not re.findall(r"[\[\]`<_~$&\\]", live)
    cells = {line.count("|") for line in live.splitlines() if line.startswith("|")}
    assert cells == {3, 4, 5}, "tables of two, three and four columns"
    assert "\n\n" in report
    assert "k \ufffd" in report


def test_hostile_text_in_the_numbers(tmp_path: Path) -> None:
    """The summary gives names back exactly, and no raw control character can reach a terminal that prints it."""
    text = written(hostile_record(), tmp_path)["summary.json"]
    assert all(c.isprintable() or c == "\n" for c in text)
    assert json.loads(text)["evaluation"]["per_class"][0]["name"] == HOSTILE
    assert "漢字" in text


def test_half_of_a_surrogate_pair(tmp_path: Path) -> None:
    """A name that is no valid UTF-8 on disk does not keep the bundle from being written."""
    text = written(finished_record(name="caf\udce9"), tmp_path)["summary.json"]
    assert json.loads(text)["name"] == "caf\udce9"


# Picture

SVG = "{http://www.w3.org/2000/svg}"


def picture(record: RunRecord) -> ElementTree.Element:
    """The parsed picture; what is not XML does not parse."""
    return ElementTree.fromstring(loss_svg(record))


def shapes(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if kind in element.get("class", "").split()]


def points(path: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split() for pair in str(path.get("d")).strip("MZ").split("L"))]


def test_picture_of_a_run() -> None:
    """Band, line, epochs and every measured accuracy are in the picture."""
    root = picture(finished_record())
    assert len([line for line in shapes(root, "epoch") if line.tag == f"{SVG}line"]) == 3
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert "69.39 % of 10,000 test images" in texts
    assert "69.4 %" in texts
    assert {"loss", "iteration", "test accuracy", "epoch 4", "100 %"} <= set(texts)
    assert len(shapes(root, "mark")) == 4 + 1, "four measurements and the legend's"


@pytest.mark.parametrize("iterations", [1, 2, 399, 400, 401, 100_000])
def test_picture_of_bounded_size(iterations: int) -> None:
    """However long the run, the picture holds a few hundred points, within its frame."""
    losses = np.random.default_rng(0).random(iterations).astype(np.float32)
    root = picture(with_losses(losses))
    drawn = [point for path in shapes(root, "curve") if path.get("d") for point in points(path)]
    drawn += [(float(str(dot.get("cx"))), float(str(dot.get("cy")))) for dot in shapes(root, "dot")]
    assert min(iterations, 200) <= len(drawn) <= 400
    assert all(72 <= x <= 884 and 124 <= y <= 476 for x, y in drawn)


def test_spike_is_kept() -> None:
    """One iteration among 100,000 whose loss jumps up is seen at its height."""
    losses = np.ones(100_000, dtype=np.float32)
    losses[70_000] = 5
    (band,) = [path for path in shapes(picture(with_losses(losses)), "band") if path.get("d")]
    top = min(points(band), key=lambda point: point[1])
    assert top[0] == pytest.approx(72 + 812 * 0.7, abs=3)
    assert top[1] == 124


def test_gap_where_losses_are_not_numbers() -> None:
    """Losses that are not finite are a gap, and their number is said."""
    losses = np.ones(100, dtype=np.float32)
    losses[40:50] = np.nan
    losses[45] = np.inf
    root = picture(with_losses(losses))
    lines = [points(path) for path in shapes(root, "curve") if path.get("d")]
    assert [len(line) for line in lines] == [40, 50]
    assert "10 not finite" in [element.text for element in root.iter(f"{SVG}text")]


def test_accuracies_are_thinned() -> None:
    """A thousand epochs do not become a thousand hairlines and labels; the newest accuracy is always told."""
    root = picture(finished_record(epochs=1_000, batches=3))
    assert len(shapes(root, "epoch")) <= 40
    assert len(shapes(root, "mark")) <= 201
    labels = [element for element in shapes(root, "accuracy") if element.tag == f"{SVG}text"]
    assert labels[0].text == "69.4 %"
    places = [float(str(label.get("x"))) for label in labels]
    assert all(newer - older > 40 for newer, older in pairwise(places)), "no number covers another"


@given(st.lists(st.floats(width=32), max_size=30))
def test_any_losses_make_a_picture(values: list[float]) -> None:
    """Whatever the losses are, the picture is XML with finite numbers in it."""
    text = loss_svg(with_losses(np.array(values, dtype=np.float32)))
    ElementTree.fromstring(text)
    assert not re.search(r'="[^"]*(nan|inf)', text)


def test_hostile_text_in_the_picture() -> None:
    """Names are text in the picture, cropped where they would not fit, and it stays XML."""
    root = picture(hostile_record())
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        *("svg", "title", "style", "rect", "text", "line", "path"),
    }
    for element in root.iter(f"{SVG}text"):
        assert len(str(element.text)) < 130


# Files


def test_files_of_the_bundle(tmp_path: Path) -> None:
    """The four files are written to a folder that is made for them, and nothing else is left there."""
    paths = export.write_bundle(finished_record(), tmp_path / "new" / "folder")
    assert [path.name for path in paths] == list(FILES) == [*("summary.json", "loss.csv", "loss.svg", "report.md")]
    assert sorted((tmp_path / "new" / "folder").iterdir()) == sorted(paths)


def test_written_again(tmp_path: Path) -> None:
    """A bundle may be written again over itself."""
    export.write_bundle(live_record(1_000), tmp_path)
    files = written(finished_record(), tmp_path)
    assert json.loads(files["summary.json"])["status"] == "completed"


def test_other_run_is_not_overwritten(tmp_path: Path) -> None:
    """The bundle of another run stays as it is."""
    before = written(finished_record(name="other"), tmp_path)
    with pytest.raises(RunFolderError, match=r"holds the files of another run, other\. Choose another folder"):
        export.write_bundle(finished_record(), tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", ["[1, 2]", "{}", "not JSON", '{"name": 3}'])
def test_summary_of_something_else_is_not_overwritten(tmp_path: Path, content: str) -> None:
    """A summary.json of another program stays as it is."""
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"holds a summary\.json that is not the summary of a run"):
        export.write_bundle(finished_record(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_export_onto_a_file(tmp_path: Path) -> None:
    """If there is a file in the place of the folder, the message says so."""
    (tmp_path / "to").write_text("mine")
    with pytest.raises(RunFolderError, match=r"to is a file, not a folder\. Choose another folder\."):
        export.write_bundle(finished_record(), tmp_path / "to")


def _a_file_in_the_way(folder: Path) -> None:
    folder.write_text("mine")


def _a_folder_in_the_way(folder: Path) -> None:
    (folder / "loss.csv").mkdir(parents=True)
    (folder / "loss.csv" / "mine").write_text("mine")


@pytest.mark.parametrize("obstacle", [_a_file_in_the_way, _a_folder_in_the_way])
def test_folder_that_cannot_be_written(tmp_path: Path, obstacle: Callable[[Path], None]) -> None:
    """What is in the way stays, nothing half-written is left, and the message names the place and a way out."""
    folder = tmp_path / "to"
    obstacle(folder)
    with pytest.raises(RunFolderError, match=r"to.*Choose another folder"):
        export.write_bundle(finished_record(), folder)
    assert "mine" in [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not list(tmp_path.rglob(".*"))


def test_disk_full_leaves_the_old_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full the files that were there stay whole."""
    before = written(finished_record(), tmp_path)

    def full(descriptor: int, content: bytes) -> int:
        write(descriptor, content[:1])
        raise OSError(28, "No space left on device")

    write = os.write
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RunFolderError, match="No space left on device"):
        export.write_bundle(finished_record(), tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
