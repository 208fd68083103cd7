"""Whatever goes wrong is told in one line of what happened and one of what to do, with the right exit code."""

from __future__ import annotations

import inspect
import json
import urllib.request

import pytest

from sendworthy import errors
from sendworthy.cli.exits import Exit, exit_for
from sendworthy.simulator.serve import Endpoints
from tests.cli.conftest import Ended, Shell


def error_classes() -> list[type[errors.SendworthyError]]:
    return [
        one
        for _, one in inspect.getmembers(errors, inspect.isclass)
        if issubclass(one, errors.SendworthyError) and one.__module__ == errors.__name__
    ]


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_has_an_exit_code_of_its_kind(kind: type[errors.SendworthyError]) -> None:
    expected = {
        errors.ConfigError: Exit.USAGE,
        errors.InvalidMessage: Exit.USAGE,
        errors.StoreUnavailable: Exit.COULD_NOT_LOOK,
        errors.StoreBusy: Exit.COULD_NOT_LOOK,
        errors.Denied: Exit.COULD_NOT_LOOK,
        errors.Unavailable: Exit.COULD_NOT_LOOK,
        errors.Uncertain: Exit.COULD_NOT_LOOK,
        errors.Throttled: Exit.COULD_NOT_LOOK,
        errors.ProviderError: Exit.COULD_NOT_LOOK,
    }
    assert exit_for(kind("It happened.")) == expected.get(kind, Exit.FOUND)


def test_an_error_of_a_later_kind_takes_the_code_of_its_ancestor() -> None:
    class DatabaseLocked(errors.StoreUnavailable):
        pass

    assert exit_for(DatabaseLocked("Locked.")) is Exit.COULD_NOT_LOOK


def test_an_unknown_flag_is_usage(shell: Shell) -> None:
    ended = shell("audit", "--nonsense")
    assert ended.code == Exit.USAGE
    assert ended.complaints[0] == "sendworthy: No such option '--nonsense'."
    assert_brief(ended)


def test_an_unknown_command_is_usage(shell: Shell) -> None:
    ended = shell("audti")
    assert ended.code == Exit.USAGE
    assert "audti" in ended.complaints[0]
    assert_brief(ended)


def test_broken_toml_is_told_with_its_line(shell: Shell) -> None:
    (shell.folder / "sendworthy.toml").write_text('[sender]\ncompany = "Example\n')
    ended = shell("config")
    assert ended.code == Exit.USAGE
    assert ended.complaints[0].startswith("sendworthy: sendworthy.toml:2:")
    assert_brief(ended)


def test_every_problem_of_a_file_is_told_at_once(shell: Shell) -> None:
    (shell.folder / "sendworthy.toml").write_text('[sender]\ncompnay = "Example"\n\n[ses]\nregions = "eu-west-1"\n')
    ended = shell("audit")
    assert ended.code == Exit.USAGE
    assert "sendworthy.toml:2:" in ended.err
    assert "sendworthy.toml:5:" in ended.err


def test_no_region_is_configuration(shell: Shell) -> None:
    shell.set(AWS_CONFIG_FILE="/nonexistent", AWS_REGION="", AWS_DEFAULT_REGION="")
    ended = shell("audit", "example.com")
    assert ended.code == Exit.USAGE
    assert ended.complaints[0] == "sendworthy: No AWS Region is set."
    assert_brief(ended)


def test_an_unreachable_endpoint_is_unknown_and_exits_3(account: Shell) -> None:
    account.set(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    ended = account("audit", "--json")
    verdicts = {one["check"]: one["verdict"] for one in json.loads(ended.out)["findings"]}
    assert ended.code == Exit.COULD_NOT_LOOK
    assert verdicts["account.sandbox"] == "unknown"
    assert "Traceback" not in ended.err


def test_an_unreachable_endpoint_leaves_the_plan_blocked(account: Shell) -> None:
    account.set(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    ended = account("apply", "fernhill.test", "--yes")
    assert ended.code == Exit.COULD_NOT_LOOK
    assert "Not touched, because it could not be seen" in ended.out


def test_what_stands_in_the_way_of_all_steps_is_said_once(account: Shell) -> None:
    account.set(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", HOME=str(account.folder))
    said = account("plan", "fernhill.test").out
    assert said.count("No AWS credentials were found") == 1
    assert "\n    Identity fernhill.test\n" in said


def test_a_wrong_secret_is_denied(account: Shell) -> None:
    account.set(AWS_SECRET_ACCESS_KEY="wrong")
    ended = account("case", "watch", "--once")
    assert ended.code == Exit.COULD_NOT_LOOK
    assert "denied" in ended.complaints[0]
    assert ended.complaints[1] == "  Check AWS_SECRET_ACCESS_KEY, to the last blank."
    assert_brief(ended)


def test_expired_credentials_are_denied(account: Shell, simulator: Endpoints) -> None:
    _fault(simulator, operation="GetCallerIdentity", kind="expired")
    ended = account("case", "watch", "--once")
    assert ended.code == Exit.COULD_NOT_LOOK
    assert "ExpiredToken" in ended.complaints[0]
    assert_brief(ended)


def test_no_credentials_are_denied(account: Shell) -> None:
    account.set(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_EC2_METADATA_DISABLED="true")
    account.set(AWS_SHARED_CREDENTIALS_FILE="/nonexistent", AWS_CONFIG_FILE="/nonexistent")
    ended = account("case", "watch", "--once")
    assert ended.code == Exit.COULD_NOT_LOOK
    assert ended.complaints[0] == "sendworthy: No AWS credentials were found."
    assert "AWS_SECRET_ACCESS_KEY" in ended.complaints[1]
    assert_brief(ended)


def test_an_audit_without_credentials_asks_for_credentials_and_not_for_rights(account: Shell) -> None:
    account.set(AWS_SECRET_ACCESS_KEY="wrong")
    found = {one["check"]: one for one in json.loads(account("audit", "fernhill.test", "--json").out)["findings"]}
    assert found["permissions.audit"]["verdict"] == "unknown"
    assert found["account.sandbox"]["fix"] == "Give AWS credentials that work, then audit again."
    assert "Check AWS_SECRET_ACCESS_KEY" in found["account.sandbox"]["what"]


def test_a_wrong_secret_is_not_told_to_be_a_missing_right(account: Shell) -> None:
    account.set(AWS_SECRET_ACCESS_KEY="wrong")
    ended = account("quota", "forecast")
    assert ended.code == Exit.COULD_NOT_LOOK
    assert "Check AWS_SECRET_ACCESS_KEY" in ended.err
    assert "Allow" not in ended.err


def test_an_endpoint_that_nobody_answers_at_is_named(account: Shell) -> None:
    account.set(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    ended = account("case", "watch", "--once")
    assert "http://127.0.0.1:9" in ended.complaints[0]
    assert "AWS_ENDPOINT_URL" in ended.complaints[1]
    assert_brief(ended)


def test_an_endpoint_that_is_no_url_is_configuration(account: Shell) -> None:
    account.set(AWS_ENDPOINT_URL="127.0.0.1:4579")
    ended = account("case", "watch", "--once")
    assert ended.code == Exit.USAGE
    assert "127.0.0.1:4579 is no URL" in ended.complaints[0]
    assert_brief(ended)


def test_a_region_that_is_none_is_told_before_anything_is_asked(account: Shell) -> None:
    for wrong in ("EU-WEST-1", "eu west 1", "ireland"):
        ended = account("plan", "fernhill.test", "--region", wrong)
        assert ended.code == Exit.USAGE
        assert ended.complaints[0] == f"sendworthy: `{wrong}` is not an AWS Region."
        assert_brief(ended)


def test_a_missing_choice_is_one_line(shell: Shell) -> None:
    ended = shell("keys", "create", "shop")
    assert ended.code == Exit.USAGE
    assert ended.complaints[0].endswith("Choose from: transactional, bulk, marketing")
    assert_brief(ended)


def test_no_command_shows_the_help_and_nothing_else(shell: Shell) -> None:
    for words in ((), ("keys",)):
        ended = shell(*words)
        assert ended.code == Exit.USAGE
        assert ended.err.startswith("Usage: ")
        assert "..." not in ended.err.partition("Commands:")[2]


def test_what_is_no_gateway_is_told_of_the_gateway(account: Shell, simulator: Endpoints) -> None:
    mail = ("--from", "shop@fernhill.test", "--to", "ann@example.org", "--text", "Hello")
    nobody = account("send", *mail, "--gateway", "http://127.0.0.1:9")
    assert nobody.complaints == [
        "sendworthy: No gateway answers at http://127.0.0.1:9.",
        "  Start it: sendworthy up. Or give --gateway.",
    ]
    assert nobody.code == Exit.COULD_NOT_LOOK
    assert account("send", *mail, "--gateway", "127.0.0.1:8580").code == Exit.USAGE
    account.set(AWS_ACCESS_KEY_ID="AKIASOMEBODYELSE0001")
    denied = account("send", *mail, "--gateway", simulator.http)
    assert "sendworthy keys create" in denied.complaints[1]
    assert denied.code == Exit.COULD_NOT_LOOK


def test_a_host_that_the_simulator_cannot_put_into_its_zones_is_named(shell: Shell) -> None:
    for wrong in ("localhost", "::1", "nonsense.invalid"):
        ended = shell("simulator", "--host", wrong)
        assert ended.code == Exit.USAGE
        assert ended.complaints[0] == f"sendworthy: --host: `{wrong}` is no IPv4 address."
        assert_brief(ended)


def test_a_second_simulator_is_told_of_the_first(shell: Shell, simulator: Endpoints) -> None:
    taken = simulator.http.rpartition(":")[2]
    ended = shell("simulator", "--port", taken, "--smtp-port", "0", "--dns-port", "0", "--web-port", "0")
    assert ended.code == Exit.USAGE
    assert ended.complaints[0].endswith("Address already in use.")
    assert "--port" in ended.complaints[1]
    assert_brief(ended)


def test_a_profile_that_is_not_there_is_configuration(shell: Shell) -> None:
    ended = shell("send", "--profile", "nobody", "--from", "a@example.com", "--to", "b@example.com", "--text", "Hi")
    assert ended.code == Exit.USAGE
    assert "nobody" in ended.complaints[0]
    assert_brief(ended)


def test_an_evidence_file_of_something_else_is_usage(shell: Shell) -> None:
    (shell.folder / "evidence.json").write_text('{"schema": "something/9"}')
    ended = shell("audit", "--from", "evidence.json")
    assert ended.code == Exit.USAGE
    assert_brief(ended)


def test_a_folder_that_is_not_there_cannot_be_written_to(shell: Shell) -> None:
    ended = shell("init", "--output", "nowhere/sendworthy.toml")
    assert ended.code == Exit.USAGE
    assert_brief(ended)


def test_a_database_that_is_none_is_told(shell: Shell) -> None:
    (shell.folder / "sendworthy.db").write_bytes(b"this is no database, " * 100)
    ended = shell("messages", "list")
    assert ended.code == Exit.COULD_NOT_LOOK
    assert_brief(ended)


def assert_brief(ended: Ended) -> None:
    """One line of what happened, at most one of what to do, nothing of Python's."""
    assert 1 <= len(ended.complaints) <= 2, ended.err
    assert ended.complaints[0].startswith("sendworthy: ")
    assert "Traceback" not in ended.err
    assert "defect" not in ended.err


def _fault(simulator: Endpoints, **fault: object) -> None:
    request = urllib.request.Request(  # noqa: S310 - the simulator's own address
        f"{simulator.http}/_sim/faults", data=json.dumps(fault).encode(), method="POST"
    )
    urllib.request.urlopen(request).close()  # noqa: S310
