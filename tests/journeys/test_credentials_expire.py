"""Temporary credentials that end, cannot be renewed, and come back, while mail is on its way: none of it is burned.

They come as many people's do, by a `credential_process`, and botocore renews them.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sendworthy.mail.status import Status
from tests.journeys.running_gateway import LANE, Gateway, Start, start
from tests.journeys.stub_ses import StubSes, a_stub_ses

__all__ = ["start"]

SOON = 0.5
"""Seconds from one try to the next while SES refuses the account; a minute in earnest."""


class Issuer:
    """What gives out credentials: a file, and a program that shows it; without the file the program fails."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "credentials.json"
        config = folder / "aws-config"
        config.write_text(f"[default]\ncredential_process = cat {self._file}\n")
        self.environ = {
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "PATH": "/usr/bin:/bin",
        }

    def give(self, token: str) -> None:
        """Give these out from now on. They end within minutes, so that botocore asks again before every call."""
        ends = datetime.now(UTC) + timedelta(minutes=5)
        given = {"Version": 1, "AccessKeyId": "ASIATEST", "SecretAccessKey": "made-up", "SessionToken": token}
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(given | {"Expiration": ends.isoformat()}))
        fresh.replace(self._file)

    def fail(self) -> None:
        """Give out nothing."""
        self._file.unlink()


async def breaker(gateway: Gateway) -> str:
    state = await gateway.store.governor(LANE)
    assert state is not None
    return state.breaker


async def all_went_once(gateway: Gateway, ses: StubSes, ids: list[str]) -> None:
    for one in ids:
        found = await gateway.delivery(one)
        assert (found.status, found.attempts) == (Status.SENT, 1), "no try that was refused for all may count"
    assert Counter(one.tags["sendworthy-delivery"] for one in ses.taken) == Counter({f"{one}-0": 1 for one in ids})


async def test_credentials_that_are_renewed_in_time_are_used_from_then_on(start: Start, tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    issuer.give("first")
    async with a_stub_ses() as ses:
        ses.good_tokens = {"first"}
        gateway = await start(ses, issuer.environ, account=SOON)
        ids = [await gateway.send("a@example.org")]
        await gateway.until(ids[0], Status.SENT)
        issuer.give("second")
        ses.good_tokens = {"second"}
        ids.append(await gateway.send("b@example.org"))
        await gateway.finish()
        assert ses.refused == []
        await all_went_once(gateway, ses, ids)


async def test_mail_waits_while_credentials_have_expired_and_goes_when_they_are_renewed(
    start: Start, tmp_path: Path
) -> None:
    issuer = Issuer(tmp_path)
    issuer.give("first")
    async with a_stub_ses() as ses:
        ses.good_tokens = {"first"}
        gateway = await start(ses, issuer.environ, account=SOON)
        ses.good_tokens = {"second"}
        ids = [await gateway.send(f"u{number}@example.org") for number in range(12)]
        await ses.until(lambda: len(ses.refused) >= 5)  # refused, and asked again by one message at a time
        assert await breaker(gateway) == "denied"
        assert {(await gateway.delivery(one)).status for one in ids} <= {
            Status.ACCEPTED,
            Status.DEFERRED,
            Status.SENDING,
        }
        issuer.give("second")
        await gateway.finish()
        assert await breaker(gateway) == ""
        assert set(ses.refused) == {"first"}
        await all_went_once(gateway, ses, ids)


async def test_mail_waits_while_there_are_no_credentials_at_all_and_ses_hears_nothing_of_it(
    start: Start, tmp_path: Path
) -> None:
    issuer = Issuer(tmp_path)
    issuer.give("first")
    async with a_stub_ses() as ses:
        ses.good_tokens = {"first", "third"}
        gateway = await start(ses, issuer.environ, account=SOON)
        issuer.fail()
        ids = [await gateway.send(f"u{number}@example.org") for number in range(5)]
        found = await gateway.until(ids[0], Status.DEFERRED)
        assert found.reason == "denied"
        assert await breaker(gateway) == "denied"
        told = [one.detail for one in await gateway.store.timeline(ids[0])]
        assert any("credentials could not be read" in one for one in told), told
        assert (ses.taken, ses.refused) == ([], [])
        issuer.give("third")
        await gateway.finish()
        await all_went_once(gateway, ses, ids)
