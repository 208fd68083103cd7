from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.simulator.conftest import Desk


def aws(desk: Desk, home: Path, *words: str) -> Any:
    """Run the real aws-cli against the simulator; what it prints, as JSON."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AWS_ENDPOINT_URL": desk.at.http,
        "AWS_ACCESS_KEY_ID": desk.access_key,
        "AWS_SECRET_ACCESS_KEY": desk.secret_key,
        "AWS_REGION": desk.region,
        "AWS_DEFAULT_REGION": desk.region,
        "AWS_PAGER": "",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = Path(sys.executable).with_name("aws")
    done = subprocess.run(
        [sys.executable, str(command), *words, "--output", "json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_aws_cli_reads_the_account_lists_identities_and_sends(desk: Desk, tmp_path: Path) -> None:
    desk.verified_domain()
    account = aws(desk, tmp_path, "sesv2", "get-account")
    assert account["SendQuota"]["Max24HourSend"] == 200
    listed = aws(desk, tmp_path, "sesv2", "list-email-identities")
    assert [each["IdentityName"] for each in listed["EmailIdentities"]] == ["fernhill.test"]
    sent = aws(
        desk,
        tmp_path,
        "sesv2",
        "send-email",
        "--from-email-address",
        "shop@fernhill.test",
        "--destination",
        "ToAddresses=success@simulator.amazonses.com",
        "--content",
        "Simple={Subject={Data=Hello},Body={Text={Data=World}}}",
    )
    [kept] = desk.admin("GET", "outbox")
    assert kept["message_id"] == sent["MessageId"]
