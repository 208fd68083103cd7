"""Puts what delivery streams hand over into files below a directory. Knows no stream."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

_log = logging.getLogger(__name__)


def filing(directory: Path | None) -> Callable[[str, bytes], bool]:
    """Return what writes a file and says whether it did; without a directory everything is dropped.

    A path that leads outside the directory is dropped too. A file appears whole: it is written beside its place and
    then moved there.
    """

    def write(path: str, content: bytes) -> bool:
        if directory is None:
            return True
        place = (directory / path).resolve()
        if not place.is_relative_to(directory.resolve()):
            _log.warning("a delivery stream's prefix leads outside the directory; %d bytes were dropped", len(content))
            return True
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            beside = place.with_name(f".{place.name}.part")
            beside.write_bytes(content)
            beside.replace(place)
        except OSError as error:
            _log.warning("%d bytes of a delivery stream wait: %s", len(content), error.strerror)
            return False
        return True

    return write
