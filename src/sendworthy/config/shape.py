"""The shape of sendworthy.toml as frozen values, one struct per table, defaults included. Knows no file.

A key's environment variable is its dotted path in capitals: `ses.dmarc.policy` is SENDWORTHY_SES_DMARC_POLICY.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sendworthy.audit.profile import MailKind, Profile, Sender


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


class Ses(msgspec.Struct, frozen=True, kw_only=True):
    """`[ses]`: what is to exist in Amazon SES.

    `regions` empty means the Region of the AWS environment. `mail_from` is the label of the custom MAIL FROM domain
    under each domain of `domains`. `topic` and `queue` are names, not ARNs.
    """

    regions: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    mail_from: str = "mail"
    configuration_sets: ConfigurationSets = ConfigurationSets()
    topic: str = "sendworthy-events"
    queue: str = "sendworthy-events"
    dmarc: Dmarc = Dmarc()


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """`[gateway]`: addresses as HOST:PORT, limits in bytes and recipients a message.

    `public_url` is the https address under which the internet reaches the public door (unsubscribe pages, SNS).
    `concurrency` is how many messages may be on the wire to SES at once.
    """

    http: str = "127.0.0.1:8580"
    smtp: str = "127.0.0.1:8587"
    public: str = "127.0.0.1:8581"
    public_url: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    max_message_bytes: int = 40_000_000
    max_recipients: int = 50
    concurrency: int = 32


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[store]`: `url` is sqlite:///relative/path, sqlite:////absolute/path, or begins with postgresql://."""

    url: str = "sqlite:///sendworthy.db"


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """`[events]`: where SES's events come from.

    `queues` are SQS URLs and `topics` SNS topic ARNs that are believed; empty means those named under `[ses]`.
    `max_age_hours` is how old a signed event may be; 14 days is the longest that SQS keeps a message. `certificate` is
    a PEM file to check SNS's signatures with instead of AWS's own certificates: that of the bundled simulator.
    """

    queues: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    max_age_hours: int = 24 * 14
    certificate: str = ""


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """`[alerts]`: whom to tell. A webhook's URL is a secret."""

    emails: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """`[policy]`: thresholds as fractions (0.05 is 5 %).

    AWS places an account under review from a bounce rate of 5 % and a complaint rate of 0.1 %, and may pause it from
    10 % and 0.5 % [D23]; the defaults act before that. `transactional_reserve` is the share of the daily quota that
    bulk mail may not take; `rate_share` the share of MaxSendRate and Max24HourSend that is used at all.
    """

    bounce_warn: float = 0.02
    bounce_slow: float = 0.04
    bounce_stop: float = 0.05
    complaint_warn: float = 0.0005
    complaint_slow: float = 0.0008
    complaint_stop: float = 0.001
    transactional_reserve: float = 0.1
    rate_share: float = 1.0


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
    gateway: Gateway = Gateway()
    store: StoreSettings = StoreSettings()
    events: Events = Events()
    alerts: Alerts = Alerts()
    policy: Policy = Policy()
    dns: Dns = Dns()
    web: Web = Web()

    @property
    def profile(self) -> Profile:
        """The sender's own words, as the audit and the letter take them."""
        return Profile(sender=self.sender, mail=self.mail)


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
