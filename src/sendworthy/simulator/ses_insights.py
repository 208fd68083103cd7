"""GetMessageInsights, and the export jobs over the same events. Reads what happened; makes nothing happen.

Events are shown once their time has come. AWS keeps insights for accounts with VDM only; here they are always kept, for
the messages of the outbox.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.events import Happening, Kind, bounce_kind, stamp
from sendworthy.simulator.holdings import Job
from sendworthy.simulator.paging import page
from sendworthy.simulator.state import Moment
from sendworthy.wire.errors import WireError

_ENDS = timedelta(seconds=5)
_BUCKET = "sendworthy-exports"
_MOST_RESULTS = 1_000  # of an export that names no other number [M]
_MOST_INSIGHT_DAYS = timedelta(days=30)
_ISPS = {"gmail.com": "Gmail", "yahoo.com": "Yahoo", "outlook.com": "Hotmail", "hotmail.com": "Hotmail"}
# Metrics of an export, by what counts for them.
_METRICS: Mapping[str, str] = {
    "SEND": "SEND",
    "COMPLAINT": "COMPLAINT",
    "PERMANENT_BOUNCE": "PERMANENT_BOUNCE",
    "TRANSIENT_BOUNCE": "TRANSIENT_BOUNCE",
    "OPEN": "OPEN",
    "CLICK": "CLICK",
    "DELIVERY": "DELIVERY",
    "DELIVERY_OPEN": "OPEN",
    "DELIVERY_CLICK": "CLICK",
    "DELIVERY_COMPLAINT": "COMPLAINT",
}


def get_message_insights(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetMessageInsights: who got a message, and what happened to each."""
    message = moment.sim.outbox.get(params["MessageId"])
    if message is None or not _is_own(moment, message):
        raise WireError("NotFoundException", f"Message {params['MessageId'][:200]} was not found.", 404)
    shown: dict[str, Any] = {
        "MessageId": message.message_id,
        "FromEmailAddress": message.from_header[:320],
        "EmailTags": [{"Name": name, "Value": value} for name, values in message.tags.items() for value in values],
        "Insights": [_insight(moment, message, address) for address in message.recipients],
    }
    return shown | ({"Subject": message.subject[:998]} if message.subject else {})


def create_export_job(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateExportJob. "Do not include S3Url in the request" [M]."""
    if "S3Url" in params["ExportDestination"]:
        raise WireError("BadRequestException", "S3Url is set by SES and must not be given.")
    source = params["ExportDataSource"]
    if len(source) != 1:
        raise WireError("BadRequestException", "Exactly one data source must be given.")
    [wanted] = source.values()
    if wanted["StartDate"] > wanted["EndDate"]:
        raise WireError("BadRequestException", "StartDate must not be after EndDate.")
    if "MessageInsightsDataSource" in source and moment.now - wanted["StartDate"] > _MOST_INSIGHT_DAYS:
        raise WireError("BadRequestException", "Message insights go back 30 days.")
    job = Job(job_id=moment.sim.new_id(), created_at=moment.now, wanted=params)
    moment.account.holdings.export_jobs[job.job_id] = job
    return {"JobId": job.job_id}


def get_export_job(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetExportJob; the file is at the URL of a COMPLETED one."""
    _settle(moment)
    job = _job(moment, params)
    destination = {"DataFormat": job.wanted["ExportDestination"]["DataFormat"]}
    if job.status == "COMPLETED":
        destination["S3Url"] = f"{moment.http}/_sim/objects/{job.result_key}"
    return _summary(job) | {
        "ExportDestination": destination,
        "ExportDataSource": job.wanted["ExportDataSource"],
        "Statistics": {"ProcessedRecordsCount": job.processed, "ExportedRecordsCount": job.exported},
    }


def list_export_jobs(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListExportJobs by source and status."""
    _settle(moment)
    jobs = moment.account.holdings.export_jobs
    keys = (
        key
        for key, job in jobs.items()
        if params.get("JobStatus", job.status) == job.status
        and params.get("ExportSourceType", _type(job)) == _type(job)
    )
    names, token = page(sorted(keys), params)
    return {"ExportJobs": [_summary(jobs[name]) for name in names]} | token


def cancel_export_job(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CancelExportJob: only one that is not done yet."""
    _settle(moment)
    job = _job(moment, params)
    if job.completed_at is not None:
        raise WireError("BadRequestException", f"An export job that is {job.status} cannot be cancelled.")
    job.status, job.completed_at = "CANCELLED", moment.now
    return {}


def _insight(moment: Moment, message: Accepted, address: str) -> dict[str, Any]:
    events = [
        _event(each)
        for each in moment.sim.happened.get(message.message_id, ())
        if address in each.recipients and each.at <= moment.now
    ]
    return {"Destination": address, "Isp": _isp(address), "Events": events}


def _event(happening: Happening) -> dict[str, Any]:
    shown: dict[str, Any] = {"Timestamp": happening.at, "Type": happening.kind.value}
    if happening.kind is Kind.BOUNCE:
        kind, subtype = bounce_kind(happening)
        # "GetMessageInsights uses UPPERCASE bounce types" [M].
        shown["Details"] = {"Bounce": {"BounceType": kind.upper(), "BounceSubType": subtype}}
    elif happening.kind is Kind.COMPLAINT:
        shown["Details"] = {"Complaint": {"ComplaintFeedbackType": happening.detail or "abuse"}}
    return shown


def _isp(address: str) -> str:
    return _ISPS.get(address.rpartition("@")[2].lower(), "UNKNOWN_ISP")


def _is_own(moment: Moment, message: Accepted) -> bool:
    return (message.account_id, message.region) == (moment.account.account_id, moment.account.region)


def _job(moment: Moment, params: dict[str, Any]) -> Job:
    found = moment.account.holdings.export_jobs.get(params["JobId"])
    if found is None:
        raise WireError("NotFoundException", f"Export job {params['JobId'][:80]} does not exist.", 404)
    return found


def _type(job: Job) -> str:
    return "METRICS_DATA" if "MetricsDataSource" in job.wanted["ExportDataSource"] else "MESSAGE_INSIGHTS"


def _summary(job: Job) -> dict[str, Any]:
    shown = {
        "JobId": job.job_id,
        "ExportSourceType": _type(job),
        "JobStatus": job.status,
        "CreatedTimestamp": job.created_at,
    }
    return shown | ({"CompletedTimestamp": job.completed_at} if job.completed_at is not None else {})


def _settle(moment: Moment) -> None:
    for job in moment.account.holdings.export_jobs.values():
        if job.completed_at is None and moment.now >= job.created_at:
            job.status = "PROCESSING" if moment.now > job.created_at else "CREATED"
            if moment.now >= job.created_at + _ENDS:
                _carry_out(moment, job)


def _carry_out(moment: Moment, job: Job) -> None:
    """Write the file. The columns are ours: AWS's are not in any source we have."""
    job.status, job.completed_at = "COMPLETED", job.created_at + _ENDS
    source = job.wanted["ExportDataSource"]
    wanted = source.get("MessageInsightsDataSource") or source["MetricsDataSource"]
    insights = "MessageInsightsDataSource" in source
    rows = list(_insight_rows(moment, wanted) if insights else _metric_rows(moment, wanted))
    job.processed = len(rows)
    rows = rows[: wanted.get("MaxResults", _MOST_RESULTS)] if insights else rows
    job.exported = len(rows)
    form = job.wanted["ExportDestination"]["DataFormat"]
    job.result_key = f"{_BUCKET}/{job.job_id}.{form.lower()}"
    moment.sim.objects[job.result_key] = _written(rows, form)


def _insight_rows(moment: Moment, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for message in moment.sim.outbox.values():
        if not _is_own(moment, message) or not wanted["StartDate"] <= message.at <= wanted["EndDate"]:
            continue
        for address in message.recipients:
            events = [
                each
                for each in moment.sim.happened.get(message.message_id, ())
                if address in each.recipients and each.at <= moment.now
            ]
            row = {
                "MessageId": message.message_id,
                "SentTimestamp": stamp(message.at),
                "FromEmailAddress": message.from_header,
                "Destination": address,
                "Subject": message.subject,
                "Isp": _isp(address),
                "LastDeliveryEvent": _last(events, {Kind.SEND, Kind.DELIVERY, Kind.BOUNCE, Kind.COMPLAINT}),
                "LastEngagementEvent": _last(events, {Kind.OPEN, Kind.CLICK}),
            }
            if _passes(row, wanted.get("Include") or {}, wanted.get("Exclude") or {}):
                yield row


def _last(events: list[Happening], kinds: set[Kind]) -> str:
    found = [each for each in events if each.kind in kinds]
    return _counted_as(max(found, key=lambda each: each.at)) if found else ""


def _counted_as(happening: Happening) -> str:
    return f"{bounce_kind(happening)[0].upper()}_BOUNCE" if happening.kind is Kind.BOUNCE else happening.kind.value


def _passes(row: Mapping[str, str], include: Mapping[str, Any], exclude: Mapping[str, Any]) -> bool:
    def fits(name: str, texts: list[str]) -> bool:
        value = row.get(name, "").lower()
        exact = name.startswith("Last")
        return any(text.lower() == value if exact else text.lower().strip("*") in value for text in texts)

    return all(fits(name, texts) for name, texts in include.items()) and not any(
        fits(name, texts) for name, texts in exclude.items()
    )


def _metric_rows(moment: Moment, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row a day and metric: VOLUME counts recipients, RATE divides by those sent to that day."""
    days: dict[str, Counter[str]] = {}
    for message in moment.sim.outbox.values():
        if _is_own(moment, message) and _has_dimensions(message, wanted["Dimensions"]):
            for each in moment.sim.happened.get(message.message_id, ()):
                if wanted["StartDate"] <= each.at <= min(wanted["EndDate"], moment.now):
                    days.setdefault(each.at.date().isoformat(), Counter())[_counted_as(each)] += len(each.recipients)
    for day, counts in sorted(days.items()):
        for metric in wanted["Metrics"]:
            count = counts[_METRICS[metric.get("Name", "SEND")]]
            rate = metric.get("Aggregation") == "RATE"
            yield {
                "Date": day,
                "Metric": metric.get("Name", "SEND"),
                "Aggregation": metric.get("Aggregation", "VOLUME"),
                "Value": count / counts["SEND"] if rate and counts["SEND"] else float(count) if rate else count,
            }


def _has_dimensions(message: Accepted, dimensions: Mapping[str, list[str]]) -> bool:
    def has(name: str, values: list[str]) -> bool:
        match name:
            case "EMAIL_IDENTITY":
                return "*" in values or message.identity_arn.rpartition("/")[2] in values
            case "CONFIGURATION_SET":
                return "*" in values or message.configuration_set in values
            case "ISP":
                return "*" in values or any(_isp(each) in values for each in message.recipients)
            case _:
                return False

    return all(has(name, values) for name, values in dimensions.items())


def _written(rows: list[dict[str, Any]], form: str) -> bytes:
    if form == "JSON":
        return json.dumps(rows).encode()
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else ["MessageId"])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()
