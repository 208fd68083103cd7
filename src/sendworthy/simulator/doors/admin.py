"""The admin door, /_sim/…: clock, reviewer, faults, outbox, world. For whoever runs the simulator; AWS has no such."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from urllib.parse import parse_qs, unquote

import msgspec

from sendworthy.errors import ConfigError
from sendworthy.simulator.clock import SimulatedClock
from sendworthy.simulator.doors.outbox import OutboxDoor
from sendworthy.simulator.doors.tracks import TracksDoor
from sendworthy.simulator.faults import Fault, FaultKind
from sendworthy.simulator.review import Review, ReviewStatus, Says, Step
from sendworthy.simulator.ses_identities import identity_name
from sendworthy.simulator.state import Account, Caller, Simulation, check_caller
from sendworthy.simulator.topics import certificate, certificate_name
from sendworthy.simulator.world.dns import Trouble, Zones
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response

PREFIX = "/_sim/"
# Addresses, names without a dot (a container's) and names that the public DNS never has (RFC 6761, RFC 6762).
_OUR_NAMES = re.compile(r"[0-9.]*|\[[0-9a-f:.]*\]|[a-z0-9_-]+|.*\.(?:localhost|test|local|internal)")

T = TypeVar("T")


class _Clock(msgspec.Struct, forbid_unknown_fields=True):
    advance_seconds: float | None = None
    set: datetime | None = None
    factor: float | None = None


class _Step(msgspec.Struct, forbid_unknown_fields=True):
    status: ReviewStatus
    after_seconds: float = 26 * 3600.0
    max_24_hour_send: float = 50_000.0
    max_send_rate: float = 14.0
    production_lag_seconds: float = 0.0
    says: Says | None = None
    waits_for_reply: bool = False


class _Review(msgspec.Struct, forbid_unknown_fields=True):
    script: list[_Step]
    account_id: str = ""
    region: str = ""


class _Fault(msgspec.Struct, forbid_unknown_fields=True):
    operation: str
    kind: FaultKind
    times: int = 1
    seconds: float = 0.0
    code: str = ""
    message: str = ""
    status: int = 0
    share: float = 1.0


class _Verify(msgspec.Struct, forbid_unknown_fields=True):
    identity: str
    region: str = ""
    account_id: str = ""


class _Enforcement(msgspec.Struct, forbid_unknown_fields=True):
    status: str
    region: str = ""
    account_id: str = ""


class _Trouble(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    trouble: Trouble | None = None


class _BadAdminRequest(Exception):
    """What was asked of the admin door cannot be done; the sentence says why."""


@dataclass(slots=True, kw_only=True)
class AdminDoor:
    """Answers /_sim/… in JSON. `changed` is called after the clock moved; `restore_world` puts the first zones back."""

    sim: Simulation
    clock: SimulatedClock
    zones: Zones
    changed: Callable[[], None]
    restore_world: Callable[[], None]
    tracks: TracksDoor
    smtp_certificate: Callable[[], bytes] = bytes
    places: Mapping[str, str] = field(default_factory=dict)
    accounts: Callable[[str, str, bytes], Response | None] = lambda _method, _path, _body: None
    """Answers what is about accounts: reviewer, cases, standing."""

    def answer(self, request: Request) -> Response:
        """Answer one request; whatever is wrong with it gets a 4xx and one sentence."""
        if not _is_of_this_house(request):
            return _json({"message": "a page of another origin has no business here"}, 403)
        path = unquote(request.path.removeprefix(PREFIX)).strip("/")
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        # Browsers ask for HTML by name; scripts that take anything get JSON.
        wants_html = "text/html" in request.headers.get("accept", "")
        try:
            found = self._find(request.method, path, query, request.body, wants_html=wants_html)
        except _BadAdminRequest as error:
            return _json({"message": str(error)}, 400)
        except (msgspec.DecodeError, ValueError, OverflowError) as error:
            return _json({"message": str(error)}, 400)
        except (ConfigError, WireError) as error:
            return _json({"message": error.happened}, 400)
        return found if found is not None else _json({"message": f"{request.method} {PREFIX}{path}: no such door"}, 404)

    def _find(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, *, wants_html: bool
    ) -> Response | None:
        head, _, rest = path.partition("/")
        if head == "outbox":
            return OutboxDoor(sim=self.sim, now=self.clock.now).answer(method, path, query, wants_html=wants_html)
        if head == "objects":
            return self.tracks.objects(method, rest, body)
        if head == "world":
            return self._world(method, rest, body)
        table: dict[tuple[str, str], Callable[[], Response]] = {
            ("GET", "healthz"): lambda: _json({"status": "ok"} | dict(self.places)),
            ("GET", "clock"): self._show_clock,
            ("POST", "clock"): lambda: self._move_clock(_read(body, _Clock)),
            ("GET", "counts"): self._counts,
            ("POST", "review"): lambda: self._script(_read(body, _Review)),
            ("POST", "verify"): lambda: self._verify(_read(body, _Verify)),
            ("POST", "enforcement"): lambda: self._enforce(_read(body, _Enforcement)),
            ("GET", "faults"): self._show_faults,
            ("POST", "faults"): lambda: self._fail(_read(body, _Fault)),
            ("DELETE", "faults"): self._heal,
            ("GET", "sns/certificate"): _show_certificate,
            ("GET", "smtp/certificate"): self._show_smtp_certificate,
            ("GET", "callers"): self._show_callers,
            ("POST", "callers"): lambda: self._add_caller(_read(body, Caller)),
            ("POST", "engage"): lambda: self.tracks.engage(body),
            ("POST", "reset"): self._reset,
        }
        chosen = table.get((method, path))
        return chosen() if chosen is not None else self.accounts(method, path, body)

    def _show_faults(self) -> Response:
        active = self.sim.faults.active()
        return _json(
            [
                {"operation": each.operation, "kind": each.kind, "times": each.times, "share": each.share}
                for each in active
            ]
        )

    def _fail(self, wanted: _Fault) -> Response:
        self.sim.faults.add(Fault(**msgspec.structs.asdict(wanted)))
        return _json({}, 201)

    def _heal(self) -> Response:
        self.sim.faults.clear()
        return _json({})

    def _reset(self) -> Response:
        self.sim.reset()
        self.restore_world()
        self.changed()
        return _json({})

    def _show_smtp_certificate(self) -> Response:
        return Response(status=200, headers={"content-type": "application/x-pem-file"}, body=self.smtp_certificate())

    def _show_callers(self) -> Response:
        return _json(
            [
                {"access_key_id": each.access_key_id, "account_id": each.account_id, "user": each.user}
                for each in self.sim.callers.values()
            ]
        )

    def _add_caller(self, caller: Caller) -> Response:
        check_caller(caller)
        self.sim.callers[caller.access_key_id] = caller
        return _json({}, 201)

    def _show_clock(self) -> Response:
        return _json({"now": self.clock.now().isoformat(), "factor": self.clock.factor})

    def _move_clock(self, wanted: _Clock) -> Response:
        if wanted.set is not None:
            if wanted.set.tzinfo is None:
                raise _BadAdminRequest("`set` needs a time with its offset, such as 2026-11-02T09:00:00Z")
            self.clock.set(wanted.set)
        if wanted.factor is not None:
            self.clock.run_at(wanted.factor)
        if wanted.advance_seconds is not None:
            self.clock.advance(wanted.advance_seconds)
        self.changed()
        return self._show_clock()

    def _counts(self) -> Response:
        accounts = [
            {
                "account_id": account.account_id,
                "region": account.region,
                "sent_last_24_hours": account.ledger.sent_last_24_hours(self.clock.now()),
                "identities": len(account.identities),
                "suppressed": len(account.suppression),
            }
            for account in self.sim.accounts.values()
        ]
        return _json({"accepted": self.sim.accepted, "kept": len(self.sim.outbox), "accounts": accounts})

    def _script(self, wanted: _Review) -> Response:
        """Give the script to the accounts named, to open reviews too, and to accounts yet to come where none is."""
        script = tuple(Step(**msgspec.structs.asdict(step)) for step in wanted.script)
        if not wanted.account_id and not wanted.region:
            self.sim.script = script
        for account in self._accounts(wanted.account_id, wanted.region):
            account.script = script
            if account.review is not None and not account.limits(self.clock.now())[0]:
                review = account.review
                account.review = Review(case_id=review.case_id, submitted_at=review.submitted_at, script=script)
        return _json({})

    def _verify(self, wanted: _Verify) -> Response:
        """Click the link in the confirmation mail of an address."""
        name, done = identity_name(wanted.identity), 0
        for account in self._accounts(wanted.account_id, wanted.region):
            identity = account.identities.get(name)
            if identity is not None and not identity.is_domain:
                identity.status, identity.last_success = "SUCCESS", self.clock.now()
                done += 1
        if not done:
            raise _BadAdminRequest("there is no such e-mail address identity; a domain is verified by its DNS records")
        return _json({"verified": done})

    def _enforce(self, wanted: _Enforcement) -> Response:
        if wanted.status not in {"HEALTHY", "PROBATION", "SHUTDOWN"}:
            raise _BadAdminRequest("`status` is HEALTHY, PROBATION or SHUTDOWN")
        for account in self._accounts(wanted.account_id, wanted.region):
            account.enforcement = wanted.status
        return _json({})

    def _accounts(self, account_id: str, region: str) -> Iterator[Account]:
        for account in self.sim.accounts.values():
            if account_id in {"", account.account_id} and region in {"", account.region}:
                yield account

    def _world(self, method: str, path: str, body: bytes) -> Response | None:
        head, _, origin = path.partition("/")
        match method, head:
            case "GET", "zones" if not origin:
                return _json(list(self.zones.origins()))
            case "GET", "zones":
                text = self.zones.text(origin)
                if text is None:
                    return _json({"message": "no such zone"}, 404)
                return Response(status=200, headers={"content-type": "text/dns; charset=utf-8"}, body=text.encode())
            case "PUT", "zones" if origin:
                self.zones.put(origin, body.decode())
                return _json({})
            case "DELETE", "zones" if origin:
                self.zones.remove(origin)
                return _json({})
            case "POST", "troubles":
                wanted = _read(body, _Trouble)
                self.zones.trouble(wanted.name, wanted.trouble)
                return _json({})
            case _:
                return None


def _is_of_this_house(request: Request) -> bool:
    """Whether no browser sends this on behalf of a page from elsewhere (Fetch standard: Origin, Sec-Fetch-Site).

    A page whose name is pointed here after it was loaded (DNS rebinding) gives itself away by that name.
    """
    name = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    if not _OUR_NAMES.fullmatch(name.lower()):
        return False
    origin = request.headers.get("origin")
    ours = origin is None or origin.partition("://")[2] == request.headers.get("host")
    return ours and request.headers.get("sec-fetch-site", "none") in {"none", "same-origin"}


def _show_certificate() -> Response:
    headers = {"content-type": "application/x-pem-file", "x-certificate-name": certificate_name()}
    return Response(status=200, headers=headers, body=certificate())


def _read(body: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(body or b"{}", type=kind)


def _json(value: object, status: int = 200) -> Response:
    return Response(status=status, headers={"content-type": "application/json"}, body=json.dumps(value).encode())
