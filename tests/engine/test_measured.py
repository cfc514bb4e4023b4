"""What is measured of a run: training accuracy, views, loss, and the average of the weights."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine import models
from engine.bench.notebook import Notebook
from engine.control import Control, Stop
from engine.recipe.averaging import Average
from engine.record.log import RunLog
from engine.training.predict import predict
from engine.training.resident import ResidentImages
from engine.training.steps.recognised import Recognised
from engine.training.trainer import train
from tests.quick import CPU, IMAGES, QUICK, accuracy, recorded
from tests.told import Told


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_training_accuracy_is_the_plain_count() -> None:
    """The training accuracy of an epoch is the share of images that the notebook's loop recognises in its batches."""
    notebook = Notebook(IMAGES, CPU, seed=QUICK.seed, batch_size=32, learning_rate=0.003, epochs=2)
    batches: list[tuple[Tensor, Tensor]] = []
    criterion = notebook.criterion

    def counted(logits: Tensor, labels: Tensor) -> Tensor:
        batches.append((logits.detach(), labels))
        loss: Tensor = criterion(logits, labels)
        return loss

    notebook.criterion = counted  # type: ignore[assignment]
    list(notebook.train())
    expected = [
        sum(int((logits.argmax(1) == labels).sum()) for logits, labels in itertools.islice(batches, start, start + 5))
        for start in (0, 5)
    ]
    for precision, model in (("float32", "cnn"), ("float32", "batchnorm")):
        log = RunLog()
        train(QUICK.replaced(epochs=2, precision=precision, model=model), IMAGES, log, Control())
        trained = recorded(log).trained
        assert [(done.epoch, done.iteration, done.total) for done in trained] == [(1, 5, 160), (2, 10, 160)]
        if model == "cnn":
            assert [done.correct for done in trained] == expected
        assert all(0 < done.correct < 160 for done in trained)


def test_training_accuracy_costs_a_look_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The images that were recognised are counted at the end of an epoch, and not while it goes on."""
    counts, count = list[int](), Recognised.count

    def watched(recognised: Recognised, labels: Tensor, images: int) -> int:
        counts.append(images)
        return count(recognised, labels, images)

    monkeypatch.setattr(Recognised, "count", watched)
    train(QUICK, IMAGES, RunLog(), Control())
    assert set(counts) == {160}
    assert len(counts) <= 2 * QUICK.epochs


def test_training_accuracy_of_a_part_of_an_epoch() -> None:
    """After a stop the training accuracy is that of the images until then."""
    control = Control()
    log = Told(lambda said: control.ask(Stop()) if said == 8 else None)
    train(QUICK, IMAGES, log, control)
    assert [(done.epoch, done.iteration, done.total) for done in recorded(log).trained] == [(1, 5, 160), (2, 8, 96)]


def test_one_view_and_six() -> None:
    """The accuracy of one view is that of an evaluation with one view, and both are told at the end."""
    config = QUICK.replaced(test_views=6, augmentation="flip-shift")
    log = RunLog()
    model = train(config, IMAGES, log, Control()).model
    *before, last = recorded(log).evaluations
    assert [done.views for done in before] == [1, 1, 1]
    assert all(done.plain_accuracy == done.accuracy for done in before)
    assert last.views == 6
    assert last.plain_accuracy == accuracy(model)
    assert last.accuracy == accuracy(model, views=6)
    assert last.loss is not None
    with torch.inference_mode():
        images, labels = ResidentImages(IMAGES.test, CPU).batch(slice(None))
        plain = nn.functional.cross_entropy(model(images), labels).item()
    assert before[0].loss is not None
    found = predict(model, ResidentImages(IMAGES.test, CPU), "float32")
    assert found is not None
    assert found.loss == pytest.approx(plain, rel=1e-6)


def test_the_average_is_what_is_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each evaluation looks with the average of the weights, the result is the average, and training goes on with the
    weights as they were."""
    plain, log = RunLog(), RunLog()
    train(QUICK, IMAGES, plain, Control())
    averages, update = list[dict[str, Tensor]](), Average.update

    def watched(average: Average) -> None:
        update(average)
        averages.append(average.state())

    monkeypatch.setattr(Average, "update", watched)
    config = QUICK.replaced(average=0.9, evaluate_each_epoch=True)
    trained = train(config, IMAGES, log, Control())
    np.testing.assert_array_equal(log.loss_buffer.values(), plain.loss_buffer.values())
    for name, parameter in trained.model.named_parameters():
        assert torch.equal(parameter, averages[-1][f"average.{name}"])
    record = recorded(log)
    assert [done.matrix for done in record.evaluations] != [done.matrix for done in recorded(plain).evaluations]
    model = models.build("cnn", 10)
    for done in record.evaluations:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(averages[done.iteration - 1][f"average.{name}"])
        assert done.accuracy == accuracy(model)
    assert accuracy(trained.model) == record.accuracy
