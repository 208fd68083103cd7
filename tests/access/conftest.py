"""Made-up senders with what an audit and a drill saw of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import pytest

from sendworthy.access.claims import Proof
from sendworthy.audit.check import Finding, Severity, Verdict
from sendworthy.audit.evidence import (
    Account,
    Caller,
    ConfigurationSet,
    Dkim,
    DnsAnswer,
    DnsOutcome,
    Evidence,
    Identity,
    Page,
    Queue,
    RegionEvidence,
    Seen,
    Tls,
    UnsubscribeProbe,
)
from sendworthy.audit.message import DkimSignature, SeenMessage
from sendworthy.audit.profile import Profile
from sendworthy.audit.remembered import Remembered
from sendworthy.audit.watching import Alarm, Hour, Metrics
from sendworthy.audit.website import with_scheme
from sendworthy.audit.wishes import Wishes
from tests.access.senders import NEWSLETTER, RESETS

NOW = datetime(2026, 11, 14, 9, 30, tzinfo=UTC)
REGION = "eu-west-1"
DOMAIN = "mail.example.com"
CHECKS = {
    "account.sandbox": (REGION, REGION, False),
    "identity.verified": (DOMAIN, REGION, True),
    "dkim.verified": (DOMAIN, REGION, True),
    "mailfrom.spf": (DOMAIN, REGION, True),
    "dmarc.record": (DOMAIN, "", True),
    "events.wired": (DOMAIN, REGION, True),
    "website.policies": ("sender", "", True),
    "sending.quota": (REGION, REGION, False),
    "account.enforcement": (REGION, REGION, False),
    "account.sending": (REGION, REGION, False),
    "account.suppression": (REGION, REGION, False),
    "suppression.sets": (REGION, REGION, False),
    "events.dead_letter": (REGION, REGION, False),
    "identity.default_set": (DOMAIN, REGION, False),
    "dkim.key_length": (DOMAIN, REGION, False),
    "dkim.alignment": (DOMAIN, REGION, False),
    "dmarc.reports": (DOMAIN, "", False),
    "unsubscribe.headers": ("sender", "", False),
    "unsubscribe.signed": ("sender", "", False),
    "unsubscribe.probe": ("sender", "", False),
    "alarms.bounce": (REGION, REGION, False),
    "alarms.complaint": (REGION, REGION, False),
    "alarms.actions": (REGION, REGION, False),
    "monitoring.reputation_metrics": (REGION, REGION, False),
    "website.tls": ("sender", "", False),
}
DRILLS = ("drill.bounce", "drill.complaint", "drill.delivery", "drill.unsubscribe")

MakeFinding: TypeAlias = Callable[..., Finding]
Findings: TypeAlias = Callable[..., tuple[Finding, ...]]
Proofs: TypeAlias = Callable[..., tuple[Proof, ...]]


def finding(check: str, verdict: Verdict = Verdict.PASS, *, subject: str = "", region: str | None = None) -> Finding:
    own_subject, own_region, blocks = CHECKS[check]
    return Finding(
        check=check,
        title=check,
        severity=Severity.HIGH,
        verdict=verdict,
        subject=subject or own_subject,
        region=own_region if region is None else region,
        what=f"What {check} saw.",
        fix="" if verdict is Verdict.PASS else f"Mend {check}.",
        blocks_request=blocks,
    )


@pytest.fixture
def make_finding() -> MakeFinding:
    return finding


@pytest.fixture
def findings() -> Findings:
    """All findings pass, apart from the sandbox and those given by `check=verdict` (dots as underscores)."""

    def make(**verdicts: Verdict) -> tuple[Finding, ...]:
        given = {key.replace("__", "."): verdict for key, verdict in verdicts.items()}
        given.setdefault("account.sandbox", Verdict.FAIL)
        return tuple(finding(check, given.get(check, Verdict.PASS)) for check in CHECKS)

    return make


@pytest.fixture
def proofs() -> Proofs:
    def make(kinds: Sequence[str] = DRILLS, *, at: datetime = NOW - timedelta(days=2)) -> tuple[Proof, ...]:
        figures = {"trials": 5, "passed": 5, "longest_seconds": 1.7}
        drills = tuple(Proof(kind=kind, subject=REGION, at=at, data=figures) for kind in kinds)
        pacing = {"trials": 3, "passed": 3, "rate_per_second": 14, "highest_per_second": 14}
        elsewhere = {
            "source": "Postmark",
            "month": "2026-10-01",
            "first": "2026-10-01",
            "last": "2026-10-31",
            "sent": 12_000,
            "hard_bounces": 24,
            "complaints": 1,
        }
        return (
            *drills,
            Proof(kind="drill.pacing", subject=REGION, at=at, data=pacing),
            Proof(kind="history.import", subject=REGION, at=at, data={"months": [elsewhere]}),
        )

    return make


@pytest.fixture
def resets() -> Profile:
    return RESETS


@pytest.fixture
def newsletter() -> Profile:
    return NEWSLETTER


def alarm(metric: str, threshold: float) -> Alarm:
    return Alarm(
        name=metric,
        namespace="AWS/SES",
        metric=metric,
        comparison="GreaterThanThreshold",
        threshold=threshold,
        actions=("arn:aws:sns:eu-west-1:111122223333:sendworthy-alarms",),
    )


def page(url: str) -> Seen[Page]:
    return Seen(Page(url=url, final_url=url, status=200, tls=Tls.VALID, title="A page", text_length=900))


def region_evidence(wishes: Wishes) -> RegionEvidence:
    identity = Identity(
        name=DOMAIN,
        type="DOMAIN",
        verified_for_sending=True,
        dkim=Dkim(
            status="SUCCESS",
            signing_enabled=True,
            tokens=("aaa", "bbb", "ccc"),
            origin="AWS_SES",
            key_length="RSA_2048_BIT",
        ),
        mail_from_domain=f"bounce.{DOMAIN}",
        mail_from_status="SUCCESS",
        configuration_set=wishes.default_configuration_set,
    )
    account = Account(
        production_access=False,
        sending_enabled=True,
        enforcement_status="HEALTHY",
        max_24_hour_send=200,
        max_send_rate=1,
        sent_last_24_hours=12,
        suppressed_reasons=("BOUNCE", "COMPLAINT"),
        vdm_enabled=True,
    )
    queue = wishes.queue_arn("aws", "111122223333")
    return RegionEvidence(
        account=Seen(account),
        identities={DOMAIN: Seen(identity)},
        configuration_sets={
            name: Seen(
                ConfigurationSet(name=name, reputation_metrics=True, tls_policy="REQUIRE", destinations=Seen(()))
            )
            for name in wishes.configuration_sets.values()
        },
        queues={queue: Seen(Queue(arn=queue, url="https://sqs.eu-west-1.amazonaws.com/q", redrive_policy="{}"))},
        alarms=Seen((alarm("Reputation.BounceRate", 0.02), alarm("Reputation.ComplaintRate", 0.0005))),
        metrics=Seen(Metrics(hours=(Hour(begins=NOW - timedelta(days=1), sends=140.0),), bounces=2.0)),
    )


@pytest.fixture
def see() -> Callable[[Profile], Evidence]:
    """Give the evidence of a well-made sandbox account of this profile."""

    def make(profile: Profile) -> Evidence:
        wishes = Wishes(region=REGION, domains=(DOMAIN,))
        sender = profile.sender
        urls = [sender.website, sender.privacy_policy, sender.terms]
        signature = DkimSignature(domain=DOMAIN, headers=("from", "list-unsubscribe", "list-unsubscribe-post"))
        return Evidence(
            taken_at=NOW - timedelta(hours=1),
            domains=(DOMAIN,),
            caller=Seen(Caller(account_id="111122223333", arn="arn:aws:iam::111122223333:user/a")),
            regions={REGION: region_evidence(wishes)},
            dns={
                f"TXT _dmarc.{DOMAIN}": Seen(
                    DnsAnswer(outcome=DnsOutcome.FOUND, records=("v=DMARC1; p=quarantine; rua=mailto:d@example.com",))
                )
            },
            websites={with_scheme(url): page(url) for url in urls if url},
            organisational=dict.fromkeys(
                [DOMAIN, *(urlsplit(with_scheme(url)).hostname or "" for url in urls if url)], "example.com"
            ),
            profile=profile,
            wishes=(wishes,),
            messages=(
                SeenMessage(
                    name="sample",
                    from_domain=DOMAIN,
                    unsubscribe_headers=1,
                    post_headers=1,
                    one_click=True,
                    signatures=(signature,),
                ),
            ),
            probe=Seen(
                UnsubscribeProbe(
                    origin="https://example.com", https=True, get_status=200, post_status=200, post_says_done=True
                )
            ),
            remembered=Seen(Remembered(sent={"delivered": 180, "bounced": 1, "sent": 2})),
        )

    return make


@pytest.fixture
def template() -> str:
    found = Path(__file__).parents[2] / "src" / "sendworthy" / "access" / "letter_en.txt.jinja"
    return found.read_text(encoding="utf-8")


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def region() -> str:
    return REGION
