"""What was seen of an account, its DNS and its website at one moment, as one JSON file. Knows no verdict."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

import msgspec

from sendworthy.audit.profile import Profile
from sendworthy.audit.wishes import Wishes
from sendworthy.errors import ConfigError

SCHEMA = "sendworthy.evidence/1"

T = TypeVar("T")


class UnseenKind(StrEnum):
    """How a look failed."""

    DENIED = "denied"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    THROTTLED = "throttled"
    ERROR = "error"
    NOT_READ = "not_read"
    """Nobody looked: outside what was asked for, or a thing this version does not follow."""


class Seen(msgspec.Struct, Generic[T], frozen=True, tag_field="reading", tag="seen"):
    """A look that worked. A value of None means: looked, and it does not exist."""

    value: T


class Unseen(msgspec.Struct, frozen=True, kw_only=True, tag_field="reading", tag="unseen"):
    """A look that failed. `needs` names what would let it work: an IAM action, a DNS name with its type, a URL."""

    kind: UnseenKind
    reason: str
    needs: str = ""


Reading: TypeAlias = Seen[T] | Unseen


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


class Dkim(msgspec.Struct, frozen=True, kw_only=True):
    """DkimAttributes of an identity. `origin` is AWS_SES (Easy DKIM), EXTERNAL (own key) or AWS_SES_<REGION>."""

    status: str = ""
    signing_enabled: bool = False
    tokens: tuple[str, ...] = ()
    hosted_zone: str = ""
    origin: str = ""
    key_length: str = ""


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
    """One SQS queue. `policy` and `redrive_policy` are JSON, empty when unset."""

    arn: str
    url: str
    policy: str = ""
    redrive_policy: str = ""


class RegionEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen in one Region. Identities by name, configuration sets by name, topics and queues by ARN."""

    account: Reading[Account]
    identities: Mapping[str, Reading[Identity | None]] = {}
    configuration_sets: Mapping[str, Reading[ConfigurationSet | None]] = {}
    topics: Mapping[str, Reading[Topic | None]] = {}
    queues: Mapping[str, Reading[Queue | None]] = {}


class DnsOutcome(StrEnum):
    """What a DNS answer said. Not being there is an answer; SERVFAIL and time-outs are not (they are Unseen)."""

    FOUND = "found"
    NXDOMAIN = "nxdomain"
    NO_DATA = "no_data"


class DnsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one name and type.

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


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    `organisational` maps each domain or host that matters to its organisational domain by the public suffix list
    (RFC 7489 section 3.2), so that judging needs no list. `websites` is keyed by the URL asked for.
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

    def lookup(self, name: str, rdtype: str) -> Reading[DnsAnswer]:
        """Give what DNS said to this question, or that nobody asked it."""
        return self.dns.get(dns_key(name, rdtype)) or _nobody_looked(dns_key(name, rdtype))

    def account(self, region: str) -> Reading[Account]:
        """Give the account as SES described it in `region`."""
        found = self.regions.get(region)
        return found.account if found else _nobody_looked("ses:GetAccount")

    def identity(self, region: str, name: str) -> Reading[Identity | None]:
        """Give an identity in `region`."""
        found = self.regions.get(region)
        return (found.identities.get(name) if found else None) or _nobody_looked("ses:GetEmailIdentity")

    def configuration_set(self, region: str, name: str) -> Reading[ConfigurationSet | None]:
        """Give a configuration set in `region`."""
        found = self.regions.get(region)
        return (found.configuration_sets.get(name) if found else None) or _nobody_looked("ses:GetConfigurationSet")

    def topic(self, region: str, arn: str) -> Reading[Topic | None]:
        """Give an SNS topic."""
        found = self.regions.get(region)
        return (found.topics.get(arn) if found else None) or _nobody_looked("sns:GetTopicAttributes")

    def queue(self, region: str, arn: str) -> Reading[Queue | None]:
        """Give an SQS queue."""
        found = self.regions.get(region)
        return (found.queues.get(arn) if found else None) or _nobody_looked("sqs:GetQueueAttributes")

    def website(self, url: str) -> Reading[Page]:
        """Give a page by the URL that was asked for."""
        return self.websites.get(url) or _nobody_looked(url)

    def wishes_for(self, region: str) -> Wishes | None:
        """Give what is wished for in `region`."""
        return next((wishes for wishes in self.wishes if wishes.region == region), None)

    def organisational_domain(self, name: str) -> str:
        """Give the organisational domain of `name`; `name` itself when nobody worked it out."""
        return self.organisational.get(name, name)


def dns_key(name: str, rdtype: str) -> str:
    """Give the key of a DNS question in `Evidence.dns`: `TXT _dmarc.example.com`."""
    return f"{rdtype} {name.rstrip('.').lower()}"


def _nobody_looked(needs: str) -> Unseen:
    return Unseen(kind=UnseenKind.NOT_READ, reason="nobody looked", needs=needs)


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
