"""What alerts are, as frozen values: their kinds, one that holds, one on record, and a notice of it. Knows no SQL.

An alert is about something that is so until it is no longer so. It never holds an address or a body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    """How soon a person should look."""

    WARNING = "warning"
    """Within the day: nothing is lost or held back yet, or it mends itself."""
    ERROR = "error"
    """Soon: some mail waits, or something that is promised is not so."""
    CRITICAL = "critical"
    """Now: no mail goes out."""


class AlertKind(StrEnum):
    """What alerts there are. `MEANINGS` says when each is raised; `docs/watch/alerts.md` lists them."""

    KEY_SLOWED = "key_slowed"
    KEY_STOPPED = "key_stopped"
    STREAM_STOPPED = "stream_stopped"
    SET_PAUSED = "set_paused"
    ACCOUNT_PAUSED = "account_paused"
    ACCOUNT_UNDER_REVIEW = "account_under_review"
    CREDENTIALS_DENIED = "credentials_denied"
    SES_UNREACHABLE = "ses_unreachable"
    SANDBOXED = "sandboxed"
    QUOTA_UNKNOWN = "quota_unknown"
    DAY_NEARLY_FULL = "day_nearly_full"
    DAY_FULL = "day_full"
    UNCERTAIN_RISING = "uncertain_rising"
    EVENTS_SILENT = "events_silent"
    EVENTS_PARKED = "events_parked"
    DEAD_LETTERS = "dead_letters"
    INCOMPLETE = "incomplete"
    DRIFT = "drift"
    RELAY_USED = "relay_used"
    DISK_NEARLY_FULL = "disk_nearly_full"
    DATABASE_FILLING = "database_filling"
    JOB_FAILING = "job_failing"


MEANINGS: Mapping[AlertKind, tuple[Level, str]] = {
    AlertKind.KEY_SLOWED: (Level.WARNING, "a gateway key is slowed for its bounces or complaints"),
    AlertKind.KEY_STOPPED: (Level.ERROR, "a gateway key is paused, until a person resumes it"),
    AlertKind.STREAM_STOPPED: (Level.ERROR, "the mail of a whole stream is paused"),
    AlertKind.SET_PAUSED: (Level.ERROR, "SES says that a configuration set is paused"),
    AlertKind.ACCOUNT_PAUSED: (Level.CRITICAL, "AWS has paused sending for the account"),
    AlertKind.ACCOUNT_UNDER_REVIEW: (Level.ERROR, "AWS reviews the account (GetAccount says PROBATION)"),
    AlertKind.CREDENTIALS_DENIED: (Level.CRITICAL, "AWS refuses the credentials of the gateway"),
    AlertKind.SES_UNREACHABLE: (Level.CRITICAL, "SES cannot be reached, or does not answer"),
    AlertKind.SANDBOXED: (Level.WARNING, "mail waits because the account is in the sandbox"),
    AlertKind.QUOTA_UNKNOWN: (Level.ERROR, "GetAccount was not read for ten minutes"),
    AlertKind.DAY_NEARLY_FULL: (Level.WARNING, "`day_share` (80 %) of the daily quota is used"),
    AlertKind.DAY_FULL: (Level.ERROR, "the daily quota is used up"),
    AlertKind.UNCERTAIN_RISING: (Level.ERROR, "`uncertain_per_hour` (10) deliveries came into doubt within an hour"),
    AlertKind.EVENTS_SILENT: (Level.ERROR, "mail goes out, and for half an hour and ten messages no event came back"),
    AlertKind.EVENTS_PARKED: (Level.WARNING, "events of the last day could not be believed or understood"),
    AlertKind.DEAD_LETTERS: (Level.ERROR, "events for an application were given up on"),
    AlertKind.INCOMPLETE: (Level.ERROR, "the daily check of the record found something missing"),
    AlertKind.DRIFT: (Level.WARNING, "something that was told to AWS is no longer true"),
    AlertKind.RELAY_USED: (Level.WARNING, "mail went by the relay in the last ten minutes, since SES takes none"),
    AlertKind.DISK_NEARLY_FULL: (
        Level.CRITICAL,
        "the disk of the database is nearly full, or the database at `most_gigabytes`, and no mail is accepted",
    ),
    AlertKind.DATABASE_FILLING: (Level.WARNING, "the database takes 90 % of `most_gigabytes`"),
    AlertKind.JOB_FAILING: (Level.WARNING, "a periodic job has failed three times in a row"),
}
"""The level of each kind, and when it is raised."""

OF_THE_ACCOUNT = frozenset(
    {
        AlertKind.ACCOUNT_PAUSED,
        AlertKind.ACCOUNT_UNDER_REVIEW,
        AlertKind.CREDENTIALS_DENIED,
        AlertKind.SES_UNREACHABLE,
        AlertKind.SANDBOXED,
        AlertKind.QUOTA_UNKNOWN,
        AlertKind.DAY_NEARLY_FULL,
        AlertKind.DAY_FULL,
        AlertKind.EVENTS_SILENT,
        AlertKind.INCOMPLETE,
    }
)
"""Kinds whose subject is one account in one Region: only who looks at that one can say that it is over."""

LOOKED_FOR_DAILY = frozenset({AlertKind.DRIFT})
"""Kinds that end when the next look says so, and not because nobody has seen them for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """That something is so: one sentence of what, one of what to do. Kind and subject together are the cause."""

    kind: AlertKind
    subject: str
    happened: str
    to_do: str

    @property
    def level(self) -> Level:
        """How soon a person should look."""
        return MEANINGS[self.kind][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAlert:
    """An alert on record; it is open while `cleared_at` is None. `told_at` is when it was last announced."""

    id: int
    kind: str
    subject: str
    level: str
    happened: str
    to_do: str
    opened_at: datetime
    seen_at: datetime
    told_at: datetime | None
    cleared_at: datetime | None


class Telling(StrEnum):
    """What a notice says of its alert."""

    OPENED = "opened"
    STILL = "still"
    CLEARED = "cleared"
    TEST = "test"


class NoticeState(StrEnum):
    """What became of a notice."""

    WAITING = "waiting"
    TAKEN = "taken"
    GIVEN_UP = "given_up"
    OVERTAKEN = "overtaken"
    """A later notice of the same alert was told in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One alert on its way to one target; `attempts` counts this one."""

    id: int
    target: str
    what: Telling
    created_at: datetime
    attempts: int
    alert: StoredAlert


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldTo:
    """Whether one target knows of one alert: what it was, or is to be, told last, and when it last took anything of it.

    `error` is why it did not take the last notice, after so many `attempts`.
    """

    alert_id: int
    target: str
    what: Telling
    state: NoticeState
    attempts: int
    error: str
    told_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRecord:
    """How one target has been answering. `error` is why it did not take the last notice, empty when it did."""

    target: str
    waiting: int
    given_up: int
    taken_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the watch looks at, all of one instant.

    `used` and `limit` are recipients of the rolling day (a limit below 0: none). `sent_unheard` are those that went
    more than half an hour ago, and after the last event that came back, which was at `heard_at`.
    """

    at: datetime
    enforcement: str = ""
    sending_enabled: bool = True
    breaker: str = ""
    read_at: datetime | None = None
    used: float = 0.0
    limit: float = -1.0
    day_blocked: bool = False
    waiting: bool = False
    stopped_keys: tuple[tuple[str, str, str], ...] = ()
    """Each with its name, its id, and why."""
    slowed_keys: tuple[tuple[str, str], ...] = ()
    """Each with its name and its share of the rate."""
    stopped_streams: tuple[str, ...] = ()
    paused_sets: tuple[str, ...] = ()
    in_doubt: int = 0
    sent_unheard: int = 0
    heard_at: datetime | None = None
    parked: int = 0
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    relayed: Mapping[str, int] = field(default_factory=dict)
    checked: str = ""
    crowded: str = ""
    filling: str = ""
