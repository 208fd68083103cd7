"""The list of claims: each sentence of ours, with what proves it. Knows none of them; they stand by topic beside it."""

from __future__ import annotations

from sendworthy.access.claims import Claim
from sendworthy.access.claims_authentication import AUTHENTICATION_CLAIMS
from sendworthy.access.claims_feedback import FEEDBACK_CLAIMS
from sendworthy.access.claims_record import RECORD_CLAIMS
from sendworthy.access.claims_setup import SETUP_CLAIMS

CLAIMS: tuple[Claim, ...] = (*FEEDBACK_CLAIMS, *AUTHENTICATION_CLAIMS, *SETUP_CLAIMS, *RECORD_CLAIMS)
"""Every claim that evidence can prove, in the order in which a letter says them."""
