"""E-mail addresses as SES takes them: an ASCII local part at a domain, the domain in Punycode. Knows no mailbox."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parseaddr

from sendworthy.errors import InvalidMessage

_ATOM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.")
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")

SIMULATOR_DOMAIN = "simulator.amazonses.com"
"""Amazon's mailbox simulator (SES Developer Guide, "Using the mailbox simulator"); never suppressed, never counted."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """An addr-spec of RFC 5321 section 4.1.2. The local part keeps its case; the domain is lower-case ASCII."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def key(self) -> str:
        """The form by which addresses are compared and suppressed: all lower case.

        RFC 5321 lets local parts differ by case; no mailbox provider that matters does, and mailing a suppressed
        address because of a capital letter is the worse error.
        """
        return f"{self.local.lower()}@{self.domain}"

    @property
    def is_simulator(self) -> bool:
        """Whether this is an address of the SES mailbox simulator."""
        return self.domain == SIMULATOR_DOMAIN


def parse_address(text: str) -> Address:
    """Read `user@example.com` or `"Name" <user@example.com>`.

    The domain is converted by IDNA (RFC 5891 as Python's `idna` codec does it). Raises InvalidMessage when there is
    no address, when the local part is not 7-bit ASCII (SES has no SMTPUTF8: "the local part must be 7-bit ASCII"),
    or when a part is too long (RFC 5321 section 4.5.3.1: 64 and 255 octets).
    """
    if any(character in text for character in "\r\n\0"):
        raise InvalidMessage("An address contains a line break or a NUL.", "Remove it.")
    spec = parseaddr(text)[1] if "<" in text else text.strip()
    local, at, domain = spec.rpartition("@")
    if not at or not local or not domain:
        raise InvalidMessage("Missing final '@domain'.", "Give an address such as user@example.com.")
    if not local.isascii():
        raise InvalidMessage("Local address contains non-ascii characters.", "SES does not support SMTPUTF8.")
    quoted = len(local) > 2 and local[0] == local[-1] == '"'
    if not quoted and (set(local) - _ATOM or local[0] == "." or local[-1] == "." or ".." in local):
        raise InvalidMessage("The local part of an address is not valid.", "See RFC 5321 section 4.1.2.")
    try:
        ascii_domain = domain.rstrip(".").encode("idna").decode("ascii").lower() if domain else ""
    except UnicodeError:
        raise InvalidMessage("The domain of an address is not valid.", "See RFC 5891.") from None
    labels = ascii_domain.split(".")
    if not all(labels) or set(ascii_domain) - _LABEL - {"."} or len(local) > 64 or len(ascii_domain) > 255:
        raise InvalidMessage("The domain of an address is not valid.", "See RFC 5321 section 4.1.2.")
    return Address(local, ascii_domain)
