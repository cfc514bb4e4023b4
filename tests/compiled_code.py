"""Tests of the compiled code need it."""

from __future__ import annotations

import pytest

from engine.kernels import compiled


def needs_the_compiled_code() -> None:
    """Skip the test where there is none."""
    if compiled.library() is None:
        pytest.skip("nothing is compiled: no compiler, or another processor than x86-64 with AVX2")
