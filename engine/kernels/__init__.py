"""Compiled convolutions that give torch's bits."""
