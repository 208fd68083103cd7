"""Asks for larger quotas: the outlook, the gate, one request with the user's word, and its status followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sendworthy.access.facts import Answer, FactKind, case_id
from sendworthy.access.forecast import Forecast, TooShort, forecast
from sendworthy.access.ladder import Rung
from sendworthy.access.quota import (
    LOOK_AHEAD_DAYS,
    SERVICE_CODE,
    Advice,
    Headroom,
    Quota,
    advise,
    headroom,
)
from sendworthy.access.quota_case import QuotaCase, QuotaState, quota_case, quota_case_id
from sendworthy.access.quota_gate import Asked, Obstacle, obstacles
from sendworthy.access.quota_text import Justification, justify
from sendworthy.app import parts
from sendworthy.app.ask import note, remembered
from sendworthy.app.parts import WALL, Clock
from sendworthy.app.quota_look import Usage, limits, look_at_usage
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ConfigError, ProviderError, Rejected, SendRefused, Uncertain
from sendworthy.store.store import Store

PROMISE = (
    "The request goes to AWS in your name and may open a support case that people read. A refused request is not "
    "repeated by this program."
)
"""What --i-confirm gives the word for."""

_ALREADY = "ResourceAlreadyExistsException"
_HISTORY_PAGES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is used, what is to come, when to ask, and where each quota's request stands."""

    usage: Usage
    headroom: tuple[Headroom, ...]
    forecast: Forecast | TooShort
    advice: tuple[Advice, ...]
    cases: tuple[QuotaCase, ...]

    def of(self, quota: Quota) -> tuple[Headroom, Advice, QuotaCase]:
        """Give what concerns one quota."""
        return next(
            found for found in zip(self.headroom, self.advice, self.cases, strict=True) if found[1].quota is quota
        )


async def look_ahead(
    config: Config,
    aws: Aws,
    store: Store,
    *,
    region: str,
    days_ahead: int = LOOK_AHEAD_DAYS,
    clock: Clock = WALL,
) -> Outlook:
    """Look at the usage and say what comes of it. Raises ProviderError where the account cannot be read."""
    usage = await look_at_usage(config, aws, store, region=region, clock=clock)
    rooms = headroom(usage.account, usage.busiest)
    outlook = forecast(usage.days, days_ahead=max(days_ahead, LOOK_AHEAD_DAYS))
    today = usage.at.astimezone(UTC).date()
    return Outlook(
        usage=usage,
        headroom=rooms,
        forecast=outlook,
        advice=tuple(advise(room, outlook, usage.busiest, config.profile, today=today) for room in rooms),
        cases=tuple([await case_of(store, usage.account_id, region, room.quota, clock=clock) for room in rooms]),
    )


async def case_of(store: Store, account_id: str, region: str, quota: Quota, *, clock: Clock = WALL) -> QuotaCase:
    """Give where the request for one quota stands by the record alone."""
    return quota_case(quota, await remembered(store, quota_case_id(account_id, region, quota)), clock.now())


def wanted(outlook: Outlook, asked: Mapping[Quota, float | None]) -> tuple[tuple[Advice, float], ...]:
    """Give what to ask for: the values named, else those that the advice says to ask for now."""
    named = [(outlook.of(quota)[1], value) for quota, value in asked.items() if value is not None]
    if named:
        return tuple(named)
    return tuple((one, one.value) for one in outlook.advice if one.now and one.value is not None)


def write_justification(
    config: Config, outlook: Outlook, asked: Sequence[tuple[Advice, float]], *, changed: str = ""
) -> Justification:
    """Write the text for the case that AWS may open. Raises InvalidMessage when there is nothing to ask."""
    usage = outlook.usage
    return justify(config.profile, asked, usage.statistics, outlook.forecast, region=usage.region, changed=changed)


def in_the_way(config: Config, outlook: Outlook, asked: tuple[Advice, float], *, changed: str = "") -> list[Obstacle]:
    """Say what stands in the way of one request."""
    advice, value = asked
    room, _, case = outlook.of(advice.quota)
    share = room.busiest_share if room.limit > 0 else -1.0
    usage = outlook.usage
    found = obstacles(
        usage.account,
        usage.standing,
        usage.rates,
        limits(config),
        usage.statistics,
        Asked(quota=advice.quota, value=value, busiest_share=share, case=case, changed=changed),
    )
    return list(found)


async def ask(
    config: Config,
    aws: Aws,
    store: Store,
    outlook: Outlook,
    asked: tuple[Advice, float],
    *,
    confirmed: bool,
    despite: str = "",
    changed: str = "",
    clock: Clock = WALL,
) -> QuotaCase:
    """Ask for one quota, once, with the user's word, and give the state of its case.

    The intention is recorded before the call, as `uncertain`, so that a crash or a lost answer leaves a trace. Raises
    SendRefused where something stands in the way, ConfigError without the word, ProviderError when AWS says no.
    """
    advice, value = asked
    usage = outlook.usage
    standing = in_the_way(config, outlook, asked, changed=changed)
    if any(one.final for one in standing) or (standing and not despite.strip()):
        first = standing[0]
        raise SendRefused(f"Nothing was asked: {first.id}: {first.what}", first.fix)
    if not confirmed:
        raise ConfigError("Nothing was asked: your word is missing.", f"{PROMISE} Give it with --i-confirm.")
    text = write_justification(config, outlook, [asked], changed=changed)
    params: dict[str, Any] = {"ServiceCode": SERVICE_CODE, "QuotaCode": advice.quota.value, "DesiredValue": value}
    record: dict[str, Any] = {
        "params": params,
        "promise": PROMISE,
        "override": {"reason": despite.strip(), "blockers": [one.id for one in standing]} if standing else None,
        "desired": value,
        "before": advice.limit,
        "changed": changed,
        "request_id": "",
        "code": "",
        "call": parts.new_id(),
    }
    case = quota_case_id(usage.account_id, usage.region, advice.quota)
    drafted = {"subject": text.subject, "body": text.body, "changed": [changed] if changed else []}
    await note(store, case, FactKind.DRAFTED, clock.now(), drafted)
    await note(store, case, FactKind.SUBMITTED, clock.now(), record | {"answer": Answer.UNCERTAIN})
    try:
        answer = await aws.call("service-quotas", "RequestServiceQuotaIncrease", region=usage.region, **params)
    except Uncertain as error:
        raise Uncertain(
            f"Whether AWS has the request is not known: {error.happened}",
            "It will not be sent again by itself. Look first: sendworthy quota watch --once.",
            code=error.code,
        ) from error
    except ProviderError as error:
        there = isinstance(error, Rejected) and error.code == _ALREADY
        result = Answer.CONFLICT if there else Answer.NOT_TAKEN
        await note(store, case, FactKind.SUBMITTED, clock.now(), record | {"answer": result, "code": error.code})
        raise
    request_id = str(answer.get("RequestedQuota", {}).get("Id", ""))
    accepted = record | {"answer": Answer.ACCEPTED, "request_id": request_id}
    await note(store, case, FactKind.SUBMITTED, clock.now(), accepted)
    if advice.quota is Quota.DAY and not usage.account.production_access:
        # In the sandbox this is one more way of asking for production, and the request's own case must know of it.
        elsewhere = {"way": Rung.SERVICE_QUOTAS, "answer": Answer.ACCEPTED, "reference": request_id}
        production = case_id(usage.account_id, usage.region)
        await note(store, production, FactKind.ASKED_ELSEWHERE, clock.now(), elsewhere)
    return await case_of(store, usage.account_id, usage.region, advice.quota, clock=clock)


async def follow(
    aws: Aws, store: Store, *, account_id: str, region: str, quota: Quota, clock: Clock = WALL
) -> tuple[QuotaCase, bool]:
    """Look once at Service Quotas and at GetAccount; give the state of the case, and whether it changed.

    A quota that nobody asked for is not looked up. Raises ProviderError where either cannot be read.
    """
    before = await case_of(store, account_id, region, quota, clock=clock)
    if before.state is QuotaState.NOT_ASKED:
        return before, False
    request = await _request(aws, region, quota, before)
    account = await aws.call("sesv2", "GetAccount", region=region)
    quotas = account.get("SendQuota", {})
    value = {Quota.DAY: quotas.get("Max24HourSend", 0), Quota.RATE: quotas.get("MaxSendRate", 0)}[quota]
    seen = {
        "status": str(request.get("Status", "")),
        "request_id": str(request.get("Id", "")),
        "case_id": str(request.get("CaseId") or ""),
        "desired": float(request.get("DesiredValue", 0.0)),
        "value": float(value),
    }
    case = quota_case_id(account_id, region, quota)
    facts = await remembered(store, case)
    last = next((dict(one.data) for one in reversed(facts) if one.kind is FactKind.STATUS_SEEN), None)
    # While the answer is uncertain each look counts: having looked in vain for long enough is what settles it.
    if last != seen or before.state is QuotaState.UNCERTAIN:
        await note(store, case, FactKind.STATUS_SEEN, clock.now(), seen)
    after = await case_of(store, account_id, region, quota, clock=clock)
    return after, (after.state, after.value) != (before.state, before.value)


async def _request(aws: Aws, region: str, quota: Quota, case: QuotaCase) -> dict[str, Any]:
    """Find the request of the case: by its id, else the newest that can be it; empty where AWS shows none."""
    found: list[dict[str, Any]] = []
    token: dict[str, Any] = {}
    for _page in range(_HISTORY_PAGES):
        answer = await aws.call(
            "service-quotas",
            "ListRequestedServiceQuotaChangeHistoryByQuota",
            region=region,
            ServiceCode=SERVICE_CODE,
            QuotaCode=quota.value,
            **token,
        )
        found += answer.get("RequestedQuotas", ())
        if not answer.get("NextToken"):
            break
        token = {"NextToken": answer["NextToken"]}
    named = next((one for one in found if case.request_id and one.get("Id") == case.request_id), None)
    if named is not None:
        return named
    if case.state is QuotaState.UNCERTAIN:
        found = [one for one in found if one.get("DesiredValue") == case.desired]
    return max(found, key=_created, default={})


def _created(request: Mapping[str, Any]) -> datetime:
    at = request.get("Created")
    return at if isinstance(at, datetime) else datetime.min.replace(tzinfo=UTC)
