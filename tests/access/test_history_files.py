"""Exports become months: each shape as its provider documents it, each event once, and nothing guessed."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from sendworthy.access.history import Month
from sendworthy.access.history_files import read_files
from sendworthy.errors import ConfigError

TODAY = date(2026, 11, 20)
SEPTEMBER = 1_788_220_800  # 2026-09-01T00:00:00Z
DAY = 86_400


def read(*files: tuple[str, str], source: str = "", complete: bool = False) -> tuple[Month, ...]:
    data = [(name, text.encode()) for name, text in files]
    return read_files(data, today=TODAY, source=source, complete=complete)


def one(*files: tuple[str, str], source: str = "", complete: bool = False) -> Month:
    (month,) = read(*files, source=source, complete=complete)
    return month


def counts(month: Month) -> tuple[int | None, int | None, int | None]:
    return month.sent, month.hard_bounces, month.complaints


def refused(*files: tuple[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        read(*files)
    assert "\n" not in caught.value.happened
    return caught.value.happened


# Plain CSV


def test_plain_csv_by_day_adds_up_to_months() -> None:
    text = "date,sent,hard_bounces,complaints\n2026-08-31,100,2,0\n2026-09-01,200,3,1\n2026-09-02,300,1,0\n"
    august, september = read(("sent.csv", text), source="Mailchimp")
    assert (august.source, august.month, counts(august)) == ("Mailchimp", date(2026, 8, 1), (100, 2, 0))
    assert counts(september) == (500, 4, 1)
    assert (september.first, september.last, september.partial) == (date(2026, 9, 1), date(2026, 9, 2), True)
    assert september.bounce_rate == 0.008
    assert september.complaint_rate == 0.002


def test_plain_csv_by_month_is_of_whole_months() -> None:
    month = one(("m.csv", 'month;sent;bounces\n2026-09;"12,345";10\n'))
    assert counts(month) == (12_345, 10, None)
    assert not month.partial
    assert month.complaint_rate is None
    assert month.source == "m.csv"


def test_rows_of_one_day_in_one_file_are_added_and_empty_cells_are_unknown() -> None:
    text = "\ufeffDay\tSent\tHard bounces\tStream\n2026-09-01\t10\t\ta\n2026-09-01\t20\t\tb\n"
    assert counts(one(("x.csv", text))) == (30, None, None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("sent,bounces\n1,2\n", "no column `date`"),
        ("date,opens\n2026-09-01,2\n", "no column `sent`"),
        ("date,sent\n09/01/2026,2\n", "line 2: its date '09/01/2026' cannot be read"),
        ("date,sent\n2026-09-01,12.5\n", "line 2: its count '12.5' is no whole number"),
        ("date,sent\n2026-09-01,-3\n", "line 2: its count '-3' is no whole number"),
        ("date,sent\n2026-09-01,1\n2026-09-02,2%\n", "line 3: its count '2%'"),
        ("date,sent\n2027-09-01,1\n", "2027-09-01, which cannot be"),
        ('date,sent\n2026-09-01,"1\n', "is broken CSV"),
        ("date,sent,bounces\n2026-09-01,5,6\n", "6 hard bounces of 5 sent cannot be"),
        ("date,event,recipient\n2026-09-01,delivered,x\n", "the events of no export known here"),
        ("date,sent\n", "no mail in it"),
    ],
)
def test_a_bad_csv_gets_one_line_that_says_where(text: str, why: str) -> None:
    assert why in refused(("bad.csv", text))


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"x\.zip is no UTF-8 text"):
        read_files([("x.zip", b"PK\x03\x04\xff\xfe")], today=TODAY)


# SendGrid


def sendgrid(event: str, number: int, at: int = SEPTEMBER, **fields: Any) -> dict[str, Any]:
    return {
        "email": "someone@example.com",
        "timestamp": at,
        "event": event,
        "sg_event_id": f"e{number}",
        "sg_message_id": f"m{number}.recvd",
    } | fields


def test_sendgrids_event_webhook() -> None:
    events = [
        *(sendgrid("processed", n) for n in range(10)),
        *(sendgrid("delivered", 100 + n) for n in range(8)),
        sendgrid("bounce", 200, type="bounce", status="5.1.1"),
        sendgrid("bounce", 201, type="blocked", status="4.7.1"),
        sendgrid("dropped", 202, reason="Bounced Address"),
        sendgrid("deferred", 203),
        sendgrid("open", 204),
        sendgrid("spamreport", 205, at=SEPTEMBER + 3 * DAY),
    ]
    month = one(("events.json", json.dumps(events)))
    assert month.source == "SendGrid"
    assert counts(month) == (10, 1, 1)
    assert month.last == date(2026, 9, 4)


def test_an_event_that_stands_in_two_files_counts_once() -> None:
    first = [sendgrid("processed", n) for n in range(6)] + [sendgrid("bounce", 99, type="bounce")]
    second = [sendgrid("processed", n) for n in range(3, 10)] + [sendgrid("bounce", 99, type="bounce")]
    month = one(("a.json", json.dumps(first)), ("b.json", "\n".join(json.dumps(event) for event in second)))
    assert counts(month) == (10, 1, None)


def test_without_processed_what_was_delivered_or_refused_was_sent() -> None:
    events = [sendgrid("delivered", n) for n in range(5)]
    events += [sendgrid("bounce", 7, type="bounce"), sendgrid("bounce", 8, type="blocked")]
    assert counts(one(("e.json", json.dumps(events)))) == (7, 1, None)


def test_bounces_alone_tell_of_no_volume_and_no_rate() -> None:
    month = one(("bounces.json", json.dumps([sendgrid("bounce", 1, type="bounce")])))
    assert counts(month) == (None, 1, None)
    assert month.bounce_rate is None


def test_what_an_export_does_not_show_is_unknown_unless_it_is_complete() -> None:
    file = ("e.json", json.dumps([sendgrid("delivered", n) for n in range(5)]))
    assert counts(one(file)) == (5, None, None)
    assert counts(one(file, complete=True)) == (5, 0, 0)


def test_sendgrids_email_activity_csv() -> None:
    header = "processed,message_id,event,api_key_id,email,reason,type"
    lines = [f"{SEPTEMBER},m{n},processed,k,a{n}@example.com,," for n in range(4)]
    lines += [f"{SEPTEMBER},m1,bounce,k,a1@example.com,550 no such user,bounce"]
    lines += [f"{SEPTEMBER},m2,bounce,k,a2@example.com,421 blocked,blocked"]
    lines += [f"{SEPTEMBER},m3,spam report,k,a3@example.com,,"]
    month = one(("activity.csv", "\n".join([header, *lines, ""])))
    assert (month.source, *counts(month)) == ("SendGrid", 4, 1, 1)


def test_sendgrids_statistics_as_json_and_as_csv() -> None:
    metrics = {"processed": 90, "requests": 100, "bounces": 2, "blocks": 3, "spam_reports": 1, "delivered": 85}
    stats = [{"date": "2026-09-01", "stats": [{"metrics": metrics}, {"metrics": metrics}]}]
    csv = "Date,Blocks,Bounce Drops,Bounces,Delivered,Processed,Requests,Spam Reports\n2026-09-01,6,0,4,170,180,200,2\n"
    from_json, from_csv = one(("s.json", json.dumps(stats))), one(("s.csv", csv))
    assert counts(from_json) == counts(from_csv) == (180, 4, 2)
    assert from_json.source == from_csv.source == "SendGrid"


# Mailgun


def mailgun(event: str, number: int, **fields: Any) -> dict[str, Any]:
    return {
        "event": event,
        "id": f"i{number}",
        "timestamp": SEPTEMBER + number + 0.25,
        "recipient": "someone@example.com",
        "log-level": "info",
    } | fields


def test_mailguns_events() -> None:
    items = [
        *(mailgun("accepted", n, flags={"is-routed": False, "is-test-mode": False}) for n in range(10)),
        mailgun("accepted", 20, flags={"is-routed": True}),
        mailgun("accepted", 21, flags={"is-test-mode": True}),
        *(mailgun("delivered", 30 + n) for n in range(6)),
        mailgun("failed", 40, severity="permanent", reason="bounce"),
        mailgun("failed", 41, severity="permanent", reason="suppress-bounce"),
        mailgun("failed", 42, severity="permanent", reason="old"),
        mailgun("failed", 43, severity="temporary", reason="generic"),
        mailgun("complained", 44),
        mailgun("opened", 45),
    ]
    month = one(("events.json", json.dumps({"items": items, "paging": {}})))
    assert (month.source, *counts(month)) == ("Mailgun", 9, 1, 1)


def test_mailguns_webhooks_and_logs() -> None:
    hooks = [{"signature": {}, "event-data": mailgun("delivered", n)} for n in range(3)]
    logs = {"items": [{"id": "x", "event": "delivered", "@timestamp": "2026-09-08T16:30:18.530Z", "recipient": "a@b"}]}
    month = one(("hooks.ndjson", "\n".join(map(json.dumps, hooks))), ("logs.json", json.dumps(logs)))
    assert (month.sent, month.last) == (4, date(2026, 9, 8))


def test_mailguns_ids_are_unique_within_a_day_only() -> None:
    one_id = [mailgun("delivered", 1), mailgun("delivered", 1, timestamp=SEPTEMBER + 5 * DAY)]
    assert one(("e.json", json.dumps(one_id))).sent == 2


def test_mailguns_statistics_by_month_and_its_metrics() -> None:
    failed = {"permanent": {"bounce": 2, "delayed-bounce": 1, "suppress-bounce": 5, "total": 8}, "temporary": {}}
    stats = {
        "resolution": "month",
        "stats": [
            {
                "time": "Tue, 01 Sep 2026 00:00:00 UTC",
                "accepted": {"incoming": 7, "outgoing": 105, "total": 112},
                "failed": failed,
                "complained": {"total": 1},
            }
        ],
    }
    month = one(("stats.json", json.dumps(stats)))
    assert counts(month) == (100, 3, 1)
    assert not month.partial
    time = {"dimension": "time", "value": "Thu, 01 Oct 2026 00:00:00 +0000"}
    metrics = {"accepted_outgoing_count": 50, "hard_bounces_count": 2, "complained_count": 0}
    found = {"resolution": "month", "items": [{"dimensions": [time], "metrics": metrics}]}
    assert counts(one(("metrics.json", json.dumps(found)))) == (50, 2, 0)
    by_tag = {"items": [{"dimensions": [time, {"dimension": "tag", "value": "x"}], "metrics": metrics}]}
    assert "metrics are read by time alone" in refused(("metrics.json", json.dumps(by_tag)))


# Postmark


def test_postmarks_webhooks() -> None:
    def bounce(number: int, kind: str) -> dict[str, Any]:
        return {
            "RecordType": "SpamComplaint" if kind == "SpamComplaint" else "Bounce",
            "ID": number,
            "Type": kind,
            "Email": "someone@example.com",
            "BouncedAt": "2026-09-01T13:28:10.2735393-04:00",
            "MessageID": f"m{number}",
        }

    records: list[dict[str, Any]] = [
        {
            "RecordType": "Delivery",
            "MessageID": f"d{n}",
            "Recipient": "someone@example.com",
            "DeliveredAt": "2026-09-02T10:00:00Z",
        }
        for n in range(7)
    ]
    kinds = ("HardBounce", "BadEmailAddress", "SoftBounce", "Transient", "SpamComplaint", "AutoResponder")
    records += [bounce(number, kind) for number, kind in enumerate(kinds)]
    records += [{"RecordType": "Open", "MessageID": "d1", "Recipient": "x@example.com", "ReceivedAt": "2026-09-02"}]
    month = one(("hooks.ndjson", "\n".join(map(json.dumps, records))))
    assert (month.source, *counts(month)) == ("Postmark", 10, 2, 1)


def test_postmarks_api_pages() -> None:
    messages = {
        "TotalCount": 2,
        "Messages": [
            {"MessageID": "a", "ReceivedAt": "2026-09-01T10:00:00-05:00", "Status": "Sent", "Recipients": ["x", "y"]},
            {"MessageID": "b", "ReceivedAt": "2026-09-02T10:00:00-05:00", "Status": "Sent", "Recipients": ["z"]},
        ],
    }
    bounces = {
        "TotalCount": 1,
        "Bounces": [{"ID": 5, "Type": "HardBounce", "MessageID": "a", "BouncedAt": "2026-09-03T10:00:00Z"}],
    }
    assert counts(one(("m.json", json.dumps(messages)), ("b.json", json.dumps(bounces)))) == (3, 1, None)


def test_postmarks_statistics_come_in_three_files() -> None:
    sends = {"Days": [{"Date": "2026-09-01", "Sent": 140}, {"Date": "2026-09-02", "Sent": 160}], "Sent": 300}
    bounces = {"Days": [{"Date": "2026-09-01", "HardBounce": 3}, {"Date": "2026-09-02", "SoftBounce": 2}]}
    spam = {"Days": [{"Date": "2026-09-02", "SpamComplaint": 1}], "SpamComplaint": 1}
    files = [("sends.json", sends), ("bounces.json", bounces), ("spam.json", spam)]
    month = one(*((name, json.dumps(value)) for name, value in files))
    assert (month.source, *counts(month)) == ("Postmark", 300, 3, 1)


# Bad JSON, and files that contradict each other


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[{"event": "delivered", "sg_event_id": "x", "timestamp": "soon"}]', "record 1: its date 'soon'"),
        ('[{"event": "delivered", "sg_event_id": "x", "timestamp": true}]', "record 1: its date"),
        ('[{"name": "something else"}]', "record 1: its fields are those of no export known here"),
        ("[1, 2]", "record 1: it is no JSON object"),
        ('{"Days": [{"Date": "2026-09-01", "Opens": 3}]}', "record 1: it has neither Sent"),
        ('[{"date": "2026-09-01", "stats": [{"metrics": 5}]}]', "record 1: it has not the shape of its kind"),
        ('[{"event": "x"}\n{"a"', "is broken JSON at or after line 1"),
        ("[" * 100_000, "is broken JSON"),
        ('[{"event": "open", "sg_event_id": "x", "timestamp": 1788220800}]', "there is no mail in it"),
    ],
)
def test_a_bad_json_gets_one_line_that_says_where(text: str, why: str) -> None:
    assert why in refused(("bad.json", text))


def test_two_files_that_tell_the_same_days_alike_count_once() -> None:
    text = "date,sent\n2026-09-01,10\n"
    files = [("a.csv", text.encode()), ("b.csv", text.encode())]
    (month,) = read_files(files, today=TODAY, source="X")
    assert month.sent == 10


def test_two_files_that_differ_on_a_day_are_refused() -> None:
    files = [("a.csv", b"date,sent\n2026-09-01,10\n"), ("b.csv", b"date,sent\n2026-09-01,11\n")]
    with pytest.raises(ConfigError, match=r"a\.csv and b\.csv tell different figures of sent in 2026-09 through X"):
        read_files(files, today=TODAY, source="X")


def test_a_month_and_its_days_are_not_added_up() -> None:
    files = [("m.csv", b"month,sent\n2026-09,100\n"), ("d.csv", b"date,sent\n2026-09-05,40\n")]
    with pytest.raises(ConfigError, match="tell different figures"):
        read_files(files, today=TODAY, source="X")


def test_no_address_is_in_what_comes_out() -> None:
    assert "example.com" not in repr(one(("e.json", json.dumps([sendgrid("delivered", 1)]))))
