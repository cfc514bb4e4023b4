"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Machines are shared and slow at times: how long an example takes says nothing about the program.
settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
