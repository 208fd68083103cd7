"""The website of the made-up company: what it sends and to whom, privacy, terms, anti-spam, contact. Plain HTML."""

from __future__ import annotations

from html import escape

from sendworthy.simulator.world.company import FERNHILL, Company
from sendworthy.wire.http import Request, Response

_STYLE = """
:root{color-scheme:light dark;--ink:#24201c;--paper:#fbf8f3;--clay:#a4492a;--line:#e2d8ca}
@media(prefers-color-scheme:dark){:root{--ink:#ece4da;--paper:#1d1a17;--clay:#e08a67;--line:#3a342d}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.6 Georgia,serif}
header,main,footer{max-width:44rem;margin:auto;padding:1.25rem}
header{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;align-items:baseline;border-bottom:1px solid var(--line)}
header strong{font-size:1.35rem;margin-right:auto}a{color:var(--clay)}nav{display:flex;gap:1rem;flex-wrap:wrap}
h1{font-size:2rem;line-height:1.2;margin:1.5rem 0 .75rem}h2{font-size:1.2rem;margin:2rem 0 .5rem}
footer{border-top:1px solid var(--line);font-size:.9rem}
"""


def pages(company: Company = FERNHILL) -> dict[str, str]:
    """Path -> HTML of every page."""
    name, contact = escape(company.name), escape(company.contact)
    mailto = f'<a href="mailto:{contact}">{contact}</a>'
    bodies = {
        "/": ("Handmade pots, sent with care", _home(name, mailto)),
        "/privacy": ("Privacy policy", _privacy(name, mailto)),
        "/terms": ("Terms of service", _terms(name)),
        "/anti-spam": ("Anti-spam policy", _anti_spam(name, mailto)),
        "/contact": ("Contact", _contact(company, mailto)),
    }
    return {path: _page(company, title, body) for path, (title, body) in bodies.items()}


def answer(request: Request, site: dict[str, str]) -> Response:
    """Serve one page; anything else is a 404 in the same dress."""
    headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
    if request.method not in {"GET", "HEAD"}:
        return Response(status=405, headers={"content-type": "text/plain", "allow": "GET, HEAD"}, body=b"GET only\n")
    found = site.get(request.path.rstrip("/") or "/")
    if found is None:
        return Response(status=404, headers=headers, body=b"<!doctype html><title>Not found</title><h1>Not found</h1>")
    return Response(status=200, headers=headers, body=found.encode())


def _page(company: Company, title: str, body: str) -> str:
    name = escape(company.name)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title} · {name}</title><style>{_STYLE}</style></head><body>
<header><strong><a href="/">{name}</a></strong><nav>
<a href="/privacy">Privacy policy</a>
<a href="/terms">Terms of service</a><a href="/anti-spam">Anti-spam policy</a>
<a href="/contact">Contact</a></nav></header>
<main><h1>{title}</h1>{body}</main>
<footer>{escape(company.postal_address)}<br><a href="/privacy">Privacy policy</a> ·
<a href="/terms">Terms of service</a> · <a href="/anti-spam">Anti-spam policy</a></footer></body></html>
"""


def _home(name: str, mailto: str) -> str:
    return f"""<p>{name} throws, glazes and fires tableware in small batches and ships it to kitchens all over the
country.</p>
<h2>The email we send</h2>
<p><b>Order mail.</b> When you buy something we email a receipt, and a note when your parcel leaves.</p>
<p><b>The kiln letter.</b> Once a month, to people who asked for it with the form below and confirmed by email, we
write about what comes out of the kiln. Every issue has an unsubscribe link that works with one click.</p>
<form method="get" action="/contact"><label>Your email address <input type="email" name="email"></label>
<label><input type="checkbox" name="letter" value="yes"> Send me the kiln letter once a month</label>
<button>Subscribe</button></form><p>Questions? Write to {mailto}.</p>"""


def _privacy(name: str, mailto: str) -> str:
    return f"""<p>{name} keeps your name, address and email address to deliver what you order, and your email address
for the kiln letter only if you asked for it.</p><h2>What we record</h2><p>When, where and with which words you
subscribed, so that we can show it. We never buy, rent, sell or share addresses.</p><h2>Your rights</h2>
<p>Ask us at any time what we hold, or to correct or erase it: {mailto}. After you unsubscribe we keep only what we
need to make sure that we never write to you again.</p>"""


def _terms(name: str) -> str:
    return f"""<p>Ordering from {name} means that you accept these terms.</p><h2>Orders</h2><p>An order is accepted
when we send the receipt.</p><h2>Returns</h2><p>Send back within 30 days what arrived broken or does not please
you.</p>"""


def _anti_spam(name: str, mailto: str) -> str:
    return f"""<p>{name} sends email only to people who ordered from us or asked for the kiln letter and confirmed
it.</p><h2>Stopping</h2><p>One click in any letter stops all letters at once.</p><h2>Bounces and complaints</h2>
<p>An address that bounces, or whose owner reports our mail as spam, is taken off our list automatically.</p>
<h2>Reporting</h2><p>If our mail reached you by mistake, tell us: {mailto}.</p>"""


def _contact(company: Company, mailto: str) -> str:
    return f"""<p>{mailto}<br>{escape(company.telephone)}</p><p>{escape(company.postal_address)}</p>"""
