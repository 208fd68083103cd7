"""`sendworthy send`: one message through the gateway, from flags or as RFC 5322 text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, wait_for
from sendworthy.clients.aws import Aws, session_of
from sendworthy.errors import ConfigError, Denied, InvalidMessage, Rejected, Unavailable

_KEY = "Sign with a key of the gateway, not of AWS, and its whole secret: sendworthy keys create NAME."


@click.command()
@click.option("--from", "sender", help="The From address.")
@click.option("--to", "recipients", multiple=True, help="A recipient; repeatable.")
@click.option("--subject", default="", help="The subject.")
@click.option("--text", help="The text; read from standard input when left out.")
@click.option("--raw", is_flag=True, help="Standard input is a whole message (RFC 5322), headers included.")
@click.option("--gateway", metavar="URL", help="Where the gateway listens; the configured address by default.")
@click.option("--region", help="Region the gateway sends in; by default the configured one, or the AWS environment's.")
@click.option("--profile", help="AWS profile that holds a gateway key; the AWS environment by default.")
@json_option
@config_option
def send(
    *,
    sender: str | None,
    recipients: tuple[str, ...],
    subject: str,
    text: str | None,
    raw: bool,
    gateway: str | None,
    region: str | None,
    profile: str | None,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Hand one message to the gateway, and print its MessageId once it is safe there.

    The gateway key comes as any AWS key does: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile.

    \b
    echo "Hello" | sendworthy send --from a@example.com --to b@example.net --subject Hi
    sendworthy send --raw < message.eml
    """
    config = loaded_config(config_path).config
    url = _url(gateway, f"http://{config.gateway.http}")
    session = session_of(profile)
    (where, *_) = (region,) if region else config.ses.regions or (Aws(session=session).region,)
    aws = Aws(region=where, session=session, endpoint_url=url)
    if raw:
        params: dict[str, Any] = {"Content": {"Raw": {"Data": sys.stdin.buffer.read()}}}
    else:
        if not sender or not recipients:
            raise ConfigError("A message needs --from and --to.", "Or give a whole message with --raw.")
        body = sys.stdin.read() if text is None else text
        params = {"Content": {"Simple": {"Subject": {"Data": subject}, "Body": {"Text": {"Data": body}}}}}
    if sender:
        params["FromEmailAddress"] = sender
    if recipients:
        params["Destination"] = {"ToAddresses": list(recipients)}
    answer = _hand_over(aws, url, params)
    if as_json:
        print_json({"schema": "sendworthy.sent/1", "message_id": answer["MessageId"]})
    else:
        click.echo(answer["MessageId"])


def _url(asked: str | None, configured: str) -> str:
    if asked and not asked.startswith(("http://", "https://")):
        raise ConfigError(f"--gateway: `{asked}` is no URL.", f"Write it like {configured}.")
    return asked or configured


def _hand_over(aws: Aws, url: str, params: dict[str, Any]) -> dict[str, Any]:
    """Call SendEmail; what AWS's client says of AWS is said of the gateway instead."""
    try:
        return wait_for(aws.call("sesv2", "SendEmail", **params))
    except Denied as error:
        raise Denied(error.happened, _KEY, code=error.code) from error
    except Rejected as error:
        if error.code not in {"BadRequestException", "ParamValidation"}:
            raise
        raise InvalidMessage(error.happened, "Nothing was sent. Correct the message and try again.") from error
    except Unavailable as error:
        if error.code != "Unreachable":
            raise
        raise Unavailable(f"No gateway answers at {url}.", "Start it: sendworthy up. Or give --gateway.") from error
