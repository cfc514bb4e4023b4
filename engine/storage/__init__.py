"""Runs on disk: one folder each, which only the process that trains writes, and which anybody may read."""
