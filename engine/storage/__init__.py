"""Runs on disk: one folder each, written by the process that trains and read by every other."""
