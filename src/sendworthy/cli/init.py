"""`sendworthy init`: writes sendworthy.toml from flags and, on a terminal, from a few questions with proposals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sendworthy.app.init import FromAws, FromDomain, read_account, read_domain
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import json_option, wait_for
from sendworthy.config import Config, load
from sendworthy.config.edit import Draft
from sendworthy.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing that only people know. `example` is shown and never taken as the answer."""

    key: str
    text: str
    example: str
    is_list: bool = False


SENDER = (
    Question(key="sender.company", text="The company's name, as AWS's reviewers will read it", example="Example Ltd"),
    Question(key="sender.website", text="Its website", example="https://example.com"),
    Question(key="sender.industry", text="Its line of business", example="Handmade ceramics, sold online"),
    Question(
        key="sender.product",
        text="What it makes or does, in a sentence of your own",
        example="Example Ltd fires stoneware in Vermont and sells it in its own shop.",
    ),
    Question(
        key="sender.postal_address",
        text="The postal address that stands under marketing mail",
        example="14 Kiln Lane, Springfield, VT 05156, USA",
    ),
    Question(key="sender.privacy_policy", text="Privacy policy", example="https://example.com/privacy"),
    Question(key="sender.terms", text="Terms", example="https://example.com/terms"),
    Question(
        key="sender.anti_spam_policy", text="Anti-spam policy, if there is one", example="https://example.com/mail"
    ),
)

MAIL = (
    ("description", "What is in it", "A link to set a new password, valid for an hour."),
    ("trigger", "What causes it", "A customer presses “forgot password”."),
    ("opt_in", "How recipients asked for it", "They gave the address with their account, and confirmed it."),
    ("address_source", "Where the addresses come from", "Only our own sign-up form; none bought or collected."),
    ("volume_reason", "Why these figures", "We have 9,000 customers; about 3 % forget their password in a month."),
)


@click.command()
@click.option("--company", default="", help="The name AWS's reviewers will read.")
@click.option("--website", default="", help="https://… of the company.")
@click.option("--industry", default="", help="The line of business.")
@click.option("--product", default="", help="What you make or do, in your own words.")
@click.option("--postal-address", default="", help="The address that stands under marketing mail.")
@click.option("--time-zone", default="", help="Of the IANA database, such as Europe/Berlin.")
@click.option("--privacy-policy", default="", help="https://…")
@click.option("--terms", default="", help="https://…")
@click.option("--anti-spam-policy", default="", help="https://…")
@click.option(
    "--contact", "contacts", multiple=True, metavar="'NAME <ADDRESS>'", help="Whom AWS may write to; repeatable."
)
@click.option("--domain", "domains", multiple=True, help="A domain to send from; repeatable.")
@click.option("--region", "regions", multiple=True, help="An AWS Region; repeatable.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("sendworthy.toml"),
    show_default=True,
    help="The file to write.",
)
@click.option("--force", is_flag=True, help="Begin anew; the old file is kept beside it as .bak.")
@click.option("--ask/--no-ask", default=None, help="Ask for what is empty; on a terminal by default.")
@click.option("--look/--no-look", default=None, help="Read what AWS, DNS and the website say; when asking by default.")
@json_option
def init(
    *,
    contacts: tuple[str, ...],
    domains: tuple[str, ...],
    regions: tuple[str, ...],
    output: Path,
    force: bool,
    ask: bool | None,
    look: bool | None,
    as_json: bool,
    **texts: str,
) -> None:
    """Write a commented sendworthy.toml, a small step at a time.

    Flags are taken as said. On a terminal the rest is asked for, each with an example, checked at once and saved at
    once: end with Ctrl-C and run it again, and it asks for what is still empty. What SES, DNS and the website tell is
    proposed; Enter takes a proposal, or leaves the question for later. Comments in the file stay.

    \b
    sendworthy init
    sendworthy init --company "Example Ltd" --website https://example.com --domain example.com --region eu-west-1
    """
    asks = sys.stdin.isatty() if ask is None else ask
    looks = asks if look is None else look
    draft = Draft(output, anew=force)
    steps = _Steps(draft, asks=asks and not as_json)
    for key, value in (("ses.regions", regions), ("ses.domains", domains)):
        steps.given(key, list(value))
    for name, text in texts.items():
        steps.given(f"sender.{name}", text)
    for contact in contacts:
        steps.contact(contact)
    _ask(steps, looks=looks)
    left = still_empty(load(output, environ={}).config)
    if as_json:
        print_json({"schema": "sendworthy.init/1", "file": str(output), "resumed": draft.resumed, "empty": left})
        return
    click.echo(f"{'Kept' if draft.resumed else 'Wrote'} {output}.")
    if left:
        click.echo(f"Still empty, and AWS asks for it: {', '.join(left)}.")
    click.echo("Then look: sendworthy audit")


def still_empty(config: Config) -> list[str]:
    """Name what a request to AWS needs and nobody has said yet."""
    sender = config.sender
    wanted: Mapping[str, object] = {
        "ses.domains": config.ses.domains,
        "sender.company": sender.company,
        "sender.website": sender.website,
        "sender.product": sender.product,
        "sender.postal_address": sender.postal_address,
        "sender.privacy_policy": sender.privacy_policy,
        "sender.contacts": sender.contacts,
        "mail": config.mail,
    }
    return [key for key, value in wanted.items() if not value]


def _ask(steps: _Steps, *, looks: bool) -> None:
    account, domain = FromAws(), FromDomain()
    if looks:
        regions = steps.draft.get("ses.regions") or []
        account = wait_for(read_account(regions[0] if regions else ""))
        steps.note(account.note)
    region = [account.region] if account.region else []
    steps.ask(Question(key="ses.regions", text="AWS Regions to send from", example="eu-west-1", is_list=True), region)
    domains = Question(key="ses.domains", text="Domains to send from", example="example.com", is_list=True)
    steps.ask(domains, list(account.domains[:1]))
    if looks:
        config = load(steps.draft.path).config
        domain = wait_for(read_domain(config, config.ses.domains, config.sender.website or account.website))
        steps.note(domain.note)
    proposals = {
        "sender.website": account.website or domain.website,
        "sender.privacy_policy": domain.privacy_policy,
        "sender.terms": domain.terms,
        "sender.anti_spam_policy": domain.anti_spam_policy,
    }
    for question in SENDER:
        steps.ask(question, proposals.get(question.key, ""))
    if not domain.dmarc:
        rua = Question(key="ses.dmarc.rua", text="Where DMARC reports are to go", example="mailto:dmarc@example.com")
        steps.ask(rua, "")
    steps.ask_contacts()
    steps.ask_mail()


class _Steps:
    """The questions, one at a time, each answer on disk before the next."""

    def __init__(self, draft: Draft, *, asks: bool) -> None:
        self.draft = draft
        self._asks = asks

    def note(self, line: str) -> None:
        """Tell what was read."""
        if line:
            click.echo(line, err=True)

    def given(self, key: str, value: str | list[str]) -> None:
        """Take a flag. Raises ConfigError when it is wrong."""
        if not value:
            return
        problem = self.draft.set(key, value)
        if problem is not None:
            raise ConfigError(f"{key.rpartition('.')[2]}: {problem.what}", problem.fix)

    def contact(self, text: str) -> None:
        """Take a contact as `Name <address>`. Raises ConfigError when it is wrong."""
        name, _, rest = text.partition("<")
        fields = {"name": name.strip(), "email": rest.rstrip("> ").strip()} if rest else {"name": "", "email": text}
        if any(one.get("email") == fields["email"] for one in self.draft.get("sender.contacts") or ()):
            return
        problem = self.draft.append("sender.contacts", fields)
        if problem is not None:
            raise ConfigError(f"contact: {problem.what}", problem.fix)

    def ask(self, question: Question, proposal: str | list[str]) -> None:
        """Ask for what is empty; without anybody to ask, take the proposal."""
        if self.draft.get(question.key):
            return
        if not self._asks:
            if proposal:
                self.draft.set(question.key, proposal)
            return
        shown = ", ".join(proposal) if isinstance(proposal, list) else proposal

        def keep(answer: str) -> str | None:
            value = [one.strip() for one in answer.split(",") if one.strip()] if question.is_list else answer
            problem = self.draft.set(question.key, value)
            return f"{problem.what} {problem.fix}" if problem else None

        self._until_right(question.text, question.example, shown, keep)

    def _until_right(self, text: str, example: str, proposal: str, keep: Callable[[str], str | None]) -> None:
        while True:
            hint = "" if proposal else f"\n  such as: {example}"
            answer = click.prompt(f"{text}{hint}\n ", default=proposal, show_default=bool(proposal), err=True).strip()
            if not answer:
                return
            wrong = keep(answer)
            if wrong is None:
                return
            click.echo(f"  {wrong}", err=True)
            proposal = ""

    def ask_contacts(self) -> None:
        """Ask for the first contact; more can be added in the file."""
        if not self._asks or self.draft.get("sender.contacts"):
            return

        def keep(answer: str) -> str | None:
            try:
                self.contact(answer)
            except ConfigError as error:
                return f"{error.happened} {error.to_do}"
            return None

        self._until_right("Whom AWS may write to", "Ada Byron <ada@example.com>", "", keep)

    def ask_mail(self) -> None:
        """Ask for kinds of mail until there are no more."""
        if not self._asks:
            return
        first = not self.draft.get("mail")
        while True:
            which = "A kind of mail you send" if first else "Another kind of mail"
            name = click.prompt(
                f"{which}; Enter for none\n  such as: password reset\n ", default="", show_default=False, err=True
            ).strip()
            if not name:
                return
            self._ask_kind(name)
            first = False

    def _ask_kind(self, name: str) -> None:
        choice = click.Choice(["transactional", "marketing"])
        fields: dict[str, Any] = {"name": name}
        fields["stream"] = click.prompt("  Its stream", type=choice, default="transactional", err=True)
        for key, text, example in MAIL:
            answer = click.prompt(
                f"  {text}\n    such as: {example}\n   ", default="", show_default=False, err=True
            ).strip()
            if answer:
                fields[key] = answer
        fields["per_day"] = click.prompt("  Messages a day at first", type=click.IntRange(0), default=0, err=True)
        fields["peak_per_second"] = click.prompt(
            "  At most how many a second", type=click.FloatRange(0.0), default=0.0, err=True
        )
        problem = self.draft.append("mail", fields)
        if problem is not None:
            click.echo(f"  {problem.what} {problem.fix} This kind was not kept.", err=True)
