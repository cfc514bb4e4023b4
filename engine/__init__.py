"""Trains image classifiers and records what happens. Knows no terminal."""

__version__ = "0.1.0"
