"""Draw losses that no run should have, at every size. Run outside pytest, because a native abort ends the process.

Ends with the number of cases on standard output.
"""

from __future__ import annotations

import asyncio
import sys
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from textual.app import App, ComposeResult

from engine.charts.loss import LossCurve
from engine.charts.svg import Heading, svg
from tests.charts import EpochAccuracy
from tui.charts.cells import CellPicture
from tui.charts.kinds.loss import LossChart

ODD = [np.nan, np.inf, -np.inf, 1e38, -1e38, 3.4e38, -3.4e38, 1e-38, 1e-45, -1e-45, 0.0, -0.0, 1.0, -1.0, 2.3026]


def losses_for(random: np.random.Generator) -> NDArray[np.float32]:
    length = int(random.choice([0, 1, 2, 3, 10, 100, 1_000, 20_000]))
    losses = random.normal(1, 0.3, length)
    kind = random.integers(5)
    if kind == 1:
        losses = random.choice(ODD, length)
    elif kind == 2:
        losses = np.full(length, random.choice(ODD))
    elif kind == 3 and length:
        losses[random.integers(0, length, 1 + length // 10)] = random.choice(ODD)
    elif kind == 4:
        losses = np.sign(losses) * 10.0 ** random.uniform(-45, 38, length)
    with np.errstate(over="ignore"):
        return losses.astype(np.float32)


def accuracies_for(random: np.random.Generator, iterations: int) -> list[EpochAccuracy]:
    count = int(random.choice([0, 1, 4, 300]))
    return [
        EpochAccuracy(int(iteration), float(random.choice([0.0, 10.0, 69.39, 100.0, np.nan, -5.0])))
        for iteration in np.sort(random.integers(0, iterations + 10, count))
    ]


def draw_plot(random: np.random.Generator) -> None:
    rows, columns = 1 + int(random.integers(100) * random.random()), 1 + int(random.integers(300) * random.random())
    losses = losses_for(random)
    iterations = max(1, int(len(losses) * random.choice([0.5, 1, 3])))
    curve = LossCurve(iterations, int(random.integers(1, iterations + 1)))
    choose_modes(random, curve)
    accuracies = accuracies_for(random, iterations)
    picture = CellPicture(rows, columns)
    for part in [*sorted(random.random(3)), 1]:
        curve.show(losses[: int(part * len(losses))], accuracies[: int(part * len(accuracies))])
        picture.draw(curve)
    assert picture.glyphs.shape == picture.colours.shape == (rows, columns)
    ElementTree.fromstring(svg(curve, Heading("name", "result", "about")))


def choose_modes(random: np.random.Generator, curve: LossCurve) -> None:
    for _ in range(int(random.integers(4))):
        curve.next_window()
    curve.log_scale = bool(random.integers(2))
    curve.smooth(int(random.integers(-20, 20)))


class ChartApp(App[None]):
    def compose(self) -> ComposeResult:
        yield LossChart()


async def show_widgets(random: np.random.Generator, cases: int) -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 24)) as pilot:
        chart = app.query_one(LossChart)
        for _ in range(cases):
            losses = losses_for(random)
            await pilot.resize_terminal(int(random.integers(1, 301)), int(random.integers(1, 101)))
            chart.styles.width, chart.styles.height = int(random.integers(0, 301)), int(random.integers(0, 101))
            chart.start(max(1, len(losses)), int(random.integers(1, 2_000)))
            choose_modes(random, chart.curve)
            for part in (0.3, 0.6, 1):
                chart.show(losses[: int(part * len(losses))], accuracies_for(random, len(losses)))
                await pilot.pause()


def main(plots: int, widgets: int) -> None:
    random = np.random.default_rng(20250)
    for _ in range(plots):
        draw_plot(random)
    asyncio.run(show_widgets(random, widgets))
    sys.stdout.write(f"{plots + widgets} cases\n")


if __name__ == "__main__":
    main(plots=int(sys.argv[1]), widgets=int(sys.argv[2]))
