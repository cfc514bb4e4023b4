"""What follows from an evaluation: against plain loops on small arrays, and against cases computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.record.classified import ORDERS, chosen
from engine.record.metrics.calibration import BINS, calibration
from engine.record.metrics.precision import Scores, scores
from engine.record.metrics.standard_error import standard_error
from engine.record.metrics.suspicious import suspicious
from engine.record.metrics.top import top_accuracy
from tests.classified import classified, made_up


def test_an_image_by_hand() -> None:
    """Confidence, loss and margin of an image that was recognised and of one that was not."""
    found = classified([0, 2], [[0.7, 0.2, 0.1], [0.6, 0.1, 0.3]])
    assert found.right.tolist() == [True, False]
    assert found.confidence.tolist() == pytest.approx([0.7, 0.6])
    assert found.losses.tolist() == pytest.approx([-math.log(0.7), -math.log(0.3)])
    assert found.margin.tolist() == pytest.approx([0.5, 0.3])


def test_impossible_label_has_a_finite_loss() -> None:
    """A label whose probability is rounded to 0 has a loss that can be shown and sorted."""
    found = classified([1, 0], [[1.0, 0.0], [1.0, 0.0]])
    assert found.losses.tolist() == pytest.approx([25 * math.log(2), 0])


def test_orders_by_hand() -> None:
    """Each order begins with the image that its name means, and equal images keep their own order."""
    found = classified(
        [0, 0, 0, 0, 1, 1],
        [[0.9, 0.1, 0], [0.5, 0.4, 0.1], [0.05, 0.9, 0.05], [0.4, 0.35, 0.25], [0.45, 0.4, 0.15], [0.45, 0.4, 0.15]],
    )
    assert {order: chosen(found, order).tolist() for order in ORDERS} == {
        "surely wrong": [2, 4, 5],
        "barely wrong": [4, 5, 2],
        "barely right": [3, 1, 0],
        "surely right": [0, 1, 3],
    }
    assert chosen(found, "surely wrong", true=1).tolist() == [4, 5]
    assert chosen(found, "surely wrong", predicted=1).tolist() == [2]
    assert chosen(found, "barely right", true=1).tolist() == []


@given(st.integers(1, 8), st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_orders_divide_the_images(classes: int, images: int, seed: int) -> None:
    """Every image is either recognised or a mistake, sorted by its loss or margin."""
    found = made_up(images, classes, seed)
    for right, (first, second) in ((True, ("surely right", "barely right")), (False, ("surely wrong", "barely wrong"))):
        surely, barely = chosen(found, first), chosen(found, second)  # type: ignore[arg-type]
        assert sorted(surely) == sorted(barely) == [i for i in range(images) if found.right[i] == right]
        assert (np.diff(found.losses[surely]) * (1 if right else -1) >= 0).all()
        assert (np.diff(found.margin[barely]) >= 0).all()


def test_scores_by_hand() -> None:
    """Precision, recall and F1; none for a class that no image is of, or that none was taken for."""
    cat, dog, ship = scores(((6, 4, 0), (2, 8, 0), (0, 0, 0)))
    assert [cat.precision, cat.recall, cat.f1] == pytest.approx([75.0, 60.0, 66.6666667])
    assert [dog.precision, dog.recall, dog.f1] == pytest.approx([66.6666667, 80.0, 72.7272727])
    assert ship == Scores(None, None, None)
    assert scores(((0, 3), (0, 0))) == (Scores(None, 0.0, 0.0), Scores(0.0, None, 0.0))


def test_standard_error_by_hand() -> None:
    """Half a point at 68 % of 10,000 images."""
    assert standard_error(6_800, 10_000) == pytest.approx(0.4665, abs=1e-4)
    assert (standard_error(10, 10), standard_error(0, 0)) == (0.0, 0.0)


@given(st.integers(1, 8), st.integers(1, 60), st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_top_accuracy(classes: int, images: int, seed: int, among: int) -> None:
    """A label counts if it is among the most probable classes; the lower index wins a tie."""
    found = made_up(images, classes, seed)
    hits = 0
    for i in range(images):
        row = found.probabilities[i].tolist()
        ranked = sorted(range(classes), key=lambda k: (-row[k], k))
        hits += found.labels[i] in ranked[:among] or found.labels[i] == found.predicted[i]
    assert top_accuracy(found, among) == pytest.approx(100 * hits / images)


@given(st.integers(1, 8), st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_calibration(classes: int, images: int, seed: int) -> None:
    """Each image is in the bin of its confidence; the error weighs the gaps by their images."""
    found = made_up(images, classes, seed)
    bins: list[list[int]] = [[] for _ in range(BINS)]
    for i, confidence in enumerate(found.confidence.tolist()):
        bins[next(b for b in range(BINS) if confidence <= (b + 1) / BINS or b == BINS - 1)].append(i)
    result = calibration(found)
    assert result.counts.tolist() == [len(members) for members in bins]
    error = 0.0
    for b, members in enumerate(bins):
        if not members:
            assert math.isnan(result.confidence[b])
            assert math.isnan(result.accuracy[b])
            continue
        confidence = sum(found.confidence[i].item() for i in members) / len(members)
        accuracy = sum(found.right[i].item() for i in members) / len(members)
        assert result.confidence[b] == pytest.approx(100 * confidence)
        assert result.accuracy[b] == pytest.approx(100 * accuracy)
        error += 100 * len(members) / images * abs(accuracy - confidence)
    assert result.error == pytest.approx(error)


def test_calibration_by_hand() -> None:
    """Two images of which the network is sure, one of them wrong: 45 points apart in one bin of 15."""
    result = calibration(classified([0, 1], [[0.95, 0.05], [0.95, 0.05]]))
    assert result.counts[14] == 2
    assert (result.confidence[14], result.accuracy[14]) == (pytest.approx(95), 50)
    assert result.error == pytest.approx(45)


def test_suspicious_by_hand() -> None:
    """An image that looks more like another class than that class's own images do is suspicious, the worst first."""
    found = classified(
        [0, 0, 0, 1, 1, 1],
        [[0.8, 0.2], [0.7, 0.3], [0.3, 0.7], [0.2, 0.8], [0.5, 0.5], [0.9, 0.1]],
    )
    # The thresholds are 0.6 of class 0 and 0.4667 of class 1.
    result = suspicious(found)
    assert result.indices.tolist() == [5, 2]
    assert result.classes.tolist() == [0, 1]


@given(st.integers(1, 8), st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_suspicious(classes: int, images: int, seed: int) -> None:
    """The confident joint, written as plain loops."""
    found = made_up(images, classes, seed)
    rows, labels = found.probabilities.astype(float).tolist(), found.labels.tolist()
    thresholds = {}
    for k in set(labels):
        own = [rows[i][k] for i in range(images) if labels[i] == k]
        thresholds[k] = math.fsum(own) / len(own)
    expected = []
    for i in range(images):
        candidates = [k for k in thresholds if rows[i][k] >= thresholds[k] - 1e-12]
        if candidates:
            likely = max(sorted(candidates), key=lambda k: rows[i][k])
            if likely != labels[i]:
                expected.append((rows[i][labels[i]], i, likely))
    result = suspicious(found)
    assert list(zip(result.indices.tolist(), result.classes.tolist(), strict=True)) == [
        (i, likely) for _, i, likely in sorted(expected)
    ]
