"""Files that are damaged or made to do harm: a correct load or an error of ours, memory bounded, nothing executed."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from engine import models
from engine.config import TrainingConfig
from engine.control import Control, Set
from engine.data import Progress, load
from engine.data.cache import read_split
from engine.data.imageset import ImageSet
from engine.data.sources import cifar10
from engine.errors import EngineError
from engine.export import bundle as export
from engine.export.summary import summary
from engine.runs.local import Run
from engine.runs.watched import WatchedRun
from engine.storage import changes, checkpoint, listing, predictions, tail
from engine.storage.inbox import Inbox
from engine.storage.layout import INDEX
from engine.storage.lock import held
from engine.storage.recorded import Recorded
from engine.storage.whole import MANIFEST
from tests.engine.official_layout import miniature
from tests.faults.conftest import Made, Often
from tests.images import made_up_images

pytestmark = pytest.mark.faults

MOST_MEMORY = 400
"""Megabytes that may be needed at most to read a damaged file."""

_forbidden: list[str] = []


def _audit(event: str, _: tuple[object, ...]) -> None:
    """Note what a file could make a careless reader do. Audit hooks stay, so this one has a switch."""
    if _watching and event in ("subprocess.Popen", "os.system", "os.exec", "pickle.find_class", "socket.connect"):
        _forbidden.append(event)


_watching = False
sys.addaudithook(_audit)


def damaged(content: bytes, random: Random) -> bytes:
    """`content` with one damage, made by chance."""
    at, size = random.randrange(len(content)), random.randint(1, 64)
    made_up = random.randbytes(size)
    match random.choice(["flip", "cut", "insert", "repeat", "replace", "swap", "digits"]):
        case "flip":
            return content[:at] + bytes([content[at] ^ (1 << size % 8)]) + content[at + 1 :]
        case "cut":
            return content[:at]
        case "insert":
            return content[:at] + made_up + content[at:]
        case "repeat":
            return content + content[at:]
        case "replace":
            return content[:at] + made_up + content[at + size :]
        case "digits":  # counts and sizes larger than any
            return content.replace(b"1", b"9" * size, 1 + size % 3)
        case _:
            return content[at:] + content[:at]


def all_different(content: bytes, count: int, seed: str) -> Iterator[bytes]:
    """`count` damaged contents, no two of them equal, and none equal to `content`."""
    random, seen = Random(seed), {hashlib.sha256(content).digest()}
    while len(seen) <= count:
        made = damaged(content, random)
        digest = hashlib.sha256(made).digest()
        if digest not in seen:
            seen.add(digest)
            yield made


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a completed run of two epochs, whose constants were changed."""
    patch = pytest.MonkeyPatch()
    patch.setattr("engine.data.load", lambda source, data_dir, progress: made_up_images(160, 40))
    root = tmp_path_factory.mktemp("damaged")
    try:
        config = TrainingConfig(
            data="demo", epochs=1, device="cpu", threads=1, runs_dir=root, data_dir=root / "data", name="whole"
        )
        whole = Run(config)
        for request in (Set("learning_rate", 0.002), Set("epochs", 2)):
            whole.ask(request)
        assert whole.start().join(120)
    finally:
        patch.undo()
    return whole.folder


def read_run(folder: Path) -> None:
    """All that the program reads of a run that may be anybody's."""
    attempts: list[Callable[[], object]] = [
        lambda: held(folder),
        lambda: listing.list_runs(folder.parent),
        lambda: Recorded.read(folder).resolved(folder),
        lambda: changes.read(folder),
        lambda: watched(folder),
        lambda: export.write_bundle(tail.read(folder), folder),
        lambda: read_checkpoints(folder / "checkpoints"),
        lambda: read_predictions(folder),
        lambda: Inbox(folder, Control()).look(),
    ]
    for attempt in attempts:
        said = refused(attempt)
        assert said is None or 0 < len(said.splitlines()) <= 3


def refused(attempt: Callable[[], object]) -> str | None:
    """What an error of ours said; None where there was none. Any other error passes."""
    try:
        attempt()
    except EngineError as error:
        return error.message
    return None


def watched(folder: Path) -> None:
    run = WatchedRun(folder).start()
    run.close()
    summary(run.record())
    run.seconds()


def read_checkpoints(folder: Path) -> None:
    model = models.build("cnn", 10).state_dict()
    flat = torch.zeros(89_834)
    state = {"step": torch.tensor(0.0), "exp_avg": flat, "exp_avg_sq": flat}
    optimizer = {f"optimizer.{name}": tensor for name, tensor in state.items()}
    for found in checkpoint.whole(folder):
        found.model(model)
        found.training(optimizer)


def read_predictions(folder: Path) -> None:
    record = tail.read(folder)
    for done in record.evaluations:
        found = predictions.read(folder, done, record.classes)
        assert np.count_nonzero(found.right) == done.correct


def seal(folder: Path) -> None:
    """Make a manifest that is right, so that what is behind it is reached."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in folder.iterdir()
        if path.name != MANIFEST
    }
    (folder / MANIFEST).write_text(json.dumps({"schema_version": 1, "files": files}))


def name_in_journal(folder: Path, path: Path) -> None:
    """Make the journal's hash of predictions fit the file, so that what is behind it is reached."""
    journal, digest = folder / "events.jsonl", hashlib.sha256(path.read_bytes()).hexdigest().encode()
    pattern = rb'("file":"%s","sha256":")[0-9a-f]*' % path.name.encode()
    journal.write_bytes(re.sub(pattern, rb"\g<1>" + digest, journal.read_bytes()))


def harmless(read: Callable[[], None], allowed: Collection[str] = ()) -> None:
    """`read`, while nothing may be executed and no connection made, unless it is `allowed`."""
    global _watching
    _forbidden.clear()
    _watching = True
    try:
        read()
    finally:
        _watching = False
    assert not set(_forbidden) - set(allowed)


def reset_peak() -> None:
    """Begin to measure the peak of this process's memory anew; Linux only."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory(which: str = "VmHWM") -> float:
    """Megabytes of memory: the peak since `reset_peak`, or with VmRSS what is used now."""
    try:
        told = re.search(rf"{which}:\s*(\d+)", Path("/proc/self/status").read_text())
    except OSError:
        return 0.0
    assert told is not None
    return int(told[1]) / 1000


@contextlib.contextmanager
def bounded_memory(figures: dict[str, float]) -> Iterator[None]:
    """Measure the memory that reading takes, which must not be much."""
    gc.collect()
    reset_peak()
    began = memory("VmRSS")
    yield
    figures["MB more memory"] = memory() - began
    assert figures["MB more memory"] < MOST_MEMORY


FILES = [
    *("events.jsonl", "losses.f32", "config.json", "lock", "summary.json", "requests", "changes.json"),
    *("checkpoints/state.json", "checkpoints/manifest.json"),
    *("checkpoints/model.safetensors", "checkpoints/training.safetensors"),
    "predictions/iteration.safetensors",
]
SEALED = [name for name in FILES if "/" in name and "manifest" not in name]
"""Files that a manifest protects, or their hash in the journal."""


@pytest.mark.parametrize(
    ("name", "sealed"),
    [*((name, False) for name in FILES), *((name, True) for name in SEALED)],
    ids=[*FILES, *(f"{name} with its manifest" for name in SEALED)],
)
def test_damaged_file_of_a_run(run: Path, often: Often, made: Made, tmp_path: Path, name: str, sealed: bool) -> None:
    """If a file of a run is damaged, reading the run gives what was written, or says in words what is wrong."""
    folder = tmp_path / "runs" / "damaged"
    shutil.copytree(run, folder)
    (folder / "requests").write_bytes(b'pause\nresume\nset {"name":"epochs","value":12}\nevaluatenow\nstop\n')
    newest = max((folder / "checkpoints").iterdir())
    path = folder / name
    if name.startswith("checkpoints/"):
        path = newest / path.name
    elif name.startswith("predictions/"):
        path = max((folder / "predictions").iterdir())
    before = sorted(tmp_path.iterdir())
    with made("damaged run") as figures, bounded_memory(figures):
        for times, content in enumerate(all_different(path.read_bytes(), often(20, 325), f"{name} {sealed}"), 1):
            figures["times"] = times
            path.write_bytes(content)
            if sealed and path.parent == newest:
                seal(newest)
            elif sealed:
                name_in_journal(folder, path)
            harmless(lambda: read_run(folder))
            assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("kind", ["archive", "batch", "cache"])
def test_damaged_images(often: Often, made: Made, tmp_path: Path, kind: str) -> None:
    """Damaged images are read again from their source, or refused in words; nothing of them is ever unpickled."""
    files = miniature()
    data_dir = tmp_path / "data"
    archive = files.put_archive(data_dir)
    silent = Progress(lambda *_: None, Control())
    whole = cifar10.load("cifar10", data_dir, silent, files.edition)
    cache = data_dir / "cache" / "cifar10.safetensors"
    if kind == "archive":
        path = archive
    elif kind == "batch":
        archive.unlink()
        path = files.put_folder(data_dir) / cifar10.TRAIN[0]
    else:
        path = cache

    def read() -> None:
        found: list[ImageSet] = []
        looked_at = read_split(cache, whole.fingerprint, "test")
        assert looked_at is None or looked_at.images.shape == (len(looked_at), 32, 32, 3)
        if not refused(lambda: found.append(cifar10.load("cifar10", data_dir, silent, files.edition))):
            assert found[0].fingerprint == whole.fingerprint

    with made("damaged images") as figures, bounded_memory(figures):
        for times, content in enumerate(all_different(path.read_bytes(), often(15, 195), kind), 1):
            figures["times"] = times
            cache.unlink(missing_ok=True)
            path.write_bytes(content)
            # A damaged archive is looked for elsewhere: a connection is allowed.
            harmless(read, allowed={"socket.connect"})


def test_damaged_pictures(often: Often, made: Made, tmp_path: Path) -> None:
    """An image file that is damaged is refused with its name, whatever it claims to be."""
    for part in ("train", "test"):
        for name in ("blue", "red"):
            folder = tmp_path / "images" / part / name
            folder.mkdir(parents=True)
            for number in range(3):
                picture(folder / f"{number}.png", number)
    path = tmp_path / "images" / "train" / "red" / "1.png"
    progress = Progress(lambda *_: None, Control())

    def read() -> None:
        said = refused(lambda: load(str(tmp_path / "images"), tmp_path / "data", progress))
        assert said is None or "1.png" in said

    with made("damaged images") as figures, bounded_memory(figures):
        for times, content in enumerate(all_different(path.read_bytes(), often(15, 195), "pictures"), 1):
            figures["times"] = times
            path.write_bytes(content)
            shutil.rmtree(tmp_path / "data", ignore_errors=True)
            harmless(read)


def picture(path: Path, number: int) -> None:
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)).save(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"[" * 100_000),
        ("config.json", b'{"config": {"name": "../../out"}, "directory": "/"}'),
        ("summary.json", b"[" * 100_000),
        ("lock", b'{"host": "\x1b[2J", "pid": 1, "since": 1e308}'),
        ("lock", b"9" * 10_000),
        ("events.jsonl", b"x" * 3_000_000),
        ("events.jsonl", b"[" * 100_000 + b"\n"),
        ("events.jsonl", b'{"event":"finished","seconds":1,"status":"completed","iterations":9}\n'),
        ("marks.json", b"[" * 60_000),
        (f"../{INDEX}", b"[" * 100_000),
    ],
)
def test_files_made_to_do_harm(run: Path, made: Made, tmp_path: Path, name: str, content: bytes) -> None:
    """Nesting without end, endless lines, names that lead elsewhere: an error in words."""
    folder = tmp_path / "runs" / "hostile"
    shutil.copytree(run, folder)
    (folder / name).write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    with made("hostile") as figures, bounded_memory(figures):
        harmless(lambda: read_run(folder))
        left = {path for path in sorted(tmp_path.rglob("*")) if path not in before}
        assert all(folder in path.parents or path.name == INDEX for path in left)


NAMES = ("events.jsonl", "losses.f32", "config.json", "lock", "requests", "summary.json")


@pytest.mark.parametrize("name", [*NAMES, "predictions"])
def test_sparse_files_as_large_as_disks(run: Path, made: Made, tmp_path: Path, name: str) -> None:
    """A file that claims a terabyte is neither read nor waited for."""
    folder = tmp_path / name
    shutil.copytree(run, folder)
    (folder / "requests").touch()
    path = max((folder / "predictions").iterdir()) if name == "predictions" else folder / name
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    with made("odd files") as figures, bounded_memory(figures):
        harmless(lambda: read_run(folder))


def test_sparse_checkpoint(run: Path, made: Made, tmp_path: Path) -> None:
    """A checkpoint whose files claim a terabyte each is neither read nor waited for."""
    checkpoints = tmp_path / "checkpoints"
    shutil.copytree(run / "checkpoints", checkpoints)
    for path in max(checkpoints.iterdir()).iterdir():
        with path.open("r+b") as file:
            file.truncate(1 << 40)
    with made("odd files") as figures, bounded_memory(figures):
        harmless(lambda: read_checkpoints(checkpoints))


@pytest.mark.parametrize("kind", ["pipe", "link", "device", "folder"])
@pytest.mark.parametrize("name", [*NAMES, "predictions"])
def test_links_and_pipes_in_the_place_of_files(run: Path, made: Made, tmp_path: Path, name: str, kind: str) -> None:
    """A pipe that nobody writes to holds nothing up, and no link is followed out of the run."""
    secret = tmp_path / "secret"
    secret.write_text('{"a": "secret"}')
    folder = tmp_path / "runs" / name
    shutil.copytree(run, folder)
    path = max((folder / "predictions").iterdir()) if name == "predictions" else folder / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(secret if kind == "link" else "/dev/zero")
    with made("odd files") as figures, bounded_memory(figures):
        harmless(lambda: read_run(folder))
        assert secret.read_text() == '{"a": "secret"}'
