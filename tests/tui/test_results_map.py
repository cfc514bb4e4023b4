"""The results screen: the map and the most confused pairs, their cursors, and the images behind them."""

from __future__ import annotations

import dataclasses

import pytest

from tests.records import (
    CLASSES,
    finished_record,
    run_started,
)
from tests.results_screen import (
    NARROW,
    WIDE,
    ResultsApp,
    details,
    drawn,
    evaluated,
    glyphs,
    settle,
    with_predictions,
)
from tui.widgets.confused_pairs import ConfusedPairs
from tui.widgets.confusion_map import ConfusionMap, shade


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_map_shows_counts(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The map holds every count below the abbreviated name of its column, readable without any colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = ResultsApp(finished_record())
    async with app.run_test(size=size) as pilot:
        if size == NARROW:
            await pilot.press("m")
        await settle(pilot)
        heading, *rows = glyphs(app.map)
        assert [name[:3] for name in heading.split()] == [name[:3] for name in CLASSES]
        evaluation = finished_record().evaluation
        assert evaluation is not None
        for name, counts, row in zip(CLASSES, evaluation.matrix, rows, strict=False):
            assert row.split() == [name, *map(str, counts)]
        assert "cat → dog" in drawn(app)


async def test_map_without_room_for_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the counts do not fit, glyphs show the shares without colour, twice on the diagonal."""
    monkeypatch.setenv("NO_COLOR", "1")
    names = tuple(f"{first}{second}er" for first in "abcde" for second in "aiou")
    dataset = dataclasses.replace(run_started(classes=names).dataset, test_images=20_000)
    record = finished_record(dataset=dataset)
    evaluation = record.evaluation
    assert evaluation is not None
    app = ResultsApp(record)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("m")
        await settle(pilot)
        heading, *rows = glyphs(app.map)
        assert heading.split() == [name[:2] for name in names]
        for index, row in enumerate(rows):
            cells = row[5:][: 3 * len(names)]
            expected = [shade(count, 1_000) for count in evaluation.matrix[index]]
            expected[index] *= 2
            assert [cells[at : at + 3].rstrip() for at in range(0, 60, 3)] == [glyph.strip() for glyph in expected]
        assert "· some  ░ 3  ▒ 10  ▓ 20  █ 40 %" in drawn(app)


def test_shades() -> None:
    """Each glyph begins at the share in the legend; only a count of zero is blank."""
    assert [shade(count, 100) for count in (0, 1, 2, 3, 9, 10, 19, 20, 39, 40, 100)] == list(" ··░░▒▒▓▓██")


async def test_many_long_names() -> None:
    """Forty long names with one prefix stay apart in table, map, pairs and details; rows and columns are numbered."""
    birds = ("heron", "stork", "crane", "ibis")
    names = tuple(f"a_rather_long_prefix_of_{bird}_{i}_photos" for i in range(10) for bird in birds)
    short = [f"…{bird}_{i}…" for i in range(10) for bird in birds]
    app = ResultsApp(finished_record(classes=names))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert sorted(app.column(0)) == sorted(short)
        app.map.choose(0)
        heading, *rows = glyphs(app.map)
        assert heading.split()[:10] == [str(i) for i in range(10)]
        assert [row.split()[:2] for row in rows[:10]] == [[str(i), short[i]] for i in range(10)]
        pair = next(line for line in drawn(app).splitlines() if "…" in line and " → " in line)
        assert {word for word in pair.split() if "…" in word} <= set(short)
        await pilot.press("d")
        await settle(pilot)
        assert sum(name in drawn(app) for name in short) > 10


async def test_map_scrolls() -> None:
    """With a hundred classes the map scrolls to the last one, and its headings stay."""
    names = tuple(f"class {i}" for i in range(100))
    app = ResultsApp(finished_record(classes=names))
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert app.table.row_count == 100
        await pilot.press("m", "home", *["pageup"] * 12)
        await settle(pilot)
        heading, first, *_ = glyphs(app.map)
        assert heading.split()[0] == "0"
        assert first.startswith("class 0 ")
        app.map.scroll_to(x=app.map.max_scroll_x, y=app.map.max_scroll_y, animate=False)
        await settle(pilot)
        heading, *rows = glyphs(app.map)
        assert heading.split()[-1] == "99"
        assert rows[-1].startswith("class 99")
        evaluation = finished_record(classes=names).evaluation
        assert evaluation is not None
        assert rows[-1].split()[-1] == str(evaluation.matrix[99][99])


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_two_classes(size: tuple[int, int]) -> None:
    """Two classes are enough for a table and a map."""
    app = ResultsApp(finished_record(classes=("good", "bad")))
    async with app.run_test(size=size) as pilot:
        await pilot.press("m")
        await settle(pilot)
        heading, *rows = glyphs(app.map)
        assert heading.split() == ["good", "bad"]
        assert [len(row.split()) for row in rows[:2]] == [3, 3]
        assert "good → bad" in drawn(app)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_one_class(size: tuple[int, int]) -> None:
    """A single class is shown in every view."""
    app = ResultsApp(evaluated(("only",), ((7,),), ((8,),)))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert "only" in app.column(0)
        for keys in (["m", "right", "down"], ["h", "left"], ["k"], ["w"], ["t", "tab", "right"], ["d"]):
            await pilot.press(*keys)
            await settle(pilot)
        assert ["only", "7", "100.0", "%", "only", "7", "100.0", "%"] in details(app)


async def test_perfect_model() -> None:
    """A model without a mistake is shown without mistakes."""
    app = ResultsApp(evaluated(("a", "b"), ((5, 0), (0, 5))))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "No class was taken for another." in drawn(app)
        await pilot.press("d")
        await settle(pilot)
        assert ["a", "5", "100.0", "%", "a", "5", "100.0", "%"] in details(app)


async def test_class_without_test_images() -> None:
    """A class that no test image belongs to has no accuracy to divide by."""
    app = ResultsApp(evaluated(("a", "b"), ((5, 1), (0, 0))))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert app.column(3) == ["83.3 %", "0.0 %"]
        await pilot.press("down", "d")
        await settle(pilot)
        assert "0 of 0 test images recognised" in drawn(app)


async def test_cursor_in_the_map() -> None:
    """The arrow keys and the mouse move the cursor of the map, its border tells the cell, and the table follows."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.press("m")
        await settle(pilot)
        assert "ship recognised: 894 of 1,000, 89.4 %" in drawn(app)
        await pilot.press("up", "left", "left", "left")
        assert "horse → dog: 90 of 1,000, 9.0 %" in drawn(app)
        reversed_cells = [s.text for s in app.map.render_line(8) if s.style and s.style.reverse]
        assert [text.strip() for text in reversed_cells] == ["90"]
        await pilot.press("end", "down", "down", "down")
        assert "truck recognised: 774 of 1,000" in drawn(app), "the cursor stays inside"
        await pilot.click(ConfusionMap, offset=(8 + 7 * 4, 3 + 2))
        assert "cat → deer: 58" in drawn(app)
        await pilot.press("t")
        assert app.table.class_index == CLASSES.index("cat")


async def test_cursor_scrolls_the_map() -> None:
    """With a thousand classes the cursor reaches the last cell, and the map scrolls with it."""
    app = ResultsApp(finished_record(classes=tuple(f"class {i}" for i in range(1_000))))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("m", "end", *["pagedown"] * 120)
        await settle(pilot)
        heading, *rows = glyphs(app.map)
        assert heading.split()[-1] == "999"
        assert rows[app.map.scrollable_content_region.height - 2].startswith("999 class 999")
        assert "class 999 recognised: " in drawn(app)


# The images behind it


async def test_images_of_what_is_under_the_cursor() -> None:
    """`g` shows the images of all classes; Enter those of the class, the cell or the pair under the cursor."""
    app = ResultsApp(with_predictions(finished_record()))
    bird, cat, dog = (CLASSES.index(name) for name in ("bird", "cat", "dog"))
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.press("g", "ctrl+end", "enter")
        assert app.called == ["images 3 None None surely wrong", f"images 3 {bird} None surely wrong"]
        app.called.clear()
        await pilot.press("m", "down", "right", "right", "enter", "left", "left", "enter")
        assert app.called == [f"images 3 {cat} {dog - 1} surely wrong", f"images 3 {cat} {cat - 1} surely wrong"]
        app.called.clear()
        await pilot.press("right", "enter", "tab", "right", "enter")
        assert app.called == [f"images 3 {cat} {cat} surely right", f"images 3 {dog} {cat} surely wrong"]
        app.called.clear()
        await pilot.press("h", "left", "enter")
        assert app.called == [f"images 2 {cat} None surely wrong"]


async def test_images_by_mouse() -> None:
    """A click on a pair shows its images, a second click on a cell of the map those of the cell."""
    app = ResultsApp(with_predictions(finished_record()))
    cat, deer, dog = (CLASSES.index(name) for name in ("cat", "deer", "dog"))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("m")
        await settle(pilot)
        await pilot.click(ConfusedPairs, offset=(4, 1))
        assert app.called == [f"images 3 {cat} {dog} surely wrong"]
        for _ in range(2):
            await pilot.click(ConfusionMap, offset=(8 + 7 * 4 + 4, 2 + cat))
        assert app.called[1:] == [f"images 3 {cat} {deer} surely wrong"]


async def test_no_images_in_an_older_run() -> None:
    """Where no predictions were kept, the keys say so and which key still helps."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert app.called == []
        (told,) = app._notifications
        assert told.message.startswith("The run kept no predictions of this evaluation")
