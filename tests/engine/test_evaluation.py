"""From predictions to accuracies."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.record.evaluation import Evaluation, confusion_matrix


@given(st.integers(2, 12), st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_confusion_matrix_counts(classes: int, images: int, seed: int) -> None:
    """Every test image is counted once, in the row of its class and the column of what it was taken for."""
    generator = np.random.default_rng(seed)
    labels, predictions = generator.integers(0, classes, (2, images))
    matrix = confusion_matrix(labels, predictions, classes)
    for true in range(classes):
        for predicted in range(classes):
            assert matrix[true][predicted] == int(((labels == true) & (predictions == predicted)).sum())
    evaluation = Evaluation(tuple(map(str, range(classes))), matrix)
    assert evaluation.total == images
    assert evaluation.correct == int((labels == predictions).sum())
    assert sum(one.total for one in evaluation.per_class) == images


def test_accuracy_and_confusions() -> None:
    """Accuracies are percentages, a class without images has none, and the worst confusions come first."""
    evaluation = Evaluation(("cat", "dog", "ship"), ((6, 4, 0), (1, 8, 1), (0, 0, 0)))
    assert evaluation.accuracy == 70.0
    assert [one.accuracy for one in evaluation.per_class] == [60.0, 80.0, 0.0]
    assert [(c.true, c.predicted, c.count) for c in evaluation.most_confused(2)] == [
        ("cat", "dog", 4),
        ("dog", "cat", 1),
    ]
    assert len(evaluation.most_confused(99)) == 3
