"""Trains image classifiers and records what happens. Knows no terminal."""
