"""The notebook's own loop in a process of its own: `python -m tests.notebook FOLDER DATA_DIR THREADS LOSSES`.

Trains with the notebook's constants and the seed 0 on the images of FOLDER, and writes the loss of every iteration to
the file LOSSES as little-endian float32. Prints the confusion matrix as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from engine import data
from engine.bench.notebook import Notebook
from engine.control import Control
from engine.data.progress import Progress
from engine.record.evaluation import confusion_matrix


def main() -> None:
    folder, data_dir, threads, losses = sys.argv[1:]
    torch.set_num_threads(int(threads))
    images = data.load(folder, Path(data_dir), Progress(lambda *told: None, Control()))
    notebook = Notebook(images, torch.device("cpu"))
    np.array(list(notebook.train()), dtype="<f4").tofile(losses)
    print(json.dumps(confusion_matrix(images.test.labels, notebook.evaluate(), len(images.classes))))


if __name__ == "__main__":
    main()
