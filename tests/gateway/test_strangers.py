from __future__ import annotations

import logging

import pytest

from sendworthy.gateway.strangers import Strangers


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_refused_caller_is_told_to_the_log_and_others_within_a_minute_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    at = [0.0]
    strangers = Strangers(monotonic=lambda: at[0])
    for at[0] in (0.0, 1.0, 59.0, 61.0):
        strangers.note("ses_v2", "UnrecognizedClientException", "AKIAIOSFODNN7EXAMPLE")
    strangers.note("smtp", "535", "AKSW0123456789ABCDEF")
    assert said(caplog) == [
        "ses_v2: key AKIAIOSFODNN7EXAMPLE was refused (UnrecognizedClientException)",
        "ses_v2: key AKIAIOSFODNN7EXAMPLE was refused (UnrecognizedClientException); 2 more before",
        "smtp: key AKSW0123456789ABCDEF was refused (535)",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


@pytest.mark.parametrize("name", ["", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKSW\nERROR all is lost", "a" * 40])
def test_what_is_no_name_of_a_key_is_not_repeated_in_the_log(name: str, caplog: pytest.LogCaptureFixture) -> None:
    Strangers().note("smtp", "535", name)
    assert said(caplog) == ["smtp: a caller without a key's name was refused (535)"]
