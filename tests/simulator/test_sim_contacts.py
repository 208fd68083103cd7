from __future__ import annotations

import email
import email.policy
import json
import re
import urllib.error
import urllib.request
from email.message import EmailMessage
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import Desk, simple

LIST = {"ContactListName": "shop"}
SET = {"ConfigurationSetName": "main"}
NEWS = {"TopicName": "news", "DisplayName": "News", "DefaultSubscriptionStatus": "OPT_IN"}
OFFERS = {"TopicName": "offers", "DisplayName": "Offers", "DefaultSubscriptionStatus": "OPT_OUT"}
PLACEHOLDER = "{{amazonSESUnsubscribeUrl}}"
ALL = ("SEND", "DELIVERY", "BOUNCE", "SUBSCRIPTION")


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def with_list(desk: Desk) -> None:
    desk.ses.create_contact_list(**LIST, Topics=[NEWS, OFFERS], Description="Buyers")


def preferences(**topics: str) -> list[dict[str, str]]:
    return [{"TopicName": name, "SubscriptionStatus": status} for name, status in topics.items()]


def managed(topic: str = "") -> dict[str, Any]:
    return {"ListManagementOptions": LIST | ({"TopicName": topic} if topic else {})}


def last(desk: Desk) -> EmailMessage:
    [found] = desk.admin("GET", "outbox?limit=1")
    return email.message_from_string(found["source"], policy=email.policy.default)


def link_in(message: EmailMessage) -> str:
    return str(message["list-unsubscribe"]).strip("<>")


def pressed(url: str, data: bytes | None = None) -> str:
    with urllib.request.urlopen(url, data=data, timeout=5) as answer:  # noqa: S310 - http to 127.0.0.1
        return str(answer.read().decode())


def contact(desk: Desk, address: str) -> dict[str, Any]:
    found: dict[str, Any] = desk.ses.get_contact(**LIST, EmailAddress=address)
    return found


def test_there_is_one_contact_list_with_twenty_topics_at_most(desk: Desk) -> None:
    with_list(desk)
    with pytest.raises(ClientError) as caught:
        desk.ses.create_contact_list(ContactListName="second")
    assert code(caught) == "LimitExceededException"
    with pytest.raises(ClientError) as caught:
        with_list(desk)
    assert code(caught) == "AlreadyExistsException"
    found = desk.ses.get_contact_list(**LIST)
    assert (found["Topics"], found["Description"]) == ([NEWS, OFFERS], "Buyers")
    many = [NEWS | {"TopicName": f"t{number}"} for number in range(21)]
    with pytest.raises(ClientError) as caught:
        desk.ses.update_contact_list(**LIST, Topics=many)
    assert code(caught) == "LimitExceededException"
    with pytest.raises(ClientError) as caught:
        desk.ses.update_contact_list(**LIST, Topics=[NEWS, NEWS])
    assert code(caught) == "BadRequestException"
    assert [each["ContactListName"] for each in desk.ses.list_contact_lists()["ContactLists"]] == ["shop"]
    desk.ses.delete_contact_list(**LIST)
    with pytest.raises(ClientError) as caught:
        desk.ses.get_contact_list(**LIST)
    assert code(caught) == "NotFoundException"


def test_a_contact_is_made_read_changed_and_deleted(desk: Desk) -> None:
    with_list(desk)
    desk.ses.create_contact(
        **LIST, EmailAddress="Ann@example.com", TopicPreferences=preferences(offers="OPT_IN"), AttributesData='{"n": 1}'
    )
    with pytest.raises(ClientError) as caught:
        desk.ses.create_contact(**LIST, EmailAddress="ann@example.com")
    assert code(caught) == "AlreadyExistsException"
    found = contact(desk, "ann@example.com")
    assert found["TopicPreferences"] == preferences(offers="OPT_IN")
    assert found["TopicDefaultPreferences"] == preferences(news="OPT_IN", offers="OPT_OUT")
    assert (found["EmailAddress"], found["UnsubscribeAll"], found["AttributesData"]) == (
        "Ann@example.com",
        False,
        '{"n": 1}',
    )
    with pytest.raises(ClientError) as caught:
        desk.ses.create_contact(**LIST, EmailAddress="x@example.com", TopicPreferences=preferences(nope="OPT_IN"))
    assert code(caught) == "BadRequestException"
    desk.ses.delete_contact(**LIST, EmailAddress="ANN@example.com")
    for call in (desk.ses.get_contact, desk.ses.update_contact, desk.ses.delete_contact):
        with pytest.raises(ClientError) as caught:
            call(**LIST, EmailAddress="ann@example.com")
        assert code(caught) == "NotFoundException"


def test_an_update_removes_the_preferences_that_it_does_not_name(desk: Desk) -> None:
    with_list(desk)
    desk.ses.create_contact(
        **LIST, EmailAddress="ann@example.com", TopicPreferences=preferences(news="OPT_OUT", offers="OPT_IN")
    )
    desk.ses.update_contact(**LIST, EmailAddress="ann@example.com", TopicPreferences=preferences(news="OPT_IN"))
    assert contact(desk, "ann@example.com")["TopicPreferences"] == preferences(news="OPT_IN")


def test_contacts_are_listed_by_what_they_want(desk: Desk) -> None:
    with_list(desk)
    for name, more in (
        ("ann", {"TopicPreferences": preferences(news="OPT_OUT")}),
        ("bo", {"TopicPreferences": preferences(news="OPT_IN")}),
        ("cy", {}),
        ("di", {"UnsubscribeAll": True}),
    ):
        desk.ses.create_contact(**LIST, EmailAddress=f"{name}@example.com", **more)

    def names(status: str, **topic: Any) -> list[str]:
        wanted = {"FilteredStatus": status} | ({"TopicFilter": topic} if topic else {})
        found = desk.ses.list_contacts(**LIST, Filter=wanted)["Contacts"]
        return [each["EmailAddress"].partition("@")[0] for each in found]

    assert names("OPT_IN") == ["ann", "bo", "cy"]
    assert names("OPT_OUT") == ["di"]
    assert names("OPT_IN", TopicName="news") == ["bo"]
    assert names("OPT_IN", TopicName="news", UseDefaultIfPreferenceUnavailable=True) == ["bo", "cy"]
    assert names("OPT_OUT", TopicName="news") == ["ann", "di"]
    first = desk.ses.list_contacts(**LIST, PageSize=3)
    assert len(first["Contacts"]) == 3
    rest = desk.ses.list_contacts(**LIST, PageSize=3, NextToken=first["NextToken"])["Contacts"]
    assert [each["EmailAddress"] for each in rest] == ["di@example.com"]
    with pytest.raises(ClientError) as caught:
        names("OPT_IN", TopicName="nope")
    assert code(caught) == "NotFoundException"


@pytest.mark.parametrize(
    ("given", "topic", "delivered"),
    [
        ({}, "", True),
        ({}, "news", True),
        ({}, "offers", False),
        ({"TopicPreferences": preferences(offers="OPT_IN")}, "offers", True),
        ({"TopicPreferences": preferences(news="OPT_OUT")}, "news", False),
        ({"TopicPreferences": preferences(news="OPT_OUT")}, "", True),
        ({"UnsubscribeAll": True, "TopicPreferences": preferences(news="OPT_IN")}, "news", False),
        ({"UnsubscribeAll": True}, "", False),
    ],
)
def test_mail_to_somebody_unsubscribed_bounces(desk: Desk, given: dict[str, Any], topic: str, delivered: bool) -> None:
    queue = desk.events_wired(kinds=ALL)
    desk.verified_domain()
    with_list(desk)
    desk.ses.create_contact(**LIST, EmailAddress="ann@fernhill.test", **given)
    desk.send("ann@fernhill.test", **SET, **managed(topic))
    events = desk.events(queue)
    assert [event["eventType"] for event in events] == ["Send", "Delivery" if delivered else "Bounce"]
    if not delivered:
        assert events[1]["bounce"]["bounceSubType"] == "UnsubscribedRecipient"
    desk.send("ann@fernhill.test", **SET)
    assert [event["eventType"] for event in desk.events(queue)] == ["Send", "Delivery"]


def test_an_unknown_list_or_topic_is_refused(desk: Desk) -> None:
    desk.verified_domain()
    for options in (managed(), managed("news")):
        with pytest.raises(ClientError) as caught:
            desk.send("x@fernhill.test", **options)
        assert code(caught) == "NotFoundException"
    with_list(desk)
    with pytest.raises(ClientError) as caught:
        desk.send("x@fernhill.test", **managed("nope"))
    assert code(caught) == "NotFoundException"
    assert desk.admin("GET", "outbox") == []


def test_a_message_to_one_gets_the_headers_and_two_links(desk: Desk) -> None:
    desk.verified_domain()
    with_list(desk)
    content = simple(text=f"{PLACEHOLDER} {PLACEHOLDER} {PLACEHOLDER}")
    content["Simple"]["Body"]["Html"] = {"Data": f'<a href="{PLACEHOLDER}">no more</a>'}
    content["Simple"]["Headers"] = [{"Name": "List-Unsubscribe", "Value": "<https://example.com/own>"}]
    desk.send("x@fernhill.test", Content=content, **managed("news"))
    message = last(desk)
    url = link_in(message)
    assert url.startswith(desk.at.http)
    assert message["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert message.get_all("list-unsubscribe") == [f"<{url}>"]
    text, html = (part.get_content().strip() for part in message.iter_parts())
    assert text == f"{url} {url} {PLACEHOLDER}"
    assert html == f'<a href="{url}">no more</a>'


def test_a_message_to_several_gets_none(desk: Desk) -> None:
    desk.verified_domain()
    with_list(desk)
    desk.send(["x@fernhill.test", "y@fernhill.test"], Content=simple(text=PLACEHOLDER), **managed())
    message = last(desk)
    assert message["list-unsubscribe"] is None
    assert message.get_content().strip() == PLACEHOLDER


def test_a_template_keeps_the_placeholder_for_list_management(desk: Desk) -> None:
    desk.verified_domain()
    with_list(desk)
    template = {
        "TemplateContent": {"Subject": "s", "Text": f"Bye {{{{name}}}}: {PLACEHOLDER}"},
        "TemplateData": json.dumps({"name": "Ann"}),
    }
    desk.send("x@fernhill.test", Content={"Template": template}, **managed())
    message = last(desk)
    assert message.get_content().strip() == f"Bye Ann: {link_in(message)}"


@pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable"])
def test_a_raw_message_is_managed_by_its_header(desk: Desk, encoding: str) -> None:
    desk.verified_domain()
    with_list(desk)
    raw = EmailMessage()
    raw["From"], raw["To"], raw["Subject"] = "shop@fernhill.test", "x@fernhill.test", "s"
    raw["X-SES-LIST-MANAGEMENT-OPTIONS"] = "shop; topic=news"
    raw["List-Unsubscribe"] = "<https://example.com/own>"
    raw.set_content(f"Bye: {PLACEHOLDER}", cte=encoding)
    desk.ses.send_email(Content={"Raw": {"Data": raw.as_bytes()}})
    message = last(desk)
    assert message.get_all("list-unsubscribe") == [f"<{link_in(message)}>"]
    assert message.get_content().strip() == f"Bye: {link_in(message)}"
    assert message["x-ses-list-management-options"] is None


def test_the_link_unsubscribes_by_one_click_and_an_event_tells(desk: Desk) -> None:
    queue = desk.events_wired(kinds=ALL)
    desk.verified_domain()
    with_list(desk)
    message_id = desk.send("ann@fernhill.test", **SET, **managed("news"))
    desk.events(queue)
    url = link_in(last(desk))
    assert "ann@fernhill.test" in pressed(url)
    assert desk.events(queue) == []
    pressed(url, b"List-Unsubscribe=One-Click")
    assert contact(desk, "ann@fernhill.test")["TopicPreferences"] == preferences(news="OPT_OUT")
    [event] = desk.events(queue)
    assert event["eventType"] == "Subscription"
    assert event["mail"]["messageId"] == message_id
    told = event["subscription"]
    assert (told["contactList"], told["timestamp"]) == ("shop", "2026-11-02T09:00:00.000Z")
    defaults = [
        {"topicName": "news", "subscriptionStatus": "OptIn"},
        {"topicName": "offers", "subscriptionStatus": "OptOut"},
    ]
    assert told["oldTopicPreferences"] == {
        "unsubscribeAll": False,
        "topicSubscriptionStatus": [],
        "topicDefaultSubscriptionStatus": defaults,
    }
    assert told["newTopicPreferences"] == {
        "unsubscribeAll": False,
        "topicSubscriptionStatus": [{"topicName": "news", "subscriptionStatus": "OptOut"}],
        "topicDefaultSubscriptionStatus": defaults,
    }
    desk.send("ann@fernhill.test", **SET, **managed("news"))
    assert [each["eventType"] for each in desk.events(queue)] == ["Send", "Bounce"]


def test_an_address_can_stand_for_somebody_who_unsubscribes_from_all(desk: Desk) -> None:
    queue = desk.events_wired(kinds=ALL)
    desk.verified_domain()
    with_list(desk)
    desk.send("unsubscribe-ann@fernhill.test", **SET, **managed())
    events = desk.events(queue)
    assert [event["eventType"] for event in events] == ["Send", "Delivery", "Subscription"]
    assert events[2]["subscription"]["newTopicPreferences"]["unsubscribeAll"] is True
    assert contact(desk, "unsubscribe-ann@fernhill.test")["UnsubscribeAll"] is True
    desk.send("unsubscribe-bo@fernhill.test", **SET)
    assert [event["eventType"] for event in desk.events(queue)] == ["Send", "Delivery"]


def test_a_link_that_is_none_of_ours_or_to_a_list_that_is_gone_says_so(desk: Desk) -> None:
    desk.verified_domain()
    with_list(desk)
    desk.send("ann@fernhill.test", **managed())
    url = link_in(last(desk))
    desk.ses.delete_contact_list(**LIST)
    base = re.sub(r"[^/]*$", "", url)
    for wrong in (url, f"{base}nope", f"{base}WzFd", f"{desk.at.http}/_track/else"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            pressed(wrong, b"List-Unsubscribe=One-Click")
        with caught.value as answer:
            assert (answer.code, b"<h1" in answer.read()) == (404, True)


def test_contacts_are_imported_from_a_file(desk: Desk) -> None:
    desk.in_production()
    with_list(desk)

    def run(content: str, form: str, action: str) -> dict[str, Any]:
        desk.admin("PUT", "objects/bucket/contacts", content.encode())
        job = desk.ses.create_import_job(
            ImportDestination={"ContactListDestination": LIST | {"ContactListImportAction": action}},
            ImportDataSource={"S3Url": "s3://bucket/contacts", "DataFormat": form},
        )["JobId"]
        desk.advance(5)
        found: dict[str, Any] = desk.ses.get_import_job(JobId=job)
        return found

    head = "emailAddress,unsubscribeAll,attributesData,topicPreferences.news"
    run(f"{head}\nann@example.com,false,,OPT_OUT\nbo@example.com,true,hello,\n", "CSV", "PUT")
    assert contact(desk, "ann@example.com")["TopicPreferences"] == preferences(news="OPT_OUT")
    assert (contact(desk, "bo@example.com")["UnsubscribeAll"], contact(desk, "bo@example.com")["AttributesData"]) == (
        True,
        "hello",
    )
    wrong = '{"emailAddress": "cy@example.com", "topicPreferences": [{"topicName": "nope"}]}'
    assert run(wrong, "JSON", "PUT")["FailedRecordsCount"] == 1
    run('{"emailAddress": "ann@example.com"}', "JSON", "DELETE")
    assert [each["EmailAddress"] for each in desk.ses.list_contacts(**LIST)["Contacts"]] == ["bo@example.com"]
    with pytest.raises(ClientError) as caught:
        desk.ses.create_import_job(
            ImportDestination={"ContactListDestination": {"ContactListName": "nope", "ContactListImportAction": "PUT"}},
            ImportDataSource={"S3Url": "s3://bucket/contacts", "DataFormat": "CSV"},
        )
    assert code(caught) == "BadRequestException"
