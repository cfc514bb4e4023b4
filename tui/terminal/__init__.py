"""The terminal: how the app draws on it, reads keys from it, and outlives it."""
