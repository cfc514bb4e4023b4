"""Constants that are changed while a run trains, as its record and its journal have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.charts.loss import LossCurve
from engine.charts.plot import Colour, Hairlines, Marks, Room
from engine.charts.windows import Window
from engine.errors import RunFolderError
from engine.export.formats.loss_svg import loss_svg
from engine.export.formats.report_md import report_md
from engine.export.summary import summary
from engine.record.changes import Change, in_effect
from engine.record.event_json import from_json, to_json
from engine.record.events import Changed, Evaluated, Finished
from engine.record.record import RunRecord
from engine.storage.tail import Tail
from tests.records import finished_record, live_log, live_record, made_up_losses


def changed(iteration: int, **values: tuple[float, float]) -> Changed:
    """The event of a change of a constant, from and to a value, after so many iterations."""
    ((name, (before, after)),) = values.items()
    found, unknown = from_json(
        f'{{"event":"changed","seconds":9.5,"iteration":{iteration},"name":"{name}","before":{before},"after":{after}}}'
    )
    assert isinstance(found, Changed)
    assert unknown == ()
    return found


def test_a_change_survives_json() -> None:
    """What the journal holds is what the run said, whole numbers as such."""
    for event in (changed(5, learning_rate=(0.001, 1.0)), changed(7, epochs=(4, 8))):
        assert from_json(to_json(event)) == (event, ())
    assert type(changed(7, epochs=(4, 8)).after) is int


@pytest.mark.parametrize("line", ['"seed","before":1,"after":2', '"epochs","before":4,"after":-1', '"epochs"'])
def test_what_is_no_change_is_refused(line: str) -> None:
    """A constant that cannot change, and a value that none can have, are damage."""
    with pytest.raises(ValueError, match=r"[Cc]hanged"):
        from_json(f'{{"event":"changed","seconds":1,"iteration":1,"name":{line}}}')


def test_the_record_has_the_constants_of_now() -> None:
    """A record tells each change, has the latest value of each constant, and a length that follows the epochs."""
    log = live_log(3_000)
    record = RunRecord(log)
    for event in (
        changed(1_000, learning_rate=(0.001, 0.0003)),
        changed(2_000, epochs=(4, 6)),
        changed(2_500, learning_rate=(0.0003, 0.0001)),
    ):
        log.event(event)
    record.catch_up()
    assert [(change.iteration, change.after) for change in record.changes] == [(1_000, 3e-4), (2_000, 6), (2_500, 1e-4)]
    assert (record.constants_now["learning_rate"], record.constants_now["epochs"]) == (1e-4, 6)
    assert record.started is not None
    assert (record.started.config["learning_rate"], record.started.epochs) == (0.001, 4)
    assert (record.epochs, record.planned, record.planned_epochs) == (6, 6 * 1_563, "6")
    assert "Learning rate from 0.001 to 0.0003 after iteration 1,000" in record.lines
    assert "Epochs from 4 to 6 after iteration 2,000" in record.lines


def test_losses_of_more_epochs_have_room() -> None:
    """A run that was made longer keeps every loss, before and after."""
    log, losses = live_log(6_252), made_up_losses(9_378)
    log.event(changed(6_000, epochs=(4, 6)))
    log.losses(losses[6_252:])
    record = RunRecord(log)
    record.catch_up()
    assert len(record.losses) == 9_378
    assert record.losses[-1] == losses[-1]
    assert record.losses[0] == made_up_losses(6_252)[0]


def test_an_evaluation_on_request_is_not_the_best_of_the_epochs() -> None:
    """The best epoch is one of those whose weights the run could have kept."""
    log, record = live_log(3_126), live_record(3_126)
    matrix = record.evaluations[0].matrix
    perfect = tuple(tuple(sum(row) * (i == j) for j in range(10)) for i, row in enumerate(matrix))
    log.event(Evaluated(seconds=30, duration=1, epoch=3, iteration=3_126, matrix=perfect, asked=True))
    asked = RunRecord(log)
    asked.catch_up()
    assert (asked.accuracy, asked.best) == (100.0, record.best)


def test_which_changes_count() -> None:
    """A later one between the same two iterations counts, and so does one that is made after going back."""
    first, second = Change(100, "learning_rate", 1e-3, 1e-4), Change(200, "learning_rate", 1e-4, 1e-5)
    epochs = Change(150, "epochs", 4, 8)
    assert in_effect([first, second, epochs]) == (first, epochs, second)
    same = Change(200, "learning_rate", 1e-4, 5e-5)
    assert in_effect([first, second, same]) == (first, same)
    back = Change(120, "learning_rate", 1e-4, 3e-4)
    assert in_effect([first, second, epochs, back]) == (first, back, epochs)


# On the chart and in the files to take home


def steered() -> RunRecord:
    """A completed run of 9,378 iterations whose learning rate was changed twice, and its epochs once."""
    log, losses = live_log(6_252), made_up_losses(9_378)
    for event in (
        changed(1_000, learning_rate=(0.001, 0.0003)),
        changed(3_000, epochs=(4, 6)),
        changed(3_000, learning_rate=(0.0003, 0.0001)),
    ):
        log.event(event)
    log.losses(losses[6_252:])
    log.event(Finished(seconds=99, status="completed", iterations=9_378, train_seconds=47, evaluation_seconds=4))
    record = RunRecord(log)
    record.catch_up()
    return record


def test_changes_are_marked_on_the_chart() -> None:
    """A line and a mark with the new value stand where a constant was changed, if that is in sight."""
    record = steered()
    curve = LossCurve(9_378, 1_563)
    curve.show(record.losses, record.evaluations, record.trained, record.changes)
    room = Room(points=200, columns=100, rows=30)
    plot = curve.plot(room)
    (marks,) = [each for each in plot.layers if isinstance(each, Marks) and each.colour == Colour.CHANGE]
    (lines,) = [each for each in plot.layers if isinstance(each, Hairlines) and each.colour == Colour.CHANGE]
    assert plot.left is not None
    assert (marks.x, marks.texts) == ((1_000, 3_000), ("rate 0.0003", "6 epochs, rate 0.0001"))
    assert (set(marks.y), lines.x) == ({plot.left.high}, (1_000, 3_000))
    curve.next_window()
    assert curve.window == Window.RECENT
    assert not [each for each in curve.plot(room).layers if each.colour == Colour.CHANGE]
    svg = loss_svg(record)
    assert svg.count('class="mark change"') == 3  # and one in the legend
    assert ">6 epochs, rate 0.0001</text>" in svg
    assert "6 epochs · batch size 32 · learning rate 0.001 → 0.0001 · completed" in svg


def test_changes_in_the_files_to_take_home() -> None:
    """The summary lists each change, and a report tells all values of a constant that was changed."""
    record = steered()
    content = summary(record)
    assert content["config"]["learning_rate"] == 0.001
    assert content["changes"] == [
        {"iteration": 1_000, "name": "learning_rate", "from": 0.001, "to": 0.0003},
        {"iteration": 3_000, "name": "epochs", "from": 4, "to": 6},
        {"iteration": 3_000, "name": "learning_rate", "from": 0.0003, "to": 0.0001},
    ]
    report = report_md(record)
    assert "0.001, 0.0003 after iteration 1,000, 0.0001 after iteration 3,000" in report
    assert "4, 6 after iteration 3,000" in report
    assert "9,378 of 9,378" in report
    assert summary(finished_record())["changes"] == []


def test_a_journal_with_an_impossible_change(tmp_path: Path) -> None:
    """Epochs that no run can have are damage, told with the line, and take no memory."""
    started = live_log(10).events[0]
    before = to_json(changed(3, epochs=(4, 5)))
    for lines in ([before], [to_json(started), to_json(changed(3, epochs=(4, 1_000_000)))]):
        (tmp_path / "losses.f32").write_bytes(b"")
        (tmp_path / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        with Tail(tmp_path) as tail, pytest.raises(RunFolderError, match=f"line {len(lines)}: "):
            tail.catch_up()
