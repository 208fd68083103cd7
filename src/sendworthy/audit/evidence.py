"""What was seen of an account, its DNS and its website at one moment, as one JSON file. Knows no verdict."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from sendworthy.audit.message import SeenMessage
from sendworthy.audit.principals import Iam
from sendworthy.audit.profile import Profile
from sendworthy.audit.reading import Reading, Seen, Unseen, UnseenKind, nobody_looked
from sendworthy.audit.remembered import Remembered
from sendworthy.audit.source import Scan
from sendworthy.audit.watching import (
    Alarm,
    ListedIdentity,
    LogGroup,
    Metrics,
    NotificationTopics,
    Recommendation,
    SuppressionList,
)
from sendworthy.audit.wishes import Wishes
from sendworthy.errors import ConfigError

__all__ = [
    "SCHEMA",
    "Account",
    "Caller",
    "ConfigurationSet",
    "Dkim",
    "DnsAnswer",
    "DnsOutcome",
    "DnsServer",
    "EventDestination",
    "Evidence",
    "Identity",
    "Link",
    "Page",
    "PageProblem",
    "Queue",
    "Reading",
    "RegionEvidence",
    "Seen",
    "Subscription",
    "Tls",
    "Topic",
    "Unseen",
    "UnseenKind",
    "UnsubscribeProbe",
    "dns_key",
    "from_json",
    "to_json",
]

SCHEMA = "sendworthy.evidence/1"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whose credentials looked (sts:GetCallerIdentity)."""

    account_id: str
    arn: str

    @property
    def partition(self) -> str:
        """The ARN's partition: `aws`, `aws-us-gov`, `aws-cn` …."""
        parts = self.arn.split(":")
        return parts[1] if len(parts) > 1 and parts[1] else "aws"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """SES GetAccount in one Region. Quotas count recipients; -1 for `max_24_hour_send` means no limit."""

    production_access: bool
    sending_enabled: bool
    enforcement_status: str = ""
    max_24_hour_send: float = 0.0
    max_send_rate: float = 0.0
    sent_last_24_hours: float = 0.0
    suppressed_reasons: tuple[str, ...] = ()
    mail_type: str = ""
    website_url: str = ""
    review_status: str = ""
    """PENDING, FAILED, GRANTED, DENIED, or empty when nothing was ever submitted."""
    review_case_id: str = ""
    vdm_enabled: bool | None = None
    """Virtual Deliverability Manager; None where SES does not say."""
    plan: str = ""
    next_plan: str = ""
    """PricingAttributes: NONE, ESSENTIALS, PRO or ENTERPRISE; empty where SES does not say."""


class Dkim(msgspec.Struct, frozen=True, kw_only=True):
    """DkimAttributes of an identity. `origin` is AWS_SES (Easy DKIM), EXTERNAL (own key) or AWS_SES_<REGION>."""

    status: str = ""
    signing_enabled: bool = False
    tokens: tuple[str, ...] = ()
    hosted_zone: str = ""
    origin: str = ""
    key_length: str = ""
    next_key_length: str = ""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """SES GetEmailIdentity. `verification_error` is AWS's ErrorType, such as HOST_NOT_FOUND."""

    name: str
    type: str = ""
    verified_for_sending: bool = False
    verification_status: str = ""
    verification_error: str = ""
    dkim: Dkim = Dkim()
    mail_from_domain: str = ""
    mail_from_status: str = ""
    mail_from_on_mx_failure: str = ""
    feedback_forwarding: bool = True
    configuration_set: str = ""
    policies: tuple[str, ...] = ()
    policy_documents: Mapping[str, str] = {}
    """The JSON of each sending authorization policy, by name."""


class EventDestination(msgspec.Struct, frozen=True, kw_only=True):
    """One event destination. `kind` is sns, firehose, eventbridge, cloudwatch or pinpoint; `target` its ARN, if any."""

    name: str
    enabled: bool
    matching: tuple[str, ...]
    kind: str
    target: str = ""


class ConfigurationSet(msgspec.Struct, frozen=True, kw_only=True):
    """GetConfigurationSet with its event destinations. `suppressed_reasons` is None where the account's list rules."""

    name: str
    sending_enabled: bool = True
    reputation_metrics: bool = False
    tls_policy: str = ""
    suppressed_reasons: tuple[str, ...] | None = None
    tracking_domain: str = ""
    destinations: Reading[tuple[EventDestination, ...]]


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One SNS subscription.

    `filter_policy` is its JSON, empty when every message passes; `details` says whether that and `raw` could be read.
    """

    arn: str
    protocol: str
    endpoint: str
    owner: str = ""
    confirmed: bool
    raw: bool = False
    filter_policy: str = ""
    details: Reading[None] = Seen(None)


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One SNS topic. `signature_version` is "1" (SHA-1, the default) or "2"; `policy` is JSON."""

    arn: str
    policy: str = ""
    signature_version: str = "1"
    subscriptions: Reading[tuple[Subscription, ...]]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """One SQS queue. `policy` and `redrive_policy` are JSON, empty when unset; None for what SQS did not say."""

    arn: str
    url: str
    policy: str = ""
    redrive_policy: str = ""
    retention_seconds: int | None = None
    messages: int | None = None
    """ApproximateNumberOfMessages: what waits, without what is being worked on."""


class RegionEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen in one Region. Identities by name, configuration sets by name, topics and queues by ARN."""

    account: Reading[Account]
    identities: Mapping[str, Reading[Identity | None]] = {}
    configuration_sets: Mapping[str, Reading[ConfigurationSet | None]] = {}
    topics: Mapping[str, Reading[Topic | None]] = {}
    queues: Mapping[str, Reading[Queue | None]] = {}
    listed: Reading[tuple[ListedIdentity, ...]] = nobody_looked("ses:ListEmailIdentities")
    notifications: Mapping[str, Reading[NotificationTopics]] = {}
    alarms: Reading[tuple[Alarm, ...]] = nobody_looked("cloudwatch:DescribeAlarms")
    metrics: Reading[Metrics] = nobody_looked("cloudwatch:GetMetricData")
    log_groups: Reading[tuple[LogGroup, ...]] = nobody_looked("logs:DescribeLogGroups")
    suppression_list: Reading[SuppressionList] = nobody_looked("ses:ListSuppressedDestinations")
    recommendations: Reading[tuple[Recommendation, ...]] = nobody_looked("ses:ListRecommendations")


class DnsOutcome(StrEnum):
    """What a DNS answer said. Not being there is an answer; SERVFAIL and time-outs are not (they are Unseen)."""

    FOUND = "found"
    NXDOMAIN = "nxdomain"
    NO_DATA = "no_data"


class DnsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one name and type; a name that is an alias of one that does not exist has its `canonical`.

    Names in `records` are lower case without the final dot; an MX is `10 host`; the strings of one TXT record are
    joined without a space (RFC 7208 section 3.3). `canonical` is the last name of a CNAME chain, if there was one.
    """

    outcome: DnsOutcome
    records: tuple[str, ...] = ()
    canonical: str = ""


class Tls(StrEnum):
    """How the final address of a website was reached."""

    VALID = "valid"
    NONE = "none"
    INVALID = "invalid"


class PageProblem(StrEnum):
    """Why a website certainly gives no page, whoever asks."""

    NONE = ""
    NO_SUCH_HOST = "no_such_host"
    BAD_CERTIFICATE = "bad_certificate"
    REDIRECT_LOOP = "redirect_loop"
    NOT_HTTP = "not_http"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link on a page: what it says and the absolute URL it leads to."""

    text: str
    href: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page as fetched without running scripts. `text` is its visible text, cut; `text_length` counts all of it.

    `status` is 0 when `problem` says why there is no answer.
    """

    url: str
    final_url: str
    status: int = 0
    problem: PageProblem = PageProblem.NONE
    tls: Tls = Tls.NONE
    content_type: str = ""
    title: str = ""
    text: str = ""
    text_length: int = 0
    scripts: int = 0
    links: tuple[Link, ...] = ()


class DnsServer(msgspec.Struct, frozen=True, kw_only=True):
    """What one authoritative server said itself to each question, by the key of the question."""

    name: str
    answers: Mapping[str, Reading[DnsAnswer]] = {}


class UnsubscribeProbe(msgspec.Struct, frozen=True, kw_only=True):
    """How an unsubscribe address answered a GET and then the POST of RFC 8058; of the URL only the origin is kept.

    `get_says_done` and `post_says_done` say whether the page claims that somebody is unsubscribed now. A `*_status`
    of 0 means no answer, and `problem` says why. `post_redirects` is true when the POST was answered by a redirect.
    """

    origin: str
    https: bool
    get_status: int = 0
    get_says_done: bool = False
    post_status: int = 0
    post_says_done: bool = False
    post_redirects: bool = False
    problem: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    `servers` is by domain; `messages`, `source` and `probe` are there only when they were asked for; `remembered` is
    what this program's own record adds. `organisational` maps each domain or host that matters to its organisational
    domain by the public suffix list (RFC 7489 section 3.2), so that judging needs no list. `websites` is keyed by the
    URL asked for.
    """

    schema: str = SCHEMA
    taken_at: datetime
    domains: tuple[str, ...] = ()
    caller: Reading[Caller]
    regions: Mapping[str, RegionEvidence] = {}
    dns: Mapping[str, Reading[DnsAnswer]] = {}
    websites: Mapping[str, Reading[Page]] = {}
    organisational: Mapping[str, str] = {}
    profile: Profile = Profile()
    wishes: tuple[Wishes, ...] = ()
    iam: Reading[Iam] = nobody_looked("iam:GetAccountAuthorizationDetails")
    servers: Mapping[str, Reading[tuple[DnsServer, ...]]] = {}
    messages: tuple[SeenMessage, ...] = ()
    source: Reading[Scan] | None = None
    probe: Reading[UnsubscribeProbe] | None = None
    remembered: Reading[Remembered] = nobody_looked("the record of this program")

    def lookup(self, name: str, rdtype: str) -> Reading[DnsAnswer]:
        """Give what DNS said to this question, or that nobody asked it."""
        return self.dns.get(dns_key(name, rdtype)) or nobody_looked(dns_key(name, rdtype))

    def account(self, region: str) -> Reading[Account]:
        """Give the account as SES described it in `region`."""
        found = self.regions.get(region)
        return found.account if found else nobody_looked("ses:GetAccount")

    def identity(self, region: str, name: str) -> Reading[Identity | None]:
        """Give an identity in `region`."""
        found = self.regions.get(region)
        return (found.identities.get(name) if found else None) or nobody_looked("ses:GetEmailIdentity")

    def configuration_set(self, region: str, name: str) -> Reading[ConfigurationSet | None]:
        """Give a configuration set in `region`."""
        found = self.regions.get(region)
        return (found.configuration_sets.get(name) if found else None) or nobody_looked("ses:GetConfigurationSet")

    def topic(self, region: str, arn: str) -> Reading[Topic | None]:
        """Give an SNS topic."""
        found = self.regions.get(region)
        return (found.topics.get(arn) if found else None) or nobody_looked("sns:GetTopicAttributes")

    def queue(self, region: str, arn: str) -> Reading[Queue | None]:
        """Give an SQS queue."""
        found = self.regions.get(region)
        return (found.queues.get(arn) if found else None) or nobody_looked("sqs:GetQueueAttributes")

    def website(self, url: str) -> Reading[Page]:
        """Give a page by the URL that was asked for."""
        return self.websites.get(url) or nobody_looked(url)

    def wishes_for(self, region: str) -> Wishes | None:
        """Give what is wished for in `region`."""
        return next((wishes for wishes in self.wishes if wishes.region == region), None)

    def organisational_domain(self, name: str) -> str:
        """Give the organisational domain of `name`; `name` itself when nobody worked it out."""
        return self.organisational.get(name, name)


def dns_key(name: str, rdtype: str) -> str:
    """Give the key of a DNS question in `Evidence.dns`: `TXT _dmarc.example.com`."""
    return f"{rdtype} {name.rstrip('.').lower()}"


def to_json(evidence: Evidence) -> bytes:
    """Write evidence as indented JSON that ends in a line break. The order of Regions, sets and domains is kept."""
    return msgspec.json.format(msgspec.json.encode(evidence), indent=2) + b"\n"


def from_json(data: bytes) -> Evidence:
    """Read what `to_json` wrote. Raises ConfigError naming what is wrong with any other file."""
    to_do = "Give a file that `sendworthy audit --save` wrote."
    try:
        evidence = msgspec.json.decode(data, type=Evidence)
    except msgspec.DecodeError as error:
        raise ConfigError(f"The evidence file cannot be read: {error}.", to_do) from None
    if evidence.schema != SCHEMA:
        raise ConfigError(f"The evidence file has schema {evidence.schema!r}, not {SCHEMA!r}.", to_do)
    if evidence.taken_at.tzinfo is None:
        raise ConfigError("The evidence file gives `taken_at` without a time zone.", to_do)
    return evidence
