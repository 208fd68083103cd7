"""Five made-up senders, each in words of its own."""

from __future__ import annotations

from sendworthy.audit.profile import Contact, MailKind, Profile, Sender, Stream

RESETS = Profile(
    sender=Sender(
        company="Example Allotments Ltd",
        website="https://example.com",
        industry="software for gardening clubs",
        product="A booking calendar in which allotment holders share tools & water hours.",
        contacts=(Contact(name="Ada Byron", title="Head of Engineering", email="ada@example.com"),),
        privacy_policy="https://example.com/privacy",
        terms="https://example.com/terms",
        application="A Django site puts mail on a queue; a send that fails is tried again for a day, then shown to us.",
    ),
    mail=(
        MailKind(
            name="Password reset",
            stream=Stream.TRANSACTIONAL,
            description="One link that lets a member choose a new password; it works for 30 minutes",
            trigger="a member asks for it on the sign-in page",
            opt_in="Members enter their address when they join and confirm it by a link before it is used.",
            address_source="Only from our own sign-up form; we import none.",
            per_day=40,
            per_day_later=400,
            later_by="2027-03-31",
            peak_per_second=1,
            volume_reason="We have 2,100 members and saw 31 to 44 resets a day last month.",
            sample="Subject: Choose a new password\n\nHello Ada,\n\nsomebody asked to reset your password: "
            "https://example.com/reset/4711\nIf it was not you, ignore this mail.\n\nExample Allotments Ltd",
        ),
    ),
)

SHOP = Profile(
    sender=Sender(
        company="Kettle & Loom",
        website="https://shop.example.com",
        industry="tea and tablecloths, by mail order",
        product="We blend tea in a barn near Hull and weave the cloths to spill it on.",
        contacts=(Contact(name="Grace Hull", title="Owner", email="grace@shop.example.com"),),
        privacy_policy="https://shop.example.com/privacy",
        terms="https://shop.example.com/terms",
        application="PrestaShop hands each mail to our gateway over SMTP, which keeps it until SES has taken it.",
        earlier_sending="Until June we sent 900 receipts a month through our web host; about 4 in 1,000 came back.",
    ),
    mail=(
        MailKind(
            name="Receipt",
            stream=Stream.TRANSACTIONAL,
            description="The items, the price with VAT, and where the parcel goes",
            trigger="the bank confirms the payment of an order",
            opt_in="The buyer types the address into the order form for this purpose.",
            address_source="Orders in the shop, and nothing else.",
            list_hygiene="There is no list: an address is used for its own orders and forgotten after the guarantee.",
            per_day=60,
            peak_per_second=2,
            volume_reason="28 orders on an ordinary day, twice that before Christmas.",
            sample="Subject: Receipt for order 881\n\nDear Kay,\n\n1 Assam 250 g, 9.80 GBP. Paid.\n\nKettle & Loom",
        ),
        MailKind(
            name="Parcel on its way",
            stream=Stream.TRANSACTIONAL,
            description="The tracking number and the day on which to be at home",
            trigger="the parcel is scanned at the door of the barn",
            opt_in="It belongs to the order, and the order page says so.",
            address_source="The same order.",
            per_day=60,
            volume_reason="One for each order.",
            sample="Subject: Order 881 has left\n\nDear Kay,\n\nRoyal Mail has it: AB123456789GB.\n\nKettle & Loom",
        ),
    ),
)

NEWSLETTER = Profile(
    sender=Sender(
        company="Example Press",
        website="https://press.example.com",
        product="We print poetry and sell it by post.",
        contacts=(Contact(name="Max Born", email="max@press.example.com"),),
        privacy_policy="https://press.example.com/privacy",
        terms="https://press.example.com/terms",
        anti_spam_policy="https://press.example.com/mail",
    ),
    mail=(
        MailKind(
            name="Monthly letter",
            stream=Stream.MARKETING,
            description="New books and readings, one e-mail a month.",
            trigger="an issue is ready, on the first Monday of the month",
            opt_in="Readers tick an empty box and confirm by a link (double opt-in).",
            address_source="From the form on our site and a paper list at readings, each confirmed by the link.",
            list_hygiene="Who has not opened a book order or a letter for two years is asked once, then taken off.",
            unsubscribe="One click in the header or the foot of every letter; no sign-in, no question.",
            per_day=1200,
            peak_per_second=5,
            volume_reason="1,187 confirmed readers on 1 November.",
            sample="Subject: Three new books in November\n\nDear reader,\n\nthe winter list is out.\n\nUnsubscribe: "
            "https://press.example.com/u/1\nExample Press, 1 Ink Row, York",
        ),
        MailKind(
            name="Order receipt",
            stream=Stream.TRANSACTIONAL,
            description="What was bought and what it cost.",
            trigger="an order is paid",
            opt_in="Buyers give the address for this purpose at the till.",
            address_source="From the order form.",
            per_day=15,
            volume_reason="Orders of the last quarter.",
            sample="Subject: Your order\n\nOne copy of Tide Tables, 12 GBP.\n\nExample Press",
        ),
    ),
)

AGENCY = Profile(
    sender=Sender(
        company="Northlight Studio GmbH",
        website="https://northlight.example.com",
        industry="web sites for municipal museums",
        product="Seven museums in Saxony let us run their ticket shops and answer for their mail.",
        contacts=(
            Contact(name="Jule Sander", title="Managing director", email="jule@northlight.example.com"),
            Contact(name="Operations", email="ops@northlight.example.com"),
        ),
        privacy_policy="https://northlight.example.com/datenschutz",
        terms="https://northlight.example.com/agb",
        application="One gateway for all museums, a key for each; a museum can be switched off without the others.",
        approved_case="170000000000001",
        remarks="No museum uploads addresses: the shops are ours, and so are the forms.",
    ),
    mail=(
        MailKind(
            name="Ticket",
            stream=Stream.TRANSACTIONAL,
            description="The ticket as a PDF with its entrance time",
            trigger="a visitor has paid for a time slot",
            opt_in="The visitor asks for the ticket by e-mail instead of paper.",
            address_source="The ticket form of the museum concerned.",
            per_day=700,
            per_day_later=1500,
            later_by="2027-06-30",
            peak_per_second=4,
            volume_reason="4,600 tickets a week in October, and 2 museums join in spring.",
            sample="Subject: Ihr Ticket, Samstag 14 Uhr\n\nGuten Tag,\n\nanbei Ihr Ticket.\n\nNorthlight Studio GmbH",
        ),
        MailKind(
            name="Friends' invitation",
            stream=Stream.MARKETING,
            description="The opening of an exhibition, four times a year",
            trigger="a curator releases the text",
            opt_in="Members of a circle of friends sign a form, and confirm by a link that we send.",
            address_source="The circles of friends, one list a museum, never merged.",
            unsubscribe="A link in the mail, a letter or a call to the museum.",
            per_day=900,
            volume_reason="The largest circle has 880 members.",
            sample="Subject: Licht im Winter\n\nLiebe Freunde,\n\nam 3. Dezember.\n\nAbmelden: "
            "https://northlight.example.com/ab/1\nNorthlight Studio GmbH, Elbufer 2, Dresden",
        ),
    ),
)

FORUM = Profile(
    sender=Sender(
        company="Slow Trains Association",
        website="https://trains.example.com",
        industry="a club for railway timetables",
        product="A forum with 3,400 members who compare night trains.",
        contacts=(Contact(name="Otto Gleis", title="Treasurer", email="otto@trains.example.com"),),
        privacy_policy="https://trains.example.com/privacy",
        terms="https://trains.example.com/rules",
        application="Discourse, with its own job queue that tries again with growing pauses for up to two days.",
    ),
    mail=(
        MailKind(
            name="Weekly digest",
            stream=Stream.MARKETING,
            description="Titles of the threads that a member follows, with a link to each",
            trigger="Sunday evening, for members who switched it on",
            opt_in="It is off for everybody until the member switches it on in the profile.",
            address_source="The member's own profile; each address was confirmed when the member joined.",
            list_hygiene="The digest switches itself off after ten weeks without a visit.",
            unsubscribe="A switch in the profile and a link in each digest.",
            per_day=410,
            peak_per_second=3,
            volume_reason="409 members have it on today; they get it on one day of the week.",
            sample="Subject: 6 threads in your week\n\nNightjet to Rome (12 new)\nhttps://trains.example.com/t/9\n\n"
            "Switch this off: https://trains.example.com/off/1",
        ),
        MailKind(
            name="Address confirmation",
            stream=Stream.TRANSACTIONAL,
            description="The link by which a new member proves the address",
            trigger="somebody joins or changes the address",
            opt_in="The person asks for it by joining.",
            address_source="The form for joining.",
            per_day=12,
            volume_reason="About 80 people join in a week.",
            sample="Subject: Confirm your address\n\nhttps://trains.example.com/c/1\n\nSlow Trains Association",
        ),
    ),
)

SENDERS = {"resets": RESETS, "shop": SHOP, "newsletter": NEWSLETTER, "agency": AGENCY, "forum": FORUM}
