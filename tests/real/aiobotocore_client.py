"""Lists identities, reads the quota and sends with aiobotocore, by both APIs."""

import asyncio
import json
import os

from aiobotocore.session import get_session  # type: ignore[import-not-found] # it lives in .venv-real


async def main() -> None:
    options = {"region_name": "us-east-1", "endpoint_url": os.environ["AT"]}
    async with (
        get_session().create_client("sesv2", **options) as v2,
        get_session().create_client("ses", **options) as v1,
    ):
        listed = await v2.list_email_identities()
        sent = await v2.send_email(
            FromEmailAddress="shop@fernhill.test",
            Destination={"ToAddresses": ["success@simulator.amazonses.com"]},
            Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}},
        )
        quota = await v1.get_send_quota()
    print(  # noqa: T201 - what a test reads
        json.dumps(
            {
                "identities": [each["IdentityName"] for each in listed["EmailIdentities"]],
                "id": sent["MessageId"],
                "quota": quota["Max24HourSend"],
            }
        )
    )


asyncio.run(main())
