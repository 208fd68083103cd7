"""Keeps our suppressions in step with SES's account list, Region by Region, both ways. Never lifts anything.

SES knows bounces and complaints and nothing else [M]: unsubscribes and what people entered stay ours. What is absent at
AWS says nothing: AWS deletes the list of an account that was paused for 90 days [D23]. What was removed here on purpose
and is still on SES's list is shown as a conflict, for a person; so is what somebody removed there. SES's global list
cannot be read by anybody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sendworthy.app.scheduler import Job
from sendworthy.clients.aws import Aws
from sendworthy.errors import InvalidMessage, ProviderError, Rejected
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.store.store import Store
from sendworthy.store.suppression import Mark, Shared, Theirs
from sendworthy.store.values import Fence

_SERVICE = "sesv2"
_PAGE = 1_000
MOST_PUSHED = 500
"""Entries that one run writes to one Region: at one call a second [D23], some eight minutes."""


class ConflictKind(StrEnum):
    """On what the two lists disagree, and a person must decide."""

    REMOVED_HERE = "removed_here"
    """We let the address get mail again; SES still takes its mail and does not deliver it."""
    REMOVED_THERE = "removed_there"
    """It was on SES's list and no longer is; ours holds."""
    LIST_OFF = "list_off"
    """The account does not suppress for this reason at all, so SES's list does not grow by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One disagreement; `address` is empty where it is about the whole list."""

    kind: ConflictKind
    address: str
    reason: SuppressionReason
    at: datetime


@dataclass(slots=True, kw_only=True)
class Synced:
    """What one run did in one Region.

    `taken` are new with us, `given` new with SES, `left` still to be given by a later run. `problem` is why it is not
    in step (then nothing is concluded from what is absent), `note` what cannot be done here in principle.
    """

    region: str
    seen: int = 0
    taken: int = 0
    given: int = 0
    left: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    problem: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """`in_step`, `conflicts`, `behind` (more to give) or `unknown`."""
        if self.problem:
            return "unknown"
        if self.conflicts:
            return "conflicts"
        return "behind" if self.left else "in_step"


Wait = Callable[[float], Awaitable[None]]


class Sync:
    """Goes through the Regions of one account. `account` is its id; `sleep` takes seconds."""

    def __init__(self, store: Store, aws: Aws, *, account: str, sleep: Wait, most_given: int = MOST_PUSHED) -> None:
        self._store = store
        self._aws = aws
        self._account = account
        self._sleep = sleep
        self._most = most_given

    async def run(self, regions: Sequence[str]) -> tuple[Synced, ...]:
        """Bring each Region in step; what fails in one does not keep the others."""
        return tuple([await self._region(region) for region in regions])

    async def _region(self, region: str) -> Synced:
        done = Synced(region=region)
        began: Mark = (self._store.suppression.now(), "")
        try:
            account = await self._call(region, "GetAccount")
            theirs = await self._take(region, done)
            pending = await self._compare(region, theirs, done)
            self._note_reasons(account, began[0], done)
            if not account.get("ProductionAccessEnabled", False):
                done.left = len(pending)
                done.note = "The sandbox refuses changes to SES's list; they are given once the account is out of it."
                return done
            await self._give(region, pending, began, done)
        except ProviderError as error:
            done.problem = f"{error.happened} {error.to_do}".strip()
        return done

    async def _take(self, region: str, done: Synced) -> dict[str, Theirs]:
        """Read SES's list and suppress what is on it, page by page."""
        found: dict[str, Theirs] = {}
        token: str | None = None
        while True:
            more = {"NextToken": token} if token else {}
            answer = await self._call(region, "ListSuppressedDestinations", PageSize=_PAGE, **more)
            listed = [entry for one in answer.get("SuppressedDestinationSummaries", ()) if (entry := _entry(one))]
            ours = {one.address: one for one in await self._known([one.address for one in listed])}
            fresh: list[Theirs] = []
            for entry in listed:
                found[entry.address] = entry
                known = ours.get(entry.address)
                if known is not None and known.lifted and entry.at <= known.at:
                    done.conflicts.append(
                        Conflict(
                            kind=ConflictKind.REMOVED_HERE, address=entry.address, reason=entry.reason, at=known.at
                        )
                    )
                else:
                    fresh.append(entry)
            done.seen += len(listed)
            done.taken += await self._store.suppression.take(fresh, source=f"SES's list in {region}")
            token = answer.get("NextToken")
            if not token:
                return found

    async def _known(self, addresses: Sequence[str]) -> tuple[Shared, ...]:
        return await self._store.suppression.shared_of(addresses) if addresses else ()

    async def _compare(self, region: str, theirs: dict[str, Theirs], done: Synced) -> list[Shared]:
        """Find what SES's list lacks: new with us, or gone there. Gives the new ones, oldest first."""
        mark = await self._store.suppression.mark(self._account, region)
        pending: list[Shared] = []
        after = ""
        while page := await self._store.suppression.shared(after=after):
            after = page[-1].address
            for one in page:
                if one.lifted or one.address.endswith("@simulator.amazonses.com"):
                    continue
                there = theirs.get(one.address)
                if there is not None and (there.reason is one.reason or one.reason is SuppressionReason.BOUNCE):
                    continue
                if mark is not None and (one.at, one.address) <= mark:
                    if there is None:
                        kind = ConflictKind.REMOVED_THERE
                        done.conflicts.append(Conflict(kind=kind, address=one.address, reason=one.reason, at=one.at))
                    continue
                pending.append(one)
        return sorted(pending, key=lambda one: (one.at, one.address))

    async def _give(self, region: str, pending: Sequence[Shared], began: Mark, done: Synced) -> None:
        mark = await self._store.suppression.mark(self._account, region)
        try:
            for number, one in enumerate(pending):
                if number == self._most:
                    done.left = len(pending) - number
                    return
                try:
                    await self._call(
                        region, "PutSuppressedDestination", EmailAddress=one.address, Reason=one.reason.value.upper()
                    )
                    done.given += 1
                except Rejected as error:
                    # An address that SES does not take must not keep the rest of the list back.
                    if error.code != "BadRequestException":
                        raise
                    done.note = f"SES does not take some addresses: {error.happened}"
                mark = (one.at, one.address)
            mark = began
        finally:
            if mark is not None:
                await self._store.suppression.set_mark(self._account, region, mark)

    def _note_reasons(self, account: dict[str, Any], at: datetime, done: Synced) -> None:
        on = account.get("SuppressionAttributes", {}).get("SuppressedReasons", ())
        for reason in (SuppressionReason.BOUNCE, SuppressionReason.COMPLAINT):
            if reason.value.upper() not in on:
                done.conflicts.append(Conflict(kind=ConflictKind.LIST_OFF, address="", reason=reason, at=at))

    async def delete(self, address: str, regions: Sequence[str]) -> dict[str, str]:
        """Take an address off SES's list; gives a sentence for each Region."""
        told: dict[str, str] = {}
        for region in regions:
            try:
                await self._call(region, "DeleteSuppressedDestination", EmailAddress=address)
                told[region] = "removed from SES's list"
            except Rejected as error:
                gone = error.code == "NotFoundException"
                told[region] = "was not on SES's list" if gone else f"not removed: {error.happened}"
            except ProviderError as error:
                told[region] = f"not known whether it was removed: {error.happened}"
        return told

    async def _call(self, region: str, operation: str, **params: Any) -> dict[str, Any]:
        await self._sleep(await self._store.control_turn(_SERVICE, region))
        return await self._aws.call(_SERVICE, operation, region=region, **params)


def _entry(summary: dict[str, Any]) -> Theirs | None:
    try:
        address = parse_address(str(summary["EmailAddress"])).key
    except InvalidMessage:  # SES took it for an address, so it is compared as it stands
        address = str(summary["EmailAddress"]).strip().lower()
    words = {"BOUNCE": SuppressionReason.BOUNCE, "COMPLAINT": SuppressionReason.COMPLAINT}
    reason = words.get(str(summary["Reason"]))
    return Theirs(address=address, reason=reason, at=summary["LastUpdateTime"]) if reason else None


def suppression_job(sync: Sync, regions: Sequence[str]) -> Job:
    """Bring the lists in step once an hour."""

    async def work(_: Fence) -> None:
        await sync.run(regions)

    return Job(name="suppressions", every_seconds=3_600.0, work=work, lease_seconds=3_600.0)
