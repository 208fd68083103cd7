"""The checks, one module a topic, and the explicit list of them all."""

from __future__ import annotations

from sendworthy.audit.check import Check
from sendworthy.audit.checks.account import QUOTA, SANDBOX
from sendworthy.audit.checks.dmarc import DMARC
from sendworthy.audit.checks.events import EVENTS
from sendworthy.audit.checks.identity import DKIM, IDENTITY, MAIL_FROM
from sendworthy.audit.checks.website import WEBSITE

ALL: tuple[Check, ...] = (SANDBOX, IDENTITY, DKIM, MAIL_FROM, DMARC, EVENTS, WEBSITE, QUOTA)
"""Every check, in the order in which a reader wants them."""
