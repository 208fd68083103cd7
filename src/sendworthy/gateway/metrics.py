"""What the gateway counts, and the Prometheus text that shows it. Knows no HTTP, and no address ever becomes a label.

Format: Prometheus text exposition 0.0.4. `docs/send/metrics.md` lists every series.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sendworthy.audit.profile import Stream
from sendworthy.errors import InvalidMessage, SendRefused, SendworthyError, StoreBusy, StoreUnavailable
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import State
from sendworthy.store.values import Counts, Pause, PauseScope, Waiting

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * len(_BUCKETS))
    total: int = 0
    seconds: float = 0.0


class Meter:
    """Counts since this process began. One for each process; not to be shared between threads."""

    def __init__(self) -> None:
        self._counters: defaultdict[tuple[str, Labels], float] = defaultdict(float)
        self._times: defaultdict[str, _Histogram] = defaultdict(_Histogram)
        self.smtp_connections = 0

    def accepted(
        self, door: str, stream: Stream, *, repeated: bool, recipients: int, suppressed: int, size: int
    ) -> None:
        """Count a message that was committed, or a repeat that got the first one's answer."""
        labels = (("door", door), ("stream", stream.value))
        if repeated:
            self._counters["sendworthy_repeats_total", labels] += 1
            return
        self._counters["sendworthy_accepted_messages_total", labels] += 1
        self._counters["sendworthy_accepted_recipients_total", labels] += recipients
        self._counters["sendworthy_accepted_suppressed_total", labels] += suppressed
        self._counters["sendworthy_accepted_bytes_total", labels] += size

    def refused(self, door: str, stream: Stream, error: SendworthyError) -> None:
        """Count a message that was not taken."""
        labels = (("door", door), ("stream", stream.value), ("why", _why(error)))
        self._counters["sendworthy_refused_messages_total", labels] += 1

    def unauthenticated(self, door: str) -> None:
        """Count a caller whose key or signature was not good."""
        self._counters["sendworthy_unauthenticated_total", (("door", door),)] += 1

    def answered(self, door: str, seconds: float) -> None:
        """Count how long one answer took."""
        times = self._times[door]
        times.total += 1
        times.seconds += seconds
        for place, limit in enumerate(_BUCKETS):
            if seconds <= limit:
                times.counts[place] += 1

    def lines(self) -> Iterable[str]:
        """Write the counters and histograms."""
        last = ""
        for (name, labels), value in sorted(self._counters.items()):
            if name != last:
                yield f"# TYPE {name} counter"
            last = name
            yield _line(name, dict(labels), value)
        if self._times:
            yield "# TYPE sendworthy_answer_seconds histogram"
        for door, times in sorted(self._times.items()):
            for limit, count in zip(_BUCKETS, times.counts, strict=True):
                yield _line("sendworthy_answer_seconds_bucket", {"door": door, "le": f"{limit:g}"}, count)
            yield _line("sendworthy_answer_seconds_bucket", {"door": door, "le": "+Inf"}, times.total)
            yield _line("sendworthy_answer_seconds_sum", {"door": door}, times.seconds)
            yield _line("sendworthy_answer_seconds_count", {"door": door}, times.total)
        yield "# TYPE sendworthy_smtp_connections gauge"
        yield _line("sendworthy_smtp_connections", {}, self.smtp_connections)


def account_lines(state: State | None, held: str) -> Iterable[str]:
    """Write how the account stands, as the governor knows it; nothing but `sendworthy_quota_known 0` when it does not.

    A quota of -1 is unlimited, as in SES's API.
    """
    yield "# TYPE sendworthy_quota_known gauge"
    yield _line("sendworthy_quota_known", {}, int(state is not None))
    if state is None:
        return
    quota = state.quota
    values = {
        "sendworthy_quota_max_24_hour_send": quota.max_24_hour_send,
        "sendworthy_quota_max_send_rate": quota.max_send_rate,
        "sendworthy_quota_sent_last_24_hours": quota.sent_last_24_hours + (state.granted - state.granted_at_reading),
        "sendworthy_quota_read_timestamp_seconds": quota.read_at,
        "sendworthy_production_access": int(quota.production),
        "sendworthy_sending_enabled": int(quota.sending_enabled),
    }
    for name, value in values.items():
        yield f"# TYPE {name} gauge"
        yield _line(name, {}, value)
    if held:
        yield "# TYPE sendworthy_held gauge"
        yield _line("sendworthy_held", {"why": held}, 1)


def delivery_lines(counts: Counts) -> Iterable[str]:
    """Write where the deliveries of the last 24 hours stand, and the rate at which they arrive."""
    yield "# TYPE sendworthy_deliveries_24h gauge"
    for stream, by_status in sorted(counts.by_stream.items()):
        for status, count in sorted(by_status.items()):
            yield _line("sendworthy_deliveries_24h", {"stream": stream.value, "status": status.value}, count)
    for name, wanted in (
        ("sendworthy_delivery_rate_24h", (Status.DELIVERED, Status.COMPLAINED)),
        ("sendworthy_bounce_rate_24h", (Status.BOUNCED,)),
        ("sendworthy_complaint_rate_24h", (Status.COMPLAINED,)),
    ):
        yield f"# TYPE {name} gauge"
        for stream in sorted(counts.by_stream):
            told = counts.of(Status.DELIVERED, Status.COMPLAINED, Status.BOUNCED, Status.SOFT_BOUNCED, stream=stream)
            if told:
                yield _line(name, {"stream": stream.value}, counts.of(*wanted, stream=stream) / told)


def pause_lines(pauses: Iterable[Pause]) -> Iterable[str]:
    """Write how many pauses are in force, by scope."""
    counts = Counter(one.scope.value for one in pauses)
    yield "# TYPE sendworthy_paused gauge"
    for scope in PauseScope:
        yield _line("sendworthy_paused", {"scope": scope.value}, counts[scope.value])


def waiting_lines(waiting: Iterable[Waiting]) -> Iterable[str]:
    """Write what waits, by stream and reason."""
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    for one in waiting:
        sums[one.stream.value, one.reason] += one.count
    yield "# TYPE sendworthy_waiting gauge"
    for (stream, reason), count in sorted(sums.items()):
        yield _line("sendworthy_waiting", {"stream": stream, "reason": reason}, count)


def _why(error: SendworthyError) -> str:
    match error:
        case StoreBusy():
            return "busy"
        case StoreUnavailable():
            return "store"
        case SendRefused():
            return "refused"
        case InvalidMessage():
            return "invalid"
        case _:
            return "other"


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    written = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{written}}} {value:.15g}" if written else f"{name} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
