"""Support cases as values: who wrote what when, and what the case waits for. Knows no API and no reviewer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

AWS = "Amazon Web Services"


class CaseStatus(StrEnum):
    """Status of DescribeCases [M], those that happen here."""

    UNASSIGNED = "unassigned"
    PENDING_CUSTOMER_ACTION = "pending-customer-action"
    CUSTOMER_ACTION_COMPLETED = "customer-action-completed"
    WORK_IN_PROGRESS = "work-in-progress"
    REOPENED = "reopened"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Communication:
    """One text on a case. `by` is AWS or who wrote for the customer; `kind` says which of AWS's answers it is."""

    at: datetime
    by: str
    body: str
    kind: str = ""

    @property
    def from_aws(self) -> bool:
        """Whether AWS wrote it."""
        return self.by == AWS


@dataclass(slots=True, kw_only=True)
class Case:
    """A case of one account; cases belong to the account, not to a Region, but speak of one.

    `display_id` is the number that the console, GetAccount and Service Quotas show; `case_id` is the API's.
    """

    display_id: str
    account_id: str
    region: str
    subject: str
    opened_at: datetime
    service_code: str
    category_code: str
    severity_code: str = "low"
    opened_by: str = ""
    language: str = "en"
    status: CaseStatus = CaseStatus.UNASSIGNED
    cc: list[str] = field(default_factory=list)
    communications: list[Communication] = field(default_factory=list)

    @property
    def case_id(self) -> str:
        """The id that the Support API takes; another text than the number shown [M]."""
        return f"case-{self.account_id}-muen-{self.opened_at.year}-{int(self.display_id):016x}"

    def add(self, communication: Communication) -> None:
        """Enter a text where its time puts it: decisions are entered when somebody looks, dated when they fell."""
        place = len(self.communications)
        while place and self.communications[place - 1].at > communication.at:
            place -= 1
        self.communications.insert(place, communication)

    def replies(self) -> tuple[Communication, ...]:
        """Return what the customer wrote after the opening text."""
        return tuple(each for each in self.communications[1:] if not each.from_aws)
