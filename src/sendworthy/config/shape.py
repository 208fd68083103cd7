"""The shape of sendworthy.toml as frozen values, one struct per table, defaults included. Knows no file.

A key's environment variable is its dotted path in capitals: `ses.dmarc.policy` is SENDWORTHY_SES_DMARC_POLICY.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sendworthy.audit.profile import MailKind, Profile, Sender, Stream
from sendworthy.audit.waivers import Waiver
from sendworthy.audit.words import Words


class DmarcPolicy(StrEnum):
    """The `p=` of a DMARC record (RFC 7489 section 6.3)."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class ConfigurationSets(msgspec.Struct, frozen=True, kw_only=True):
    """`[ses.configuration_sets]`: the SES configuration set of each stream, so that one can be paused alone."""

    transactional: str = "sendworthy-transactional"
    marketing: str = "sendworthy-marketing"


class Dmarc(msgspec.Struct, frozen=True, kw_only=True):
    """`[ses.dmarc]`: the record to publish where none exists. `rua` is one mailto: URI for aggregate reports."""

    policy: DmarcPolicy = DmarcPolicy.NONE
    rua: str = ""


class TlsPolicy(StrEnum):
    """What SES does when the receiving host offers no TLS: send all the same, or not at all."""

    OPTIONAL = "optional"
    REQUIRE = "require"


class SendBy(StrEnum):
    """The wire by which mail goes to SES."""

    API = "api"
    SMTP = "smtp"


class SmtpTls(StrEnum):
    """How a connection to an SMTP server is protected; `none` is for a server on this very machine."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


class SesSmtp(msgspec.Struct, frozen=True, kw_only=True):
    """`[ses.smtp]`: SES's SMTP endpoint, for `send_by = "smtp"`.

    `endpoint` is HOST:PORT; empty means port 587 (465 for implicit TLS) of the Region's own. Without a `username` the
    AWS key is used and its SMTP password derived. `certificate` is a PEM file to trust beside the system's authorities.
    """

    endpoint: str = ""
    tls: SmtpTls = SmtpTls.STARTTLS
    username: str = ""
    password: str = ""
    certificate: str = ""


class Ses(msgspec.Struct, frozen=True, kw_only=True):
    """`[ses]`: what is to exist in Amazon SES.

    `regions` empty means the Region of the AWS environment. `mail_from` is the label of the custom MAIL FROM domain
    under each domain of `domains`. `topic`, `queue` and `alarm_topic` are names, not ARNs. `archive_bucket` names the
    S3 bucket in which every event is kept; empty for none. Alarms and events beyond that are on; Virtual
    Deliverability Manager (`vdm`) costs money and IAM policies hand out rights, so both are asked for. `send_by` is the
    wire that mail goes by.
    """

    regions: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    mail_from: str = "mail"
    configuration_sets: ConfigurationSets = ConfigurationSets()
    topic: str = "sendworthy-events"
    queue: str = "sendworthy-events"
    tls: TlsPolicy = TlsPolicy.OPTIONAL
    feedback_forwarding: bool = True
    alarms: bool = True
    alarm_topic: str = "sendworthy-alarms"
    vdm: bool = False
    iam_policies: bool = False
    archive_bucket: str = ""
    send_by: SendBy = SendBy.API
    smtp: SesSmtp = SesSmtp()
    dmarc: Dmarc = Dmarc()


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """`[relay]`: another provider's SMTP server, for the time in which SES takes no mail of the account.

    Nothing goes by it unless `switched_on`, and then only mail of `streams`, after SES has said no for `after_seconds`;
    with `outages` also while SES cannot be reached. The limits are the relay's own: `max_per_second`, and `max_24_hour`
    recipients in any 24 hours. `certificate` is a PEM file to trust beside the system's authorities.
    """

    switched_on: bool = False
    host: str = ""
    port: int = 587
    tls: SmtpTls = SmtpTls.STARTTLS
    username: str = ""
    password: str = ""
    certificate: str = ""
    streams: tuple[Stream, ...] = (Stream.TRANSACTIONAL,)
    max_per_second: float = 1.0
    max_24_hour: int = 1_000
    connections: int = 4
    after_seconds: float = 60.0
    outages: bool = True


class SuppressedAnswer(StrEnum):
    """How the gateway answers mail to nobody but suppressed addresses: as SES does, or with an error."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """`[gateway]`: addresses as HOST:PORT, limits in bytes and recipients a message.

    `public_url` is the https address under which the internet reaches the public door (unsubscribe pages, SNS).
    `concurrency` is how many messages may be on the wire to SES at once: the rate times the seconds that SES takes to
    answer, or more. `worker_process` lets the worker run in a process of its own, on a core of its own.
    `suppressed` is how mail to suppressed addresses is answered. `smtp_connections` bounds the SMTP
    connections at once; `traces` is the address of an OpenTelemetry collector (OTLP over HTTP), empty for none.
    """

    http: str = "127.0.0.1:8580"
    smtp: str = "127.0.0.1:8587"
    public: str = "127.0.0.1:8581"
    public_url: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    max_message_bytes: int = 40_000_000
    max_recipients: int = 50
    concurrency: int = 128
    worker_process: bool = False
    suppressed: SuppressedAnswer = SuppressedAnswer.ACCEPT
    smtp_connections: int = 500
    traces: str = ""


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[store]`: `url` is sqlite:///relative/path, sqlite:////absolute/path, or begins with postgresql://.

    `keys` is the directory of the key files; empty means beside the SQLite file, and with PostgreSQL the working
    directory. Every host needs the same ones.

    The bodies of messages are deleted `keep_bodies_days` after acceptance (never while they wait), everything else that
    is kept of them after `keep_records_days`. A database that takes `most_gigabytes` (of 2^30 bytes) accepts no more
    mail; 0 means no bound.
    """

    url: str = "sqlite:///sendworthy.db"
    keys: str = ""
    keep_bodies_days: int = 7
    keep_records_days: int = 400
    most_gigabytes: float = 0.0


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """`[events]`: where SES's events come from.

    `queues` are SQS URLs and `topics` SNS topic ARNs that are believed; empty means those named under `[ses]`.
    `max_age_hours` is how old a signed event may be; 14 days is the longest that SQS keeps a message. `certificate` is
    a PEM file to check SNS's signatures with instead of AWS's own certificates: that of the bundled simulator.
    `consumers` is how many takers each queue has here. `mailbox` is an IMAP folder that bounce and complaint mail goes
    to (imaps://user@host/INBOX), for whoever has no events; empty for none.
    """

    queues: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    max_age_hours: int = 24 * 14
    certificate: str = ""
    consumers: int = 2
    mailbox: str = ""
    mailbox_password: str = ""


class ForwardBy(StrEnum):
    """How events are forwarded: to an SQS queue, as SNS posts over HTTPS, or to a webhook signed with HMAC."""

    SQS = "sqs"
    SNS = "sns"
    WEBHOOK = "webhook"


class ForwardFormat(StrEnum):
    """In which of SES's two formats."""

    EVENT = "event"
    NOTIFICATION = "notification"


class Forward(msgspec.Struct, frozen=True, kw_only=True):
    """`[[forward]]`: an application that gets the events of its mail.

    `to` is the queue's URL or the address to post to, which may hold user:password@ for Basic authentication. `keys`
    are names of gateway keys and `kinds` kinds of events; empty means all. `secret` signs a webhook. After
    `give_up_hours` an event goes to the dead letters.
    """

    name: str
    by: ForwardBy
    to: str
    keys: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    format: ForwardFormat = ForwardFormat.EVENT
    secret: str = ""
    give_up_hours: int = 72


class Unsubscribe(msgspec.Struct, frozen=True, kw_only=True):
    """`[unsubscribe]`: what bulk mail gets whose author has not seen to a way out; needs `gateway.public_url`.

    Without a placeholder the link goes into a `footer` with the sender's postal address, under a `note` on why the
    reader gets the mail; where there is no footer or no postal address, the mail is refused.
    """

    footer: bool = True
    note: str = ""


class Console(msgspec.Struct, frozen=True, kw_only=True):
    """`[console]`: `hosts` are the names under which people reach it, beside the loopback's."""

    hosts: tuple[str, ...] = ()


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """`[alerts]`: whom to tell, and when. A webhook's URL is a secret; with `secret` what is posted is signed.

    `sender` is the From address of alerts by mail, empty for alerts@ the first of `ses.domains`. What still holds is
    told again every `remind_hours`; what a target does not take in `give_up_hours` is given up on. `day_share` of the
    daily quota used, and `uncertain_per_hour` deliveries come into doubt within an hour, are alarming.
    """

    emails: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    secret: str = ""
    sender: str = ""
    remind_hours: int = 24
    give_up_hours: int = 24
    day_share: float = 0.8
    uncertain_per_hour: int = 10


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """`[policy]`: thresholds as fractions (0.05 is 5 %).

    AWS places an account under review from a bounce rate of 5 % and a complaint rate of 0.1 %, and may pause it from
    10 % and 0.5 % [D23]; the defaults act before that. `transactional_reserve` is the share of the daily quota that
    bulk mail may not take; `rate_share` the share of MaxSendRate and Max24HourSend that is used at all. Transactional
    mail of which SES's answer was lost, and no event has come for `uncertain_retry_hours`, is sent once more, marked
    with the tag sendworthy-again; 0 means that it is not.

    Transactional messages in any hour: `address_per_hour` to one address, `ip_per_hour` for one visitor that the
    application names, `same_per_hour` alike to one address; 0 means no cap. `refuse_typos` refuses addresses at domains
    that are well-known slips of the finger. A key whose mail stands at `slow` has `slowed_share` of the rate, and at
    `stop` it is paused (`watch_keys`).

    With `brake`, bulk mail that stands at `slow` has `slowed_share` of the rate, and at `stop` it is paused; so it is
    when the whole account stands there.

    `soft_bounces` of an address within any `soft_bounce_days` suppress it as a hard bounce does; 0 means never.
    """

    bounce_warn: float = 0.02
    bounce_slow: float = 0.04
    bounce_stop: float = 0.05
    complaint_warn: float = 0.0005
    complaint_slow: float = 0.0008
    complaint_stop: float = 0.001
    transactional_reserve: float = 0.1
    rate_share: float = 1.0
    uncertain_retry_hours: float = 0.0
    address_per_hour: int = 100
    ip_per_hour: int = 60
    same_per_hour: int = 20
    refuse_typos: bool = True
    watch_keys: bool = True
    slowed_share: float = 0.1
    soft_bounces: int = 3
    soft_bounce_days: int = 30
    brake: bool = True


class Ramp(msgspec.Struct, frozen=True, kw_only=True):
    """`[ramp]`: the warm-up of the account in its Region; none while `started` (a date) is empty.

    From `first_day` recipients in any 24 hours to `target` in `days` days, a day at most `growth` times the one before.
    AWS names no figures: "start low, raise over two to four weeks". Bulk mail goes from `from_hour` to `to_hour` of
    `sender.time_zone`, evenly; a day counts when `enough` of its volume was sent.
    """

    started: str = ""
    first_day: int = 200
    target: int = 0
    days: int = 21
    growth: float = 2.0
    from_hour: int = 8
    to_hour: int = 20
    enough: float = 0.5


class Dns(msgspec.Struct, frozen=True, kw_only=True):
    """`[dns]`: `resolver` is HOST:PORT of the DNS server to ask; empty means the system's."""

    resolver: str = ""


class Web(msgspec.Struct, frozen=True, kw_only=True):
    """`[web]`: `connect` is HOST:PORT to which every request for a website goes instead of the site's own address."""

    connect: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be set."""

    sender: Sender = Sender()
    mail: tuple[MailKind, ...] = ()
    ses: Ses = Ses()
    relay: Relay = Relay()
    gateway: Gateway = Gateway()
    store: StoreSettings = StoreSettings()
    events: Events = Events()
    forward: tuple[Forward, ...] = ()
    unsubscribe: Unsubscribe = Unsubscribe()
    console: Console = Console()
    alerts: Alerts = Alerts()
    policy: Policy = Policy()
    ramp: Ramp = Ramp()
    dns: Dns = Dns()
    web: Web = Web()
    word: Words = Words()
    waivers: tuple[Waiver, ...] = ()

    @property
    def profile(self) -> Profile:
        """The sender's own words, as the audit and the letter take them."""
        return Profile(sender=self.sender, mail=self.mail, word=self.word)


def host_port(text: str) -> tuple[str, int]:
    """Split HOST:PORT or [IPV6]:PORT. Raises ValueError with one sentence when it is neither."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("An IPv6 address stands in brackets: [::1]:8580.")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError("It is not HOST:PORT.")
    return host, int(port)
