"""The closing lines of the demonstration: figures measured in that run, and what they do not prove."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sendworthy.app.demo.road import OWN_WORDS, Journey
from sendworthy.app.demo.world import REGION
from sendworthy.app.drill import TrialKind
from sendworthy.audit.check import Verdict
from sendworthy.mail.status import Status
from sendworthy.reputation.standing import Limits, Tally, judge
from sendworthy.simulator.state import DEFAULT_CALLER


def summary(journey: Journey, *, seconds: float) -> Iterator[str]:
    """Give the summary of a journey that came to its end."""
    first, last, season, drilled = journey.first_report, journey.report, journey.season, journey.drilled
    assert first and last and season and drilled  # noqa: S101, PT018 - a journey that ended well has been everywhere
    yield "Summary, measured in this run"
    failed, left = first.counts[Verdict.FAIL], last.counts[Verdict.FAIL]
    yield f"  Look           {failed} findings failed at first, {left} after fitting out, of which none is in the way"
    yield f"  Fit out        {journey.steps} steps at AWS, {journey.records} DNS records, a second plan empty"
    longest = max(drilled.longest_seconds(kind) for kind in TrialKind)
    yield (
        f"  Rehearse       {sum(one.passed for one in drilled.trials)} of {len(drilled.trials)} events came back, "
        f"each within {longest * 1000:.0f} ms"
    )
    yield (
        f"  Ask            {journey.standings['proven']} sentences proven, "
        f"{journey.standings[OWN_WORDS]} in the owner's own words; "
        f"granted after {journey.review_hours:.0f} simulated hours"
    )
    yield (
        f"  Send           {season.accepted:,} accepted, {season.by_status.get(Status.DELIVERED, 0):,} delivered over "
        f"{season.days:.1f} simulated days; {season.waited_for_the_next_day} waited for the next day"
    )
    yield (
        f"  Pace           {season.highest_per_second} in the busiest second, {season.highest_per_day:,} in the "
        f"fullest 24 hours, {season.share_of_rate:.1%} of the allowed rate used while there was mail"
    )
    bounced, complained = season.by_status.get(Status.BOUNCED, 0), season.by_status.get(Status.COMPLAINED, 0)
    sent = season.accepted - season.by_status.get(Status.SUPPRESSED, 0)
    standing = judge(Tally(sent=sent, hard_bounces=bounced, complaints=complained), Limits())
    yield (
        f"  Listen         {bounced} bounced, {complained} complained, {season.suppressed_addresses} addresses "
        f"suppressed; {season.by_status.get(Status.SUPPRESSED, 0)} later messages to them not sent, "
        f"{season.mail_after_suppression} sent; {season.twice} messages sent twice"
    )
    yield (
        f"  Reputation     {standing.bounce_rate:.2%} bounces, {standing.complaint_rate:.3%} complaints: "
        f"{standing.verdict} (an estimate; AWS counts by rules it does not publish)"
    )
    spent = ", ".join(f"{title.lower()} {taken:.1f}" for title, taken in journey.seconds.items())
    yield f"  Time           {seconds:.1f} s in all ({spent})"
    yield ""
    yield "A simulated grant proves the set-up and the workflow. It says nothing about AWS's decision: people at AWS"
    yield "make that, by criteria they do not publish. Next, with your own account: sendworthy audit YOUR-DOMAIN"


def things_to_try(journey: Journey, folder: Path) -> Iterator[str]:
    """Give commands that work while the demonstration stays up."""
    key = journey.key
    assert key is not None  # noqa: S101 - made in a stage that went well
    world, gateway = journey.world, journey.running.url
    yield "It stays up, with time running; Ctrl-C ends it. To look around from another terminal:"
    yield ""
    yield "  # the pretend AWS account, with any AWS tool"
    yield f"  export AWS_REGION={REGION} AWS_ENDPOINT_URL={world.endpoint}"
    yield f"  export AWS_ACCESS_KEY_ID={DEFAULT_CALLER.access_key_id}"
    yield f"  export AWS_SECRET_ACCESS_KEY={DEFAULT_CALLER.secret_access_key}"
    yield "  aws sesv2 get-account"
    yield f"  export SENDWORTHY_DNS_RESOLVER={world.dns} SENDWORTHY_WEB_CONNECT={world.web.removeprefix('http://')}"
    yield f"  sendworthy audit --config {folder}/sendworthy.toml"
    yield ""
    yield "  # the gateway, as an application sees it: another endpoint and another key, nothing else"
    yield f"  AWS_ENDPOINT_URL={gateway} AWS_ACCESS_KEY_ID={key.access_key_id} AWS_SECRET_ACCESS_KEY={key.secret} \\"
    yield "    aws sesv2 send-email --from-email-address orders@fernhill.test \\"
    yield "    --destination ToAddresses=you@customers.test \\"
    yield "    --content 'Simple={Subject={Data=Hi},Body={Text={Data=Hello}}}'"
    yield ""
    yield f"  # every message it took, in a browser: {world.endpoint}/_sim/outbox"
