"""Which proxy mail to SES goes through, and that starting says so."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

import pytest

from sendworthy.app.ways_out import ses_proxy, ses_sender
from sendworthy.clients.answer import AnswerKind, Parcel
from sendworthy.clients.aws import Aws, session_for
from sendworthy.config import Config, SendBy, Ses, SesSmtp, read_proxies
from sendworthy.errors import ConfigError
from tests.clients.small_proxy import SmallProxy, small_proxy

PARCEL = Parcel(delivery_id="m1-0", recipient="a@example.org", mail_from="shop@example.com", raw=b"Subject: Hi\r\n\r\n")
BY_SMTP = Config(ses=Ses(send_by=SendBy.SMTP, smtp=SesSmtp(username="jo", password="pw")))


@pytest.fixture
def aws() -> Aws:
    return Aws(region="eu-west-1", session=session_for("AKIATEST", "made-up", "eu-west-1"))


async def test_mail_goes_through_the_proxy_of_the_environment_and_the_log_says_so(
    aws: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sendworthy")
    async with small_proxy(SmallProxy(wants="jo:other")) as proxy, AsyncExitStack() as stack:
        proxies = read_proxies({"https_proxy": f"http://jo:s3cret@127.0.0.1:{proxy.at[1]}", "no_proxy": "example.org"})
        wire = ses_sender(Config(), aws, stack, proxies=proxies)
        answer = await wire.send(PARCEL)
    assert (answer.kind, answer.code, proxy.connects) == (AnswerKind.UNAVAILABLE, "Proxy407", 1)
    assert answer.text.endswith("It does not take the user name and password in https_proxy.")
    assert caplog.messages == [f"Mail goes to SES through the proxy 127.0.0.1:{proxy.at[1]} (https_proxy)."]
    assert "s3cret" not in caplog.text + answer.text


@pytest.mark.parametrize("environ", [{}, {"HTTP_PROXY": "http://a.test"}, {"HTTPS_PROXY": "a.test", "NO_PROXY": "*"}])
async def test_without_a_proxy_on_the_way_nothing_is_said(
    aws: Aws, caplog: pytest.LogCaptureFixture, environ: dict[str, str]
) -> None:
    caplog.set_level(logging.INFO, "sendworthy")
    async with AsyncExitStack() as stack:
        ses_sender(Config(), aws, stack, proxies=read_proxies(environ))
    assert caplog.messages == []
    assert ses_proxy(aws.endpoint("sesv2"), read_proxies(environ)) is None


async def test_mail_by_smtp_uses_no_proxy_and_the_log_says_so(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sendworthy")
    async with AsyncExitStack() as stack:
        ses_sender(BY_SMTP, aws, stack, proxies=read_proxies({"HTTPS_PROXY": "socks5://a.test"}))
    assert caplog.messages == ["Mail goes to SES by SMTP, which no HTTP proxy carries; HTTPS_PROXY is for the rest."]


async def test_a_proxy_that_is_none_ends_the_start_with_one_line(aws: Aws) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError, match=r"^HTTPS_PROXY names a proxy of the kind socks5"):
            ses_sender(Config(), aws, stack, proxies=read_proxies({"HTTPS_PROXY": "socks5://a.test:1080"}))
