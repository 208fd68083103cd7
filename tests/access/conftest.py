"""Made-up senders with what an audit and a drill saw of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from sendworthy.access.claims import Proof
from sendworthy.audit.check import Finding, Severity, Verdict
from sendworthy.audit.evidence import (
    Account,
    Caller,
    Dkim,
    DnsAnswer,
    DnsOutcome,
    Evidence,
    Identity,
    RegionEvidence,
    Seen,
)
from sendworthy.audit.profile import Contact, MailKind, Profile, Sender, Stream

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
        return (*drills, Proof(kind="drill.pacing", subject=REGION, at=at, data=pacing))

    return make


@pytest.fixture
def resets() -> Profile:
    return Profile(
        sender=Sender(
            company="Example Allotments Ltd",
            website="https://example.com",
            industry="software for gardening clubs",
            product="A booking calendar in which allotment holders share tools & water hours.",
            contacts=(Contact(name="Ada Byron", title="Head of Engineering", email="ada@example.com"),),
            privacy_policy="https://example.com/privacy",
            terms="https://example.com/terms",
        ),
        mail=(
            MailKind(
                name="Password reset",
                stream=Stream.TRANSACTIONAL,
                description="One link that lets a member choose a new password; it works for 30 minutes",
                trigger="a member asks for it on the sign-in page",
                opt_in="Members enter their address when they join and confirm it by a link before it is used.",
                address_source="Only from our own sign-up form; we import none.",
                per_day=40,
                per_day_later=400,
                later_by="2027-03-31",
                peak_per_second=1,
                volume_reason="We have 2,100 members and saw 31 to 44 resets a day last month.",
            ),
        ),
    )


@pytest.fixture
def newsletter() -> Profile:
    return Profile(
        sender=Sender(
            company="Example Press",
            website="https://press.example.com",
            product="We print poetry and sell it by post.",
            contacts=(Contact(name="Max Born", email="max@press.example.com"),),
            privacy_policy="https://press.example.com/privacy",
            terms="https://press.example.com/terms",
            anti_spam_policy="https://press.example.com/mail",
        ),
        mail=(
            MailKind(
                name="Monthly letter",
                stream=Stream.MARKETING,
                description="New books and readings, one e-mail a month.",
                trigger="an issue is ready, on the first Monday of the month",
                opt_in="Readers tick an empty box and confirm by a link (double opt-in).",
                address_source="From the form on our site and a paper list at readings, each confirmed by the link.",
                per_day=1200,
                peak_per_second=5,
                volume_reason="1,187 confirmed readers on 1 November.",
            ),
            MailKind(
                name="Order receipt",
                stream=Stream.TRANSACTIONAL,
                description="What was bought and what it cost.",
                trigger="an order is paid",
                opt_in="Buyers give the address for this purpose at the till.",
                address_source="From the order form.",
                per_day=15,
                volume_reason="Orders of the last quarter.",
            ),
        ),
    )


@pytest.fixture
def see() -> Callable[[Profile], Evidence]:
    """Give the evidence of a well-made sandbox account of this profile."""

    def make(profile: Profile) -> Evidence:
        identity = Identity(
            name=DOMAIN,
            type="DOMAIN",
            verified_for_sending=True,
            dkim=Dkim(status="SUCCESS", signing_enabled=True, tokens=("aaa", "bbb", "ccc"), origin="AWS_SES"),
            mail_from_domain=f"bounce.{DOMAIN}",
            mail_from_status="SUCCESS",
        )
        account = Account(
            production_access=False,
            sending_enabled=True,
            enforcement_status="HEALTHY",
            max_24_hour_send=200,
            max_send_rate=1,
            sent_last_24_hours=12,
            suppressed_reasons=("BOUNCE", "COMPLAINT"),
        )
        return Evidence(
            taken_at=NOW - timedelta(hours=1),
            domains=(DOMAIN,),
            caller=Seen(Caller(account_id="111122223333", arn="arn:aws:iam::111122223333:user/a")),
            regions={REGION: RegionEvidence(account=Seen(account), identities={DOMAIN: Seen(identity)})},
            dns={
                f"TXT _dmarc.{DOMAIN}": Seen(
                    DnsAnswer(outcome=DnsOutcome.FOUND, records=("v=DMARC1; p=quarantine; rua=mailto:d@example.com",))
                )
            },
            profile=profile,
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
