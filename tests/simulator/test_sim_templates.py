from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.simulator.handlebars import TemplateError, read, render
from tests.simulator.conftest import Desk

CONTENT = {"Subject": "Order {{order.id}}", "Text": "Hello {{name}}", "Html": "<p>Hello {{name}}</p>"}
EVERY_KIND = ("SEND", "RENDERING_FAILURE", "DELIVERY")


def made(template: str, data: dict[str, Any]) -> str:
    return render(read(template), data)


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Hi {{name}}, {{ name }}{{{name}}}{{&name}}", "Hi Ann, AnnAnnAnn"),
        ("{{a.b}} {{a.[b]}} {{a/b}} {{list.[1]}} {{list.0}}", "<3> <3> <3> y x"),
        ("{{#each list}}{{@index}}{{this}}{{#unless @last}},{{/unless}}{{/each}}", "0x,1y"),
        ("{{#each a}}{{@key}}={{this}}{{/each}}", "b=<3>"),
        ("{{#each people}}{{first}} of {{../name}};{{/each}}", "Bo of Ann;Cy of Ann;"),
        ("{{#each people}}{{name}};{{/each}}", "Ann;Ann;"),
        ("{{#each none}}x{{else}}nobody{{/each}}", "nobody"),
        ("{{#if name}}yes{{else}}no{{/if}}{{#if missing}}yes{{else}}no{{/if}}", "yesno"),
        ("{{#if zero}}0{{else if empty}}e{{else if name}}n{{else}}-{{/if}}", "n"),
        ("{{#unless missing}}free{{/unless}}", "free"),
        ("{{#with a}}{{b}}{{/with}}", "<3>"),
        ('{{#* inline "hi"}}Hi {{name}}{{/inline}}{{> hi}}!{{> hi}}', "Hi Ann!Hi Ann"),
        ("a{{! not shown }}b{{!-- nor {{this}} --}}c", "abc"),
        ("a  {{~name~}}  b", "aAnnb"),
        (r"\{{name}} stays, {{name}} goes", "{{name}} stays, Ann goes"),
        ("{{yes}} {{zero}} {{half}} {{nothing}}|{{list}}", "true 0 2.5 |x, y"),
    ],
)
def test_the_language_of_templates(template: str, expected: str) -> None:
    data = {
        "name": "Ann",
        "a": {"b": "<3>"},
        "list": ["x", "y"],
        "none": [],
        "people": [{"first": "Bo"}, {"first": "Cy"}],
        "zero": 0,
        "empty": "",
        "yes": True,
        "half": 2.5,
        "nothing": None,
    }
    assert made(template, data) == expected


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{name", "not closed"),
        ("{{#if a}}", "not closed"),
        ("{{!-- {{x}}", "not closed"),
        ("{{/if}}", "not open"),
        ("{{#if a}}{{/each}}", "not open"),
        ("{{else}}", "outside of a block"),
        ("{{#list a}}{{/list}}", "'list' is not supported"),
        ("{{upper name}}", "cannot be read"),
        ("{{}}", "cannot be read"),
        ("{{name}}", "Attribute 'name' is not present in the rendering data."),
        ("{{#each names}}x{{/each}}", "Attribute 'names' is not present"),
        ("{{a.b}}", "Attribute 'a.b' is not present"),
        ("{{> hi}}", "partial 'hi' could not be found"),
        ('{{#* inline "a"}}{{> a}}{{/inline}}{{> a}}', "includes itself"),
        ("{{#if a}}" * 40, "too deeply"),
    ],
)
def test_what_is_wrong_with_a_template_is_said(template: str, says: str) -> None:
    with pytest.raises(TemplateError) as caught:
        made(template, {"a": {}})
    assert says in str(caught.value)


def test_no_template_renders_for_ever() -> None:
    loops = "{{#each a}}{{#each ../a}}{{#each ../../a}}x{{/each}}{{/each}}{{/each}}"
    with pytest.raises(TemplateError, match="too long"):
        made(loops, {"a": list(range(100))})
    with pytest.raises(TemplateError, match="too large"):
        made("{{#each a}}{{../b}}{{/each}}", {"a": list(range(100)), "b": "x" * 100_000})


@given(
    st.lists(
        st.sampled_from(
            ["{{", "}}", "{{{", "#if a", "#each a", "/if", "/each", "else", "~", "!--", "--", "> p", "a", " "]
        ),
        max_size=12,
    )
)
def test_any_text_is_a_template_or_says_why_not(parts: list[str]) -> None:
    try:
        said = made("".join(parts), {"a": [1]})
    except TemplateError as error:
        said = str(error) or "nothing was said"
    assert said != "nothing was said"


def test_templates_are_made_read_changed_listed_and_deleted(desk: Desk) -> None:
    for name in ("receipt", "welcome", "news"):
        desk.ses.create_email_template(
            TemplateName=name, TemplateContent=CONTENT, Tags=[{"Key": "team", "Value": "shop"}]
        )
    found = desk.ses.get_email_template(TemplateName="receipt")
    assert (found["TemplateContent"], found["Tags"]) == (CONTENT, [{"Key": "team", "Value": "shop"}])
    desk.ses.update_email_template(TemplateName="receipt", TemplateContent={"Subject": "s", "Text": "t"})
    assert desk.ses.get_email_template(TemplateName="receipt")["TemplateContent"] == {"Subject": "s", "Text": "t"}
    first = desk.ses.list_email_templates(PageSize=2)
    assert [each["TemplateName"] for each in first["TemplatesMetadata"]] == ["news", "receipt"]
    rest = desk.ses.list_email_templates(PageSize=2, NextToken=first["NextToken"])
    assert [each["TemplateName"] for each in rest["TemplatesMetadata"]] == ["welcome"]
    with pytest.raises(ClientError) as caught:
        desk.ses.create_email_template(TemplateName="receipt", TemplateContent=CONTENT)
    assert code(caught) == "AlreadyExistsException"
    desk.ses.delete_email_template(TemplateName="receipt")
    calls: tuple[Callable[[], Any], ...] = (
        lambda: desk.ses.get_email_template(TemplateName="receipt"),
        lambda: desk.ses.update_email_template(TemplateName="receipt", TemplateContent=CONTENT),
        lambda: desk.ses.delete_email_template(TemplateName="receipt"),
        lambda: desk.ses.test_render_email_template(TemplateName="receipt", TemplateData="{}"),
    )
    for call in calls:
        with pytest.raises(ClientError) as caught:
            call()
        assert code(caught) == "NotFoundException"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a b", CONTENT, "BadRequestException"),
        ("empty", {"Subject": "s"}, "BadRequestException"),
        ("broken", CONTENT | {"Html": "{{#if a}}"}, "BadRequestException"),
        ("large", CONTENT | {"Text": "x" * 512_001}, "LimitExceededException"),
    ],
)
def test_a_template_that_is_none_is_refused(desk: Desk, name: str, content: dict[str, str], expected: str) -> None:
    with pytest.raises(ClientError) as caught:
        desk.ses.create_email_template(TemplateName=name, TemplateContent=content)
    assert code(caught) == expected


def test_a_template_is_rendered_for_a_look(desk: Desk) -> None:
    desk.ses.create_email_template(TemplateName="receipt", TemplateContent=CONTENT)
    data = {"name": "Ann & Bo", "order": {"id": 17}}
    text = desk.ses.test_render_email_template(TemplateName="receipt", TemplateData=json.dumps(data))[
        "RenderedTemplate"
    ]
    read_back = email.message_from_string(text, policy=email.policy.default)
    assert read_back["subject"] == "Order 17"
    parts = [part.get_content().strip() for part in read_back.iter_parts()]
    assert parts == ["Hello Ann & Bo", "<p>Hello Ann & Bo</p>"]
    for wrong, says in (
        ("{}", "Attribute 'order.id' is not present in the rendering data."),
        ("[", "JSON"),
        ("[]", "JSON"),
    ):
        with pytest.raises(ClientError) as caught:
            desk.ses.test_render_email_template(TemplateName="receipt", TemplateData=wrong)
        assert code(caught) == "BadRequestException"
        assert says in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    "template",
    [
        {"TemplateName": "receipt"},
        {"TemplateArn": "arn:aws:ses:us-east-1:111122223333:template/receipt"},
        {"TemplateContent": CONTENT},
    ],
)
def test_a_message_is_sent_from_a_template(desk: Desk, template: dict[str, Any]) -> None:
    desk.verified_domain()
    desk.ses.create_email_template(TemplateName="receipt", TemplateContent=CONTENT)
    more = {
        "TemplateData": json.dumps({"name": "Ann", "order": {"id": 17}}),
        "Headers": [{"Name": "X-Shop", "Value": "7"}],
        "Attachments": [{"RawContent": b"%PDF", "FileName": "receipt.pdf", "ContentType": "application/pdf"}],
    }
    desk.send("x@fernhill.test", Content={"Template": template | more})
    [found] = desk.admin("GET", "outbox")
    sent = email.message_from_string(found["source"], policy=email.policy.default)
    assert (sent["subject"], sent["x-shop"]) == ("Order 17", "7")
    body = sent.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "Hello Ann"
    assert [part.get_filename() for part in sent.iter_attachments()] == ["receipt.pdf"]
    assert found["tags"]["ses:operation"] == ["SendTemplatedEmail"]


def test_a_message_that_cannot_be_rendered_is_accepted_and_only_an_event_tells(desk: Desk) -> None:
    queue = desk.events_wired(kinds=EVERY_KIND)
    desk.verified_domain()
    desk.ses.create_email_template(TemplateName="receipt", TemplateContent=CONTENT)
    template = {"TemplateName": "receipt", "TemplateData": '{"name": "Ann"}'}
    message_id = desk.send("x@fernhill.test", ConfigurationSetName="main", Content={"Template": template})
    [event] = desk.events(queue)
    assert event["eventType"] == "Rendering Failure"
    assert event["mail"]["messageId"] == message_id
    assert event["failure"] == {
        "templateName": "receipt",
        "errorMessage": "Attribute 'order.id' is not present in the rendering data.",
    }
    assert desk.admin("GET", "outbox") == []
    assert desk.ses.get_account()["SendQuota"]["SentLast24Hours"] == 0


def test_a_template_of_no_or_two_kinds_or_unknown_is_refused(desk: Desk) -> None:
    desk.verified_domain()
    for template, expected in (
        ({}, "BadRequestException"),
        ({"TemplateName": "a", "TemplateContent": CONTENT}, "BadRequestException"),
        ({"TemplateName": "nope"}, "NotFoundException"),
        ({"TemplateContent": CONTENT, "TemplateData": "["}, "BadRequestException"),
    ):
        with pytest.raises(ClientError) as caught:
            desk.send("x@fernhill.test", Content={"Template": template})
        assert code(caught) == expected
