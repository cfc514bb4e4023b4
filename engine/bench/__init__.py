"""The engine's speed against the notebook's loop, measured here and now."""
