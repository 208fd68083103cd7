"""The admin door's part about accounts: the reviewer, cases, standing, plans, quotas, reputation, astray deliveries.

For whoever runs the simulator; the console is here too: a user without a Support plan reads and answers cases there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec

from sendworthy.simulator import support
from sendworthy.simulator.events import stamp
from sendworthy.simulator.firehose_streams import Stream
from sendworthy.simulator.quota_requests import RequestStatus, RequestStep
from sendworthy.simulator.review import standing
from sendworthy.simulator.reviewer_look import aged
from sendworthy.simulator.reviewer_rules import Credit
from sendworthy.simulator.state import Account, Simulation
from sendworthy.simulator.support_cases import Case, CaseStatus
from sendworthy.wire.http import Response

T = TypeVar("T")


class _OfAccount(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    account_id: str = ""
    region: str = ""


class _Reviewer(_OfAccount, kw_only=True):
    reviewer: Literal["script", "rules"] | None = None
    incurable: bool | None = None


class _Standing(_OfAccount, kw_only=True):
    age_days: float | None = None
    paid_bills: int | None = None
    other_services: bool | None = None
    card_verified: bool | None = None


class _Plan(msgspec.Struct, forbid_unknown_fields=True):
    account_id: str
    plan: bool = True


class _Reply(msgspec.Struct, forbid_unknown_fields=True):
    body: str


class _RequestStep(msgspec.Struct, forbid_unknown_fields=True):
    status: RequestStatus
    after_seconds: float


class _QuotaScript(_OfAccount, kw_only=True):
    script: list[_RequestStep] | None


class _Limits(_OfAccount, kw_only=True):
    max_24_hour_send: float
    max_send_rate: float


class _Deliveries(msgspec.Struct, forbid_unknown_fields=True):
    duplicate_share: float | None = None
    reorder_share: float | None = None
    delay_share: float | None = None
    delay_seconds: float | None = None
    several_recipients: bool | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAdmin:
    """Answers its paths in JSON, or None for any other. `now` is simulated and brings what time brought."""

    sim: Simulation
    now: Callable[[], datetime]

    def answer(self, method: str, path: str, body: bytes) -> Response | None:
        """Answer one request. Raises ValueError or msgspec's errors for what cannot be done."""
        self.now()
        if path.startswith("cases/"):
            return self._of_case(method, path.split("/"), body)
        table: dict[tuple[str, str], Callable[[], Response]] = {
            ("GET", "reviewer"): self._show_reviewer,
            ("POST", "reviewer"): lambda: self._appoint(_read(body, _Reviewer)),
            ("POST", "standing"): lambda: self._set_standing(_read(body, _Standing)),
            ("POST", "support-plan"): lambda: self._give_plan(_read(body, _Plan)),
            ("GET", "cases"): lambda: _json([shown(case) for case in self.sim.around.cases.values()]),
            ("POST", "quota-requests"): lambda: self._script_quotas(_read(body, _QuotaScript)),
            ("POST", "limits"): lambda: self._set_limits(_read(body, _Limits)),
            ("GET", "reputation"): lambda: _json([_reputation(account) for account in self._all()]),
            ("GET", "deliveries"): lambda: _json(self._shown_deliveries()),
            ("POST", "deliveries"): lambda: self._upset(_read(body, _Deliveries)),
            ("GET", "firehose"): lambda: _json([_stream(stream) for stream in self.sim.around.streams.values()]),
        }
        chosen = table.get((method, path))
        return chosen() if chosen is not None else None

    def _of_case(self, method: str, parts: list[str], body: bytes) -> Response | None:
        case = self._case(parts[1])
        match method, parts[2:]:
            case "GET", []:
                return _json(shown(case))
            case "POST", ["reply"]:
                return self._reply(case, _read(body, _Reply))
            case "POST", ["resolve"]:
                case.status = CaseStatus.RESOLVED
                return _json(shown(case))
            case _:
                return None

    def _show_reviewer(self) -> Response:
        accounts = [self._seen(account) for account in self._all()]
        return _json({"reviewer": self.sim.around.reviewer, "accounts": accounts})

    def _all(self) -> Iterator[Account]:
        yield from self.sim.accounts.values()

    def _of(self, wanted: _OfAccount) -> Iterator[Account]:
        for account in self._all():
            if wanted.account_id in {"", account.account_id} and wanted.region in {"", account.region}:
                yield account

    def _case(self, number: str) -> Case:
        found = self.sim.around.cases.get(number)
        if found is None:
            raise ValueError("there is no such case; GET cases lists them by display_id")
        return found

    def _seen(self, account: Account) -> dict[str, Any]:
        life, now = account.life, self.now()
        shown_: dict[str, Any] = {
            "account_id": account.account_id,
            "region": account.region,
            "incurable": life.incurable,
            "standing": msgspec.to_builtins(aged(life.credit, life.credit_noted_at, now)),
            "reasons": list(life.reviewing.reasons),
            "cures": list(life.reviewing.cures),
            "next_look": stamp(life.reviewing.due) if life.reviewing.due is not None else None,
        }
        if account.review is not None:
            shown_ |= {"status": standing(account.review, now).status, "case": account.review.case_id}
        return shown_

    def _appoint(self, wanted: _Reviewer) -> Response:
        if wanted.reviewer is not None:
            self.sim.around.reviewer = wanted.reviewer
            if wanted.reviewer == "rules":
                self.sim.script = ()
                for account in self._all():
                    account.script = ()
        if wanted.incurable is not None:
            for account in self._of(wanted):
                account.life.incurable = wanted.incurable
        return _json({})

    def _set_standing(self, wanted: _Standing) -> Response:
        now = self.now()
        for account in self._of(wanted):
            before = aged(account.life.credit, account.life.credit_noted_at, now)
            age, bills = wanted.age_days, wanted.paid_bills
            services, card = wanted.other_services, wanted.card_verified
            if (age is not None and age < 0) or (bills is not None and bills < 0):
                raise ValueError("age_days and paid_bills are not negative")
            account.life.credit = Credit(
                age_days=before.age_days if age is None else age,
                paid_bills=before.paid_bills if bills is None else bills,
                other_services=before.other_services if services is None else services,
                card_verified=before.card_verified if card is None else card,
            )
            account.life.credit_noted_at = now
        return _json({})

    def _give_plan(self, wanted: _Plan) -> Response:
        if wanted.plan:
            self.sim.around.plans.add(wanted.account_id)
        else:
            self.sim.around.plans.discard(wanted.account_id)
        return _json({})

    def _reply(self, case: Case, wanted: _Reply) -> Response:
        if not wanted.body.strip():
            raise ValueError("`body` is what to write on the case")
        support.reply(self.sim, case, wanted.body, by="console", at=self.now())
        return _json(shown(case), 201)

    def _script_quotas(self, wanted: _QuotaScript) -> Response:
        steps = None
        if wanted.script is not None:
            steps = tuple(RequestStep(status=each.status, after_seconds=each.after_seconds) for each in wanted.script)
        for account in self._of(wanted):
            account.life.quota_script = steps
        return _json({})

    def _set_limits(self, wanted: _Limits) -> Response:
        if wanted.max_24_hour_send < 0 or wanted.max_send_rate < 0:
            raise ValueError("limits are not negative; 0 gives back what the review granted")
        for account in self._of(wanted):
            account.life.day_limit, account.life.rate_limit = wanted.max_24_hour_send, wanted.max_send_rate
        return _json({})

    def _shown_deliveries(self) -> dict[str, Any]:
        disorder, outgoing = self.sim.around.disorder, self.sim.around.outgoing
        return {
            "duplicate_share": disorder.duplicate_share,
            "reorder_share": disorder.reorder_share,
            "delay_share": disorder.delay_share,
            "delay_seconds": disorder.delay_seconds,
            "several_recipients": disorder.several_recipients,
            "http_waiting": len(outgoing.parcels),
            "http_under_way": outgoing.under_way,
            "http_delivered": outgoing.delivered,
            "http_failed": outgoing.failed,
        }

    def _upset(self, wanted: _Deliveries) -> Response:
        disorder = self.sim.around.disorder
        for name in ("duplicate_share", "reorder_share", "delay_share"):
            share = getattr(wanted, name)
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"`{name}` is between 0 and 1")
            if share is not None:
                setattr(disorder, name, share)
        if wanted.delay_seconds is not None:
            if not 0 <= wanted.delay_seconds <= 43_200:
                raise ValueError("`delay_seconds` is between 0 and 43,200")
            disorder.delay_seconds = wanted.delay_seconds
        if wanted.several_recipients is not None:
            disorder.several_recipients = wanted.several_recipients
        if wanted.seed is not None:
            disorder.chance.seed(wanted.seed)
        return _json(self._shown_deliveries())


def shown(case: Case) -> dict[str, Any]:
    """Return a case for JSON, as the console shows it, with the kind of each of AWS's texts."""
    return {
        "display_id": case.display_id,
        "case_id": case.case_id,
        "account_id": case.account_id,
        "region": case.region,
        "subject": case.subject,
        "status": case.status,
        "communications": [
            {"at": stamp(each.at), "by": each.by, "kind": each.kind, "body": each.body} for each in case.communications
        ],
    }


def _reputation(account: Account) -> dict[str, Any]:
    record = account.life.watch.record
    return {
        "account_id": account.account_id,
        "region": account.region,
        "status": account.enforcement,
        "bounce_rate": record.bounce_rate,
        "complaint_rate": record.complaint_rate,
        "eligible_mails": record.mails,
        "bounces": record.bounces,
        "complaints": record.complaints,
    }


def _stream(stream: Stream) -> dict[str, Any]:
    return {"arn": stream.arn, "waiting": len(stream.waiting), "written": stream.written, "files": stream.files}


def _read(body: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(body or b"{}", type=kind)


def _json(value: object, status: int = 200) -> Response:
    return Response(status=status, headers={"content-type": "application/json"}, body=json.dumps(value).encode())
