"""Claims about bounces, complaints, suppression and unsubscribing. Adding one is adding a value here."""

from __future__ import annotations

from collections.abc import Mapping

from sendworthy.access.claim_figures import (
    APPLY,
    DRILL,
    account,
    audited_on,
    identity,
    queue,
    sends_marketing,
    sets,
    timed_trials,
    trials,
)
from sendworthy.access.claims import Claim, Ground, Question, Topic
from sendworthy.access.words import listed
from sendworthy.audit.evidence import Seen

_BOTH = {"BOUNCE", "COMPLAINT"}


def _wired(ground: Ground) -> Mapping[str, str] | None:
    figures = trials(ground)
    return None if figures is None else {**figures, "region": ground.region}


def _account_list(ground: Ground) -> Mapping[str, str] | None:
    seen = account(ground)
    return {} if seen is not None and set(seen.suppressed_reasons) >= _BOTH else None


def _sets_follow_the_list(ground: Ground) -> Mapping[str, str] | None:
    found = sets(ground)
    if found is None or _account_list(ground) is None:
        return None
    if any(one.suppressed_reasons is not None and not set(one.suppressed_reasons) >= _BOTH for one in found):
        return None
    names = listed([one.name for one in found])
    return {"names": f"the configuration set {names}" if len(found) == 1 else f"the configuration sets {names}"}


def _dead_letters(ground: Ground) -> Mapping[str, str] | None:
    seen = queue(ground)
    return {"queue": seen.arn.rpartition(":")[2]} if seen is not None and seen.redrive_policy else None


def _forwarded(ground: Ground) -> Mapping[str, str] | None:
    seen = identity(ground)
    return {"domain": ground.domain} if seen is not None and seen.feedback_forwarding else None


def _probed(ground: Ground) -> Mapping[str, str] | None:
    reading = ground.evidence.probe
    if not isinstance(reading, Seen):
        return None
    seen = reading.value
    answered = 200 <= seen.post_status < 300 and seen.post_says_done and not seen.post_redirects and not seen.problem
    if not (seen.https and answered) or seen.get_says_done:
        return None
    return {"origin": seen.origin, "date": audited_on(ground)}


def _headers(ground: Ground) -> Mapping[str, str] | None:
    """Give the message whose unsubscribe headers hold, each there once and both signed by the sender's domain."""
    for one in ground.evidence.messages:
        ours = one.from_domain in ground.evidence.domains
        once = one.unsubscribe_headers == 1 and one.post_headers == 1 and one.one_click
        signed = any({"list-unsubscribe", "list-unsubscribe-post"} <= set(two.headers) for two in one.signatures)
        if ours and once and signed:
            return {"domain": one.from_domain, "date": audited_on(ground)}
    return None


FEEDBACK_CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="bounces.wired",
        topic=Topic.COMPLIANCE,
        sentence=(
            "Bounce and complaint events in {region} are published by Amazon SES to an SNS topic with a confirmed "
            "subscriber, and our program processes them (SES mailbox simulator, {trials}, {date})."
        ),
        figures=_wired,
        checks=("events.wired",),
        proof="drill.delivery",
        would_prove=f"{APPLY} Then run `sendworthy drill`.",
        answers=(Question.BOUNCES, Question.COMPLAINTS),
    ),
    Claim(
        id="bounces.suppressed",
        topic=Topic.COMPLIANCE,
        sentence=(
            "Bounces: a hard bounce is on our record within {seconds} s (SES mailbox simulator, {trials}, {date}), "
            "and the transaction that records it suppresses the address, so that it gets no further mail."
        ),
        figures=timed_trials,
        checks=("events.wired",),
        proof="drill.bounce",
        would_prove=DRILL,
        answers=(Question.BOUNCES, Question.LISTS),
    ),
    Claim(
        id="complaints.suppressed",
        topic=Topic.COMPLIANCE,
        sentence=(
            "Complaints: a complaint is on our record within {seconds} s (SES mailbox simulator, {trials}, {date}), "
            "and the transaction that records it suppresses the address, so that it gets no further mail."
        ),
        figures=timed_trials,
        checks=("events.wired",),
        proof="drill.complaint",
        would_prove=DRILL,
        answers=(Question.COMPLAINTS, Question.LISTS),
    ),
    Claim(
        id="suppression.account_list",
        topic=Topic.COMPLIANCE,
        sentence="The account-level suppression list of Amazon SES is on for bounces and complaints as well.",
        figures=_account_list,
        checks=("account.suppression",),
        would_prove=APPLY,
        answers=(Question.BOUNCES, Question.COMPLAINTS, Question.LISTS),
    ),
    Claim(
        id="suppression.sets",
        topic=Topic.COMPLIANCE,
        sentence="That list holds for all our mail: {names} follow it for bounces and complaints.",
        figures=_sets_follow_the_list,
        checks=("suppression.sets",),
        would_prove=APPLY,
        answers=(Question.BOUNCES, Question.COMPLAINTS),
    ),
    Claim(
        id="bounces.dead_letters",
        topic=Topic.COMPLIANCE,
        sentence="An event that cannot be processed is not lost: the queue {queue} hands it to a dead-letter queue.",
        figures=_dead_letters,
        checks=(
            "events.wired",
            "events.dead_letter",
        ),
        would_prove=APPLY,
        answers=(Question.BOUNCES, Question.COMPLAINTS),
    ),
    Claim(
        id="bounces.forwarded",
        topic=Topic.COMPLIANCE,
        sentence="As a second way, Amazon SES forwards the bounces and complaints of {domain} by e-mail.",
        figures=_forwarded,
        checks=("identity.verified",),
        each_domain=True,
        would_prove="Leave feedback forwarding on (`ses.feedback_forwarding`), and audit again.",
        answers=(Question.BOUNCES, Question.COMPLAINTS),
    ),
    Claim(
        id="unsubscribe.one_click",
        topic=Topic.COMPLIANCE,
        sentence=(
            "Unsubscribing: one click (RFC 8058) ends the mail to an address within {seconds} s ({trials}, {date})."
        ),
        figures=timed_trials,
        proof="drill.unsubscribe",
        would_prove="Send marketing mail through the gateway, and let `sendworthy drill` try its unsubscribe link.",
        answers=(Question.UNSUBSCRIBES, Question.LISTS),
        applies=sends_marketing,
    ),
    Claim(
        id="unsubscribe.headers",
        topic=Topic.COMPLIANCE,
        sentence=(
            "Mail from {domain} carries List-Unsubscribe and List-Unsubscribe-Post (RFC 8058), both signed with DKIM "
            "(a message examined on {date})."
        ),
        figures=_headers,
        checks=(
            "unsubscribe.headers",
            "unsubscribe.signed",
        ),
        would_prove="Let the audit examine a message of yours as it arrived.",
        answers=(Question.UNSUBSCRIBES,),
        applies=sends_marketing,
    ),
    Claim(
        id="unsubscribe.address",
        topic=Topic.COMPLIANCE,
        sentence=(
            "The unsubscribe address at {origin} acts on the POST of RFC 8058, and a mere GET unsubscribes nobody "
            "(tried on {date})."
        ),
        figures=_probed,
        checks=("unsubscribe.probe",),
        would_prove="Run `sendworthy audit --probe-unsubscribe URL` with an unsubscribe link of a test recipient.",
        answers=(Question.UNSUBSCRIBES,),
        applies=sends_marketing,
    ),
)
