"""The keys that steer a run on the training screen: what they ask of it, and how its answer is shown."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.control import EvaluateNow, Pause, SaveNow, Set
from engine.errors import RunFolderError
from engine.record.events import Paused, Refused, Stopping
from tests.engine.test_changes import changed
from tests.records import live_log
from tests.tui.test_training import NARROW, WIDE, TrainingApp, settle
from tui.charts.kinds.loss import LossChart
from tui.dialogs.new_constants import NewConstants

STEERING = {"Lower rate", "Higher rate", "Change", "Evaluate", "Save", "Branch"}


def type_in(app: TrainingApp, **texts: str) -> None:
    """Type the texts of the dialog's lines."""
    for name, text in texts.items():
        app.screen.query_one(f"#{name}", Input).value = text


def problem(app: TrainingApp) -> str:
    """What the dialog says is wrong."""
    shown = app.screen.query_one(".problem", Static)
    return str(shown.render()) if shown.display else ""


async def test_lower_and_higher() -> None:
    """`>` raises the rate by a quarter and `<` takes that back; presses before the answer add up."""
    app = TrainingApp()
    log, asked = app.run_shown.log, app.run_shown.asked
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.press("greater_than_sign", "greater_than_sign", "less_than_sign")
        assert asked == [Set("learning_rate", 0.00125), Set("learning_rate", 0.00156), Set("learning_rate", 0.00125)]
        log.event(changed(4_000, learning_rate=(0.001, 0.00125)))
        app.training.look()
        await pilot.press("less_than_sign")
        assert asked[3:] == [Set("learning_rate", 0.001)]
        log.event(changed(4_000, learning_rate=(0.00125, 0.001)))
        app.training.look()
        await settle(pilot)
        text = "\n".join(app.lines)
        assert "Learning rate from 0.00125 to 0.001 after iteration 4,000" in text
        assert "▼" in text
        assert "rate 0.001 " in text.replace("\u00a0", " ")


async def test_out_of_bounds_and_refused() -> None:
    """A rate that is not allowed is told at once and not asked for; what the run refuses is told with its reason."""
    log = live_log(4_000, config={"learning_rate": 9.0, "epochs": 4})
    app = TrainingApp(log)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("greater_than_sign")
        await settle(pilot)
        assert app.run_shown.asked == []
        (told,) = [notice.message for notice in app._notifications]
        assert told == "Learning rate unchanged: 11.2 is not allowed; it must be a number above 0, at most 10."
        await pilot.press("less_than_sign")
        assert app.run_shown.asked == [Set("learning_rate", 7.2)]
        log.event(Refused(seconds=42, iteration=4_000, name="learning_rate", value=7.2, reason="the training was over"))
        app.training.look()
        await settle(pilot)
        assert [notice.message for notice in app._notifications][1:] == [
            "Learning rate unchanged: the training was over."
        ]
        await pilot.press("less_than_sign")
        assert app.run_shown.asked[1:] == [Set("learning_rate", 7.2)]  # from the value that it has


async def test_typed_values() -> None:
    """`c` asks for other values: only those that differ are asked of the run, in any pause, and the chart grows."""
    log = live_log(4_000)
    app = TrainingApp(log)
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        log.event(Paused(seconds=41, iteration=4_000))
        await pilot.press("c")
        await settle(pilot)
        assert isinstance(app.screen, NewConstants)
        assert any("2.6 are done" in line for line in app.lines)
        type_in(app, learning_rate="3e-4")
        await pilot.press("enter")
        await settle(pilot)
        assert app.run_shown.asked == [Set("learning_rate", 0.0003)]
        await pilot.press("c")
        await settle(pilot)
        assert app.screen.query_one("#learning_rate", Input).value == "0.0003"
        type_in(app, epochs="8")
        await pilot.press("enter")
        await settle(pilot)
        assert app.run_shown.asked[1:] == [Set("epochs", 8)]
        log.event(changed(4_000, epochs=(4, 8)))
        app.training.look()
        await settle(pilot)
        assert app.training.query_one(LossChart).curve.iterations == 8 * 1_563
        assert app.training.record.paused is not None
        assert app.state() == "paused · p resumes"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("learning_rate", "0", "✘ learning rate: 0 is not allowed; it must be a number above 0, at most 10"),
        ("learning_rate", "fast", "✘ learning rate: fast is not allowed"),
        ("learning_rate", "", "✘ learning rate: it is empty"),
        ("epochs", "2", "✘ epochs: 2 would be fewer than the 2.6 that are done"),
        ("epochs", "10001", "✘ epochs: 10001 is not allowed; it must be a whole number from 1 to 10,000"),
        ("epochs", "\x1b[31m", "✘ epochs: "),
    ],
)
async def test_a_typed_value_that_is_not_allowed(name: str, text: str, said: str) -> None:
    """The dialog says what is wrong and stays open; corrected, the value is taken; Esc asks for nothing."""
    app = TrainingApp()
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.press("c")
        await settle(pilot)
        type_in(app, **{name: text})
        await pilot.press("enter")
        await settle(pilot)
        assert problem(app).startswith(said)
        assert "\x1b" not in problem(app)
        assert (app.focused or app).id == name
        assert app.run_shown.asked == []
        type_in(app, **{name: "3"})
        await pilot.press("enter")
        await settle(pilot)
        assert app.run_shown.asked == [Set(name, 3)]  # type: ignore[arg-type]
        await pilot.press("c")
        await settle(pilot)
        type_in(app, **{name: "4"})
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen is app.training
        assert len(app.run_shown.asked) == 1


async def test_evaluate_and_save() -> None:
    """`v` and `k` ask for an evaluation and a checkpoint; a pause that was asked for before is still awaited."""
    app = TrainingApp()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("p", "v", "k")
        assert app.run_shown.asked == [Pause(), EvaluateNow(), SaveNow()]
        assert app.state() == "pausing"


async def test_keys_are_offered_while_there_is_something_to_steer() -> None:
    """Before the training and after a stop the keys are not offered and do nothing."""
    app = TrainingApp()
    log = app.run_shown.log
    log.event(Stopping(seconds=43, iteration=4_001, evaluates=True))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert not STEERING & set(app.keys)
        await keys(pilot)
        assert app.run_shown.asked == []
    training = TrainingApp()
    async with training.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert set(training.keys) >= STEERING


async def keys(pilot: Pilot[None]) -> None:
    await pilot.press("less_than_sign", "greater_than_sign", "c", "v", "k", "b")
    await settle(pilot)


async def test_a_run_that_cannot_be_asked() -> None:
    """A run out of reach says so, and the next key begins from the rate that the run really has."""
    app = TrainingApp()
    app.run_shown.is_local = False
    app.run_shown.refusal = RunFolderError("runs/brisk-heron cannot be written to.")
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("greater_than_sign")
        while not app._notifications:
            await pilot.pause()
        app.run_shown.refusal = None
        await pilot.press("greater_than_sign")
        while not app.run_shown.asked:
            await pilot.pause()
        assert app.run_shown.asked == [Set("learning_rate", 0.00125)]
