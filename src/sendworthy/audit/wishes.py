"""What the sender wants to have at AWS and in DNS, in one Region. Knows neither what is there nor how to get there."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sendworthy.audit.profile import Stream


def _one_set_per_stream() -> Mapping[Stream, str]:
    return {stream: f"sendworthy-{stream}" for stream in Stream}


def _our_tag() -> Mapping[str, str]:
    return {"created-by": "sendworthy"}


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """The wished-for set-up of one Region.

    `mail_from_label` is put before each domain (`mail` makes mail.example.com); every Region needs a label of its
    own, because SES wants exactly one MX there and it names the Region. `dmarc_rua` is empty, or `mailto:` URIs with
    commas between them.
    `tls_policy` is REQUIRE, or OPTIONAL (mail to a host without TLS goes out all the same). `alarm_emails` are told of
    alarms; `archive_bucket` is the S3 bucket in which events are kept, empty for none. `tags` go on everything that is
    created.
    """

    region: str
    domains: tuple[str, ...] = ()
    mail_from_label: str = "mail"
    configuration_sets: Mapping[Stream, str] = msgspec.field(default_factory=_one_set_per_stream)
    event_destination: str = "sendworthy-events"
    topic: str = "sendworthy-events"
    queue: str = "sendworthy-events"
    dead_letter_queue: str = "sendworthy-events-dead"
    dmarc_policy: str = "none"
    dmarc_rua: str = ""
    tls_policy: str = "OPTIONAL"
    feedback_forwarding: bool = True
    vdm: bool = False
    alarms: bool = True
    alarm_topic: str = "sendworthy-alarms"
    alarm_emails: tuple[str, ...] = ()
    iam_policies: bool = False
    archive_bucket: str = ""
    tags: Mapping[str, str] = msgspec.field(default_factory=_our_tag)

    @property
    def default_configuration_set(self) -> str:
        """The set for mail that names none: the transactional one where there is one, else the first; empty if none."""
        by_stream = self.configuration_sets
        return by_stream.get(Stream.TRANSACTIONAL) or next(iter(by_stream.values()), "")

    def tag_list(self) -> list[Mapping[str, str]]:
        """Give the tags as most of AWS takes them."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    def topic_arn(self, partition: str, account_id: str) -> str:
        """Give the ARN that the topic has, or will have, in this account."""
        return f"arn:{partition}:sns:{self.region}:{account_id}:{self.topic}"

    def queue_arn(self, partition: str, account_id: str) -> str:
        """Give the ARN that the queue has, or will have."""
        return f"arn:{partition}:sqs:{self.region}:{account_id}:{self.queue}"

    def dead_letter_queue_arn(self, partition: str, account_id: str) -> str:
        """Give the ARN that the dead-letter queue has, or will have."""
        return f"arn:{partition}:sqs:{self.region}:{account_id}:{self.dead_letter_queue}"

    def alarm_topic_arn(self, partition: str, account_id: str) -> str:
        """Give the ARN that the topic of the alarms has, or will have."""
        return f"arn:{partition}:sns:{self.region}:{account_id}:{self.alarm_topic}"

    def mail_from_domain(self, domain: str) -> str:
        """Give the MAIL FROM domain wished for `domain`."""
        return f"{self.mail_from_label}.{domain}"
