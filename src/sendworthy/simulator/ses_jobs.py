"""Import jobs of suppression list and contacts: read from a pretend S3, carried out as the clock goes on.

An object is put at the admin door. A job is CREATED, PROCESSING from one second on, and done after five; how long AWS
takes is not published. Export jobs are those of `ses_exports`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from sendworthy.simulator.holdings import Job
from sendworthy.simulator.paging import page
from sendworthy.simulator.ses_contacts import contact_list, delete_imported, put_imported
from sendworthy.simulator.state import Moment, Suppressed
from sendworthy.wire.errors import WireError

_BEGINS, _ENDS = timedelta(seconds=1), timedelta(seconds=5)
_MOST = {"PUT": 100_000, "DELETE": 10_000}  # suppression records of one object [D23]
_MOST_CONTACTS = 1_000_000  # of one job [D23]
_MOST_OPEN = 20  # jobs at once; AWS's number is not known to us
_FAILED_BUCKET = "sendworthy-failed-records"


def create_import_job(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateImportJob, which does not work in the sandbox [D23, D26]."""
    if not moment.account.limits(moment.now)[0]:
        # That it is BadRequest is unconfirmed, as for PutSuppressedDestination.
        raise WireError("BadRequestException", "This operation is not allowed while the account is in the sandbox.")
    settle(moment)
    if len(params["ImportDestination"]) != 1:
        raise WireError("BadRequestException", "Exactly one import destination must be given.")
    contacts = params["ImportDestination"].get("ContactListDestination")
    if contacts:
        try:
            contact_list(moment.account.holdings, contacts["ContactListName"])
        except WireError as error:  # the operation does not declare NotFoundException [M]
            raise WireError("BadRequestException", error.message) from None
    jobs = moment.account.holdings.import_jobs
    if sum(1 for each in jobs.values() if each.completed_at is None) >= _MOST_OPEN:
        raise WireError("LimitExceededException", f"At most {_MOST_OPEN} import jobs may be open.")
    job = Job(job_id=moment.sim.new_id(), created_at=moment.now, wanted=params)
    jobs[job.job_id] = job
    return {"JobId": job.job_id}


def get_import_job(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetImportJob; records that could not be taken are in the object that FailedRecordsS3Url names."""
    settle(moment)
    job = moment.account.holdings.import_jobs.get(params["JobId"])
    if job is None:
        raise WireError("NotFoundException", f"Import job {params['JobId'][:80]} does not exist.", 404)
    shown = _summary(job) | {"ImportDataSource": job.wanted["ImportDataSource"]}
    if job.completed_at is not None:
        shown["CompletedTimestamp"] = job.completed_at
    failure: dict[str, str] = {}
    if job.error:
        failure["ErrorMessage"] = job.error
    if job.result_key:
        failure["FailedRecordsS3Url"] = f"{moment.http}/_sim/objects/{job.result_key}"
    return shown | ({"FailureInfo": failure} if failure else {})


def list_import_jobs(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListImportJobs, all or those of one kind of destination."""
    settle(moment)
    wanted = {"SUPPRESSION_LIST": "SuppressionListDestination", "CONTACT_LIST": "ContactListDestination"}
    member = wanted.get(params.get("ImportDestinationType", ""))
    jobs = moment.account.holdings.import_jobs
    keys = (key for key, job in jobs.items() if member is None or member in job.wanted["ImportDestination"])
    names, token = page(sorted(keys), params)
    return {"ImportJobs": [_summary(jobs[name]) for name in names]} | token


def settle(moment: Moment) -> None:
    """Carry out what import jobs have due by now. Called before anything that could see the difference."""
    for job in moment.account.holdings.import_jobs.values():
        if job.completed_at is not None:
            continue
        if moment.now >= job.created_at + _BEGINS:
            job.status = "PROCESSING"
        if moment.now >= job.created_at + _ENDS:
            _carry_out(moment, job)


def _carry_out(moment: Moment, job: Job) -> None:
    job.completed_at, job.status = job.created_at + _ENDS, "COMPLETED"
    source = job.wanted["ImportDataSource"]
    key = source["S3Url"].removeprefix("s3://")
    content = moment.sim.objects.get(key)
    if content is None:
        job.status, job.error = "FAILED", f"The object {source['S3Url'][:400]} does not exist or cannot be read."
        return
    destination = job.wanted["ImportDestination"]
    contacts = destination.get("ContactListDestination")
    try:
        records = list(_records(content, source["DataFormat"], contacts=contacts is not None))
        take = _contact_taker(moment, contacts) if contacts else _suppression_taker(moment, destination)
    except WireError as error:
        job.status, job.error = "FAILED", error.message
        return
    action = "" if contacts else destination["SuppressionListDestination"]["SuppressionListImportAction"]
    most = _MOST.get(action, _MOST_CONTACTS)
    if len(records) > most:
        job.status, job.error = "FAILED", f"The object has more than {most} records."
        return
    failed: list[str] = []
    for record in records:
        try:
            take(record)
        except (WireError, ValueError, TypeError, AttributeError, KeyError):
            failed.append(json.dumps(record))
    job.processed, job.failed = len(records), len(failed)
    if failed:
        job.result_key = f"{_FAILED_BUCKET}/{job.job_id}.json"
        moment.sim.objects[job.result_key] = ("\n".join(failed) + "\n").encode()


def _records(content: bytes, form: str, *, contacts: bool) -> Iterator[dict[str, Any]]:
    """Read CSV (`address,reason` without a header; for contacts with one) or lines of JSON objects [D23]."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeError:
        raise WireError("BadRequestException", "The object is not UTF-8.") from None
    if form == "JSON":
        for line in filter(None, map(str.strip, text.splitlines())):
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                found = {"line": line[:1000]}
            yield found if isinstance(found, dict) else {"line": line[:1000]}
        return
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if contacts:
        head, *rest = rows or [[]]
        yield from (_contact_row(head, row) for row in rest)
        return
    for row in rows:
        yield {"emailAddress": row[0].strip(), "reason": row[1].strip() if len(row) > 1 else ""}


def _contact_row(head: list[str], row: list[str]) -> dict[str, Any]:
    """Columns emailAddress, unsubscribeAll, attributesData, and `topicPreferences.<topic>` [D23]."""
    found: dict[str, Any] = {"topicPreferences": []}
    for name, value in zip(head, row, strict=False):
        if name.startswith("topicPreferences."):
            topic = {"topicName": name.partition(".")[2], "subscriptionStatus": value.strip()}
            found["topicPreferences"] += [topic] if value.strip() else []
        elif name == "unsubscribeAll":
            found[name] = value.strip().lower() == "true"
        elif value:
            found[name.strip()] = value
    return found


def _suppression_taker(moment: Moment, destination: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    deletes = destination["SuppressionListDestination"]["SuppressionListImportAction"] == "DELETE"

    def take(record: dict[str, Any]) -> None:
        address = str(record["emailAddress"])
        local, at, domain = address.rpartition("@")
        if not (local and at and domain) or not address.isascii() or len(address) > 320 or " " in address:
            raise ValueError(address)
        if deletes:
            moment.account.suppression.pop(address.lower(), None)
            return
        reason = str(record.get("reason", "")).upper()
        if reason not in {"BOUNCE", "COMPLAINT"}:
            raise ValueError(reason)
        moment.account.suppression[address.lower()] = Suppressed(address=address, reason=reason, at=moment.now)

    return take


def _contact_taker(moment: Moment, wanted: dict[str, str]) -> Callable[[dict[str, Any]], None]:
    found = contact_list(moment.account.holdings, wanted["ContactListName"])
    if wanted["ContactListImportAction"] == "DELETE":
        return lambda record: delete_imported(found, str(record["emailAddress"]))
    return lambda record: put_imported(moment, found, record)


def _summary(job: Job) -> dict[str, Any]:
    return {
        "JobId": job.job_id,
        "ImportDestination": job.wanted["ImportDestination"],
        "JobStatus": job.status,
        "CreatedTimestamp": job.created_at,
        "ProcessedRecordsCount": job.processed,
        "FailedRecordsCount": job.failed,
    }
