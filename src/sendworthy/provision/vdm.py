"""Virtual Deliverability Manager as a step, for those who ask for it: AWS charges for it by the message."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sendworthy.audit.evidence import Unseen
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.inventory import Inventory
from sendworthy.provision.step import Call, Step, StepKind, StepStatus, blocked

VDM_ON = {
    "VdmEnabled": "ENABLED",
    "DashboardAttributes": {"EngagementMetrics": "DISABLED"},
    "GuardianAttributes": {"OptimizedSharedDelivery": "DISABLED"},
}
"""Advice and statistics without tracking: engagement metrics need opens and clicks, which need consent."""


def vdm_steps(wishes: Wishes, inventory: Inventory) -> Iterator[Step]:
    """Give the step that switches it on, when it is wished for."""
    if not wishes.vdm:
        return
    title = "Virtual Deliverability Manager"
    if isinstance(inventory.vdm, Unseen):
        yield blocked(StepKind.VDM, wishes.region, title, inventory.vdm)
        return
    step = Step(
        id=f"{StepKind.VDM}:{wishes.region}",
        kind=StepKind.VDM,
        title=title,
        why="It shows delivery by mailbox provider and gives AWS's advice. AWS charges for it by the message.",
        before="on" if inventory.vdm.value else "off",
        after="on, without engagement tracking",
        status=StepStatus.DONE,
    )
    if inventory.vdm.value:
        yield step
        return
    call = Call(service="sesv2", operation="PutAccountVdmAttributes", params={"VdmAttributes": VDM_ON})
    yield msgspec.structs.replace(step, calls=(call,), status=StepStatus.NEEDED, prior={"vdm": False})
