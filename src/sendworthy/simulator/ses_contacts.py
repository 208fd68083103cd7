"""Contact lists, their topics and contacts. Who is subscribed to what is decided here; mail is sent elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sendworthy.simulator.holdings import Contact, ContactList, Holdings
from sendworthy.simulator.paging import page
from sendworthy.simulator.state import Moment
from sendworthy.wire.errors import WireError

_MOST_LISTS = 1  # per account and Region [D23]
_MOST_TOPICS = 20  # per contact list [D23]
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_IN, _OUT = "OPT_IN", "OPT_OUT"


def create_contact_list(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateContactList: one for each account and Region [D23]."""
    lists, name = moment.account.holdings.contact_lists, params["ContactListName"]
    if not _NAME.fullmatch(name):
        raise WireError("BadRequestException", f"Invalid contact list name <{name[:80]}>.")
    if name in lists:
        raise WireError("AlreadyExistsException", f"List with name: {name} already exists.")
    if len(lists) >= _MOST_LISTS:
        raise WireError("LimitExceededException", f"An account has at most {_MOST_LISTS} contact list.")
    lists[name] = ContactList(
        name=name,
        created_at=moment.now,
        updated_at=moment.now,
        description=params.get("Description"),
        topics=_checked_topics(params.get("Topics") or []),
        tags=list(params.get("Tags") or ()),
    )
    return {}


def get_contact_list(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetContactList."""
    found = contact_list(moment.account.holdings, params["ContactListName"])
    return {
        "ContactListName": found.name,
        "Topics": list(found.topics),
        "Description": found.description,
        "CreatedTimestamp": found.created_at,
        "LastUpdatedTimestamp": found.updated_at,
        "Tags": list(found.tags),
    }


def list_contact_lists(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListContactLists."""
    lists = moment.account.holdings.contact_lists
    names, token = page(sorted(lists), params)
    shown = [{"ContactListName": name, "LastUpdatedTimestamp": lists[name].updated_at} for name in names]
    return {"ContactLists": shown} | token


def update_contact_list(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateContactList: the topics given replace all others; preferences for topics that are gone go with them."""
    found = contact_list(moment.account.holdings, params["ContactListName"])
    if "Topics" in params:
        found.topics = _checked_topics(params["Topics"])
        known = found.defaults()
        for contact in found.contacts.values():
            contact.preferences = {topic: to for topic, to in contact.preferences.items() if topic in known}
    if "Description" in params:
        found.description = params["Description"]
    found.updated_at = moment.now
    return {}


def delete_contact_list(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteContactList, with its contacts."""
    holdings = moment.account.holdings
    del holdings.contact_lists[contact_list(holdings, params["ContactListName"]).name]
    return {}


def create_contact(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateContact."""
    found, address = contact_list(moment.account.holdings, params["ContactListName"]), params["EmailAddress"]
    key = _key(address)
    if key in found.contacts:
        raise WireError("AlreadyExistsException", f"Email already exists in list {found.name}.")
    found.contacts[key] = Contact(
        address=address,
        created_at=moment.now,
        updated_at=moment.now,
        preferences=_checked_preferences(found, params.get("TopicPreferences") or []),
        unsubscribed_from_all=bool(params.get("UnsubscribeAll", False)),
        attributes=params.get("AttributesData"),
    )
    return {}


def get_contact(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetContact."""
    found, contact = _contact(moment, params)
    return {
        "ContactListName": found.name,
        "EmailAddress": contact.address,
        "TopicPreferences": _as_list(contact.preferences),
        "TopicDefaultPreferences": _as_list(found.defaults()),
        "UnsubscribeAll": contact.unsubscribed_from_all,
        "AttributesData": contact.attributes,
        "CreatedTimestamp": contact.created_at,
        "LastUpdatedTimestamp": contact.updated_at,
    }


def update_contact(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateContact: preferences that are not given are removed, all existing ones must be given again [M]."""
    found, contact = _contact(moment, params)
    contact.preferences = _checked_preferences(found, params.get("TopicPreferences") or [])
    if "UnsubscribeAll" in params:
        contact.unsubscribed_from_all = params["UnsubscribeAll"]
    if "AttributesData" in params:
        contact.attributes = params["AttributesData"]
    contact.updated_at = moment.now
    return {}


def delete_contact(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteContact."""
    found, contact = _contact(moment, params)
    del found.contacts[_key(contact.address)]
    return {}


def list_contacts(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListContacts, by status: of one topic, or of the list as a whole."""
    found = contact_list(moment.account.holdings, params["ContactListName"])
    wanted = params.get("Filter") or {}
    topic = (wanted.get("TopicFilter") or {}).get("TopicName")
    if topic and topic not in found.defaults():
        raise _no_topic(found, topic)
    names, token = page(sorted(key for key, each in found.contacts.items() if _passes(found, each, wanted)), params)
    defaults = _as_list(found.defaults())
    return {
        "Contacts": [
            {
                "EmailAddress": contact.address,
                "TopicPreferences": _as_list(contact.preferences),
                "TopicDefaultPreferences": defaults,
                "UnsubscribeAll": contact.unsubscribed_from_all,
                "LastUpdatedTimestamp": contact.updated_at,
            }
            for contact in (found.contacts[name] for name in names)
        ]
    } | token


def contact_list(holdings: Holdings, name: str) -> ContactList:
    """Return a contact list. Raises WireError NotFoundException."""
    found = holdings.contact_lists.get(name)
    if found is None:
        raise WireError("NotFoundException", f"List with name: {name[:80]} doesn't exist.", 404)
    return found


def check_topic(found: ContactList, topic: str) -> None:
    """Raise WireError NotFoundException for a topic that a list does not have."""
    if topic and topic not in found.defaults():
        raise _no_topic(found, topic)


def is_subscribed(found: ContactList, address: str, topic: str) -> bool:
    """Whether mail about a topic may go to an address; those who said nothing follow the topic's default."""
    contact = found.contacts.get(_key(address))
    if contact is not None and contact.unsubscribed_from_all:
        return False
    preferences = found.defaults() | (contact.preferences if contact is not None else {})
    return not topic or preferences.get(topic, _IN) == _IN


def unsubscribe(moment: Moment, found: ContactList, address: str, topic: str) -> dict[str, Any]:
    """Take an address off a topic, or off the whole list; returns what the Subscription event tells of it.

    An address that was no contact becomes one (unconfirmed), else nothing could remember its wish.
    """
    contact = found.contacts.get(_key(address))
    if contact is None:
        contact = Contact(address=address, created_at=moment.now, updated_at=moment.now)
        found.contacts[_key(address)] = contact
    before = preferences_shown(found, contact)
    if topic:
        contact.preferences[topic] = _OUT
    else:
        contact.unsubscribed_from_all = True
        contact.preferences = dict.fromkeys(found.defaults(), _OUT)
    contact.updated_at = moment.now
    return {
        "contactList": found.name,
        "source": "UnsubscribeHeader",
        "newTopicPreferences": preferences_shown(found, contact),
        "oldTopicPreferences": before,
    }


def preferences_shown(found: ContactList, contact: Contact) -> dict[str, Any]:
    """Return preferences as events tell them: OptIn and OptOut, where the API has OPT_IN and OPT_OUT [D23]."""
    words = {_IN: "OptIn", _OUT: "OptOut"}
    shown: dict[str, Any] = {"unsubscribeAll": contact.unsubscribed_from_all}
    for name, preferences in (
        ("topicSubscriptionStatus", contact.preferences),
        ("topicDefaultSubscriptionStatus", found.defaults()),
    ):
        shown[name] = [{"topicName": topic, "subscriptionStatus": words[to]} for topic, to in preferences.items()]
    return shown


def put_imported(moment: Moment, found: ContactList, record: Mapping[str, Any]) -> None:
    """Enter one record of an import job. Raises WireError for one that cannot be."""
    address = str(record.get("emailAddress") or "")
    key = _key(address)
    preferences = _checked_preferences(found, list(record.get("topicPreferences") or []))
    contact = found.contacts.setdefault(key, Contact(address=address, created_at=moment.now, updated_at=moment.now))
    contact.preferences |= preferences
    contact.unsubscribed_from_all = bool(record.get("unsubscribeAll", contact.unsubscribed_from_all))
    contact.attributes = record.get("attributesData", contact.attributes)
    contact.updated_at = moment.now


def delete_imported(found: ContactList, address: str) -> None:
    """Take one address of an import job out; one that is not there is no error."""
    found.contacts.pop(_key(address), None)


def _key(address: str) -> str:
    local, at, domain = address.strip().rpartition("@")
    if not (local and at and domain) or not address.isascii() or len(address) > 320:
        raise WireError("BadRequestException", f"The email address <{address[:80]}> is not valid.")
    return address.strip().lower()


def _contact(moment: Moment, params: dict[str, Any]) -> tuple[ContactList, Contact]:
    found = contact_list(moment.account.holdings, params["ContactListName"])
    contact = found.contacts.get(params["EmailAddress"].strip().lower())
    if contact is None:
        raise WireError("NotFoundException", f"{params['EmailAddress'][:80]} doesn't exist in List.", 404)
    return found, contact


def _no_topic(found: ContactList, topic: str) -> WireError:
    return WireError("NotFoundException", f"List: {found.name} doesn't contain Topic: {topic[:80]}", 404)


def _checked_topics(topics: list[dict[str, str]]) -> list[dict[str, str]]:
    if len(topics) > _MOST_TOPICS:
        raise WireError("LimitExceededException", f"A contact list has at most {_MOST_TOPICS} topics.")
    names = [topic["TopicName"] for topic in topics]
    if len(set(names)) < len(names) or not all(_NAME.fullmatch(name) for name in names):
        raise WireError("BadRequestException", "The name of a topic is not valid, or given twice.")
    return [dict(topic) for topic in topics]


def _checked_preferences(found: ContactList, given: list[dict[str, str]]) -> dict[str, str]:
    known = found.defaults()
    for each in given:
        if each.get("TopicName", each.get("topicName", "")) not in known:
            raise WireError("BadRequestException", f"List: {found.name} doesn't contain a topic of TopicPreferences.")
    return {
        each.get("TopicName", each.get("topicName", "")): each.get(
            "SubscriptionStatus", each.get("subscriptionStatus", "")
        )
        for each in given
    }


def _as_list(preferences: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"TopicName": topic, "SubscriptionStatus": to} for topic, to in preferences.items()]


def _passes(found: ContactList, contact: Contact, wanted: Mapping[str, Any]) -> bool:
    status, by_topic = wanted.get("FilteredStatus"), wanted.get("TopicFilter") or {}
    if not status:
        return True
    topic = by_topic.get("TopicName")
    if contact.unsubscribed_from_all or not topic:
        return bool(status == (_OUT if contact.unsubscribed_from_all else _IN))
    default = found.defaults()[topic] if by_topic.get("UseDefaultIfPreferenceUnavailable") else None
    return bool(contact.preferences.get(topic, default) == status)
