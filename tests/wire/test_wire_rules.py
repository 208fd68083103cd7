"""Routes, types and constraints: what is understood, and what a caller is told instead, in AWS's words and status."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request
from sendworthy.wire.route import Routes
from sendworthy.wire.service import MOST_BODY_BYTES, Call, Service

Services = Callable[[str], Service]
SEND: dict[str, Any] = {
    "FromEmailAddress": "a@example.com",
    "Destination": {"ToAddresses": ["b@example.com"]},
    "Content": {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hi"}}}},
}


def rest(method: str, path: str, body: object = None, query: str = "") -> Request:
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(method=method, path=path, query=query, headers={}, body=raw)


def send(body: object) -> Request:
    return rest("POST", "/v2/email/outbound-emails", body)


def target(operation: str, body: object) -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(method="POST", path="/", query="", headers={"x-amz-target": f"AmazonSQS.{operation}"}, body=raw)


def form(body: str) -> Request:
    return Request(method="POST", path="/", query="", headers={}, body=body.encode())


def refusal(service: Service, request: Request) -> WireError:
    with pytest.raises(WireError) as refused:
        service.parse(request)
    return refused.value


# Routes


def test_a_label_is_decoded_and_may_hold_a_slash(service: Services) -> None:
    call = service("sesv2").parse(rest("GET", "/v2/email/identities/a%2Fb%40ex%C3%A4mple.com"))
    assert call == Call("GetEmailIdentity", {"EmailIdentity": "a/b@exämple.com"})


def test_a_word_goes_before_a_label(service: Services) -> None:
    sesv2 = service("sesv2")
    assert sesv2.parse(rest("POST", "/v2/email/contact-lists/news/contacts/list")).operation == "ListContacts"
    named = sesv2.parse(rest("GET", "/v2/email/contact-lists/news/contacts/list"))
    assert named == Call("GetContact", {"ContactListName": "news", "EmailAddress": "list"})


@pytest.mark.parametrize("path", ["/v2/email/account", "/v2/email/account/"])
def test_a_trailing_slash_says_nothing(service: Services, path: str) -> None:
    assert service("sesv2").parse(rest("GET", path)) == Call("GetAccount", {})


@pytest.mark.parametrize(
    ("older", "newer", "operation"),
    [
        ("/v2/email/identities", "/v2/email/list-identities", "ListEmailIdentities"),
        ("/v2/email/configuration-sets", "/v2/email/list-configuration-sets", "ListConfigurationSets"),
    ],
)
def test_both_generations_of_list_routes_are_read(service: Services, older: str, newer: str, operation: str) -> None:
    wanted = Call(operation, {"PageSize": 10, "NextToken": "QUJDRA=="})
    assert service("sesv2").parse(rest("GET", older, query="PageSize=10&NextToken=QUJDRA%3D%3D")) == wanted
    assert service("sesv2").parse(rest("POST", newer, {"PageSize": 10, "NextToken": "QUJDRA=="})) == wanted


def test_lists_and_times_are_read_from_the_query_string(service: Services) -> None:
    query = "Reason=BOUNCE&Reason=COMPLAINT&StartDate=2026-11-24T10%3A00%3A00Z&PageSize=5&unknown=1"
    call = service("sesv2").parse(rest("GET", "/v2/email/suppression/addresses", query=query))
    assert call.params == {
        "Reasons": ["BOUNCE", "COMPLAINT"],
        "StartDate": datetime(2026, 11, 24, 10, tzinfo=UTC),
        "PageSize": 5,
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("PATCH", "/v2/email/account"),
        ("GET", "/v2/email/nothing"),
        ("GET", "/v2/email/identities//dkim"),
        ("GET", "/v2/email/account" + "/x" * 1000),
        ("GET", "/v2/../v2/email/account"),
    ],
)
def test_a_path_that_leads_nowhere_is_an_unknown_operation(service: Services, method: str, path: str) -> None:
    error = refusal(service("sesv2"), rest(method, path))
    assert (error.code, error.status) == ("UnknownOperationException", 404)


def test_a_greedy_label_takes_the_rest() -> None:
    routes = Routes([("GET", "/files/{Folder}/{Key+}", "GetFile"), ("GET", "/files/{Folder}", "GetFolder")])
    match = routes.match("GET", "/files/a/b/c%20d")
    assert match is not None
    assert (match.operation, match.labels) == ("GetFile", {"Folder": "a", "Key": "b/c d"})
    assert routes.match("GET", "/files/a").operation == "GetFolder"  # type: ignore[union-attr] # it must be found
    assert routes.match("PUT", "/files/a/b") is None


def test_unknown_operations_of_the_other_protocols(service: Services) -> None:
    error = refusal(service("sqs"), target("Nothing", {}))
    assert (error.code, error.status) == ("UnknownOperationException", 404)
    assert refusal(service("sqs"), form("Action=SendMessage")).code == "UnknownOperationException"
    assert refusal(service("sns"), form("Action=Nothing")).code == "InvalidAction"
    assert refusal(service("sns"), form("Action=ListTopics&Version=2010-12-01")).code == "InvalidAction"
    assert refusal(service("sns"), form("")).code == "MissingAction"


# Constraints


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Content": None}, "Value at 'content' failed to satisfy constraint: Member must not be null"),
        (
            {"Content": {"Simple": {"Body": {}}}},
            "Value at 'content.simple.subject' failed to satisfy constraint: Member must not be null",
        ),
        (
            {"EmailTags": [{"Name": "a", "Value": "b"}, {"Name": "a"}]},
            "Value at 'emailTags.2.member.value' failed to satisfy constraint: Member must not be null",
        ),
        ({"EmailTags": [None]}, "Value at 'emailTags.1.member' failed to satisfy constraint: Member must not be null"),
    ],
)
def test_a_broken_constraint_is_told_in_the_words_of_aws(service: Services, change: dict[str, Any], words: str) -> None:
    error = refusal(service("sesv2"), send({**SEND, **change}))
    assert (error.code, error.status) == ("BadRequestException", 400)
    assert error.message == f"1 validation error detected: {words}"


def test_an_empty_text_is_told_its_least_length(service: Services) -> None:
    error = refusal(service("sesv2"), send({**SEND, "FromEmailAddressIdentityArn": ""}))
    assert error.message.endswith(
        "Arn' failed to satisfy constraint: Member must have length greater than or equal to 1"
    )


DETAILS = {"MailType": "TRANSACTIONAL", "WebsiteURL": "https://example.com"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"MailType": "PROMOTIONAL"}, "'mailType' .* enum value set: \\[MARKETING, TRANSACTIONAL\\]"),
        ({"WebsiteURL": "x" * 1001}, "'websiteURL' .* length less than or equal to 1000"),
        ({"AdditionalContactEmailAddresses": []}, "Addresses' .* length greater than or equal to 1"),
        ({"AdditionalContactEmailAddresses": ["a@b.test"] * 5}, "Addresses' .* length less than or equal to 4"),
        ({"AdditionalContactEmailAddresses": ["nobody"]}, "Addresses.1.member' .* regular expression pattern"),
    ],
)
def test_account_details_keep_their_limits(service: Services, change: dict[str, Any], words: str) -> None:
    # The limits of PutAccountDetails as the service model gives them [M].
    service("sesv2").parse(rest("POST", "/v2/email/account/details", DETAILS))
    error = refusal(service("sesv2"), rest("POST", "/v2/email/account/details", {**DETAILS, **change}))
    assert re.search(words, error.message)


@pytest.mark.parametrize(("seconds", "good"), [(299, False), (300, True), (50_400, True), (50_401, False)])
def test_numbers_keep_their_range(service: Services, seconds: int, good: bool) -> None:
    request = rest("PUT", "/v2/email/configuration-sets/main/delivery-options", {"MaxDeliverySeconds": seconds})
    if good:
        assert service("sesv2").parse(request).params["MaxDeliverySeconds"] == seconds
    else:
        assert "Member must have value" in refusal(service("sesv2"), request).message


def test_all_broken_constraints_are_told_at_once_and_nothing_sent_is_quoted(service: Services) -> None:
    secret = "hunter2@example.com"
    body = {"MailType": secret, "AdditionalContactEmailAddresses": [secret] * 5}
    error = refusal(service("sesv2"), rest("POST", "/v2/email/account/details", body))
    assert error.message.startswith("3 validation errors detected: ")
    assert "'websiteURL'" in error.message
    assert secret not in error.message
    assert secret not in repr(error)


def test_a_thousand_broken_constraints_make_a_short_message(service: Services) -> None:
    error = refusal(service("sesv2"), send({**SEND, "EmailTags": [{}] * 1000}))
    assert error.message.startswith("2000 validation errors detected: ")
    assert len(error.message) < 2000


def test_nulls_and_unknown_members_are_passed_over(service: Services) -> None:
    call = service("sesv2").parse(send({**SEND, "EmailTags": None, "Unheard": {"of": [1]}}))
    assert call.params == SEND


def test_a_union_has_exactly_one_member(service: Services) -> None:
    body = {"ConfigurationSetName": "main", "MessageSecurityOptions": {"SigningScheme": {}}}
    error = refusal(service("sesv2"), rest("POST", "/v2/email/configuration-sets", body))
    assert "exactly one" in error.message


def test_each_service_has_its_own_word_for_invalid(service: Services) -> None:
    missing = refusal(service("sqs"), target("SendMessage", {"MessageBody": "x"}))
    assert (missing.code, missing.message) == ("MissingParameter", "The request must contain the parameter QueueUrl.")
    assert refusal(service("sns"), form("Action=CreateTopic")).code == "InvalidParameter"
    assert refusal(service("ses"), form("Action=VerifyEmailIdentity")).code == "ValidationError"
    quotas = Request(
        method="POST",
        path="/",
        query="",
        headers={"x-amz-target": "ServiceQuotasV20190624.GetServiceQuota"},
        body=b"{}",
    )
    assert refusal(service("service-quotas"), quotas).code == "ValidationException"


def test_a_pattern_that_backtracks_is_never_run_on_a_long_text(service: Services) -> None:
    # S3Url has no maximal length, and its pattern takes quadratic time to refuse a text that ends in two slashes.
    source = {"S3Url": "s3://bucket/" + "a" * 1_000_000 + "//", "DataFormat": "CSV"}
    body = {"ImportDestination": {}, "ImportDataSource": source}
    error = refusal(service("sesv2"), rest("POST", "/v2/email/import-jobs", body))
    assert "'importDataSource.s3Url' failed to satisfy constraint: Member must satisfy regular" in error.message


# Types


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**SEND, "FromEmailAddress": 1}, "NUMBER_VALUE can not be converted to a String"),
        ({**SEND, "FromEmailAddress": True}, "TRUE_VALUE can not be converted to a String"),
        ({**SEND, "FromEmailAddress": {}}, "Start of structure or map found where not expected."),
        ({**SEND, "FromEmailAddress": []}, "Start of list found where not expected."),
        ({**SEND, "Destination": {"ToAddresses": "b@example.com"}}, "A list was expected"),
        ({**SEND, "Destination": []}, "A structure was expected"),
        ({**SEND, "Content": {"Raw": {"Data": "not base64!"}}}, "STRING_VALUE is not base64"),
        ({**SEND, "Content": {"Raw": {"Data": "QUI"}}}, "STRING_VALUE is not base64"),
        ([], "A structure was expected"),
        (b"null", "A structure was expected"),
        (b"{", "The body is not valid JSON."),
        (b"\xff\xfe", "The body is not valid JSON."),
        (b'{"a": "\xff"}', "The body is not valid JSON."),
        (b'{"a": "\\ud800"}', "The body is not valid JSON."),
        (b"<html>", "The body is not valid JSON."),
        (b"[" * 100_000, "The body is nested too deep."),
        (b'{"a":' * 100_000, "The body is nested too deep."),
    ],
)
def test_a_body_of_the_wrong_form_is_a_serialization_exception(service: Services, body: object, words: str) -> None:
    error = refusal(service("sesv2"), send(body))
    assert (error.code, error.status) == ("SerializationException", 400)
    assert words in error.message


@pytest.mark.parametrize("seconds", [2**63, -(2**63) - 1, 10**30, 0.5, "5", True])
def test_a_long_is_a_whole_number_of_64_bits(service: Services, seconds: object) -> None:
    body = {"MaxDeliverySeconds": seconds}
    error = refusal(service("sesv2"), rest("PUT", "/v2/email/configuration-sets/main/delivery-options", body))
    assert error.code == "SerializationException"


def test_a_blob_comes_as_bytes(service: Services) -> None:
    call = service("sesv2").parse(send({**SEND, "Content": {"Raw": {"Data": "AP8="}}}))
    assert call.params["Content"] == {"Raw": {"Data": b"\x00\xff"}}


@pytest.mark.parametrize(
    "body",
    [
        "Action=SendEmail&Source.x=1",
        "Action=SendEmail&Source",
        "Action=SendEmail&Message..Body=1",
        "Action=SendEmail&.=1",
        "Action=SendEmail&Destination.ToAddresses.member.x=a",
        "Action=SendEmail&Destination.ToAddresses.member.1.1=a",
        "Action=SendEmail&Source=%FF",
        "Action=SendEmail" + "&a=1" * 10_001,
        "Action=SendEmail&" + "a." * 50 + "b=1",
        "Action=SendRawEmail&RawMessage.Data=***",
        "Action=UpdateAccountSendingEnabled&Enabled=maybe",
        "Action=ListIdentities&MaxItems=many",
        "Action=ListIdentities&MaxItems=" + "9" * 5000,
    ],
)
def test_a_form_of_the_wrong_form_is_refused(service: Services, body: str) -> None:
    error = refusal(service("ses"), form(body))
    assert error.code in {"SerializationException", "ValidationError"}
    assert error.status == 400


def test_numbered_fields_may_come_in_any_order(service: Services) -> None:
    body = "Action=SendEmail&Version=2010-12-01&Source=a&Message.Subject.Data=s+%2B+t&Message.Body.Text.Data=b"
    body += "&Destination.ToAddresses.member.10=j&Destination.ToAddresses.member.2=b&Destination.ToAddresses.member.1=a"
    call = service("ses").parse(form(body))
    assert call.params["Destination"]["ToAddresses"] == ["a", "b", "j"]
    assert call.params["Message"]["Subject"]["Data"] == "s + t"


@settings(deadline=None)
@given(st.text(alphabet="+/=%23BFDbfd 5a\xe4", min_size=1).map(lambda text: text * (5_000 // len(text) + 1)))
def test_a_long_field_is_decoded_like_a_short_one(service: Services, text: str) -> None:
    call = service("ses").parse(form(urlencode({"Action": "CreateReceiptRuleSet", "RuleSetName": text})))
    assert call.params == {"RuleSetName": text}
    raw = text.encode("ascii", "replace").decode()
    request = form(f"Action=CreateReceiptRuleSet&RuleSetName={raw}")
    try:
        wanted = unquote_plus(raw, errors="strict")
    except UnicodeDecodeError:
        assert refusal(service("ses"), request).code == "SerializationException"
    else:
        assert service("ses").parse(request).params == {"RuleSetName": wanted}


def test_a_body_that_is_too_large_is_not_read(service: Services) -> None:
    error = refusal(service("sesv2"), send(b" " * (MOST_BODY_BYTES + 1)))
    assert (error.code, error.status) == ("RequestEntityTooLarge", 413)


# Whatever comes


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(st.one_of(st.text(), st.sampled_from(["Content", "Simple", "Body", "Data", "Raw"])), inner),
    ),
)


def _only_wire_errors(service: Service, request: Request) -> None:
    status = 200
    try:
        service.parse(request)
    except WireError as error:
        status = error.status
    assert status == 200 or 400 <= status < 500


@settings(deadline=None)
@given(body=st.one_of(st.binary(), _JSON.map(lambda value: json.dumps(value).encode())), data=st.data())
def test_whatever_json_comes_only_a_wire_error_is_raised(service: Services, body: bytes, data: st.DataObject) -> None:
    _only_wire_errors(service("sesv2"), send(body))
    _only_wire_errors(service("sqs"), target("SendMessageBatch", body))
    member = data.draw(st.sampled_from(list(SEND)))
    _only_wire_errors(service("sesv2"), send({**SEND, member: data.draw(_JSON)}))


@settings(deadline=None)
@given(method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "x"]), path=st.text(), query=st.text())
def test_whatever_path_comes_only_a_wire_error_is_raised(service: Services, method: str, path: str, query: str) -> None:
    for prefix in ("", "/v2/email/identities/", "/v2/email/suppression/addresses", "/v2/email/tags"):
        _only_wire_errors(service("sesv2"), rest(method, prefix + path, b"{}", query))
    _only_wire_errors(service("sns"), rest(method, path, b"{}", query))


_NAMES = st.lists(st.sampled_from(["Destination", "ToAddresses", "member", "entry", "1", "2", "", "x"]), max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(_NAMES.map(".".join), st.text()), max_size=6), st.binary())
def test_whatever_form_comes_only_a_wire_error_is_raised(
    service: Services, pairs: list[tuple[str, str]], noise: bytes
) -> None:
    for action in ("SendEmail", "SendBulkTemplatedEmail"):
        body = urlencode([("Action", action), *pairs], errors="replace").encode()
        for raw in (body, body + b"&" + noise):
            _only_wire_errors(service("ses"), Request(method="POST", path="/", query="", headers={}, body=raw))
