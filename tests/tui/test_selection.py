"""Which images a gallery shows, and what stands under them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.record.metrics.suspicious import suspicious
from engine.use.numbered import Numbered
from tests.classified import made_up
from tests.records import CLASSES, finished_record
from tests.tui.test_gallery import FOLDER, Kept, with_predictions
from tui.screens.exhibit import Exhibit, Sources, history
from tui.screens.selection import Mode, Selection
from tui.widgets.tiles import Captions, Tiles, percent

FOUND = made_up(300, 4)


@pytest.mark.parametrize("true", [None, 1])
@pytest.mark.parametrize("predicted", [None, 2])
def test_suspicious_images_of_a_class(true: int | None, predicted: int | None) -> None:
    """Suspicious labels can be looked at by the label they have and by the class they probably are."""
    joint = suspicious(FOUND)
    expected = [
        (i, k)
        for i, k in zip(joint.indices.tolist(), joint.classes.tolist(), strict=True)
        if (true is None or FOUND.labels[i] == true) and (predicted is None or k == predicted)
    ]
    found = Selection("suspicious", true, predicted).of(FOUND)
    assert list(zip(found.indices.tolist(), found.taken.tolist(), strict=True)) == expected
    assert expected


def test_recognised_images_of_a_class() -> None:
    """A recognised image was taken for its class, so the one that is asked for is the true one."""
    for selection in (
        Selection("surely right", 1),
        Selection("surely right", 1, 2),
        Selection("barely right", None, 1),
    ):
        found = selection.of(FOUND)
        assert sorted(found.indices.tolist()) == np.flatnonzero((FOUND.labels == 1) & (FOUND.predicted == 1)).tolist()


@pytest.mark.parametrize(
    ("mode", "true", "predicted", "told"),
    [
        ("surely wrong", None, None, "all classes · 1,204 mistakes"),
        ("surely wrong", 3, None, "cat taken for others · 1,204 mistakes"),
        ("barely wrong", None, 5, "others taken for dog · 1,204 mistakes"),
        ("barely wrong", 3, 5, "cat taken for dog · 1,204 mistakes"),
        ("surely right", 3, 5, "cat · 1,204 recognised"),
        ("barely right", None, None, "all classes · 1,204 recognised"),
        ("suspicious", None, None, "labels, perhaps wrong · 1,204 images"),
        ("suspicious", 3, 5, "labelled cat, perhaps dog · 1,204 images"),
    ],
)
def test_a_selection_in_words(mode: Mode, true: int | None, predicted: int | None, told: str) -> None:
    """The title says what is shown."""
    assert Selection(mode, true, predicted).told(CLASSES, 1_204) == told


def test_one_mistake_is_one() -> None:
    """The number agrees with its noun."""
    assert Selection().told(CLASSES, 1) == "all classes · 1 mistake"


def test_history_ends_with_the_evaluation_shown() -> None:
    """What an image was taken for is told up to the evaluation that is looked at, without what is no longer kept."""
    kept, record = Kept(), with_predictions(finished_record())
    kept.damaged = {0}
    shown = Exhibit(record, FOLDER, 2, kept.classified(FOLDER, record, 2), Numbered("test", 400))
    found = history(shown, kept.sources)
    assert [when for when, _ in found] == ["epoch 2", "epoch 3"]
    assert np.array_equal(found[1][1], kept.classified(FOLDER, record, 2).predicted)
    record.evaluations[1] = replace(record.evaluations[1], split="validation")
    assert [when for when, _ in history(shown, kept.sources)] == ["epoch 3"]
    assert Sources() == Sources()


def tiles(names: tuple[str, ...], true: int, taken: int, share: float, *, doubted: bool = False) -> Tiles:
    """Return one image."""
    one = np.array([0])
    return Tiles(
        names, one, one + true, one + taken, np.array([share], np.float32), Numbered("test", 1), doubted=doubted
    )


def caption(*parts: object, cells: int = 17, **changes: bool) -> str:
    given = tiles(*parts, **changes)  # type: ignore[arg-type]
    return "".join(text for text, _ in Captions(given.names).under(given, 0, cells))


@pytest.mark.parametrize(
    ("names", "share", "expected"),
    [
        (("cat", "dog"), 0.998, "cat→dog    99.8 %"),
        (("cat", "dog"), 0.99999, "cat→dog     100 %"),
        (("frog", "airplane"), 0.876, "frog→airplan 88 %"),
        (("frog", "airplane"), 0.9961, "frog→airplan 99 %"),
        (("automobile", "cat"), 0.5, "automobi→cat 50 %"),
        (("automobile", "airplane"), 0.5, "autom→airpla 50 %"),
        (("my_heron_photos", "my_egret_photos"), 0.5, "…hero→…egre… 50 %"),
    ],
)
def test_a_caption_has_room_for_both_classes(names: tuple[str, str], share: float, expected: str) -> None:
    """Names are whole if they fit, then the decimal goes, and then they are shortened to what tells them apart."""
    found = caption(names, 0, 1, share)
    assert cell_len(found) == 17
    if not names[0].startswith("my_"):
        assert found == expected
    else:
        assert "heron"[:2] in found
        assert "egret"[:2] in found


def test_other_captions() -> None:
    """A recognised image has one name; a label in doubt has a question mark."""
    assert caption(("cat", "dog"), 1, 1, 0.75) == "dog        75.0 %"
    assert caption(("cat", "dog"), 0, 1, 0.75, doubted=True) == "cat→dog?   75.0 %"


@given(st.lists(st.text(min_size=1), min_size=2, max_size=5, unique=True), st.floats(0, 1), st.booleans())
def test_captions_fit(names: list[str], share: float, doubted: bool) -> None:
    """Whatever the classes are called, a caption keeps to its place."""
    assert cell_len(caption(tuple(names), 0, 1, share, doubted=doubted)) == 17
    assert cell_len(caption(tuple(names), 1, 1, share)) == 17


def test_percents() -> None:
    """Only what is certain when rounded is 100 %."""
    shares = (100, 99.96, 99.94, 99.6, 0)
    assert [percent(share) for share in shares] == ["100 %", "100 %", "99.9 %", "99.6 %", "0.0 %"]
    assert [percent(share, decimals=0) for share in shares] == ["100 %", "100 %", "99 %", "99 %", "0 %"]


def test_numbers_in_place_of_names() -> None:
    """Images that are not files are numbered from 0."""
    names = Numbered("test", 10_000)
    assert names[4_713] == "test image 4,713"
    assert names[-1] == "test image 9,999"
    assert list(names[:2]) == ["test image 0", "test image 1"]
    assert len(names) == 10_000
    with pytest.raises(IndexError):
        names[10_000]
