"""The charts, a kind a file."""
