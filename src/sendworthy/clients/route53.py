"""Reads a Route 53 zone at the names that matter and carries one change batch out. Decides nothing about records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from sendworthy.clients.read_aws import AwsCalls
from sendworthy.errors import ConfigError, Denied, ProviderError, Rejected, Uncertain
from sendworthy.provision.route53 import Publication, RecordSet

_GLOBAL = "us-east-1"
"""Route 53 is one service for all Regions; its requests are signed for this one (AWS General Reference)."""
_LOOKS = 60
_LOOK_SECONDS = 2.0
_ROUTED = ("AliasTarget", "SetIdentifier")


class Zone:
    """One hosted zone. `name` is known after `open`."""

    def __init__(self, aws: AwsCalls, zone_id: str, name: str) -> None:
        self._aws = aws
        self._id = zone_id
        self.name = name

    @classmethod
    async def open(cls, aws: AwsCalls, zone_id: str) -> Zone:
        """Find the zone. Raises ConfigError when there is none of that id, ProviderError when it cannot be seen."""
        try:
            answer = await aws.call("route53", "GetHostedZone", region=_GLOBAL, Id=zone_id)
        except Denied:
            raise
        except Rejected as error:
            if error.code not in ("NoSuchHostedZone", "InvalidInput", "ParamValidation"):
                raise
            raise ConfigError(
                f"There is no Route 53 zone {zone_id}.", "Find it: aws route53 list-hosted-zones."
            ) from error
        return cls(aws, zone_id, str(answer["HostedZone"]["Name"]).rstrip(".").lower())

    async def sets_at(self, names: Iterable[str]) -> tuple[RecordSet, ...]:
        """Give every record set at these names."""
        wanted = sorted({name.rstrip(".").lower() for name in names})
        listed = [one for name in wanted for one in await self._at(name)]
        return tuple(listed)

    async def _at(self, name: str) -> list[RecordSet]:
        found: list[RecordSet] = []
        start: dict[str, Any] = {"StartRecordName": f"{name}."}
        while True:
            answer = await self._aws.call(
                "route53", "ListResourceRecordSets", region=_GLOBAL, HostedZoneId=self._id, MaxItems="100", **start
            )
            sets = answer.get("ResourceRecordSets", ())
            here = [one for one in sets if _plain_name(one["Name"]) == name]
            found += [_record_set(one) for one in here]
            if not here or len(here) < len(sets) or not answer.get("IsTruncated"):
                return found
            start = {"StartRecordName": answer["NextRecordName"], "StartRecordType": answer["NextRecordType"]}
            if answer.get("NextRecordIdentifier"):
                start["StartRecordIdentifier"] = answer["NextRecordIdentifier"]

    async def publish(
        self, publication: Publication, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Carry the changes out, all or none, and wait until every one of Route 53's servers answers with them.

        Raises Rejected when somebody changed one of the sets meanwhile, Uncertain when the answer was lost or the
        servers took longer than two minutes.
        """
        if not publication.changes:
            return
        answer = await self._aws.call(
            "route53",
            "ChangeResourceRecordSets",
            region=_GLOBAL,
            HostedZoneId=self._id,
            ChangeBatch=publication.batch,
        )
        change = answer["ChangeInfo"]
        for _ in range(_LOOKS):
            if change["Status"] == "INSYNC":
                return
            await sleep(_LOOK_SECONDS)
            try:
                change = (await self._aws.call("route53", "GetChange", region=_GLOBAL, Id=change["Id"]))["ChangeInfo"]
            except ProviderError:
                continue  # the change is made; only whether it has spread could not be seen this time
        raise Uncertain(
            "Route 53 took the change, and within two minutes not all of its servers have it.",
            "Look again later: sendworthy plan.",
            code="NotInSync",
        )


def _plain_name(name: str) -> str:
    r"""Give a name as DNS has it: Route 53 writes everything but letters, digits, hyphens and dots in octal, \052."""
    text = name.rstrip(".").lower()
    while "\\" in text:
        before, _, rest = text.partition("\\")
        if not rest[:3].isdigit():
            return text
        text = before + chr(int(rest[:3], 8)) + rest[3:]
    return text


def _record_set(answer: dict[str, Any]) -> RecordSet:
    values = tuple(one["Value"] for one in answer.get("ResourceRecords", ()))
    kind = answer["Type"]
    if kind in ("CNAME", "MX", "NS"):
        values = tuple(value.rstrip(".").lower() for value in values)
    plain = not any(key in answer for key in _ROUTED)
    return RecordSet(
        name=_plain_name(answer["Name"]), type=kind, ttl=int(answer.get("TTL", 0)), values=values, plain=plain
    )
