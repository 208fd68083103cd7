"""Gathers what the user hands in to an audit: a source tree, messages, an address to probe. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sendworthy.audit.message import SeenMessage, read_message
from sendworthy.clients.collect import Handed
from sendworthy.clients.probe_unsubscribe import probe_unsubscribe
from sendworthy.clients.read_source import read_source
from sendworthy.config import Config
from sendworthy.errors import ConfigError

_MAX_MESSAGE_BYTES = 40_000_000
"""The largest that SES takes."""


def read_messages(paths: Sequence[Path]) -> tuple[SeenMessage, ...]:
    """Read messages as a mailbox saves them. Raises ConfigError for a file that cannot be read, InvalidMessage else."""
    return tuple(read_message(path.name, _bytes_of(path)) for path in paths)


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_MESSAGE_BYTES:
            raise ConfigError(f"{path} is larger than any message.", "Give one message, as a mailbox saves it.")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", "Give the file of a message.") from error


async def hand_in(
    config: Config, *, source: Path | None = None, messages: Sequence[Path] = (), probe_url: str = ""
) -> Handed:
    """Read what is handed in; `probe_url` is asked as RFC 8058 has it, which unsubscribes whom its token stands for."""
    connect = {"*": config.web.connect} if config.web.connect else None
    return Handed(
        messages=read_messages(messages),
        source=read_source(source) if source else None,
        probe=await probe_unsubscribe(probe_url, connect_to=connect) if probe_url else None,
    )
