"""The audit against zones really served: good, broken in the usual ways, and not answering at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from publicsuffixlist import PublicSuffixList

from sendworthy.audit.check import Severity, Verdict
from sendworthy.audit.evidence import Evidence, Page, Reading, Seen, from_json
from sendworthy.audit.runner import exit_code, run
from sendworthy.clients.collect import collect
from sendworthy.clients.dns import Resolver
from sendworthy.simulator.world.dns import Trouble, Zones, answering

GOOD = from_json((Path(__file__).parents[1] / "audit" / "cases" / "good.json").read_bytes())
ZONE = """$ORIGIN example.com.
$TTL 60
@ IN SOA ns1.example.com. host.example.com. 1 3600 600 604800 60
@ IN NS ns1.example.com.
ns1 IN A 127.0.0.1
@ IN TXT "v=spf1 ip4:192.0.2.0/24 -all"
_dmarc IN TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com"
aaaa1111._domainkey IN CNAME aaaa1111.dkim.amazonses.com.
bbbb2222._domainkey IN CNAME bbbb2222.dkim.amazonses.com.
cccc3333._domainkey IN CNAME cccc3333.dkim.amazonses.com.
mail IN MX 10 feedback-smtp.eu-west-1.amazonses.com.
mail IN TXT "v=spf1 include:amazonses.com ~all"
"""


class Aws:
    """SES with a verified domain and a MAIL FROM in the status given; its other services deny everything."""

    def __init__(self, mail_from_status: str) -> None:
        self._mail_from_status = mail_from_status

    async def call(
        self, service: str, operation: str, /, *, region: str | None = None, timeout_seconds: float = 20, **params: Any
    ) -> dict[str, Any]:
        assert (service, region, timeout_seconds) != ("", "", 0)
        if operation == "GetEmailIdentity":
            assert params == {"EmailIdentity": "example.com"}
            return {
                "VerifiedForSendingStatus": True,
                "VerificationStatus": "SUCCESS",
                "DkimAttributes": {
                    "Status": "SUCCESS",
                    "SigningEnabled": True,
                    "Tokens": ["aaaa1111", "bbbb2222", "cccc3333"],
                    "SigningHostedZone": "dkim.amazonses.com",
                    "SigningAttributesOrigin": "AWS_SES",
                },
                "MailFromAttributes": {
                    "MailFromDomain": "mail.example.com",
                    "MailFromDomainStatus": self._mail_from_status,
                },
            }
        return {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/x"}


class Website:
    async def get(self, url: str) -> Reading[Page]:
        return Seen(Page(url=url, final_url=url, status=404))


@pytest.fixture
async def audited() -> AsyncIterator[Callable[..., Any]]:
    zones = Zones()
    with answering(zones) as server:

        async def collected(zone: str, troubles: dict[str, Trouble], mail_from_status: str) -> Evidence:
            zones.put("example.com", zone)
            for name, trouble in troubles.items():
                zones.trouble(name, trouble)
            return await collect(
                Aws(mail_from_status),
                Resolver(server, seconds=0.4),
                Website(),
                domains=["example.com"],
                regions=["eu-west-1"],
                now=lambda: datetime.now(UTC),
                suffixes=PublicSuffixList(),
            )

        yield collected


DNS_CHECKS = ("dkim.verified", "mailfrom.spf", "dmarc.record", "spf.one_record")
PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("zone", "troubles", "mail_from", "expected"),
    [
        pytest.param(ZONE, {}, "SUCCESS", (PASS, PASS, PASS, PASS), id="good"),
        pytest.param(
            ZONE.replace("_dmarc IN TXT", "_other IN TXT"), {}, "SUCCESS", (PASS, PASS, FAIL, PASS), id="no_dmarc"
        ),
        pytest.param(
            ZONE + '@ IN TXT "v=spf1 mx -all"\n', {}, "SUCCESS", (PASS, PASS, PASS, FAIL), id="two_spf_records"
        ),
        pytest.param(
            ZONE.replace("mail IN MX", "gone IN MX"), {}, "FAILED", (PASS, FAIL, PASS, PASS), id="dead_mail_from"
        ),
        pytest.param(
            ZONE.replace("mail IN", "gone IN"), {}, "SUCCESS", (PASS, FAIL, PASS, PASS), id="mail_from_just_died"
        ),
        pytest.param(ZONE, {"example.com": Trouble.SERVFAIL}, "SUCCESS", (UNKNOWN,) * 4, id="servfail"),
        pytest.param(ZONE, {"example.com": Trouble.TIMEOUT}, "SUCCESS", (UNKNOWN,) * 4, id="time_out"),
        pytest.param(ZONE, {"example.com": Trouble.REFUSED}, "SUCCESS", (UNKNOWN,) * 4, id="refused"),
        pytest.param(
            ZONE, {"_dmarc.example.com": Trouble.TIMEOUT}, "SUCCESS", (PASS, PASS, UNKNOWN, PASS), id="dmarc_times_out"
        ),
        pytest.param(
            ZONE,
            {"bbbb2222._domainkey.example.com": Trouble.SERVFAIL},
            "SUCCESS",
            (UNKNOWN, PASS, PASS, PASS),
            id="one_key",
        ),
    ],
)
async def test_the_audit_is_right_about_the_zone(
    audited: Callable[..., Any],
    zone: str,
    troubles: dict[str, Trouble],
    mail_from: str,
    expected: tuple[Verdict, ...],
) -> None:
    report = run(await audited(zone, troubles, mail_from))
    found = {finding.check: finding for finding in report.findings}
    assert tuple(found[check].verdict for check in DNS_CHECKS) == expected
    assert all(found[check].needs for check in DNS_CHECKS if found[check].verdict is UNKNOWN)
    only_dns = [finding for finding in report.findings if finding.check in DNS_CHECKS]
    code = 1 if FAIL in expected else 3 if UNKNOWN in expected else 0
    assert (
        exit_code(type(report)(taken_at=GOOD.taken_at, regions=(), domains=(), findings=tuple(only_dns)), Severity.LOW)
        == code
    )
