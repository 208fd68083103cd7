"""Checks of what the website and its policies say about mail. Reads text that was fetched; follows no link."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from sendworthy.audit.check import (
    Check,
    Failed,
    NotApplicable,
    NotSeen,
    Passed,
    Scope,
    Severity,
    Subject,
    not_followed,
    see,
)
from sendworthy.audit.evidence import Evidence, Page, PageProblem, Tls, Unseen
from sendworthy.audit.website import PolicyKind, named_policy, policy_link, website_url

_ASK = "https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html"
_MAIL = re.compile(
    r"e-?mails?\b|newsletter|mailing|inbox|\bmail\b|courriel|correo|posta elettronica|"
    r"電子メール|メール|邮件|郵件|이메일|почт",
    re.IGNORECASE,
)
_OPT_OUT = re.compile(
    r"unsubscribe|opt[- ]?out|withdraw|object to|stop (?:receiving|all|these|our)|abbestell|abmeld|widerruf|widerspr|"
    r"d[ée]sabonn|d[ée]sinscri|retirer|baja|cancelar|disiscri|revoc|uitschrijv|afmeld|配信停止|解除|退订|退訂|수신거부|отпис",
    re.IGNORECASE,
)
_RETENTION = re.compile(
    r"retain|retention|\bkeep\b|\bkept\b|stored? (?:for|until|as long)|delete|erase|how long|aufbewahr|speicherdauer|"
    r"lösch|conserv|durée|suprim|elimin|cancell|bewaar|verwijder|保存期間|削除|保留|删除|보관|хран",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"contact|kontakt|impressum|imprint|contatt|get in touch|support|help|about us|"
    r"über uns|お問い合わせ|联系|聯絡|문의|связ",
    re.IGNORECASE,
)


def _home(evidence: Evidence) -> tuple[str, Page]:
    """Give the URL and first page of the sender's website; the check does not apply without one that can be read."""
    domains = evidence.domains
    sender = evidence.profile.sender
    url = website_url(sender, domains, evidence.organisational_domain(domains[0]) if domains else "")
    if not url:
        raise NotApplicable("No website and no domain was named.")
    return url, see(evidence.website(url))


def _readable(page: Page, what: str) -> Page:
    if page.problem is not PageProblem.NONE or page.status != 200:
        raise NotApplicable(f"{what} cannot be read; website.policies says why.")
    if page.content_type == "application/pdf":
        not_followed(f"{what} is a PDF, which is not read", page.url)
    if page.scripts and page.text_length < 200:
        not_followed(f"{what} is drawn by scripts, which this audit does not run", page.url)
    return page


def _tls(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    url, page = _home(evidence)
    if page.problem is PageProblem.NO_SUCH_HOST:
        raise NotApplicable("The website does not exist; website.policies says so.")
    if page.tls is Tls.INVALID or page.problem is PageProblem.BAD_CERTIFICATE:
        return Failed(f"{url} has a certificate that browsers refuse.", (page.final_url,))
    if page.tls is Tls.NONE or urlsplit(page.final_url).scheme != "https":
        return Failed(f"{page.final_url} is served without TLS.", (page.final_url,))
    return Passed(f"{page.final_url} is served over valid TLS.", (page.final_url,))


TLS = Check(
    id="website.tls",
    title="Website over valid TLS",
    severity=Severity.MEDIUM,
    scope=Scope.SENDER,
    needs=("the website",),
    why="A browser that warns the reviewer ends the visit there.",
    fix="Serve the website over https with a certificate that browsers accept, and redirect http to it.",
    source=_ASK,
    blocks_request=False,
    run=_tls,
)


def _describes(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    url, home = _home(evidence)
    page = _readable(home, url)
    found = _MAIL.search(page.text)
    if found:
        return Passed(f"{url} speaks of the mail it sends.", (f"“{_around(page.text, found)}”",))
    if page.text_length > len(page.text):
        not_followed(f"{url} is longer than what was kept of it", url)
    return Failed(f"{url} does not mention e-mail at all.")


def _around(text: str, found: re.Match[str]) -> str:
    return text[max(0, found.start() - 40) : found.end() + 40].strip()


DESCRIBES = Check(
    id="website.mail",
    title="The website describes the mail",
    severity=Severity.LOW,
    scope=Scope.SENDER,
    needs=("the website",),
    why="A reviewer looks for where people give their address and what they get for it.",
    fix="Say on the first page, or where people sign up, what you mail and how often.",
    source=_ASK,
    blocks_request=False,
    run=_describes,
)


def _contact(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    url, home = _home(evidence)
    page = _readable(home, url)
    for link in page.links:
        if link.href.lower().startswith(("mailto:", "tel:")):
            return Passed(f"{url} gives a way to write or call.")
        if _CONTACT.search(link.text) or _CONTACT.search(urlsplit(link.href).path.replace("-", " ")):
            return Passed(f"{url} links a contact page.", (link.href,))
    return Failed(f"{url} gives no way to reach the sender.")


CONTACT = Check(
    id="website.contact",
    title="Contact on the website",
    severity=Severity.LOW,
    scope=Scope.SENDER,
    needs=("the website",),
    why="A sender who cannot be reached looks like one who does not want to be.",
    fix="Link a contact page, or show an address and an e-mail address.",
    source=_ASK,
    blocks_request=False,
    run=_contact,
)


def _anti_spam(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    url, home = _home(evidence)
    page = _readable(home, url)
    named = evidence.profile.sender.anti_spam_policy
    link = policy_link(page, PolicyKind.ANTI_SPAM, named_policy(evidence.profile.sender, PolicyKind.ANTI_SPAM))
    if not link and named:
        return Failed(f"{url} does not link the anti-spam policy that sendworthy.toml names.", (named,))
    if not link:
        return Failed(f"{url} links no anti-spam policy.")
    return Passed(f"{url} links an anti-spam policy.", (link,))


ANTI_SPAM = Check(
    id="website.anti_spam",
    title="Anti-spam policy linked",
    severity=Severity.LOW,
    scope=Scope.SENDER,
    needs=("the website",),
    why="It is a third of the policy links that a request names, and says in public what the letter promises.",
    fix="Write a page: only to who asked, how to stop, where to report. Link it beside the privacy policy.",
    source=_ASK,
    blocks_request=False,
    run=_anti_spam,
)


def _policy_check(pattern: re.Pattern[str], *, id_: str, title: str, lacks: str, why: str, fix: str) -> Check:
    def run(evidence: Evidence, _subject: Subject) -> Passed | Failed:
        texts, unseen = _policies(evidence)
        for url, page in texts:
            found = pattern.search(page.text)
            if found:
                return Passed(f"{url} says it.", (f"“{_around(page.text, found)}”",))
        if unseen:
            raise NotSeen(unseen)
        if not texts:
            raise NotApplicable("No policy page could be read; website.policies says why.")
        for url, page in texts:
            if page.text_length > len(page.text):
                not_followed(f"{url} is longer than what was kept of it", url)
        return Failed(f"{lacks}: {', '.join(url for url, _page in texts)}.")

    return Check(
        id=id_,
        title=title,
        severity=Severity.LOW,
        scope=Scope.SENDER,
        needs=("the website",),
        why=why,
        fix=fix,
        source=_ASK,
        blocks_request=False,
        run=run,
    )


def _policies(evidence: Evidence) -> tuple[list[tuple[str, Page]], list[Unseen]]:
    """Give the policy pages that can be read, and the looks at others that failed."""
    _url, home = _home(evidence)
    readable: list[tuple[str, Page]] = []
    unseen: list[Unseen] = []
    look: Callable[[str], object] = evidence.website
    for kind in PolicyKind:
        link = policy_link(home, kind, named_policy(evidence.profile.sender, kind))
        reading = look(link) if link else None
        if isinstance(reading, Unseen):
            unseen.append(reading)
        elif reading is not None:
            page = see(evidence.website(link))
            if page.problem is PageProblem.NONE and page.status == 200 and page.text_length:
                readable.append((link, page))
    return readable, unseen


NAMES_MAIL = _policy_check(
    _MAIL,
    id_="website.policy_mail",
    title="The policies name e-mail",
    lacks="No policy names e-mail",
    why="A privacy policy that does not speak of e-mail is about another business.",
    fix="Say in the privacy policy that you process e-mail addresses, what for, and on what ground.",
)
NAMES_OPT_OUT = _policy_check(
    _OPT_OUT,
    id_="website.policy_opt_out",
    title="The policies say how to stop",
    lacks="No policy says how to stop the mail",
    why="It is what AWS's follow-up question asks about, and what the law of most countries wants said.",
    fix="Say how one unsubscribes or objects, and that it works at once.",
)
NAMES_RETENTION = _policy_check(
    _RETENTION,
    id_="website.policy_retention",
    title="The policies say how long data is kept",
    lacks="No policy says how long data is kept",
    why="GDPR article 13 wants it, and it answers how lists are kept clean.",
    fix="Say how long addresses and records are kept, and what stays after somebody unsubscribed.",
)

PAGES = (TLS, DESCRIBES, CONTACT, ANTI_SPAM, NAMES_MAIL, NAMES_OPT_OUT, NAMES_RETENTION)
