"""Confirms an SNS subscription: by the API where the credentials allow, else by AWS's own URL. Judges no message."""

from __future__ import annotations

from typing import Final

import aiohttp

from sendworthy.clients.aws import Aws
from sendworthy.errors import Denied, Rejected, Unavailable, UntrustedEvent
from sendworthy.wire import sns

_SECONDS: Final = 10


class Confirmer:
    """Confirms subscriptions for one account."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def __call__(self, *, topic: str, token: str, subscribe_url: str) -> None:
        """Confirm. The topic must have been found to be ours. Raises ProviderError or UntrustedEvent."""
        try:
            await self._aws.call(
                "sns",
                "ConfirmSubscription",
                region=topic.split(":")[3],
                TopicArn=topic,
                Token=token,
                AuthenticateOnUnsubscribe="true",
            )
        except Denied:
            await _follow(subscribe_url)


async def _follow(url: str) -> None:
    """Get SNS's own confirmation URL: no redirect, nothing of the answer used. Raises UntrustedEvent for other URLs."""
    if not sns.url_trusted(url):
        raise UntrustedEvent("The SubscribeURL does not lead to SNS.")
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS), trust_env=True) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status >= 500 or response.status == 429:
                raise Unavailable(f"SNS did not confirm the subscription: HTTP {response.status}.")
            if response.status != 200:
                raise Rejected(f"SNS did not confirm the subscription: HTTP {response.status}.")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unavailable(
            f"SNS could not be asked to confirm the subscription: {type(error).__name__}.",
            "Allow HTTPS to sns.<region>.amazonaws.com, or sns:ConfirmSubscription.",
        ) from error
