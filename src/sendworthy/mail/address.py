"""E-mail addresses as SES takes them: an ASCII local part at a domain, the domain in Punycode. Knows no mailbox."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sendworthy.errors import InvalidMessage

_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*")
"""RFC 5321 section 4.1.2, Dot-string."""
_QUOTED = re.compile(r'"([ !#-\[\]-~]|\\[ -~])+"')
"""RFC 5321 section 4.1.2, Quoted-string, of at least one character."""
_QUOTED_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_ESCAPED = re.compile(r"\\(.)")
_NEEDS_BACKSLASH = re.compile(r'["\\]')
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
"""RFC 5321 section 4.1.2, sub-domain, with the underscore that real names have."""
_DEVIATIONS = frozenset("\u00df\u03c2\u200c\u200d")
"""Characters that lead to different domains under IDNA 2003 and 2008 (UTS 46 section 7, deviation characters)."""
_LONGEST_TEXT = 998
"""A line of RFC 5322 section 2.1.1; with it, the cost of what follows is bounded."""

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
        """The form by which addresses are compared and suppressed: all lower case, without quotes that add nothing.

        RFC 5321 lets local parts differ by case; no mailbox provider that matters does, and mailing a suppressed
        address because of a capital letter is the worse error. `"ann"` and `ann` are one mailbox (section 4.1.2).
        """
        local = self.local.lower()
        if local.startswith('"'):
            local = _unquoted(local)
        return f"{local}@{self.domain}"

    @property
    def is_simulator(self) -> bool:
        """Whether this is an address of the SES mailbox simulator."""
        return self.domain == SIMULATOR_DOMAIN


def _unquoted(local: str) -> str:
    """Give the shortest spelling of a quoted local part: no quotes where none are needed, no needless backslash."""
    text = _ESCAPED.sub(r"\1", local[1:-1])
    if _DOT_ATOM.fullmatch(text):
        return text
    return '"' + _NEEDS_BACKSLASH.sub(r"\\\g<0>", text) + '"'


def parse_address(text: str) -> Address:
    """Read `user@example.com` or `"Name" <user@example.com>`.

    The domain is converted by IDNA 2003 (RFC 3490, Python's `idna` codec). Raises InvalidMessage when there is no
    address or more than one, when the local part is not 7-bit ASCII (SES has no SMTPUTF8: "the local part must be
    7-bit ASCII"), or when a part is too long (RFC 5321 section 4.5.3.1: 64 and 255 octets).
    """
    if len(text) > _LONGEST_TEXT:
        raise InvalidMessage("An address is too long.", "See RFC 5322 section 2.1.1.")
    if any(character in text for character in "\r\n\0"):
        raise InvalidMessage("An address contains a line break or a NUL.", "Remove it.")
    local, at, domain = _addr_spec(text.strip()).rpartition("@")
    if not at or not local or not domain:
        raise InvalidMessage("Missing final '@domain'.", "Give an address such as user@example.com.")
    if not local.isascii():
        raise InvalidMessage("Local address contains non-ascii characters.", "SES does not support SMTPUTF8.")
    if len(local) > 64 or not (_DOT_ATOM.fullmatch(local) or _QUOTED.fullmatch(local)):
        raise InvalidMessage("The local part of an address is not valid.", "See RFC 5321 section 4.1.2.")
    if set(domain) & _DEVIATIONS:
        raise InvalidMessage("The domain of an address is read in two ways.", "Give it in Punycode (xn--...).")
    ascii_domain = domain.removesuffix(".").lower()
    if not domain.isascii():
        try:
            ascii_domain = domain.removesuffix(".").encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise InvalidMessage("The domain of an address is not valid.", "See RFC 5891.") from None
    if len(ascii_domain) > 255 or not all(map(_LABEL.fullmatch, ascii_domain.split("."))):
        raise InvalidMessage("The domain of an address is not valid.", "See RFC 5321 section 4.1.2.")
    return Address(local, ascii_domain)


def _addr_spec(text: str) -> str:
    """Take the address out of `Name <address>`, or give `text` as it is.

    `email.utils.parseaddr` is not asked: it drops all but the first of several addresses, and recurses into comments.
    """
    if not text.endswith(">"):
        return text
    name, opened, spec = text[:-1].rpartition("<")
    if not opened:
        return text
    if set(_QUOTED_TEXT.sub("", name)) & set('<>,;:@"'):
        raise InvalidMessage("There is more than one address, or its name needs quotes.", 'Write "Name" <address>.')
    return spec
