"""The check of the sender's website and its policy pages. Knows nothing of mail."""

from __future__ import annotations

from sendworthy.audit.check import Check, Failed, NotApplicable, Passed, Scope, Severity, Subject, not_followed, see
from sendworthy.audit.evidence import Evidence, Page, PageProblem
from sendworthy.audit.website import (
    EMPTY_BELOW_CHARACTERS,
    REQUIRED,
    host_is_near,
    named_policy,
    parked_phrase,
    policy_link,
    website_url,
)

_MAY_SEE_MORE = frozenset({403, 406, 429, 503})
"""Answers that guards against programs give; a person's browser may well see the page."""

_PROBLEMS = {
    PageProblem.NO_SUCH_HOST: "does not exist: DNS has no such host",
    PageProblem.BAD_CERTIFICATE: "has a certificate that browsers refuse",
    PageProblem.REDIRECT_LOOP: "redirects without end",
    PageProblem.NOT_HTTP: "does not answer as a website",
}


def _website(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    domains = evidence.domains
    sender = evidence.profile.sender
    url = website_url(sender, domains, evidence.organisational_domain(domains[0]) if domains else "")
    if not url:
        raise NotApplicable("No website and no domain was named.")
    page = see(evidence.website(url))
    guessed = "" if sender.website else " (no website is named in sendworthy.toml)"
    quoted: tuple[str, ...] = (f"GET {url}{guessed}: {page.status or page.problem}", f"final address: {page.final_url}")
    if page.title:
        quoted += (f"title: {page.title[:120]}",)
    wrong = _wrong_with(page)
    if not wrong and domains and not host_is_near(evidence, page.final_url):
        wrong = f"{page.final_url} is not on a sending domain or beside one"
    if wrong:
        return Failed(f"{wrong}{guessed}.", quoted)
    missing: list[str] = []
    for kind in REQUIRED:
        link = policy_link(page, kind, named_policy(sender, kind))
        if not link:
            missing.append(f"{url} links no {kind}")
            continue
        linked = see(evidence.website(link))
        quoted += (f"{kind}: {link}: {linked.status or linked.problem}",)
        if broken := _wrong_with(linked):
            missing.append(f"the {kind} page is broken: {broken}")
    if missing:
        return Failed(f"{'; '.join(missing)}.", quoted)
    return Passed(f"{url} answers and links a privacy policy and terms.", quoted)


def _wrong_with(page: Page) -> str:
    """Say what a visitor would miss on this page, or nothing. Ends the check where a browser may see what we do not."""
    if page.problem is not PageProblem.NONE:
        return f"{page.url} {_PROBLEMS[page.problem]}"
    if page.status in _MAY_SEE_MORE:
        not_followed(f"{page.final_url} answered {page.status} to this program; a browser may see more", page.url)
    if page.status != 200:
        return f"{page.url} answered {page.status}"
    return _wrong_with_content(page)


def _wrong_with_content(page: Page) -> str:
    if page.content_type == "application/pdf":
        return ""
    if page.content_type not in ("", "text/html", "application/xhtml+xml", "text/plain"):
        return f"{page.url} is {page.content_type}, not a page"
    if phrase := parked_phrase(page):
        return f"{page.url} is a placeholder: “{phrase}”"
    if page.text_length < EMPTY_BELOW_CHARACTERS:
        if page.scripts:
            not_followed(f"{page.final_url} is drawn by scripts, which this audit does not run", page.url)
        return f"{page.url} is nearly empty: {page.text_length} characters of text"
    return ""


WEBSITE = Check(
    id="website.policies",
    title="Website with privacy policy and terms",
    severity=Severity.HIGH,
    scope=Scope.SENDER,
    needs=("the website",),
    why=(
        "A reviewer opens the website of the request: it must be live, on or near the sending domain, and link a "
        "privacy policy and terms."
    ),
    fix="Put up a page that says what the business does and what it mails, with links to a privacy policy and terms.",
    source="https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html",
    blocks_request=True,
    run=_website,
)
