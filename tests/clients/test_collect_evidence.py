"""Collecting: all at once, each question once, nothing changed, and partial when something hangs."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from sendworthy.audit.check import Verdict
from sendworthy.audit.evidence import (
    DnsAnswer,
    DnsOutcome,
    Evidence,
    Page,
    Reading,
    Seen,
    Unseen,
    UnseenKind,
    to_json,
)
from sendworthy.audit.profile import Profile, Sender
from sendworthy.audit.runner import run
from sendworthy.audit.wishes import Wishes
from sendworthy.clients.collect import collect
from sendworthy.errors import ConfigError, Denied, ProviderError, Rejected, Throttled, Unavailable, Uncertain

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
REGION = "eu-west-1"
IDENTITY = {
    "IdentityType": "DOMAIN",
    "VerifiedForSendingStatus": True,
    "DkimAttributes": {"Status": "SUCCESS", "SigningEnabled": True, "Tokens": ["a1", "b2", "c3"]},
    "MailFromAttributes": {"MailFromDomain": "mail.example.com", "MailFromDomainStatus": "SUCCESS"},
    "ConfigurationSetName": "live",
}
ARN = f"arn:aws:sns:{REGION}:111122223333:live"
QUEUE = f"arn:aws:sqs:{REGION}:111122223333:live"
ANSWERS: dict[str, Any] = {
    "GetCallerIdentity": {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/x", "UserId": "x"},
    "GetAccount": {"ProductionAccessEnabled": True, "SendingEnabled": True, "SendQuota": {"Max24HourSend": 200.0}},
    "GetEmailIdentity": IDENTITY,
    "GetConfigurationSet": {"ConfigurationSetName": "live", "ReputationOptions": {"ReputationMetricsEnabled": True}},
    "GetConfigurationSetEventDestinations": {
        "EventDestinations": [
            {
                "Name": "events",
                "Enabled": True,
                "MatchingEventTypes": ["BOUNCE", "COMPLAINT"],
                "SnsDestination": {"TopicArn": ARN},
            }
        ]
    },
    "GetTopicAttributes": {"Attributes": {"TopicArn": ARN, "Policy": "{}"}},
    "ListSubscriptionsByTopic": {
        "Subscriptions": [
            {"SubscriptionArn": ARN + ":1", "Protocol": "sqs", "Endpoint": QUEUE},
            {"SubscriptionArn": "PendingConfirmation", "Protocol": "email", "Endpoint": "ops@example.com"},
        ]
    },
    "GetSubscriptionAttributes": {"Attributes": {"RawMessageDelivery": "true", "PendingConfirmation": "false"}},
    "GetQueueUrl": {"QueueUrl": "https://sqs.example.com/live"},
    "GetQueueAttributes": {"Attributes": {"QueueArn": QUEUE, "Policy": "{}"}},
}


class Aws:
    """Answers by operation: a dict, an error to raise, or an event to wait for that never comes."""

    def __init__(self, **other: Any) -> None:
        self.answers = {**ANSWERS, **other}
        self.asked: Counter[str] = Counter()
        self.most_at_once = self._now = 0

    async def call(
        self, service: str, operation: str, /, *, region: str | None = None, timeout_seconds: float = 20, **params: Any
    ) -> dict[str, Any]:
        self.asked[f"{service}:{operation}:{region}:{sorted(params.items())}"] += 1
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            await asyncio.sleep(0)  # one turn of the loop, so that calls made at once are seen to be
            answer = self.answers[operation]
            if isinstance(answer, asyncio.Event):
                async with asyncio.timeout(timeout_seconds):
                    await answer.wait()
            if isinstance(answer, Exception):
                raise answer
            return dict(answer)
        finally:
            self._now -= 1


class Dns:
    def __init__(self, answers: dict[str, Reading[DnsAnswer]] | None = None) -> None:
        self.answers = answers or {}
        self.asked: Counter[str] = Counter()

    async def lookup(self, name: str, rdtype: str) -> Reading[DnsAnswer]:
        key = f"{rdtype} {name}"
        self.asked[key] += 1
        return self.answers.get(key, Seen(DnsAnswer(outcome=DnsOutcome.NXDOMAIN)))


class Pages:
    def __init__(self, *pages: Page, hang: bool = False) -> None:
        self.pages = {page.url: page for page in pages}
        self.hang = hang

    async def get(self, url: str) -> Reading[Page]:
        if self.hang:
            await asyncio.Event().wait()
        return Seen(self.pages.get(url) or Page(url=url, final_url=url, status=404))


class Suffixes:
    def privatesuffix(self, domain: str) -> str | None:
        return ".".join(domain.split(".")[-2:]) if "." in domain else None


async def look(aws: Aws, dns: Dns | None = None, web: Pages | None = None, **other: Any) -> Evidence:
    given: dict[str, Any] = {"domains": ["example.com"], "regions": [REGION], **other}
    return await collect(aws, dns or Dns(), web or Pages(), now=lambda: NOW, suffixes=Suffixes(), **given)


async def test_the_path_of_an_event_is_followed_from_the_identity_to_the_queue() -> None:
    evidence = await look(Aws())
    seen = evidence.regions[REGION]
    assert set(seen.configuration_sets) == {"live"}
    topic = seen.topics[ARN]
    assert isinstance(topic, Seen)
    assert topic.value is not None
    assert isinstance(topic.value.subscriptions, Seen)
    assert [(one.confirmed, one.raw) for one in topic.value.subscriptions.value] == [(True, True), (False, False)]
    queue = seen.queues[QUEUE]
    assert isinstance(queue, Seen)
    assert queue.value is not None
    assert queue.value.url == "https://sqs.example.com/live"


async def test_only_get_and_list_are_ever_called_and_each_once() -> None:
    aws = Aws()
    await look(aws, regions=[REGION, "us-east-1", REGION])
    assert all(key.split(":")[1].startswith(("Get", "List")) for key in aws.asked)
    assert set(aws.asked.values()) == {1}


async def test_each_dns_question_is_asked_once() -> None:
    dns = Dns()
    evidence = await look(
        Aws(), dns, domains=["example.com", "Example.com.", "news.example.com"], regions=[REGION, "us-east-1"]
    )
    assert set(dns.asked.values()) == {1}
    assert {"TXT _dmarc.example.com", "TXT _dmarc.news.example.com", "MX mail.example.com"} <= set(dns.asked)
    assert set(evidence.dns) == set(dns.asked)
    assert evidence.domains == ("example.com", "news.example.com")


async def test_regions_and_domains_are_read_at_the_same_time() -> None:
    aws = Aws()
    await look(aws, domains=[f"d{number}.example.com" for number in range(8)], regions=[REGION, "us-east-1"])
    assert aws.most_at_once >= 16


async def test_an_spf_tree_is_followed_to_its_leaves() -> None:
    def spf(text: str) -> Reading[DnsAnswer]:
        return Seen(DnsAnswer(outcome=DnsOutcome.FOUND, records=(text,)))

    dns = Dns(
        {
            "TXT mail.example.com": spf("v=spf1 include:a.example include:b.example ~all"),
            "TXT a.example": spf("v=spf1 redirect=c.example"),
            "TXT c.example": spf("v=spf1 include:a.example include:amazonses.com -all"),
        }
    )
    evidence = await look(Aws(), dns)
    assert {"TXT a.example", "TXT b.example", "TXT c.example"} <= set(evidence.dns)
    assert "TXT amazonses.com" not in evidence.dns


async def test_policy_pages_are_visited_too() -> None:
    from sendworthy.audit.evidence import Link  # noqa: PLC0415 - for this page alone

    home = Page(
        url="https://www.example.com/",
        final_url="https://shop.example.net/",
        status=200,
        links=(Link(text="Privacy", href="https://shop.example.net/p"),),
    )
    profile = Profile(sender=Sender(website="www.example.com", terms="example.com/terms"))
    evidence = await look(Aws(), None, Pages(home), profile=profile)
    assert set(evidence.websites) == {home.url, "https://shop.example.net/p", "https://example.com/terms"}
    assert evidence.organisational["shop.example.net"] == "example.net"


@pytest.mark.parametrize(
    ("error", "kind", "needs"),
    [
        (Denied("no", code="AccessDenied", action="ses:GetAccount"), UnseenKind.DENIED, "ses:GetAccount"),
        (Denied("no credentials", code="NoCredentials"), UnseenKind.DENIED, "ses:GetAccount"),
        (Throttled("slow"), UnseenKind.THROTTLED, "ses:GetAccount"),
        (Unavailable("down", code="Unreachable"), UnseenKind.UNREACHABLE, "ses:GetAccount"),
        (Uncertain("late", code="Timeout"), UnseenKind.TIMEOUT, "ses:GetAccount"),
        (Uncertain("lost", code="AnswerLost"), UnseenKind.UNREACHABLE, "ses:GetAccount"),
        (Rejected("odd", code="BadRequestException"), UnseenKind.ERROR, "ses:GetAccount"),
    ],
)
async def test_an_error_of_aws_is_a_reading_that_names_the_action(
    error: ProviderError, kind: UnseenKind, needs: str
) -> None:
    account = (await look(Aws(GetAccount=error))).regions[REGION].account
    assert isinstance(account, Unseen)
    assert (account.kind, account.needs) == (kind, needs)


@pytest.mark.parametrize(
    ("operation", "code", "part"),
    [
        ("GetEmailIdentity", "NotFoundException", "identities"),
        ("GetConfigurationSet", "NotFoundException", "configuration_sets"),
        ("GetTopicAttributes", "NotFound", "topics"),
        ("GetQueueUrl", "AWS.SimpleQueueService.NonExistentQueue", "queues"),
        ("GetQueueUrl", "QueueDoesNotExist", "queues"),
    ],
)
async def test_not_being_there_is_seen(operation: str, code: str, part: str) -> None:
    evidence = await look(Aws(**{operation: Rejected("none", code=code)}), wishes=[Wishes(region=REGION)])
    readings = getattr(evidence.regions[REGION], part)
    assert readings
    assert set(readings.values()) == {Seen(None)}


async def test_what_hangs_is_unseen_and_the_rest_is_there() -> None:
    aws = Aws(GetAccount=asyncio.Event())
    evidence = await look(aws, Dns(), Pages(hang=True), time_budget_seconds=0.2)
    account = evidence.regions[REGION].account
    assert isinstance(account, Unseen)
    assert account.kind is UnseenKind.TIMEOUT
    assert isinstance(evidence.identity(REGION, "example.com"), Seen)
    assert isinstance(evidence.website("https://example.com/"), Unseen)
    assert isinstance(evidence.lookup("_dmarc.example.com", "TXT"), Seen)


async def test_with_everything_denied_nothing_passes_and_nothing_fails_that_aws_alone_can_tell() -> None:
    no = Denied("no", code="AccessDenied")
    aws = Aws(**dict.fromkeys(ANSWERS, no))
    found = {one.check: one for one in run(await look(aws)).findings}
    for check in ("account.sandbox", "identity.verified", "dkim.verified", "mailfrom.spf", "events.wired"):
        assert found[check].verdict is Verdict.UNKNOWN
        assert found[check].needs


async def test_wrong_settings_of_this_machine_end_the_look_at_once() -> None:
    with pytest.raises(ConfigError, match="profile"):
        await look(Aws(GetAccount=ConfigError("There is no such profile.")), Dns(), Pages(hang=True))


async def test_no_task_is_left_behind_when_the_settings_are_wrong() -> None:
    loop = asyncio.get_running_loop()
    left: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: left.append(context))
    before = asyncio.all_tasks()
    with pytest.raises(ConfigError, match="profile"):
        await look(Aws(**dict.fromkeys(ANSWERS, ConfigError("There is no such profile."))))
    gc.collect()
    assert asyncio.all_tasks() == before
    assert left == []


@pytest.mark.parametrize("domain", ["user@example.com", "https://example.com/", "", "example", "a b.example", "-.com"])
async def test_what_is_no_domain_name_is_one_clear_line(domain: str) -> None:
    with pytest.raises(ConfigError, match="is not a domain name"):
        await look(Aws(), domains=[domain])


async def test_a_domain_in_other_letters_is_looked_up_as_dns_has_it() -> None:
    evidence = await look(Aws(), domains=["Töpferei.example."])
    assert evidence.domains == ("xn--tpferei-90a.example",)


async def test_what_may_be_private_is_not_written_down() -> None:
    listed = [
        {
            "SubscriptionArn": ARN + ":1",
            "Protocol": "https",
            "Endpoint": "https://u:p@hooks.example.com/T0/secret?token=t",
        },
        {"SubscriptionArn": ARN + ":2", "Protocol": "email", "Endpoint": "ops@example.com"},
        {"SubscriptionArn": ARN + ":3", "Protocol": "sms", "Endpoint": "+15550100"},
    ]
    evidence = await look(Aws(ListSubscriptionsByTopic={"Subscriptions": listed}))
    assert b'"https://hooks.example.com/"' in to_json(evidence)
    assert not any(secret in to_json(evidence) for secret in (b"token=", b"secret", b"u:p", b"ops@", b"5550100"))


async def test_progress_is_told_in_lines() -> None:
    lines: list[str] = []
    await look(Aws(), progress=lines.append)
    assert any(REGION in line for line in lines)
    assert any("example.com" in line for line in lines)
