"""The engine's speed against the notebook's loop, measured on this machine."""
