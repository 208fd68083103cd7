"""Claims about the sending set-up: monitoring, rates, alarms, configuration sets. Adding one is adding a value here."""

from __future__ import annotations

from collections.abc import Mapping

from sendworthy.access.claim_figures import (
    APPLY,
    DRILL,
    account,
    audited_on,
    identity,
    number,
    sets,
    timed_trials,
    trials,
    wishes,
)
from sendworthy.access.claims import Claim, Ground, Question, Topic
from sendworthy.access.words import listed
from sendworthy.audit.evidence import Seen
from sendworthy.audit.profile import Profile, Stream


def _pacing(ground: Ground) -> Mapping[str, str] | None:
    figures = trials(ground)
    if figures is None or ground.proof is None:
        return None
    rate = number(ground.proof.data.get("rate_per_second"))
    highest = number(ground.proof.data.get("highest_per_second"))
    if not rate or highest is None or highest > rate:
        return None
    return {**figures, "rate": f"{rate:,g}", "highest": f"{highest:,g}"}


def _both_streams(profile: Profile) -> bool:
    return {kind.stream for kind in profile.mail} == set(Stream)


def _separate_sets(ground: Ground) -> Mapping[str, str] | None:
    wished, found = wishes(ground), sets(ground)
    if wished is None or found is None or len({one.name for one in found}) < len(Stream):
        return None
    return {
        "transactional": wished.configuration_sets.get(Stream.TRANSACTIONAL, ""),
        "marketing": wished.configuration_sets.get(Stream.MARKETING, ""),
    }


def _default_set(ground: Ground) -> Mapping[str, str] | None:
    seen = identity(ground)
    return {"domain": ground.domain, "set": seen.configuration_set} if seen and seen.configuration_set else None


def _metrics(ground: Ground) -> Mapping[str, str] | None:
    found = sets(ground)
    if found is None or not all(one.reputation_metrics for one in found):
        return None
    return {"sets": listed([one.name for one in found])}


def _alarm(metric: str, ground: Ground) -> Mapping[str, str] | None:
    """Give the strictest alarm on a reputation metric that is switched on and tells somebody."""
    here = ground.evidence.regions.get(ground.region)
    if here is None or not isinstance(here.alarms, Seen):
        return None
    thresholds = [
        one.threshold
        for one in here.alarms.value
        if (one.namespace, one.metric) == ("AWS/SES", metric)
        and one.threshold is not None
        and one.actions
        and one.actions_enabled
        and one.comparison.startswith("GreaterThan")
    ]
    if not thresholds:
        return None
    return {"threshold": f"{100 * min(thresholds):g} %", "date": audited_on(ground)}


def _bounce_alarm(ground: Ground) -> Mapping[str, str] | None:
    return _alarm("Reputation.BounceRate", ground)


def _complaint_alarm(ground: Ground) -> Mapping[str, str] | None:
    return _alarm("Reputation.ComplaintRate", ground)


def _vdm(ground: Ground) -> Mapping[str, str] | None:
    seen = account(ground)
    return {} if seen is not None and seen.vdm_enabled else None


def _healthy(ground: Ground) -> Mapping[str, str] | None:
    seen = account(ground)
    if seen is None or seen.enforcement_status != "HEALTHY" or not seen.sending_enabled:
        return None
    return {"region": ground.region, "date": audited_on(ground)}


SETUP_CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="setup.monitoring",
        topic=Topic.SETUP,
        sentence=(
            "Monitoring: the delivery event of a message is back in our records within {seconds} s of sending "
            "({trials} with the SES mailbox simulator, {date})."
        ),
        figures=timed_trials,
        checks=("events.wired",),
        proof="drill.delivery",
        would_prove=DRILL,
    ),
    Claim(
        id="setup.bounce_alarm",
        topic=Topic.SETUP,
        sentence=(
            "An alarm in CloudWatch tells us as soon as the account's bounce rate passes {threshold} (seen on {date})."
        ),
        figures=_bounce_alarm,
        checks=(
            "alarms.bounce",
            "alarms.actions",
        ),
        would_prove="`sendworthy plan` has an alarm on Reputation.BounceRate; apply it and audit again.",
        answers=(Question.BOUNCES,),
    ),
    Claim(
        id="setup.complaint_alarm",
        topic=Topic.SETUP,
        sentence=(
            "An alarm in CloudWatch tells us as soon as the account's complaint rate passes {threshold} (seen on "
            "{date})."
        ),
        figures=_complaint_alarm,
        checks=(
            "alarms.complaint",
            "alarms.actions",
        ),
        would_prove="`sendworthy plan` has an alarm on Reputation.ComplaintRate; apply it and audit again.",
        answers=(Question.COMPLAINTS,),
    ),
    Claim(
        id="setup.rate_limit",
        topic=Topic.SETUP,
        sentence=(
            "Rate limiting: our sending gateway keeps to the account's rate; set to {rate} a second, it never sent "
            "more than {highest} in one second ({trials}, {date})."
        ),
        figures=_pacing,
        proof="drill.pacing",
        would_prove="Run `sendworthy drill`: it measures the pace of the gateway.",
        answers=(Question.HOW_OFTEN,),
    ),
    Claim(
        id="setup.streams",
        topic=Topic.SETUP,
        sentence=(
            "Transactional and marketing mail have configuration sets of their own: {transactional} and {marketing}."
        ),
        figures=_separate_sets,
        would_prove=APPLY,
        applies=_both_streams,
    ),
    Claim(
        id="setup.default_set",
        topic=Topic.SETUP,
        sentence="Mail from {domain} that names no configuration set goes by {set}, so that no event is missed.",
        figures=_default_set,
        checks=(
            "events.wired",
            "identity.default_set",
        ),
        each_domain=True,
        would_prove=APPLY,
    ),
    Claim(
        id="setup.metrics",
        topic=Topic.SETUP,
        sentence="Reputation metrics are on for {sets}.",
        figures=_metrics,
        checks=("monitoring.reputation_metrics",),
        would_prove=APPLY,
    ),
    Claim(
        id="setup.vdm",
        topic=Topic.SETUP,
        sentence="Virtual Deliverability Manager is on for the account.",
        figures=_vdm,
        would_prove="Set `ses.vdm = true` if you want it (AWS charges for it); it is not needed for a grant.",
    ),
    Claim(
        id="setup.healthy",
        topic=Topic.SETUP,
        sentence="Amazon SES shows the account in {region} as HEALTHY, with sending on ({date}).",
        figures=_healthy,
        checks=(
            "account.enforcement",
            "account.sending",
        ),
        would_prove="Settle the review of the account on its case first.",
    ),
)
