from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from engine.charts.svg import Heading, svg
from tests.charts import RateChart

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
