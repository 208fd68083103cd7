"""Keeps transactional mail from being turned against people and against the account. Pure but for its memory.

A form that mails whoever is typed into it is how strangers send complaints and bounces in our name. So much mail to one
address, so much for one visitor and so many times the same mail are enough in an hour; and an address at a domain that
is a well-known slip of the finger is refused while the person who typed it is still there to correct it.

The memory is this process's and does not survive a restart. Where several processes take mail for one database, what
this one has seen a twentieth of a cap of is counted there too, in the transaction that keeps the message: ordinary mail
is not, and all processes together let through a cap and at most a twentieth of it more for each (decision 0084).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from sendworthy.audit.profile import Stream
from sendworthy.errors import SendRefused
from sendworthy.mail.address import SIMULATOR_DOMAIN
from sendworthy.store.values import Capped, NewMessage

WINDOW_SECONDS = 3_600.0
_SKEW_SECONDS = 60.0
"""What was counted later than so far ahead was counted before the clock was set back, and would count for a day."""

_MOST_COUNTED = 200_000
"""Addresses, visitors and mails that are counted at once; the longest unused are forgotten first."""

_UNSHARED = 20
"""Of a cap, one part in so many is counted by each process for itself."""

TYPOS = {
    "gmial.com": "gmail.com",
    "gmai.com": "gmail.com",
    "gmal.com": "gmail.com",
    "gamil.com": "gmail.com",
    "gnail.com": "gmail.com",
    "gmaill.com": "gmail.com",
    "gmail.co": "gmail.com",
    "gmail.con": "gmail.com",
    "gmail.cm": "gmail.com",
    "gmail.comm": "gmail.com",
    "hotmial.com": "hotmail.com",
    "hotmal.com": "hotmail.com",
    "hotmai.com": "hotmail.com",
    "hotmil.com": "hotmail.com",
    "hotmail.con": "hotmail.com",
    "yaho.com": "yahoo.com",
    "yahooo.com": "yahoo.com",
    "yhoo.com": "yahoo.com",
    "yahoo.con": "yahoo.com",
    "outlok.com": "outlook.com",
    "outloo.com": "outlook.com",
    "outlook.con": "outlook.com",
    "iclod.com": "icloud.com",
    "icloud.con": "icloud.com",
    "aol.con": "aol.com",
}
"""Domains that people mean to be another. Where one exists, its owner is not who was meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Transactional messages in any hour: to one address, for one visitor, and alike to one address. 0: no cap."""

    address_per_hour: int = 100
    ip_per_hour: int = 60
    same_per_hour: int = 20
    refuse_typos: bool = True


class Abuse:
    """Counts transactional mail over the last hour. Bulk mail has its own rules, and simulator addresses none."""

    def __init__(self, caps: Caps | None = None) -> None:
        self._caps = caps or Caps()
        self._seen: OrderedDict[bytes, deque[tuple[float, str]]] = OrderedDict()

    def check(self, message: NewMessage, *, ip: str, at: datetime) -> None:
        """Raise SendRefused when the message would go beyond a cap, or goes to a typo. Counts nothing."""
        if message.stream is not Stream.TRANSACTIONAL:
            return
        if self._caps.refuse_typos:
            for one in message.deliveries:
                if meant := TYPOS.get(one.key.rpartition("@")[2]):
                    raise SendRefused("The domain of an address looks mistyped.", f"Ask whether {meant} was meant.")
        for name, cap, why in self._places(message, ip):
            times = self._recent(name, at.timestamp())
            if len(times) >= cap and not any(token and token == message.invocation_id for _, token in times):
                raise SendRefused(why, "The caps are under [policy].")

    def count(self, message: NewMessage, *, ip: str, at: datetime) -> None:
        """Count a message that is about to be accepted, so that those that come at once count against each other."""
        if message.stream is not Stream.TRANSACTIONAL:
            return
        for name, _, _ in self._places(message, ip):
            self._recent(name, at.timestamp()).append((at.timestamp(), message.invocation_id))
            self._seen.move_to_end(name)
        while len(self._seen) > _MOST_COUNTED:
            self._seen.popitem(last=False)

    def take_back(self, message: NewMessage, *, ip: str, at: datetime) -> None:
        """Count a message no more, which was counted and not accepted after all."""
        if message.stream is not Stream.TRANSACTIONAL:
            return
        for name, _, _ in self._places(message, ip):
            with suppress(ValueError):  # forgotten meanwhile
                self._recent(name, at.timestamp()).remove((at.timestamp(), message.invocation_id))

    def capped(self, message: NewMessage, *, ip: str, at: datetime) -> tuple[Capped, ...]:
        """Give what a message, counted already, must be counted by in all processes together: nothing, as a rule."""
        if message.stream is not Stream.TRANSACTIONAL:
            return ()
        return tuple(
            Capped(name=name.hex(), most=cap)
            for name, cap, _ in self._places(message, ip)
            if len(self._recent(name, at.timestamp())) > cap // _UNSHARED
        )

    def refusal(self, message: NewMessage, *, ip: str, beyond: str) -> SendRefused:
        """Say why a message is refused of which there is enough, by what `beyond` names."""
        why = next((why for name, _, why in self._places(message, ip) if name.hex() == beyond), "Too much like it.")
        return SendRefused(why, "The caps are under [policy].")

    def _places(self, message: NewMessage, ip: str) -> Iterator[tuple[bytes, int, str]]:
        caps = self._caps
        for one in message.deliveries:
            if one.key.endswith(f"@{SIMULATOR_DOMAIN}"):
                continue
            if caps.address_per_hour:
                why = f"More than {caps.address_per_hour} messages an hour to one address."
                yield _name("address", one.key), caps.address_per_hour, why
            if caps.same_per_hour:
                why = f"The same mail to one address more than {caps.same_per_hour} times an hour."
                yield _name("same", message.access_key_id, message.subject, one.key), caps.same_per_hour, why
        if ip and caps.ip_per_hour:
            yield _name("ip", ip), caps.ip_per_hour, f"More than {caps.ip_per_hour} messages an hour for one visitor."

    def _recent(self, name: bytes, now: float) -> deque[tuple[float, str]]:
        times = self._seen.setdefault(name, deque())
        while times and not now - WINDOW_SECONDS < times[0][0] <= now + _SKEW_SECONDS:
            times.popleft()
        return times


def _name(*parts: str) -> bytes:
    """Give a short name for what is counted; addresses themselves are not kept."""
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
