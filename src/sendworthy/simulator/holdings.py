"""What an SES account holds beside identities and configuration sets: templates, contacts, jobs, its own options.

Values only: the rules are those of the `ses_` files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True, kw_only=True)
class EmailTemplate:
    """A stored template; a part that was not given is None."""

    name: str
    created_at: datetime
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    tags: list[dict[str, str]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Contact:
    """A contact of a list. `preferences` are topic -> OPT_IN or OPT_OUT, those that were set for this contact alone."""

    address: str
    created_at: datetime
    updated_at: datetime
    preferences: dict[str, str] = field(default_factory=dict)
    unsubscribed_from_all: bool = False
    attributes: str | None = None


@dataclass(slots=True, kw_only=True)
class ContactList:
    """A contact list; topics as the API has them, contacts by address in lower case."""

    name: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    topics: list[dict[str, str]] = field(default_factory=list)
    contacts: dict[str, Contact] = field(default_factory=dict)
    tags: list[dict[str, str]] = field(default_factory=list)

    def defaults(self) -> dict[str, str]:
        """Return topic -> the status of those who said nothing."""
        return {topic["TopicName"]: topic["DefaultSubscriptionStatus"] for topic in self.topics}


@dataclass(slots=True, kw_only=True)
class Job:
    """An import or export job. `wanted` is the request; `status` is that of the last look."""

    job_id: str
    created_at: datetime
    wanted: dict[str, Any]
    status: str = "CREATED"
    completed_at: datetime | None = None
    processed: int = 0
    failed: int = 0
    exported: int = 0
    result_key: str = ""
    error: str = ""


@dataclass(slots=True, kw_only=True)
class Holdings:
    """All of it, for one account in one Region."""

    templates: dict[str, EmailTemplate] = field(default_factory=dict)
    contact_lists: dict[str, ContactList] = field(default_factory=dict)
    import_jobs: dict[str, Job] = field(default_factory=dict)
    export_jobs: dict[str, Job] = field(default_factory=dict)
    vdm: dict[str, Any] = field(default_factory=lambda: {"VdmEnabled": "DISABLED"})
    validation: dict[str, Any] | None = None
    # New accounts start on this plan since 2026-07-21 [AE].
    plan: str = "ESSENTIALS"
    auto_warmup: bool = True
