"""One record of an export of SendGrid, Mailgun or Postmark as what it says. Knows no file and adds nothing up.

Sources: Twilio SendGrid's Event Webhook and Stats API references, Mailgun's Events, Logs, Stats and Metrics API
references, Postmark's webhooks, Bounce, Messages and Stats API references.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from sendworthy.access.history import Count


class Provider(StrEnum):
    """Whose exports are read; the values are the names that a letter may use."""

    SENDGRID = "SendGrid"
    MAILGUN = "Mailgun"
    POSTMARK = "Postmark"


class What(StrEnum):
    """What happened to one message to one recipient."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    HARD_BOUNCE = "hard_bounce"
    OTHER_FAILURE = "other_failure"
    """It was sent and refused for a time, by policy or as spam: mail that counts, and no hard bounce."""
    NOT_SENT = "not_sent"
    """Accepted, and dropped before it was sent (an address on the provider's own suppression list)."""
    COMPLAINT = "complaint"
    NOTHING = "nothing"
    """An opening, a click, an unsubscription: no figure here counts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. `key` is the same whenever the same event is told again."""

    provider: Provider
    at: date
    what: What
    key: tuple[str, ...]
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Counts of one day, or of one month where `by_month`. `provider` is None where the file does not show it."""

    provider: Provider | None
    at: date
    counts: Mapping[Count, int]
    by_month: bool = False


class UnknownRecord(Exception):
    """The record is of no shape that is known here, or its date or counts are none. Says which in a few words."""


def read_record(record: Any, *, resolution: str = "") -> Event | Line:
    """Read one record. `resolution` is what Mailgun's statistics say of all their lines. Raises UnknownRecord."""
    if not isinstance(record, Mapping):
        raise UnknownRecord("it is no JSON object")
    if isinstance(record.get("event-data"), Mapping):
        return _mailgun_event(record["event-data"])
    if "RecordType" in record or ("BouncedAt" in record and "Type" in record):
        return _postmark_event(record)
    if "event" in record:
        of_sendgrid = {"sg_event_id", "sg_message_id", "email"} & record.keys()
        return _sendgrid_event(record) if of_sendgrid else _mailgun_event(record)
    if "stats" in record and "date" in record:
        return _sendgrid_line(record)
    if "dimensions" in record and "metrics" in record:
        return _mailgun_metrics(record, resolution)
    if "time" in record and {"accepted", "delivered", "failed", "complained"} & record.keys():
        return _mailgun_line(record, resolution)
    if "ReceivedAt" in record and "MessageID" in record:
        return _postmark_message(record)
    if "Date" in record:
        return _postmark_line(record)
    raise UnknownRecord("its fields are those of no export known here")


_SENDGRID = {
    "processed": What.ACCEPTED,
    "delivered": What.DELIVERED,
    "bounce": What.HARD_BOUNCE,
    "blocked": What.OTHER_FAILURE,
    "dropped": What.NOTHING,  # what SendGrid drops was never processed
    "spamreport": What.COMPLAINT,
    "spam_report": What.COMPLAINT,
    "spam report": What.COMPLAINT,
}


def _sendgrid_event(record: Mapping[str, Any]) -> Event:
    word = str(record["event"]).lower()
    what = _SENDGRID.get(word, What.NOTHING)
    if what is What.HARD_BOUNCE and str(record.get("type", "")).lower() == "blocked":
        what = What.OTHER_FAILURE
    # The Event Webhook says `timestamp`, the Email Activity CSV `processed`; both are seconds since 1970.
    stamp = record.get("timestamp") or record.get("processed")
    named = str(record.get("sg_event_id") or "")
    told = tuple(str(record.get(name, "")) for name in ("sg_message_id", "message_id", "email"))
    key = (named,) if named else (*told, word, str(stamp))
    return Event(provider=Provider.SENDGRID, at=read_day(stamp), what=what, key=("sendgrid", *key))


def _sendgrid_line(record: Mapping[str, Any]) -> Line:
    metrics = [one.get("metrics", {}) for one in record["stats"] if isinstance(one, Mapping)]
    if not metrics:
        raise UnknownRecord("it has no metrics")
    names = {Count.SENT: "processed", Count.HARD_BOUNCES: "bounces", Count.COMPLAINTS: "spam_reports"}
    counts = {count: sum(read_count(one.get(name, 0)) for one in metrics) for count, name in names.items()}
    return Line(provider=Provider.SENDGRID, at=read_day(record["date"]), counts=counts)


def _mailgun_event(record: Mapping[str, Any]) -> Event:
    word = str(record.get("event", "")).lower()
    reason = str(record.get("reason", "")).lower()
    flags = record.get("flags", {})
    what = {
        "accepted": What.ACCEPTED,
        "delivered": What.DELIVERED,
        "complained": What.COMPLAINT,
    }.get(word, What.NOTHING)
    if word == "failed" and record.get("severity") == "permanent":
        what = What.HARD_BOUNCE
        if reason.startswith("suppress-"):
            what = What.NOT_SENT
        elif reason == "old":  # given up after hours of temporary failures
            what = What.OTHER_FAILURE
    if isinstance(flags, Mapping) and (flags.get("is-routed") or flags.get("is-test-mode")):
        what = What.NOTHING
    stamp = record.get("timestamp", record.get("@timestamp"))
    # An event's id is unique within a day only.
    key = ("mailgun", word, str(record.get("id", "")), str(stamp), str(record.get("recipient", "")))
    return Event(provider=Provider.MAILGUN, at=read_day(stamp), what=what, key=key)


def _mailgun_line(record: Mapping[str, Any], resolution: str) -> Line:
    counts: dict[Count, int] = {}
    failed = record.get("failed", {})
    permanent = failed.get("permanent", {}) if isinstance(failed, Mapping) else {}
    if isinstance(record.get("accepted"), Mapping):
        accepted = record["accepted"]
        dropped = sum(read_count(number) for name, number in permanent.items() if name.startswith("suppress-"))
        counts[Count.SENT] = max(0, read_count(accepted.get("outgoing", accepted.get("total", 0))) - dropped)
    if "bounce" in permanent:
        counts[Count.HARD_BOUNCES] = read_count(permanent["bounce"]) + read_count(permanent.get("delayed-bounce", 0))
    if isinstance(record.get("complained"), Mapping):
        counts[Count.COMPLAINTS] = read_count(record["complained"].get("total", 0))
    return _mailgun_counts(record["time"], counts, resolution)


def _mailgun_metrics(record: Mapping[str, Any], resolution: str) -> Line:
    metrics = record["metrics"]
    times = [one.get("value") for one in record["dimensions"] if one.get("dimension") == "time"]
    if len(times) != 1 or len(record["dimensions"]) != 1:
        raise UnknownRecord("metrics are read by time alone: ask for the dimension `time` and no other")
    counts: dict[Count, int] = {}
    accepted = metrics.get("accepted_outgoing_count", metrics.get("accepted_count"))
    if accepted is not None:
        dropped = sum(read_count(number) for name, number in metrics.items() if name.startswith("suppressed_"))
        counts[Count.SENT] = max(0, read_count(accepted) - dropped)
    for count, names in (
        (Count.HARD_BOUNCES, ("hard_bounces_count", "permanent_failed_count")),
        (Count.COMPLAINTS, ("complained_count",)),
    ):
        found = next((metrics[name] for name in names if name in metrics), None)
        if found is not None:
            counts[count] = read_count(found)
    return _mailgun_counts(times[0], counts, resolution)


def _mailgun_counts(time: Any, counts: Mapping[Count, int], resolution: str) -> Line:
    if not counts:
        raise UnknownRecord("it has neither accepted, failed nor complained")
    return Line(provider=Provider.MAILGUN, at=read_day(time), counts=counts, by_month=resolution == "month")


_POSTMARK_HARD = frozenset({"HardBounce", "BadEmailAddress"})
_POSTMARK_FAILED = frozenset({"SoftBounce", "DnsError", "SpamNotification", "VirusNotification", "DMARCPolicy"})


def _postmark_event(record: Mapping[str, Any]) -> Event:
    record_type = str(record.get("RecordType") or ("Bounce" if "BouncedAt" in record else ""))
    kind = str(record.get("Type", ""))
    match record_type:
        case "Delivery":
            what, stamp = What.DELIVERED, record.get("DeliveredAt")
        case "Bounce" | "SpamComplaint":
            stamp = record.get("BouncedAt")
            what = What.NOTHING
            if record_type == "SpamComplaint" or kind == "SpamComplaint":
                what = What.COMPLAINT
            elif kind in _POSTMARK_HARD:
                what = What.HARD_BOUNCE
            elif kind in _POSTMARK_FAILED:
                what = What.OTHER_FAILURE
        case _:
            stamps = ("ReceivedAt", "ChangedAt", "DeliveredAt", "BouncedAt")
            what, stamp = What.NOTHING, next((record[name] for name in stamps if name in record), None)
    named = str(record.get("ID", ""))
    told = (str(record.get("MessageID", "")), str(record.get("Recipient") or record.get("Email") or ""))
    key = ("postmark", what.value, *((named,) if named else told))
    return Event(provider=Provider.POSTMARK, at=read_day(stamp), what=what, key=key)


def _postmark_message(record: Mapping[str, Any]) -> Event:
    recipients = record.get("Recipients")
    times = len(recipients) if isinstance(recipients, Sequence) and not isinstance(recipients, str) else 1
    sent = str(record.get("Status", "Sent")).lower() in {"sent", "processed", "queued"}
    return Event(
        provider=Provider.POSTMARK,
        at=read_day(record["ReceivedAt"]),
        what=What.ACCEPTED if sent else What.NOTHING,
        key=("postmark", "message", str(record["MessageID"])),
        times=max(1, times),
    )


def _postmark_line(record: Mapping[str, Any]) -> Line:
    names = {Count.SENT: "Sent", Count.HARD_BOUNCES: "HardBounce", Count.COMPLAINTS: "SpamComplaint"}
    counts = {count: read_count(record[name]) for count, name in names.items() if name in record}
    if not counts:
        # Postmark leaves out what is zero on a day that has other bounces.
        if not {"SoftBounce", "Transient", "SMTPApiError"} & record.keys():
            raise UnknownRecord("it has neither Sent, HardBounce nor SpamComplaint")
        counts = {Count.HARD_BOUNCES: 0}
    return Line(provider=Provider.POSTMARK, at=read_day(record["Date"]), counts=counts)


def read_day(value: Any) -> date:
    """Read the UTC day of seconds since 1970, an ISO date or time, or an RFC 5322 date. Raises UnknownRecord."""
    text = str(value).strip() if value is not None and not isinstance(value, bool) else ""
    try:
        if text.replace(".", "", 1).isdigit() and len(text.split(".")[0]) >= 9:
            return datetime.fromtimestamp(float(text), UTC).date()
        if len(text) == 10:
            return date.fromisoformat(text)
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, OSError):
        raise UnknownRecord(f"its date {text[:40]!r} cannot be read") from None
    return (at if at.tzinfo is None else at.astimezone(UTC)).date()


def read_count(value: Any) -> int:
    """Read a whole number, also as `12,345`. Raises UnknownRecord."""
    text = str(value).strip()
    groups = text.split(",")
    if len(groups) > 1 and groups[0].isdigit() and all(len(one) == 3 and one.isdigit() for one in groups[1:]):
        text = "".join(groups)
    if not text.isascii() or not text.isdigit():
        raise UnknownRecord(f"its count {text[:40]!r} is no whole number")
    return int(text)
