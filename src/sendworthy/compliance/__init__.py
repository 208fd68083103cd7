"""The rules that mail must keep: one-click unsubscribe for bulk mail so far."""

from sendworthy.compliance.bulk import Refusal, bulk_mail

__all__ = ["Refusal", "bulk_mail"]
