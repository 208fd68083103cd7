"""The parameters of PutAccountDetails, against botocore's own model of them."""

from __future__ import annotations

from typing import Any

import botocore.session
import msgspec
import pytest
from botocore.validate import ParamValidator

from sendworthy.access.submission import LETTER_IS_FOR_THE_CASE, PROMISE, mail_type, submission
from sendworthy.audit.profile import Contact, Profile, Stream
from sendworthy.errors import ConfigError


@pytest.fixture(scope="module")
def shape() -> Any:
    model = botocore.session.get_session().get_service_model("sesv2")
    return model.operation_model("PutAccountDetails").input_shape


def test_the_parameters_are_those_of_the_model(resets: Profile, shape: Any) -> None:
    params = submission(resets)
    assert params == {
        "MailType": "TRANSACTIONAL",
        "WebsiteURL": "https://example.com",
        "ContactLanguage": "EN",
        "AdditionalContactEmailAddresses": ["ada@example.com"],
        "ProductionAccessEnabled": True,
    }
    assert not ParamValidator().validate(params, shape).has_errors()
    assert params["MailType"] in shape.members["MailType"].enum
    assert params["ContactLanguage"] in shape.members["ContactLanguage"].enum


def test_at_most_four_contacts_go_and_none_is_no_empty_list(resets: Profile) -> None:
    many = tuple(Contact(name=str(n), email=f"c{n}@example.com") for n in range(6))
    sender = msgspec.structs.replace(resets.sender, contacts=many)
    params = submission(msgspec.structs.replace(resets, sender=sender))
    assert params["AdditionalContactEmailAddresses"] == [f"c{n}@example.com" for n in range(4)]
    none = msgspec.structs.replace(resets, sender=msgspec.structs.replace(resets.sender, contacts=()))
    assert "AdditionalContactEmailAddresses" not in submission(none)


def test_the_deprecated_use_case_goes_only_when_switched_on(resets: Profile) -> None:
    assert "UseCaseDescription" not in submission(resets)
    assert submission(resets, use_case="Resets.")["UseCaseDescription"] == "Resets."
    with pytest.raises(ConfigError):
        submission(resets, use_case="x" * 5001)


def test_the_type_is_that_of_most_of_the_mail_and_a_tie_is_marketing(newsletter: Profile) -> None:
    assert mail_type(newsletter) == "MARKETING"  # 1,200 letters and 15 receipts a day
    letter, receipt = newsletter.mail
    quiet = msgspec.structs.replace(letter, per_day=14)
    assert mail_type(msgspec.structs.replace(newsletter, mail=(quiet, receipt))) == "TRANSACTIONAL"
    unsaid = msgspec.structs.replace(letter, per_day=0)
    assert mail_type(msgspec.structs.replace(newsletter, mail=(unsaid, receipt))) == "MARKETING"
    assert receipt.stream is Stream.TRANSACTIONAL


def test_without_website_or_mail_nothing_can_be_submitted(resets: Profile) -> None:
    with pytest.raises(ConfigError, match="website"):
        submission(msgspec.structs.replace(resets, sender=msgspec.structs.replace(resets.sender, website=" ")))
    with pytest.raises(ConfigError, match="mail"):
        submission(msgspec.structs.replace(resets, mail=()))


def test_the_promise_names_what_the_consoles_box_asks_and_the_letters_place_is_told() -> None:
    assert "explicitly asked" in PROMISE
    assert "bounces and complaints" in PROMISE
    assert "none of the letter" in LETTER_IS_FOR_THE_CASE
