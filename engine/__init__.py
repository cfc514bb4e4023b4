"""Trains image classifiers and records what happens. Imports no user interface."""

__version__ = "0.1.0"
