"""Compiled convolutions with the same bits as torch's."""
