"""Settings of hypothesis: what a property holds of is values, so no example fails for being slow on a busy machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("values", deadline=None)
settings.load_profile("values")
