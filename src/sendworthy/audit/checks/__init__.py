"""The checks, one module a topic, and the explicit list of them all."""

from __future__ import annotations

from sendworthy.audit.check import Check
from sendworthy.audit.checks.account import QUOTA, SANDBOX
from sendworthy.audit.checks.dkim import MORE_DKIM
from sendworthy.audit.checks.dmarc import DMARC, MORE_DMARC
from sendworthy.audit.checks.dns import MORE_DNS
from sendworthy.audit.checks.domain import DEFAULT_SET, DOMAIN, FALLBACK, ONE_REGION, OWN_USE, POLICIES, REPLICA
from sendworthy.audit.checks.events import EVENTS
from sendworthy.audit.checks.feedback import FEEDBACK
from sendworthy.audit.checks.identity import DKIM, IDENTITY, MAIL_FROM
from sendworthy.audit.checks.monitoring import MONITORING
from sendworthy.audit.checks.pages import PAGES
from sendworthy.audit.checks.permissions import PERMISSIONS
from sendworthy.audit.checks.pipeline import PIPELINE
from sendworthy.audit.checks.profile import PROFILE
from sendworthy.audit.checks.program import PROGRAM
from sendworthy.audit.checks.queues import QUEUES
from sendworthy.audit.checks.spf import SPF
from sendworthy.audit.checks.standing import MAIL_TYPE, SAME_WEBSITE, STANDING
from sendworthy.audit.checks.traffic import TRAFFIC
from sendworthy.audit.checks.unsubscribe import UNSUBSCRIBE
from sendworthy.audit.checks.website import WEBSITE
from sendworthy.audit.checks.word import LISTS, STANDING_WORDS

ALL: tuple[Check, ...] = (
    SANDBOX,
    *STANDING,
    *STANDING_WORDS,
    IDENTITY,
    DOMAIN,
    DEFAULT_SET,
    POLICIES,
    REPLICA,
    DKIM,
    *MORE_DKIM,
    MAIL_FROM,
    FALLBACK,
    OWN_USE,
    ONE_REGION,
    *SPF,
    DMARC,
    *MORE_DMARC,
    *MORE_DNS,
    EVENTS,
    *PIPELINE,
    *QUEUES,
    *FEEDBACK,
    WEBSITE,
    *PAGES,
    *PROFILE,
    LISTS,
    MAIL_TYPE,
    SAME_WEBSITE,
    QUOTA,
    *TRAFFIC,
    *UNSUBSCRIBE,
    *PROGRAM,
    *MONITORING,
    *PERMISSIONS,
)
"""Every check, in the order in which a reader wants them."""
