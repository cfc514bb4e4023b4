"""Files that are damaged or made to do harm: a correct load or an error of ours, memory bounded, nothing executed."""

from __future__ import annotations

import hashlib
import json
import random
import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from engine import models
from engine.config import TrainingConfig
from engine.control import Control
from engine.data import Progress, load
from engine.data.imageset import ImageSet
from engine.data.sources import cifar10
from engine.errors import EngineError
from engine.export import bundle as export
from engine.runs.local import Run
from engine.runs.watched import WatchedRun
from engine.storage import checkpoint
from engine.storage import folder as rundir
from engine.storage.inbox import Listener
from engine.storage.lock import held
from tests.engine.official_layout import miniature
from tests.faults.conftest import Often
from tests.faults.table import TABLE
from tests.images import made_up_images

pytestmark = pytest.mark.faults

MOST_MEMORY = 400_000
"""Kilobytes by which the peak of this process may grow over all damaged files together."""

_forbidden: list[str] = []


def _audit(event: str, _: tuple[object, ...]) -> None:
    """What a file could make a careless reader do. Audit hooks stay, so this one only notes while it is asked to."""
    if _watching and event in ("subprocess.Popen", "os.system", "os.exec", "pickle.find_class", "socket.connect"):
        _forbidden.append(event)


_watching = False
sys.addaudithook(_audit)


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Turns the content of a file into that of a damaged one."""
    kind = draw(st.sampled_from(["flip", "cut", "insert", "repeat", "replace", "swap", "digits"]))
    where, size = draw(st.floats(0, 1)), draw(st.integers(1, 64))
    made_up = draw(st.binary(min_size=1, max_size=64))

    def damaged(content: bytes) -> bytes:
        at = int(where * max(0, len(content) - 1))
        match kind:
            case "flip" if content:
                return content[:at] + bytes([content[at] ^ (1 << size % 8)]) + content[at + 1 :]
            case "cut":
                return content[:at]
            case "insert":
                return content[:at] + made_up + content[at:]
            case "repeat":
                return content + content[at:]
            case "replace":
                return content[:at] + made_up + content[at + len(made_up) :]
            case "digits":  # counts and sizes larger than any
                return content.replace(b"1", b"9" * size, 1 + size % 3)
            case _:
                return content[at:] + content[:at]

    return damaged


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a completed run of two epochs."""
    patch = pytest.MonkeyPatch()
    patch.setattr("engine.data.load", lambda source, data_dir, progress: made_up_images(160, 40))
    root = tmp_path_factory.mktemp("damaged")
    try:
        config = TrainingConfig(
            data="demo", epochs=2, device="cpu", threads=1, runs_dir=root, data_dir=root / "data", name="whole"
        )
        whole = Run(config).start()
        assert whole.join(120)
    finally:
        patch.undo()
    return whole.folder


def read_run(folder: Path) -> None:
    """All that the program reads of a run that may be anybody's."""
    attempts: list[Callable[[], object]] = [
        lambda: held(folder),
        lambda: rundir.list_runs(folder.parent),
        lambda: rundir.read_config(folder),
        lambda: watched(folder),
        lambda: export.write_bundle(rundir.read(folder), folder),
        lambda: read_checkpoints(folder / "checkpoints"),
        lambda: Listener(folder, Control()).close(),
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
    export.summary(run.record())
    run.seconds()


def read_checkpoints(folder: Path) -> None:
    model = models.build("cnn", 10).state_dict()
    flat = torch.zeros(89_834)
    optimizer = {"step": torch.tensor(0.0), "exp_avg": flat, "exp_avg_sq": flat}
    for found in checkpoint.whole(folder):
        found.model(model)
        found.optimizer(optimizer)
        found.random(optimizer)


def seal(folder: Path) -> None:
    """Make a manifest that is right, so that what is behind it is reached."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in folder.iterdir()
        if path.name != checkpoint.MANIFEST
    }
    (folder / checkpoint.MANIFEST).write_text(json.dumps({"schema_version": 1, "files": files}))


def harmless(read: Callable[[], None]) -> None:
    """`read`, while nothing may be executed and no connection made."""
    global _watching
    _forbidden.clear()
    _watching = True
    try:
        read()
    finally:
        _watching = False
    assert not _forbidden


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


FILES = [
    *("events.jsonl", "losses.f32", "config.json", "lock", "summary.json", "requests"),
    *("checkpoints/state.json", "checkpoints/manifest.json"),
    *("checkpoints/model.safetensors", "checkpoints/training.safetensors"),
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("sealed", [False, True], ids=["as it is", "sealed"])
def test_damaged_file_of_a_run(run: Path, often: Often, tmp_path: Path, name: str, sealed: bool) -> None:
    """Whatever became of a run's file, reading the run gives what was written, or says in words what is wrong."""
    if sealed and not name.startswith("checkpoints/"):
        sealed = False
    folder = tmp_path / "runs" / "damaged"
    shutil.copytree(run, folder)
    (folder / "requests").write_bytes(b"pause\nresume\nstop\n")
    newest = max((folder / "checkpoints").iterdir())
    path = newest / Path(name).name if name.startswith("checkpoints/") else folder / name
    content = path.read_bytes()
    before = sorted(tmp_path.iterdir())
    began = peak()

    @settings(max_examples=often(25, 260), database=None)
    @seed(random.Random(name).randrange(2**32))
    @given(damage())
    def holds(damaged: Callable[[bytes], bytes]) -> None:
        path.write_bytes(damaged(content))
        if sealed and path.name != checkpoint.MANIFEST:
            seal(newest)
        harmless(lambda: read_run(folder))
        assert sorted(tmp_path.iterdir()) == before
        TABLE.count("damaged files of a run", memory_grown_by_MB=(peak() - began) / 1000)

    holds()
    assert peak() - began < MOST_MEMORY


@pytest.mark.parametrize("kind", ["archive", "batch", "cache"])
def test_damaged_images(often: Often, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damaged images are read again from their source, or refused in words; nothing of them is ever unpickled."""
    made = miniature()
    monkeypatch.setattr(cifar10, "OFFICIAL", made.edition)
    data_dir = tmp_path / "data"
    archive = made.put_archive(data_dir)
    silent = Progress(lambda *_: None, Control())
    whole = cifar10.load("cifar10", data_dir, silent, made.edition)
    cache = data_dir / "cache" / "cifar10.safetensors"
    if kind == "archive":
        path = archive
    elif kind == "batch":
        archive.unlink()
        path = made.put_folder(data_dir) / cifar10.TRAIN[0]
    else:
        path = cache
    content = path.read_bytes()
    began = peak()

    @settings(max_examples=often(15, 120), database=None)
    @seed(len(kind))
    @given(damage())
    def holds(damaged: Callable[[bytes], bytes]) -> None:
        cache.unlink(missing_ok=True)
        path.write_bytes(damaged(content))

        def read() -> None:
            found: list[ImageSet] = []
            if not refused(lambda: found.append(cifar10.load("cifar10", data_dir, silent, made.edition))):
                assert found[0].fingerprint == whole.fingerprint

        try:
            harmless(read)
        except AssertionError:
            if set(_forbidden) != {"socket.connect"}:  # looking for the archive elsewhere is what it should do
                raise
        TABLE.count("damaged images", memory_grown_by_MB=(peak() - began) / 1000)

    holds()
    assert peak() - began < MOST_MEMORY


def test_pictures_that_are_no_pictures(often: Often, tmp_path: Path) -> None:
    """An image file that is damaged is refused with its name, whatever it claims to be."""
    for part in ("train", "test"):
        for name in ("blue", "red"):
            folder = tmp_path / "images" / part / name
            folder.mkdir(parents=True)
            for number in range(3):
                picture(folder / f"{number}.png", number)
    path = tmp_path / "images" / "train" / "red" / "1.png"
    content = path.read_bytes()
    began = peak()

    @settings(max_examples=often(15, 120), database=None)
    @seed(1)
    @given(damage())
    def holds(damaged: Callable[[bytes], bytes]) -> None:
        path.write_bytes(damaged(content))
        shutil.rmtree(tmp_path / "data", ignore_errors=True)

        def read() -> None:
            said = refused(
                lambda: load(str(tmp_path / "images"), tmp_path / "data", Progress(lambda *_: None, Control()))
            )
            assert said is None or "1.png" in said

        harmless(read)
        TABLE.count("damaged pictures", memory_grown_by_MB=(peak() - began) / 1000)

    holds()
    assert peak() - began < MOST_MEMORY


def picture(path: Path, number: int) -> None:
    import numpy as np
    from PIL import Image

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
    ],
)
def test_files_made_to_do_harm(run: Path, tmp_path: Path, name: str, content: bytes) -> None:
    """Nesting without end, endless lines, names that lead elsewhere: an error in words."""
    folder = tmp_path / "runs" / "hostile"
    shutil.copytree(run, folder)
    (folder / name).write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    harmless(lambda: read_run(folder))
    left = {path for path in sorted(tmp_path.rglob("*")) if path not in before}
    assert all(folder in path.parents for path in left)
    TABLE.count("files made to do harm")


def test_sparse_files_as_large_as_disks(run: Path, tmp_path: Path) -> None:
    """A file that claims a terabyte is neither read nor waited for."""
    began = peak()
    for name in ("events.jsonl", "losses.f32", "config.json", "lock", "requests", "summary.json"):
        folder = tmp_path / name
        shutil.copytree(run, folder)
        (folder / "requests").touch()
        with (folder / name).open("r+b") as file:
            file.truncate(1 << 40)
        harmless(lambda folder=folder: read_run(folder))  # type: ignore[misc]
    newest = tmp_path / "tensors"
    shutil.copytree(run / "checkpoints", newest)
    for path in max(newest.iterdir()).iterdir():
        with path.open("r+b") as file:
            file.truncate(1 << 40)
    harmless(lambda: read_checkpoints(newest))
    assert peak() - began < MOST_MEMORY
    TABLE.count("sparse files of a terabyte")


def test_links_and_pipes_in_the_place_of_files(run: Path, tmp_path: Path) -> None:
    """A pipe that nobody writes to holds nothing up, and no link is followed out of the run."""
    import os

    secret = tmp_path / "secret"
    secret.write_text('{"a": "secret"}')
    for kind in ("pipe", "link", "device", "folder"):
        for name in ("events.jsonl", "losses.f32", "config.json", "lock", "requests", "summary.json"):
            folder = tmp_path / kind / name
            shutil.copytree(run, folder)
            path = folder / name
            path.unlink(missing_ok=True)
            if kind == "pipe":
                os.mkfifo(path)
            elif kind == "folder":
                path.mkdir()
            else:
                path.symlink_to(secret if kind == "link" else "/dev/zero")
            harmless(lambda folder=folder: read_run(folder))  # type: ignore[misc]
    assert secret.read_text() == '{"a": "secret"}'
    TABLE.count("links, pipes and devices in the place of files")
