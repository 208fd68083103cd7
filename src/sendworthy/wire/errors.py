"""What the other side is to be told in AWS's words; knows no protocol, so it does not say in which envelope."""

from __future__ import annotations

from sendworthy.errors import SendworthyError


class WireError(SendworthyError):
    """A request that cannot be carried out as it stands.

    `code` is AWS's code for it (such as `BadRequestException`), `message` AWS's sentence, `status` the HTTP status.
    The message never quotes what was sent, so that it may be logged.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def __repr__(self) -> str:
        return f"WireError({self.code!r}, {self.message!r}, {self.status})"
