"""The images of a run: CIFAR-10, a folder of images, or the demo set, all of them an `ImageSet` in the end.

`find` looks beforehand and changes nothing; `load` downloads, reads or draws. The loaders are imported when they are
needed: whoever only names `Found` or `Progress` pays for no numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.data.found import Found
from engine.data.progress import Progress

if TYPE_CHECKING:
    from engine.config import TrainingConfig
    from engine.data.imageset import ImageSet

__all__ = ["Found", "Progress", "find", "load"]


def load(config: TrainingConfig, progress: Progress) -> ImageSet:
    """The images that `config.data` names, downloaded into `config.data_dir` where they have to be.

    Raises `ConstantError` for a folder that cannot be used, `DataError` where images cannot be had, and `Stopped`.
    """
    match config.data:
        case "cifar10":
            from engine.data.sources.cifar10 import load_cifar10

            return load_cifar10(config.data_dir.expanduser(), progress)
        case "demo":
            from engine.data.sources.demo import load_demo

            return load_demo(progress)
        case _:
            from engine.data.sources.folder import load_folder

            return load_folder(config.data, config.data_dir.expanduser(), progress)


def find(config: TrainingConfig) -> Found:
    """What `load` will find, looked at without downloading or writing anything.

    Raises what `load` would raise, as far as a look can tell.
    """
    match config.data:
        case "cifar10":
            from engine.data.sources.cifar10 import find_cifar10

            return find_cifar10(config.data_dir.expanduser())
        case "demo":
            from engine.data.sources.demo import find_demo

            return find_demo()
        case _:
            from engine.data.sources.folder import find_folder

            return find_folder(config.data, config.data_dir.expanduser())
