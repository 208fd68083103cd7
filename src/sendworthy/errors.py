"""Every error that Sendworthy raises on purpose.

An error answers one question: can trying again help? It knows no HTTP status, SMTP reply or exit code; each edge
owns one small table for that.
"""

from __future__ import annotations

from typing import ClassVar


class SendworthyError(Exception):
    """Something went wrong in a way we understand.

    `happened` is one sentence of what happened, `to_do` one sentence of what to do about it (may be empty).
    `retry` says whether the same call can succeed later without anybody changing anything.
    """

    retry: ClassVar[bool] = False

    def __init__(self, happened: str, to_do: str = "") -> None:
        super().__init__(happened)
        self.happened = happened
        self.to_do = to_do


class ConfigError(SendworthyError):
    """The command line, the environment or sendworthy.toml is wrong."""


class InvalidMessage(SendworthyError):
    """The caller's message or request is malformed, for good."""


class SendRefused(SendworthyError):
    """Our own rule says no: suppressed, no consent, no unsubscribe, paused."""


class UntrustedEvent(SendworthyError):
    """An event whose signature, topic, host or age is wrong."""


class StoreUnavailable(SendworthyError):
    """What is remembered cannot be read or written right now."""

    retry = True


class StoreBusy(StoreUnavailable):
    """More is coming in than can be kept safely: the caller should wait `after_seconds` and try again."""

    def __init__(self, happened: str, to_do: str = "", *, after_seconds: float = 1.0) -> None:
        super().__init__(happened, to_do)
        self.after_seconds = after_seconds


class ProviderError(SendworthyError):
    """AWS, DNS or a website answered with an error. `code` is its own word for it, such as `ConflictException`."""

    def __init__(self, happened: str, to_do: str = "", *, code: str = "") -> None:
        super().__init__(happened, to_do)
        self.code = code


class Throttled(ProviderError):
    """Asked too fast. `after_seconds` is how long to wait, where that is known."""

    retry = True

    def __init__(self, happened: str, to_do: str = "", *, code: str = "", after_seconds: float | None = None) -> None:
        super().__init__(happened, to_do, code=code)
        self.after_seconds = after_seconds


class Unavailable(ProviderError):
    """Not reachable, or a fault on the other side, and certainly nothing was done."""

    retry = True


class Rejected(ProviderError):
    """A definite no to this very request."""


class Denied(Rejected):
    """The credentials are missing, wrong or expired, or lack a permission. `action` is the IAM action, if known."""

    def __init__(self, happened: str, to_do: str = "", *, code: str = "", action: str = "") -> None:
        super().__init__(happened, to_do, code=code)
        self.action = action


class Uncertain(ProviderError):
    """The request may or may not have taken effect: the answer was lost."""
