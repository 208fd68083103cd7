"""What holds for every test: no deadline by the wall clock, since machines differ and are shared."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
