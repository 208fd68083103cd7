"""Unsubscribe tokens: opaque, unforgeable, good for ever, and across a change of keys. Knows no store and no page.

RFC 8058 section 3.1 asks for an opaque part that is hard to forge. A token is the address, what it leaves and which
delivery it came with, sealed by AES-SIV (RFC 5297): deterministic, so that nothing random is needed, and authentic, so
that a changed or foreign token opens to nothing. Laws want the link to work for 30 to 60 days (CAN-SPAM, CASL [L5]);
mailboxes keep mail for years, so it has no end. Who holds a token can unsubscribe its address, and nothing else.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from sendworthy.errors import ConfigError

KEY_BYTES = 64
"""AES-256 in SIV takes two keys of 32 bytes (RFC 5297 section 2.2)."""

LONGEST_TOKEN = 900
"""A List-Unsubscribe header must stay within a line of 998 octets (RFC 5322 section 2.1.1)."""

BULK = "marketing"
"""The stream that bulk mail belongs to (audit.profile.Stream, a floor above)."""

TOPIC_TAG = "sendworthy-topic"
"""The message tag that says what the mail is about, so that a reader can leave one topic alone."""

_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{30,900}")
_VERSION = 1
_CONTEXT = b"sendworthy unsubscribe"
_ID_BYTES = 4


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    address: str
    stream: str
    topic: str
    delivery: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """What a token stands for: `address` (Address.key) leaves a stream, or one topic of it."""

    address: str
    stream: str = BULK
    topic: str = ""
    delivery_id: str = ""

    @property
    def scope(self) -> str:
        """What a suppression of it is limited to."""
        return scope_of(self.stream, self.topic)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys that tokens are sealed under: the first seals, every one opens. Raises ConfigError when it is none."""

    keys: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) != KEY_BYTES for key in self.keys):
            raise ConfigError("The unsubscribe keys are not keys.", "Restore their file from a backup.")

    def seal(self, leave: Leave) -> str:
        """Give the token of a leave; the same one each time."""
        key = self.keys[0]
        head = bytes([_VERSION]) + _key_id(key)
        inside = msgspec.msgpack.encode(_Sealed(leave.address, leave.stream, leave.topic, leave.delivery_id))
        return urlsafe_b64encode(head + AESSIV(key).encrypt(inside, [_CONTEXT, head])).rstrip(b"=").decode()

    def open(self, token: str) -> Leave | None:
        """Give what a token stands for; None when it was not sealed here, whatever it is."""
        if not _TOKEN.fullmatch(token) or len(token) % 4 == 1:  # no base64 has such a length
            return None
        # Base64 has spare bits at its end: only the one spelling that we write is ours.
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        if urlsafe_b64encode(raw).rstrip(b"=").decode() != token or raw[0] != _VERSION:
            return None
        head, sealed = raw[: 1 + _ID_BYTES], raw[1 + _ID_BYTES :]
        for key in self.keys:
            if _key_id(key) == head[1:]:
                try:
                    inside = msgspec.msgpack.decode(AESSIV(key).decrypt(sealed, [_CONTEXT, head]), type=_Sealed)
                except (InvalidTag, ValueError):  # ValueError: shorter than a tag; msgspec's errors are ValueErrors
                    continue
                return Leave(
                    address=inside.address, stream=inside.stream, topic=inside.topic, delivery_id=inside.delivery
                )
        return None

    def with_new(self, key: bytes) -> KeyRing:
        """Give the ring with a new key in front; what was sealed before still opens."""
        return KeyRing((key, *self.keys))


def scope_of(stream: str, topic: str = "") -> str:
    """Name the scope of a suppression: a stream, or one topic of it."""
    return f"{stream}/{topic}" if topic else str(stream)


def is_topic(text: str) -> bool:
    """Say whether a text may be a topic: it must fit into a message tag of SES."""
    return _TOPIC.fullmatch(text) is not None


def topic_of(name: str) -> str:
    """Give the topic of a kind of mail by its name in sendworthy.toml: `Monthly news` is `monthly-news`."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a POST to the unsubscribe address asks for.

    `scopes` is what to leave; `back` what to come back to. Neither: the POST asks for nothing that we know.
    """

    scopes: tuple[str, ...] = ()
    back: tuple[str, ...] = ()


def read_wishes(form: Mapping[str, tuple[str, ...]], leave: Leave, topics: tuple[str, ...]) -> Wishes:
    """Read the form of RFC 8058 section 3.2 (`List-Unsubscribe=One-Click`), or that of our own page.

    One click leaves what the message was about: its topic, or all mail of its stream where it had none.
    """
    one_click = [value for name, values in form.items() if name.lower() == "list-unsubscribe" for value in values]
    if any(value.strip().lower() == "one-click" for value in one_click):
        return Wishes(scopes=(leave.scope,))
    match form.get("do", ("",))[0]:
        case "leave":
            return Wishes(scopes=(leave.scope,))
        case "leave-all":
            return Wishes(scopes=(leave.stream,))
        case "back":
            return Wishes(back=(leave.stream, leave.scope))
        case "save":
            wanted = set(form.get("topic", ()))
            known = dict.fromkeys((*topics, *((leave.topic,) if leave.topic else ())))
            return Wishes(
                scopes=tuple(scope_of(leave.stream, one) for one in known if one not in wanted),
                back=tuple(scope_of(leave.stream, one) for one in known if one in wanted),
            )
        case _:
            return Wishes()


def _key_id(key: bytes) -> bytes:
    return sha256(_CONTEXT + b" key id" + key).digest()[:_ID_BYTES]
