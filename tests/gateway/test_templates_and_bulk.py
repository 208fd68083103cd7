"""Templates are kept and rendered here, as SES would; bulk calls give each entry its own answer."""

from __future__ import annotations

import contextlib
import json
from email import message_from_bytes
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.gateway import handlebars
from sendworthy.gateway.handlebars import TemplateError
from sendworthy.gateway.keys import Key
from sendworthy.simulator import handlebars as pretended
from sendworthy.store import Store
from tests.gateway.calls import call, refusal

CONTENT = {"Subject": "Hello {{name}}", "Text": "{{#each items}}{{this}};{{/each}}", "Html": "<b>{{name}}</b>"}
DEEP = "{{#if a}}" * 500 + "{{/if}}" * 500
CASES: list[tuple[str, Any]] = [
    ("{{#each xs}}{{@index}}:{{this}}{{#unless @last}}, {{/unless}}{{else}}none{{/each}}", {"xs": [1, 2.0, "c", None]}),
    ("{{#each xs}}x{{else}}none{{/each}}", {"xs": []}),
    ("{{#if a}}A{{else if b}}B{{else}}C{{/if}}", {"b": 1}),
    ("{{#if a}}A{{else if b}}B{{else}}C{{/if}}", {}),
    ("{{#with p}}{{n}} {{../q}}{{/with}}", {"p": {"n": 1}, "q": 2}),
    ('{{#* inline "f"}}F{{x}}{{/inline}}{{> f}}', {"x": 3}),
    ("a {{~ x ~}} b {{! c }}{{!-- {{x}} --}}z \\{{x}}", {"x": True}),
    ("{{#each o}}{{@key}}={{this}};{{/each}}{{a.b.[0]}}{{{q}}}", {"o": {"k": "v"}, "a": {"b": ["w"]}, "q": "<"}),
    ("{{#each xs}}{{n}}{{/each}}", {"xs": [{}], "n": 5}),
    ("{{elsewhere}}{{this.elsewhere}}", {"elsewhere": 1}),
]
WRONG = ["{{x}}", "{{#if x}}", "{{/if}}", "{{x", "{{#foo x}}{{/foo}}", "{{else}}", "{{#if a}}{{/each}}", "{{x y}}"]


@pytest.mark.parametrize(("text", "data"), CASES)
def test_a_template_says_here_what_the_simulated_ses_says(text: str, data: Any) -> None:
    assert handlebars.read(text).render(data) == pretended.render(pretended.read(text), data)


@pytest.mark.parametrize("text", [*WRONG, DEEP, "{{#if a}}" + "{{else if a}}" * 500 + "{{/if}}"])
def test_what_ses_could_not_render_is_an_error(text: str) -> None:
    with pytest.raises(TemplateError):
        handlebars.read(text).render({})


def test_a_template_cannot_grow_without_end() -> None:
    doubled = "{{#each xs}}{{#each ../xs}}{{#each ../../xs}}0123456789{{/each}}{{/each}}{{/each}}"
    with pytest.raises(TemplateError, match="too l"):
        handlebars.read(doubled).render({"xs": list(range(200))})
    looped = '{{#* inline "f"}}{{> f}}{{/inline}}{{> f}}'
    with pytest.raises(TemplateError, match="partial includes itself"):
        handlebars.read(looped).render({})


@given(st.text(alphabet='{}#/~!>.[]@ aifelsthw\\\n"', max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(TemplateError):
        handlebars.read(text).render({"a": ["f"], "if": {"e": 1}})


async def put(door: str, key: Key, name: str = "hello") -> None:
    await call(door, key, "create_email_template", TemplateName=name, TemplateContent=CONTENT)


async def test_v2_keeps_and_renders_templates(door: str, key: Key, store: Store) -> None:
    await put(door, key)
    got = await call(door, key, "get_email_template", TemplateName="hello")
    assert got["TemplateContent"] == CONTENT
    data = json.dumps({"name": "Ann", "items": [1, 2]})
    shown = await call(door, key, "test_render_email_template", TemplateName="hello", TemplateData=data)
    assert "Subject: Hello Ann" in shown["RenderedTemplate"]
    content = {"Template": {"TemplateName": "hello", "TemplateData": data}}
    to = {"ToAddresses": ["a@example.org"]}
    sent = await call(door, key, "send_email", FromEmailAddress="s@example.com", Destination=to, Content=content)
    raw = await store.body(sent["MessageId"])
    assert raw is not None
    parts = message_from_bytes(raw).get_payload()
    assert [part.get_payload() for part in parts] == ["1;2;\r\n", "<b>Ann</b>\r\n"]  # type: ignore[union-attr]  # parts
    await call(door, key, "delete_email_template", TemplateName="hello")
    assert (await refusal(door, key, "get_email_template", TemplateName="hello"))[:2] == ("NotFoundException", 404)


async def test_a_template_in_the_request_is_rendered_too(door: str, key: Key, store: Store) -> None:
    template = {"TemplateContent": {"Subject": "Hi", "Text": "{{x}}"}, "TemplateData": '{"x": "y"}'}
    to = {"ToAddresses": ["a@example.org"]}
    sent = await call(
        door, key, "send_email", FromEmailAddress="s@example.com", Destination=to, Content={"Template": template}
    )
    raw = await store.body(sent["MessageId"])
    assert raw is not None
    assert raw.endswith(b"\r\n\r\ny\r\n")


async def test_data_cannot_become_another_header(door: str, key: Key, store: Store) -> None:
    template = {
        "TemplateContent": {"Subject": "Hi {{x}}", "Text": "t"},
        "TemplateData": json.dumps({"x": "you\r\nBcc: victim@example.net"}),
    }
    to = {"ToAddresses": ["a@example.org"]}
    sent = await call(
        door, key, "send_email", FromEmailAddress="s@example.com", Destination=to, Content={"Template": template}
    )
    raw = await store.body(sent["MessageId"])
    assert raw is not None
    written = message_from_bytes(raw)
    assert (written["Subject"], written["Bcc"]) == ("Hi you Bcc: victim@example.net", None)


async def test_each_entry_of_a_bulk_call_is_a_message_with_its_own_answer(
    door: str, bulk_key: Key, store: Store
) -> None:
    await put(door, bulk_key)
    leave = [
        {"Name": "List-Unsubscribe", "Value": "<https://example.com/u/1>"},
        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
    ]
    template = {"TemplateName": "hello", "TemplateData": json.dumps({"name": "you", "items": []})}
    replaced = {"ReplacementTemplate": {"ReplacementTemplateData": json.dumps({"name": "Bo", "items": [1]})}}
    sent = await call(
        door,
        bulk_key,
        "send_bulk_email",
        FromEmailAddress="news@example.com",
        DefaultContent={"Template": template},
        BulkEmailEntries=[
            {"Destination": {"ToAddresses": ["a@example.org"]}, "ReplacementHeaders": leave},
            {
                "Destination": {"ToAddresses": ["b@example.org"]},
                "ReplacementHeaders": leave,
                "ReplacementEmailContent": replaced,
            },
            {"Destination": {"ToAddresses": ["c@example.org"]}},
            {"Destination": {"ToAddresses": ["d@-.example"]}, "ReplacementHeaders": leave},
        ],
    )
    results = sent["BulkEmailEntryResults"]
    statuses = [one["Status"] for one in results]
    assert statuses == ["SUCCESS", "SUCCESS", "MESSAGE_REJECTED", "INVALID_PARAMETER"]
    second = await store.message(results[1]["MessageId"])
    assert second is not None
    assert second.subject == "Hello Bo"
    assert len((await store.messages())[0]) == 2


async def test_one_idempotency_key_for_a_bulk_call_is_one_for_each_of_its_entries(
    door: str, key: Key, store: Store
) -> None:
    await put(door, key)
    data = json.dumps({"name": "you", "items": []})
    entries: list[dict[str, Any]] = [{"Destination": {"ToAddresses": [f"{one}@example.org"]}} for one in "abc"]
    entries[2]["ReplacementTags"] = [{"Name": "sendworthy-idempotency-key", "Value": "mine"}]

    async def send() -> list[str]:
        sent = await call(
            door,
            key,
            "send_bulk_email",
            FromEmailAddress="shop@example.com",
            DefaultContent={"Template": {"TemplateName": "hello", "TemplateData": data}},
            DefaultEmailTags=[{"Name": "sendworthy-idempotency-key", "Value": "mailing-7"}],
            BulkEmailEntries=entries,
        )
        return [one.get("MessageId", one["Status"]) for one in sent["BulkEmailEntryResults"]]

    first = await send()
    assert len(set(first)) == 3
    assert await send() == first
    entries.reverse()
    assert await send() == first[::-1]
    entries[1]["ReplacementTags"] = [{"Name": "kind", "Value": "other"}]
    assert await send() == [first[2], "INVALID_PARAMETER", first[0]]
    assert len((await store.messages())[0]) == 3


async def test_a_bulk_call_names_its_template_or_is_told(door: str, key: Key) -> None:
    entries = [{"Destination": {"ToAddresses": ["a@example.org"]}}]
    missing = {"Template": {"TemplateName": "none", "TemplateData": "{}"}}
    sent = await call(
        door,
        key,
        "send_bulk_email",
        FromEmailAddress="s@example.com",
        DefaultContent=missing,
        BulkEmailEntries=entries,
    )
    assert sent["BulkEmailEntryResults"][0]["Status"] == "TEMPLATE_NOT_FOUND"
    code, status, _ = await refusal(
        door,
        key,
        "send_bulk_email",
        FromEmailAddress="s@example.com",
        DefaultContent=missing,
        BulkEmailEntries=entries * 51,
    )
    assert (code, status) == ("BadRequestException", 400)


async def test_what_no_database_takes_is_refused_and_no_internal_error(door: str, key: Key) -> None:
    text = {"Subject": "Hi", "Text": "a\0b"}
    told = await refusal(door, key, "create_email_template", TemplateName="nul", TemplateContent=text)
    assert told[:2] == ("BadRequestException", 400)
    for operation in ("get_email_template", "delete_email_template"):
        assert (await refusal(door, key, operation, TemplateName="a b"))[0] == "NotFoundException"
    assert (await refusal(door, key, "list_email_templates", NextToken="a b"))[0] == "BadRequestException"
