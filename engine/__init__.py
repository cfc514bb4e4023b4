"""Trains image classifiers and records what happens. Imports no user interface."""

import os

__version__ = "0.1.0"

# torch's threads (GNU OpenMP) wait for each other in a loop of 300,000 turns before they sleep, up to 17 ms. On a busy
# machine they take the processor from the thread that they wait for: beside other programs an iteration of the
# notebook's network took up to 190 ms, and with a shorter loop 11. On a quiet machine both take the same. This is read
# when torch is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
