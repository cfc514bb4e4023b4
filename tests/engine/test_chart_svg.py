from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from engine.charts.loss import LossCurve
from engine.charts.svg import Heading, svg
from tests.charts import EpochAccuracy, RateChart

SVG = "{http://www.w3.org/2000/svg}"


def test_any_chart_becomes_a_picture() -> None:
    """A chart with other axes and layers than the loss chart's needs no drawing of its own."""
    root = ElementTree.fromstring(svg(RateChart(), Heading("<finder>", "0.01", "a & b")))
    texts = {element.text for element in root.iter(f"{SVG}text")}
    assert {
        "<finder>",
        "a & b",
        "learning rate",
        "0.0001",
        "0.01",
        "1",
        "chosen",
        "lowest",
        "one rate diverged",
    } <= texts
    (line,) = [path for path in root.iter(f"{SVG}path") if path.get("class") == "curve line"]
    places = [[float(number) for number in pair.split()] for pair in str(line.get("d")).strip("M").split("L")]
    assert len(places) == 13
    steps = [after[0] - before[0] for before, after in pairwise(places)]
    assert steps == pytest.approx([steps[0]] * 12, abs=0.2), "evenly apart on a logarithmic axis"
    assert max(range(13), key=lambda i: places[i][1]) == 8, "the lowest loss is the lowest point"


def test_marks_of_each_kind_are_joined_and_told_apart() -> None:
    """Training accuracy, test accuracy and test loss have a colour and a shape each; no number hides a mark."""
    curve = LossCurve(8, 2)
    epochs = range(2, 9, 2)
    measured = [EpochAccuracy(at, 80, loss=0.5) for at in epochs]
    curve.show(np.ones(8, dtype=np.float32), measured, [EpochAccuracy(at, 84) for at in epochs])
    root = ElementTree.fromstring(svg(curve, Heading("run", "80 %", "about")))
    kinds = [str(path.get("class")).split() for path in root.iter(f"{SVG}path")]
    for colour in ("training", "measured", "accuracy"):
        assert sum(kind[:2] == ["mark", colour] for kind in kinds) == len(epochs) + 1  # and one in the legend
        assert ["trend", colour] in kinds
    assert ["mark", "training", "hollow"] in kinds
    places = [
        marks.split("m")[0]
        for path in root.iter(f"{SVG}path")
        if (marks := str(path.get("d"))[1:]) and path.get("class") == "mark training hollow"
    ]
    highest = min(float(place.split()[1]) for place in places[1:])
    assert all(float(str(text.get("y"))) > highest + 20 for text in root.iter(f"{SVG}text") if text.text == "80.0 %")
