"""What SES's SMTP endpoint answers, in its codes and texts. Knows no connection.

Source of the texts: SES Developer Guide, "Response codes returned by SES" [D23], and what senders quote [C, K].
"""

from __future__ import annotations

from sendworthy.wire.errors import WireError

HELLO = "email-smtp.amazonaws.com"
GREETING = f"220 {HELLO} ESMTP SimpleEmailService-simulated"
OK = "250 Ok"
BYE = "221 Bye"
GO_AHEAD = "354 End data with <CR><LF>.<CR><LF>"
READY_FOR_TLS = "220 Ready to start TLS"
AUTHENTICATED = "235 Authentication successful."
BAD_CREDENTIALS = "535 Authentication Credentials Invalid"
NEEDS_TLS = "530 Must issue a STARTTLS command first"
NEEDS_AUTH = "530 Authentication required"
TOO_LONG = "552 Message is too long."
TOO_MANY_CONNECTIONS = "421 Too many concurrent SMTP connections"
TIMED_OUT = "451 Timeout waiting for data from client."
TEMPORARY = "451 Temporary service failure"


def accepted(message_id: str) -> str:
    """Return the answer to a message that was taken."""
    return f"250 Ok {message_id}"


def refused(error: WireError) -> str:
    """Return the answer to a message that the rules of sending refuse: the table of rejected sends.

    A daily quota that is used up is answered with a 4xx as SES does, so that a naive server tries for days.
    """
    text = _one_line(error.message)
    match error.code:
        case "TooManyRequestsException" | "LimitExceededException" | "Throttling":
            return f"454 Throttling failure: {text}"
        case "MessageRejected" if text.startswith("Message length"):
            return TOO_LONG
        case "MessageRejected" | "SendingPausedException" | "AccountSuspendedException":
            return f"554 Message rejected: {text}"
        case "AccessDenied" | "AccessDeniedException":
            return f"554 Access denied: {text}"
        case "InternalServiceErrorException" | "InternalFailure":
            return TEMPORARY
        case _:
            return f"554 Transaction failed: {text}"


def _one_line(text: str) -> str:
    """No text of an answer may bring a line, or a reply, of its own."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:900]
