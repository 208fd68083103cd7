"""An account of the simulator that is in production, and a store that remembers weeks of sending."""

from __future__ import annotations

import json
import random
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config

from sendworthy.simulator.review import ReviewStatus, Step
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from tests.cli.conftest import Shell

REGION = "eu-west-1"
GRANTED_AT_ONCE = (Step(status=ReviewStatus.GRANTED, after_seconds=0),)

TOML = """
[sender]
company = "Fernhill Garden Supply"
website = "https://fernhill.test"
[[sender.contacts]]
name = "Ada Fern"
email = "ada@fernhill.test"
[[mail]]
name = "Order receipts"
stream = "transactional"
description = "A receipt for each order."
per_day = 9000
volume_reason = "One for each order."
[ses]
regions = ["eu-west-1"]
domains = ["fernhill.test"]
"""


@dataclass(frozen=True, kw_only=True)
class Grown:
    """A shell whose account is at `at`."""

    shell: Shell
    at: Endpoints

    def client(self, service: str, region: str = REGION) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.at.http,
            aws_access_key_id=DEFAULT_CALLER.access_key_id,
            aws_secret_access_key=DEFAULT_CALLER.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def admin(self, path: str, body: object) -> None:
        request = urllib.request.Request(  # noqa: S310 - the simulator's own http address
            f"{self.at.http}/_sim/{path}",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
            answer.read()

    def ask_for_production(self, region: str = REGION) -> None:
        with closing(self.client("sesv2", region)) as ses:
            ses.put_account_details(
                MailType="TRANSACTIONAL",
                WebsiteURL="https://fernhill.test",
                ContactLanguage="EN",
                ProductionAccessEnabled=True,
            )

    def remember(self, *, days: int = 42, start: int = 20_000, a_day: int = 400, region: str = REGION) -> None:
        """Put hours of the past into the store: a day's mail in its working hours, growing, with some noise."""
        assert self.shell("history", "show").code == 0  # makes the database
        dice = random.Random(7)  # noqa: S311 - made-up mail, the same in every run
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        rows = []
        for t in range(days):
            sent = int((start + a_day * t) * dice.uniform(0.97, 1.03)) // 10
            first = int((today - timedelta(days=days - t)).timestamp()) // 3600
            rows += [
                (DEFAULT_CALLER.account_id, region, first + hour, sent if 8 <= hour < 18 else 0, sent // 40)
                for hour in range(24)
            ]
        with closing(sqlite3.connect(self.shell.folder / "sendworthy.db")) as connection, connection:
            connection.executemany("INSERT INTO hours VALUES (?, ?, ?, ?, ?)", rows)

    def seen_statuses(self) -> int:
        """Count the looks that the cases remember."""
        with closing(sqlite3.connect(self.shell.folder / "sendworthy.db")) as connection:
            count: int = connection.execute("SELECT count(*) FROM facts WHERE kind = 'status_seen'").fetchone()[0]
        return count


@contextmanager
def grown(shell: Shell, *, production: bool = True) -> Iterator[Grown]:
    """Start a simulator of its own, with the account in production in REGION."""
    with running(Settings(script=GRANTED_AT_ONCE)) as at:
        shell.set(
            AWS_REGION=REGION,
            AWS_ENDPOINT_URL=at.http,
            AWS_ACCESS_KEY_ID=DEFAULT_CALLER.access_key_id,
            AWS_SECRET_ACCESS_KEY=DEFAULT_CALLER.secret_access_key,
            SENDWORTHY_DNS_RESOLVER=at.dns,
            SENDWORTHY_WEB_CONNECT=at.web.removeprefix("http://"),
        )
        (shell.folder / "sendworthy.toml").write_text(TOML)
        account = Grown(shell=shell, at=at)
        if production:
            account.ask_for_production()
        yield account
