"""How long a run will take on this machine, measured with some iterations of the real thing.

    estimator = Estimator()
    figures = estimator.measure(config, found)()
    print(whole_run(config, found, figures))

A process of its own measures (`python -m engine.estimate`). It can be ended at once, disturbs no other thread, and
leaves nothing behind on a GPU. Importing this package does not import torch.
"""

from __future__ import annotations

from engine.estimate.estimator import Estimator, Measurement
from engine.estimate.figures import Figures, whole_run
from engine.estimate.together import advice

__all__ = ["Estimator", "Figures", "Measurement", "advice", "whole_run"]
