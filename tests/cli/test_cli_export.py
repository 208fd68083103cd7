"""`export`: files for other tools, from the configuration alone or after a look."""

from __future__ import annotations

import json

import hcl2
import pytest

from sendworthy.cli.exits import Exit
from tests.cli.conftest import Shell


@pytest.mark.parametrize("what", ["terraform", "cloudformation", "dashboard"])
def test_without_credentials_and_without_network_the_set_up_is_written(shell: Shell, what: str) -> None:
    shell.set(AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_EC2_METADATA_DISABLED="true")
    ended = shell("export", what, "example.com", "--region", "eu-west-1", "--output", "out.txt")
    assert ended.code == Exit.DONE, ended.err
    text = (shell.folder / "out.txt").read_text()
    if what == "terraform":
        assert "aws_sesv2_email_identity" in str(hcl2.loads(text))
    else:
        assert json.loads(text)


def test_no_domain_is_told(shell: Shell) -> None:
    ended = shell("export", "terraform", "--region", "eu-west-1")
    assert ended.code == Exit.USAGE
    assert ended.complaints[0] == "sendworthy: No domain is named, so there is nothing to export."


def test_the_gateways_policy_alone(shell: Shell) -> None:
    ended = shell(
        "export", "iam", "example.com", "--region", "us-gov-west-1", "--account", "111122223333", "--part", "gateway"
    )
    policy = json.loads(ended.out)
    assert policy["Version"] == "2012-10-17"
    assert "arn:aws-us-gov:ses:us-gov-west-1:111122223333:identity/example.com" in str(policy)


def test_an_account_that_is_none_is_told(shell: Shell) -> None:
    ended = shell("export", "iam", "example.com", "--region", "eu-west-1", "--account", "12")
    assert ended.code == Exit.USAGE


def test_iam_asks_whose_account_it_is(account: Shell) -> None:
    documents = json.loads(account("export", "iam", "fernhill.test").out)
    assert set(documents) == {"gateway", "ingest", "audit"}
    assert ":111122223333:" in str(documents["ingest"])


def test_octodns_looks_and_writes_the_zone(account: Shell) -> None:
    ended = account("export", "octodns", "fernhill.test")
    assert ended.code == Exit.DONE, ended.err
    assert '"_dmarc":' in ended.out
    assert "type: TXT" in ended.out


def test_two_zones_want_a_name(account: Shell) -> None:
    ended = account("export", "octodns", "fernhill.test", "example.com")
    assert ended.code == Exit.USAGE
    assert "--zone" in ended.err
