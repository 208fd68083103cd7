"""The proxies of the environment: the same choice as urllib's, which botocore asks, and no password ever shown."""

from __future__ import annotations

import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.httpsession import ProxyConfiguration
from botocore.utils import get_environ_proxies
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.config import as_text, describe, load, read_proxies

SES = "https://email.eu-west-1.amazonaws.com"


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Let the process have these variables and no others, since botocore takes no other."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://a.test:1"}, "HTTPS_PROXY"),
        ({"https_proxy": "http://a.test:1", "HTTPS_PROXY": "http://b.test:1"}, "https_proxy"),
        ({"HTTPS_PROXY": "http://b.test:1", "https_proxy": ""}, None),
        ({"HTTP_PROXY": "http://a.test:1", "ALL_PROXY": "http://b.test:1"}, None),
        ({"HTTPS_PROXY": "http://a.test:1", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://a.test:1", "no_proxy": "localhost, .AmazonAWS.com"}, None),
        ({"HTTPS_PROXY": "http://a.test:1", "NO_PROXY": "email.eu-west-1.amazonaws.com"}, None),
        ({"HTTPS_PROXY": "http://a.test:1", "NO_PROXY": "eu-west-1.amazonaws.com:443"}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://a.test:1", "NO_PROXY": "aws.com,*.amazonaws.com"}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://a.test:1", "NO_PROXY": "*", "no_proxy": "b.test"}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://a.test:1", "NO_PROXY": "*", "no_proxy": ""}, "HTTPS_PROXY"),
    ],
)
def test_the_way_to_ses_is_chosen_by_scheme_case_and_exceptions(environ: dict[str, str], name: str | None) -> None:
    found = read_proxies(environ).on_the_way(SES)
    assert (found and found.name) == name
    assert found is None or found.address == environ[found.name]


def test_an_address_is_spared_by_its_text_and_by_no_network() -> None:
    proxies = {"HTTP_PROXY": "http://a.test:1", "NO_PROXY": "127.0.0.1,192.0.2.0/24,198.51.100.7:8080,[2001:db8::1]"}
    free = [
        url
        for url in (
            "http://127.0.0.1:4566",
            "http://192.0.2.7",
            "http://198.51.100.7:8080",
            "http://198.51.100.7:81",
            "http://[2001:db8::1]:81",
        )
        if read_proxies(proxies).on_the_way(url) is None
    ]
    assert free == ["http://127.0.0.1:4566", "http://198.51.100.7:8080", "http://[2001:db8::1]:81"]


def test_a_scripts_visitor_cannot_name_the_proxy() -> None:
    assert read_proxies({"HTTP_PROXY": "http://a.test:1", "REQUEST_METHOD": "GET"}).on_the_way("http://b.test") is None


CASES = ["HTTPS_PROXY", "https_proxy", "Https_Proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "no_PROXY"]
OTHERS = ["ALL_PROXY", "FTP_PROXY", "PROXY", "_PROXY", "MY_HTTPS_PROXY", "REQUEST_METHOD"]
NAMES = st.sampled_from([*CASES, *OTHERS])
SPARED = st.lists(
    st.sampled_from(
        ["*", "", " ", ".", "..b", "a.test", ".test", "test", "A.TEST", "a.test:81", "x.a.test", "127.0.0.1"]
    )
    | st.sampled_from(["127.0.0.0/8", "[::1]", "[::1]:81", "::1", ":81", "st", "*.test"]),
    max_size=3,
).map(",".join)
PROXY = st.sampled_from(
    ["", "http://p.test:3128", "https://p.test", "p.test:3128", "//p.test", "http://jo:pw@p.test:1"]
)
URLS = st.sampled_from(
    [
        "https://a.test",
        "https://a.test:81/x",
        "http://x.a.test:81",
        "http://127.0.0.1:81",
        "https://[::1]:81",
        "http://b",
    ]
)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="botocore asks the system's settings too")
@settings(max_examples=400)
@given(environ=st.dictionaries(NAMES, PROXY | SPARED, max_size=5), spared=st.none() | SPARED, url=URLS)
def test_botocore_would_choose_the_same(environ: dict[str, str], spared: str | None, url: str) -> None:
    if spared is not None:
        environ |= {"NO_PROXY": spared}
    with environment(environ):
        theirs = ProxyConfiguration(get_environ_proxies(url)).proxy_url_for(url)
        assert urllib.request.getproxies_environment().get("no", "") == _address("no")
    ours = read_proxies(environ).on_the_way(url)
    assert bool(theirs) is bool(ours)
    assert ours is None or (theirs or "").endswith(ours.address)


def _address(kind: str) -> str:
    found = read_proxies().variables.get(kind)
    return found.address if found else ""


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("http://jo:s3cret@proxy.example.com:3128", "http://(hidden)@proxy.example.com:3128"),
        ("jo:s3cret@proxy.example.com:3128", "(hidden)@proxy.example.com:3128"),
        ("//jo:s3cret@proxy.example.com", "//(hidden)@proxy.example.com"),
        ("http:jo:s3cret@proxy.example.com", "(hidden)@proxy.example.com"),
        ("http://jo:s3/cr@t@proxy.example.com", "http://(hidden)@proxy.example.com"),
        ("socks5://jo:s3cret@proxy.example.com", "socks5://(hidden)@proxy.example.com"),
        ("http://jo:s3\ncret@proxy.example.com", "http://(hidden)@proxy.example.com"),
    ],
)
def test_a_proxy_is_shown_without_its_password_and_with_its_variable(tmp_path: Path, address: str, shown: str) -> None:
    (tmp_path / "sendworthy.toml").touch()
    loaded = load(tmp_path / "sendworthy.toml", {"https_proxy": address, "NO_PROXY": ".example.org"})
    last = as_text(describe(loaded)).splitlines()[-2:]
    assert last == [f'HTTPS_PROXY = "{shown}"  # https_proxy', 'NO_PROXY = ".example.org"  # NO_PROXY']
    assert "s3" not in repr(loaded)
    assert "jo:" not in repr(loaded)


def test_without_a_proxy_nothing_is_shown(tmp_path: Path) -> None:
    (tmp_path / "sendworthy.toml").touch()
    loaded = load(tmp_path / "sendworthy.toml", {"HTTPS_PROXY": "", "ALL_PROXY": "http://a.test"})
    assert "PROXY" not in as_text(describe(loaded))
