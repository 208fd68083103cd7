"""AWS STS: who am I. Knows nothing else."""

from __future__ import annotations

from typing import Any

from sendworthy.simulator.state import Moment


def get_caller_identity(moment: Moment, _params: dict[str, Any]) -> dict[str, Any]:
    """GetCallerIdentity."""
    return {"UserId": "AIDASIMULATOR00000001", "Account": moment.caller.account_id, "Arn": moment.caller.arn}
