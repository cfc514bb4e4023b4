"""Runs compared: groups of seeds, differences, and what is said of chance."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import NoSuchRunError, RunFolderError
from engine.record.comparison.findings import chance
from engine.record.comparison.groups import COLOURS, coloured, letter
from engine.record.event_json import to_json
from engine.record.events import Changed
from engine.use.compared import compared, pair
from tests.saved_runs import CLASSES, answers, save_run

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    return lambda name, *found, **changes: save_run(tmp_path, name, *found, **changes)


def seeds(save: Save, name: str, shares: list[float], **constants: object) -> list[Path]:
    """Save one run for each of `shares`, with the seeds 0, 1, …"""
    return [save(f"{name}-seed{i}", answers(share, i), seed=i, **constants) for i, share in enumerate(shares)]


def test_two_runs_image_by_image(save: Save) -> None:
    """Two runs on the same images are told apart by the images that only one of them gets right."""
    one, other = answers(0.5, 1), answers(0.8, 2)
    found = compared([save("one", one), save("other", other, learning_rate=0.003)])
    assert found.same_images
    assert found.notes == ()
    assert found.pair is not None
    assert found.pair.only_first.tolist() == [i for i in range(400) if one.right[i] and not other.right[i]]
    assert found.pair.both + found.pair.neither + len(found.pair.only_first) + len(found.pair.only_second) == 400
    (finding,) = found.findings
    assert (finding.group, finding.test, finding.p) == ("B", "mcnemar", found.pair.p)
    assert finding.points == pytest.approx(100 * (other.right.mean() - one.right.mean()))
    assert finding.text.startswith(f"B is {finding.points:.1f} points better than A (")
    assert (
        f"the {len(found.pair.only_second)} images that only B gets right against {len(found.pair.only_first)} make"
        in (finding.text)
    )
    assert "very unlikely to be chance (p < 0.001)" in finding.text


def test_only_the_differences(save: Save) -> None:
    """Only constants that differ and matter are differences; all of them are there if they are asked for."""
    first = save("one", learning_rate=0.001, data_dir="here")
    found = compared([first, save("other", answers(0.8), learning_rate=0.003, augmentation="flip", data_dir="there")])
    assert [(each.label, each.values) for each in found.differing] == [
        ("learning rate", ("0.001", "0.003")),
        ("augmentation", ("none", "flip")),
    ]
    everything = {each.name: each.values for each in found.constants}
    assert everything["data_dir"] == ("here", "there")
    assert everything["batch_size"] == ("32 images", "32 images")
    assert everything["images"] == ("made up 5a5a5a5a",) * 2
    assert "name" not in everything


def test_runs_of_an_older_version(save: Save) -> None:
    """A constant that a run's version did not have counts as its default."""
    old = save("old")
    journal = old / "events.jsonl"
    journal.write_text(journal.read_text().replace('"patience":0,', ""))
    assert compared([old, save("new", answers(0.8))]).differing == ()


def test_seeds_are_grouped_by_themselves(save: Save) -> None:
    """Runs that differ only in the seed are one column; two such groups are compared by Welch's test over the seeds."""
    slow = seeds(save, "slow", [0.5, 0.52, 0.51])
    fast = seeds(save, "fast", [0.7, 0.72, 0.71], learning_rate=0.003)
    found = compared([slow[0], fast[0], *slow[1:], *fast[1:]])
    first = found.groups[0]
    assert [(group.letter, group.name, group.seeds) for group in found.groups] == [
        ("A", "slow", "3 seeds"),
        ("B", "fast", "3 seeds"),
    ]
    assert first.spread is not None
    accuracies = [run.record.accuracy for run in first.runs]
    assert first.accuracy == pytest.approx(sum(a for a in accuracies if a is not None) / 3)
    (finding,) = found.findings
    assert finding.test == "welch"
    assert "which 3 seeds each make" in finding.text
    assert found.pair is not None
    assert found.pair.first.seed == found.pair.second.seed == 0
    assert [each.label for each in found.differing] == ["learning rate"]
    assert next(each.values for each in found.constants if each.name == "seed") == ("0–2", "0–2")
    assert found.told[1].startswith(f"A: {first.spread.mean:.2f} % ± {first.spread.deviation:.2f} over 3 seeds; ")


def test_seeds_alone(save: Save) -> None:
    """Runs with five seeds and nothing else different have a mean, a standard deviation and an interval."""
    found = compared(seeds(save, "calm", [0.6, 0.62, 0.64, 0.61, 0.63]))
    (group,) = found.groups
    assert (group.name, group.seeds, found.findings) == ("calm", "5 seeds", ())
    assert len(found.told) == 1
    assert "over 5 seeds; 95 % interval of the mean " in found.told[0]


def test_the_same_seed_twice(save: Save) -> None:
    """A second run with the same constants and the same seed is no evidence, and is left out with a note."""
    found = compared([save("one"), save("two"), save("three", answers(0.8), learning_rate=0.003)])
    assert [len(group.runs) for group in found.groups] == [1, 1]
    assert "two has the constants and the seed of one: only that one counts." in found.notes


def test_several_groups_are_adjusted_for_their_number(save: Save) -> None:
    """With more than two groups the p-values are adjusted, and each group is compared with the first."""
    a, b = seeds(save, "a", [0.5, 0.52, 0.51]), seeds(save, "b", [0.55, 0.5, 0.6], learning_rate=0.003)
    c = seeds(save, "c", [0.58, 0.6, 0.62], learning_rate=0.01)
    alone = compared([*a, *c]).findings[0].p
    found = compared([*a, *b, *c])
    assert [each.group for each in found.findings] == ["B", "C"]
    assert alone is not None
    assert found.findings[1].p == pytest.approx(2 * alone)
    assert "adjusted for 2 tests" in found.findings[1].text
    assert found.pair is None


def test_classes_with_the_largest_change_first(save: Save) -> None:
    """Accuracy by class stands side by side, sorted by how much it changed, for better or worse."""
    better = answers(0.8, 2)
    cats = np.flatnonzero(better.labels == CLASSES.index("cat"))
    better.predicted[cats] = CLASSES.index("bird")
    found = compared([save("one", answers(0.5, 1)), save("other", better, epochs=3)])
    assert found.classes[0].name == "cat"
    assert (found.classes[0].change or 0) < 0
    assert {row.name for row in found.classes} == set(CLASSES)
    changes = [abs(row.change or 0) for row in found.classes]
    assert changes == sorted(changes, reverse=True)
    for row in found.classes:
        before, after = row.accuracies
        assert before is not None
        assert after is not None
        assert row.change == pytest.approx(after - before)


def test_different_images_are_never_compared_without_saying_so(save: Save) -> None:
    """With other images the first note says so, nothing is tested, and no run is called better."""
    found = compared([save("one"), save("other", answers(0.9), fingerprint="c0" * 32, learning_rate=0.003)])
    assert not found.same_images
    assert found.notes[0] == (
        "Not the same images: 1 run the test images of made up (5a5a5a5a), 1 run the test images of made up (c0c0c0c0)."
        " Their accuracies do not compare."
    )
    (finding,) = found.findings
    assert (finding.points, finding.p) == (None, None)
    assert "but not of the same images" in finding.text
    assert "better" not in finding.text
    assert found.pair is None
    assert "images" in [each.name for each in found.differing]
    with pytest.raises(RunFolderError, match="not evaluated on the same images"):
        pair(*found.runs)


def test_without_kept_predictions(save: Save) -> None:
    """Two single runs that kept no predictions are compared with the standard error of the test images, and say so."""
    found = compared([save("one", keeps=False), save("other", answers(0.8), keeps=False, learning_rate=0.003)])
    assert "Without a look at single images: Of the evaluation after iteration 200" in found.notes[0]
    assert found.findings[0].p is None
    assert "; the choice of test images alone makes ± " in found.findings[0].text
    assert found.findings[0].text.endswith(", that of the seed more.")


def test_a_run_with_itself(save: Save) -> None:
    """A run is not compared with itself, whatever way it is named; beside another run it counts once."""
    one = save("one")
    link = one.with_name("link")
    link.symlink_to(one)
    with pytest.raises(NoSuchRunError, match=r"one cannot be compared with itself\. Name another run\."):
        compared([one, link])
    found = compared([one, save("other", answers(0.8), epochs=3), one])
    assert [run.name for run in found.runs] == ["one", "other"]
    assert "A run that was named twice counts once." in found.notes


def test_one_run_beside_a_group(save: Save) -> None:
    """A single run beside several seeds is not tested: neither over seeds, nor by the images of one of them."""
    found = compared([save("one", answers(0.5)), *seeds(save, "fast", [0.7, 0.72, 0.71], learning_rate=0.003)])
    (finding,) = found.findings
    assert found.pair is not None
    assert (finding.test, finding.p) == ("", None)
    assert "that of the seed ± " in finding.text


@pytest.mark.parametrize(
    ("other", "groups"),
    [
        ({"threads": 2}, 1),
        ({"device": "cpu"}, 1),
        ({"data_dir": "there"}, 1),
        ({"data": "elsewhere"}, 1),
        ({"precision": "bfloat16"}, 2),
        ({"epochs": 3}, 2),
        ({"fingerprint": "c0" * 32}, 2),
    ],
)
def test_what_makes_a_group(other: dict[str, Any], groups: int, save: Save) -> None:
    """Where runs computed and lay makes no other group of seeds; any constant of the training does, and the images."""
    found = compared([save("one"), save("other", answers(0.8), seed=1, **other)])
    assert len(found.groups) == groups


def test_runs_that_are_called_alike(tmp_path: Path) -> None:
    """Runs of one name in two folders are told apart by the folders."""
    here = save_run(tmp_path / "monday", "calm")
    found = compared([here, save_run(tmp_path / "tuesday", "calm", answers(0.8), epochs=3)])
    assert [run.name for run in found.runs] == ["monday/calm", "tuesday/calm"]


def test_runs_that_are_equally_good(save: Save) -> None:
    """The same accuracy is said as such, and nothing of chance."""
    found = compared([save("one", answers(0.7)), save("other", answers(0.7), learning_rate=0.003)])
    assert found.findings[0].p == 1
    assert found.findings[0].text == f"B is as good as A ({found.groups[0].accuracy:.2f} %)."


def test_constants_that_changed_while_a_run_trained(save: Save) -> None:
    """A learning rate that was changed on the way is a difference, and such a run is no other seed of the others."""
    steered = save("steered", seed=1)
    events = (steered / "events.jsonl").read_bytes().splitlines(keepends=True)
    for iteration, before, after in ((120, 0.001, 0.0005), (150, 0.0005, 0.0001), (150, 0.0005, 0.0003)):
        changed = Changed(seconds=3.3, iteration=iteration, name="learning_rate", before=before, after=after)
        events.insert(-2, to_json(changed) + b"\n")
    (steered / "events.jsonl").write_bytes(b"".join(events))
    found = compared([save("one"), steered])
    assert len(found.groups) == 2
    assert next(each.values for each in found.differing if each.name == "learning_rate") == (
        "0.001",
        "0.001 → 0.0005 at 120 → 0.0003 at 150",
    )


def test_runs_that_cannot_be_compared(save: Save, tmp_path: Path) -> None:
    """A damaged run and an empty one are left out with the reason; if fewer than two remain, that is the error."""
    good, damaged, empty = save("good"), save("damaged"), save("empty")
    (damaged / "events.jsonl").write_text("nonsense\n")
    for file in ("events.jsonl", "losses.f32"):
        (empty / file).write_bytes(b"")
    found = compared([good, damaged, empty, save("other", answers(0.8), epochs=3)])
    assert [run.name for run in found.runs] == ["good", "other"]
    assert f"damaged is left out: {damaged}/events.jsonl, line 1: not an event of this version." in found.notes
    assert "empty is left out: it has not begun to train." in found.notes
    with pytest.raises(RunFolderError, match=r"There are not two runs that can be compared\.\ndamaged is left out: "):
        compared([good, damaged])
    shutil.rmtree(damaged)
    with pytest.raises(RunFolderError, match="damaged is not the folder of a run"):
        compared([good, damaged])


def test_a_run_that_is_not_over(save: Save) -> None:
    """An interrupted run counts as far as it got, which is said, and is never one of a group of seeds."""
    found = compared([save("one"), save("half", status="interrupted", seed=1)])
    assert len(found.groups) == 2
    assert "half is interrupted: it counts as it was at iteration 100 of 200." in found.notes


def test_fifty_runs(save: Save) -> None:
    """Fifty runs are compared, each with a letter; only where fifty differ is a constant a difference."""
    runs = [save(f"run-{i}", answers(0.5 + i / 100, i), keeps=False, learning_rate=0.001 * (i + 1)) for i in range(50)]
    found = compared(runs)
    assert [group.letter for group in found.groups][24:30] == ["Y", "Z", "AA", "AB", "AC", "AD"]
    assert [each.label for each in found.differing] == ["learning rate"]
    assert len(found.findings) == 49


@given(st.lists(st.text(min_size=1), unique=True, max_size=20))
def test_each_run_keeps_its_colour(names: list[str]) -> None:
    """A run alone has the colour of its name; beside others that is moved only where two would have the same."""
    colours = coloured(names)
    assert all(0 <= colour < COLOURS for colour in colours)
    few = colours[:COLOURS]
    assert len(set(few)) == len(few)
    if names:
        assert colours[0] == coloured(names[:1])[0]
    assert [coloured(names[:n])[n - 1] for n in range(1, len(names) + 1)] == colours


def test_words_for_chance() -> None:
    """How sure one can be is said in words, in three steps."""
    assert chance(0.0001, "5 seeds each") == "which 5 seeds each make very unlikely to be chance"
    assert chance(0.004, "5 seeds each") == "which 5 seeds each make unlikely to be chance"
    assert chance(0.05, "5 seeds each") == "but 5 seeds each leave it possible that this is chance"
    assert [letter(i) for i in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
