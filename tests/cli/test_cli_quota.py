"""`sendworthy quota` against the simulator's Service Quotas, CloudWatch and GetAccount."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.cli.conftest import Ended, Shell
from tests.cli.grown_account import Grown, grown

DAY = "L-804C8AE8"


@pytest.fixture
def account(shell: Shell) -> Iterator[Grown]:
    with grown(shell) as found:
        yield found


def js(ended: Ended) -> Any:
    return json.loads(ended.out)


def submitted(account: Grown) -> list[Any]:
    with closing(account.client("service-quotas")) as quotas:
        found: list[Any] = quotas.list_requested_service_quota_change_history(ServiceCode="ses")["RequestedQuotas"]
    return found


def script(account: Grown, *steps: tuple[str, float]) -> None:
    told = [{"status": status, "after_seconds": after} for status, after in steps]
    account.admin("quota-requests", {"region": "eu-west-1", "script": told})


def test_show_tells_the_quota_the_headroom_and_the_days(account: Grown) -> None:
    account.remember()
    ended = account.shell("quota", "show", "--days", "3", "--hours")
    assert ended.code == 0
    assert "50,000 recipients in 24 hours, 0 used (0%); the busiest of the last 28 days: " in ended.out
    found = js(account.shell("quota", "show", "--json"))
    assert found["schema"] == "sendworthy.quota/1"
    assert found["reputation"]["verdict"] == "healthy"
    assert len(found["days"]) == 14
    assert 35_000 < found["days"][-1]["sent"] < 38_000
    assert found["headroom"][0]["busiest"] == found["busiest"]["any_24_hours"]
    assert found["unknown"] == []


def test_mail_that_passed_elsewhere_is_counted_by_awss_metric(account: Grown) -> None:
    with closing(account.client("sesv2")) as ses:
        ses.create_email_identity(EmailIdentity="ada@fernhill.test")
        account.admin("verify", {"identity": "ada@fernhill.test", "region": "eu-west-1"})
        for _ in range(3):
            ses.send_email(
                FromEmailAddress="ada@fernhill.test",
                Destination={"ToAddresses": ["someone@example.org"]},
                Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}},
            )
    found = js(account.shell("quota", "show", "--json"))
    assert sum(hour["sent"] for hour in found["hours"]) == 3
    assert found["headroom"][0]["used"] == 3


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(account: Grown) -> None:
    fault = {"operation": "GetMetricData", "kind": "error", "code": "AccessDenied", "status": 403, "times": 9}
    account.admin("faults", fault)
    account.remember()
    ended = account.shell("quota", "show")
    assert ended.code == 0
    assert "cloudwatch:GetMetricData" in ended.err
    assert "Only mail that passed through this gateway is counted" in ended.err
    refused = account.shell("quota", "request", "--per-day", "80000", "--i-confirm")
    assert refused.code == 1
    assert "evidence.outcomes" in refused.err
    assert "hard bounce" not in account.shell("quota", "draft", "--per-day", "80000").out


def test_without_getaccount_nothing_is_said(account: Grown) -> None:
    fault = {"operation": "GetAccount", "kind": "error", "code": "AccessDeniedException", "status": 403, "times": 9}
    account.admin("faults", fault)
    ended = account.shell("quota", "show")
    assert ended.code == 3
    assert ended.complaints[0].startswith("sendworthy: GetAccount in eu-west-1 was denied")


def test_the_forecast_says_when_to_ask_and_for_how_much(account: Grown) -> None:
    account.remember(start=25_000)
    ended = account.shell("quota", "forecast", "--days", "7")
    assert ended.code == 1  # 41,400 a day and 400 more each day
    assert "80% of days fall within the range." in ended.out
    assert "Ask " in ended.out
    found = js(account.shell("quota", "forecast", "--json"))
    day = found["advice"][0]
    assert found["forecast"]["holds"] is True
    assert day["earliest"] <= day["likely"]
    assert 50_000 < day["value"] <= 100_000


def test_a_short_history_has_no_forecast(account: Grown) -> None:
    account.remember(days=10)
    ended = account.shell("quota", "forecast")
    assert ended.code == 0
    assert "There are 10 whole days of history; a forecast needs 28." in ended.out


def test_draft_writes_the_justification(account: Grown) -> None:
    account.remember()
    ended = account.shell("quota", "draft", "--per-day", "80000")
    assert ended.code == 0
    assert ended.out.startswith("Subject: Amazon SES sending quota increase, eu-west-1, Fernhill Garden Supply")
    assert "80,000 recipients in 24 hours; at present 50,000" in ended.out
    assert "- Order receipts: One for each order." in ended.out


def test_nothing_is_asked_without_the_users_word(account: Grown) -> None:
    account.remember()
    ended = account.shell("quota", "request", "--per-day", "80000")
    assert ended.code == 2
    assert f"To Service Quotas goes: ses {DAY}, 80,000 recipients in 24 hours (now 50,000)." in ended.err
    assert "Nothing was asked: your word is missing." in ended.err
    assert submitted(account) == []


def test_a_request_is_made_once_and_followed_to_its_end(account: Grown) -> None:
    script(account, ("CASE_OPENED", 10), ("APPROVED", 3600))
    account.remember()
    ended = account.shell("quota", "request", "--per-day", "80000", "--i-confirm")
    assert ended.code == 0
    assert "AWS has the request." in ended.out
    assert [one["DesiredValue"] for one in submitted(account)] == [80_000]
    again = account.shell("quota", "request", "--per-day", "80000", "--i-confirm")
    assert again.code == 1
    assert "request.open" in again.err
    assert len(submitted(account)) == 1
    account.admin("clock", {"advance_seconds": 60})
    watched = account.shell("quota", "watch", "--once")
    assert watched.code == 1
    assert "AWS opened a support case" in watched.out
    account.admin("clock", {"advance_seconds": 7200})
    account.admin("limits", {"region": "eu-west-1", "max_24_hour_send": 80_000, "max_send_rate": 14})
    raised = account.shell("quota", "watch", "--json", "--once")
    assert raised.code == 0
    assert [one["state"] for one in js(raised)["cases"]] == ["raised"]


def test_a_closed_case_is_looked_up_in_getaccount(account: Grown) -> None:
    script(account, ("CASE_CLOSED", 10))
    account.remember()
    assert account.shell("quota", "request", "--per-day", "80000", "--i-confirm").code == 0
    account.admin("clock", {"advance_seconds": 60})
    unchanged = js(account.shell("quota", "watch", "--once", "--json"))["cases"]
    assert [one["state"] for one in unchanged] == ["closed_unchanged"]
    account.shell("quota", "watch", "--once")
    assert account.seen_statuses() == 1  # a look that shows nothing new leaves no fact
    account.admin("limits", {"region": "eu-west-1", "max_24_hour_send": 60_000, "max_send_rate": 14})
    in_part = js(account.shell("quota", "watch", "--once", "--json"))["cases"]
    assert [one["state"] for one in in_part] == ["raised_in_part"]


def test_a_refused_request_is_not_repeated_within_a_day(account: Grown) -> None:
    script(account, ("DENIED", 10))
    account.remember()
    assert account.shell("quota", "request", "--per-day", "80000", "--i-confirm").code == 0
    account.admin("clock", {"advance_seconds": 60})
    assert "AWS did not grant the request." in account.shell("quota", "watch", "--once").out
    again = account.shell("quota", "request", "--per-day", "80000", "--changed", "Cleaned lists.", "--i-confirm")
    assert again.code == 1
    assert "request.refused" in again.err
    assert len(submitted(account)) == 1


def test_a_lost_answer_is_uncertain_and_looked_for(account: Grown) -> None:
    account.admin("faults", {"operation": "RequestServiceQuotaIncrease", "kind": "cut_before_answer"})
    account.remember()
    ended = account.shell("quota", "request", "--per-day", "80000", "--i-confirm")
    assert ended.code == 3
    assert "not known" in ended.err
    again = account.shell("quota", "request", "--per-day", "80000", "--i-confirm")
    assert again.code == 1
    assert "request.uncertain" in again.err
    account.shell("quota", "watch", "--once")
    assert len(submitted(account)) == 1
    found = js(account.shell("quota", "watch", "--once", "--json"))["cases"]
    assert found[0]["state"] in {"requested", "case_open"}


def test_a_request_that_aws_does_not_take_leaves_nothing_open(account: Grown) -> None:
    fault = {
        "operation": "RequestServiceQuotaIncrease",
        "kind": "error",
        "code": "AccessDeniedException",
        "status": 403,
    }
    account.admin("faults", fault)
    account.remember()
    ended = account.shell("quota", "request", "--per-day", "80000", "--i-confirm")
    assert ended.code == 3
    assert "servicequotas:RequestServiceQuotaIncrease" in ended.err
    assert account.shell("quota", "request", "--per-day", "80000", "--i-confirm").code == 0


def test_a_request_made_elsewhere_is_found_and_followed(account: Grown) -> None:
    with closing(account.client("service-quotas")) as quotas:
        quotas.request_service_quota_increase(ServiceCode="ses", QuotaCode=DAY, DesiredValue=70_000)
    account.remember()
    ended = account.shell("quota", "request", "--per-day", "80000", "--i-confirm")
    assert ended.code == 1
    assert "ResourceAlreadyExistsException" in ended.err
    found = js(account.shell("quota", "watch", "--once", "--json"))["cases"]
    assert found[0]["desired"] == 70_000


def test_nothing_is_asked_while_the_account_is_under_review(account: Grown) -> None:
    account.admin("enforcement", {"status": "PROBATION", "region": "eu-west-1"})
    account.remember()
    ended = account.shell("quota", "request", "--per-day", "80000", "--i-confirm", "--despite", "We need it.")
    assert ended.code == 1
    assert "reputation.enforcement" in ended.err
    assert submitted(account) == []


def test_a_soft_obstacle_gives_way_to_a_reason_which_is_recorded(account: Grown) -> None:
    account.remember(days=10)
    refused = account.shell("quota", "request", "--per-day", "80000", "--i-confirm")
    assert refused.code == 1
    assert "evidence.short" in refused.err
    despite = account.shell("quota", "request", "--per-day", "80000", "--i-confirm", "--despite", "A launch.")
    assert despite.code == 0
    assert len(submitted(account)) == 1


def test_in_the_sandbox_it_is_noted_on_the_production_case_too(shell: Shell) -> None:
    with grown(shell, production=False) as account:
        account.remember(start=120, a_day=1)
        refused = account.shell("quota", "request", "--per-day", "400", "--i-confirm")
        assert refused.code == 1
        assert "account.sandbox" in refused.err
        despite = ("--i-confirm", "--despite", "Denied, and answered on the case.")
        assert account.shell("quota", "request", "--per-day", "400", *despite).code == 0
        facts = js(account.shell("case", "show", "--json"))["facts"]
        assert [(one["kind"], one["data"]["way"]) for one in facts] == [("asked_elsewhere", "service_quotas")]


def test_a_raise_by_aws_itself_is_noticed(account: Grown) -> None:
    account.shell("quota", "show")
    account.admin("limits", {"region": "eu-west-1", "max_24_hour_send": 60_000, "max_send_rate": 14})
    assert "AWS raised the daily quota from 50,000 to 60,000" in account.shell("quota", "show").out


def test_with_nothing_due_nothing_is_asked(account: Grown) -> None:
    account.remember(a_day=0)
    ended = account.shell("quota", "request")
    assert ended.code == 1
    assert "There is nothing to ask for now" in ended.out
    assert account.shell("quota", "watch", "--once").out == "No larger quota was asked for.\n"
