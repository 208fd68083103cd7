"""Calls to AWS by botocore, in threads, with its errors translated once. Knows no operation in particular.

Credentials, profile, Region and endpoints come the way every AWS tool takes them. botocore's hidden
retries are off: who calls decides whether a call is worth repeating. Only throttles are waited out here, since a
throttled call was certainly not carried out.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore import exceptions
from botocore.client import BaseClient
from botocore.config import Config

from sendworthy.clients.denied import DENIED
from sendworthy.errors import ConfigError, Denied, ProviderError, Rejected, Throttled, Unavailable, Uncertain

Budget = Callable[[str, str], Awaitable[None]]
"""Waits until the control plane of (service, Region) may be asked once more."""

_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
    }
)
_MOST_ATTEMPTS = 8
_PACE_SECONDS = 1.0
"""SES's control plane takes one call a second [D23], or so it is documented: believed once it has throttled us."""

_IAM_PREFIX = {"sesv2": "ses", "cloudwatch": "cloudwatch", "service-quotas": "servicequotas"}

_NO_CREDENTIALS = "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_UNKNOWN_KEY = "Check AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN; an AKSW… key is the gateway's, not AWS's."
_WRONG_SECRET = "Check AWS_SECRET_ACCESS_KEY, to the last blank."  # noqa: S105 - a hint, not a secret
_CLOCK = "Set the clock of this machine."
_EXPIRED = "Renew the credentials, then try again."

_SIGNATURE = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch"})
_CLOCK_IS_WRONG = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
_TOO_OLD = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})

_NAMELESS = (
    frozenset({"NoCredentials", "InvalidClientTokenId", "UnrecognizedClientException"})
    | {"IncompleteSignature", "IncompleteSignatureException"}
    | {"MissingAuthenticationToken", "MissingAuthenticationTokenException"}
    | _SIGNATURE
    | _CLOCK_IS_WRONG
    | _TOO_OLD
)
"""AWS knows nobody by these credentials; a permission would not help."""

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")


def iam_action(service: str, operation: str) -> str:
    """Name the IAM action that a call needs, such as `ses:GetAccount`."""
    return f"{_IAM_PREFIX.get(service, service)}:{operation}"


def knows_nobody(error: Denied) -> bool:
    """Say whether the credentials themselves were refused, rather than what they may do."""
    return error.code in _NAMELESS


def check_region(name: str) -> str:
    """Give the Region back. Raises ConfigError when no Region is written so; whether it exists, only AWS knows."""
    if not _REGION.fullmatch(name):
        raise ConfigError(f"`{name}` is not an AWS Region.", "Write it as AWS does, such as eu-west-1.")
    return name


class Aws:
    """One set of AWS credentials, any Region. Clients are made when first used and kept; safe to share by tasks.

    `endpoint_url` sends every service to one place, whatever the environment says; None leaves it to the environment.
    Not `proxied`, calls go straight there, whatever HTTPS_PROXY and HTTP_PROXY say: for a place on this machine.
    """

    def __init__(
        self,
        *,
        region: str | None = None,
        session: botocore.session.Session | None = None,
        endpoint_url: str | None = None,
        proxied: bool = True,
        budget: Budget | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = session or session_of()
        self._endpoint_url = endpoint_url
        self.proxied = proxied
        self._budget = budget
        self._clients: dict[tuple[str, str, float], BaseClient] = {}
        self._lock = threading.Lock()
        self._paced: dict[tuple[str, str], float] = {}
        self._sleep = sleep
        chosen = region or self._session.get_config_variable("region")
        if not chosen:
            raise ConfigError("No AWS Region is set.", "Set AWS_REGION, or give --region.")
        self.region: str = check_region(chosen)

    def __repr__(self) -> str:
        return f"Aws(region={self.region!r})"

    async def call(
        self, service: str, operation: str, /, *, region: str | None = None, timeout_seconds: float = 20, **params: Any
    ) -> dict[str, Any]:
        """Make one call, `operation` named as AWS names it (`GetAccount`); the answer without ResponseMetadata.

        Raises Denied (with the IAM action), Throttled, Rejected (with AWS's code), Unavailable (nothing was done) or
        Uncertain (the request went out and no answer came back).
        """
        where = region or self.region
        for last in (False,) * (_MOST_ATTEMPTS - 1) + (True,):
            if self._budget is not None:
                await self._budget(service, where)
            await self._turn(service, where)
            try:
                async with asyncio.timeout(timeout_seconds):
                    return await asyncio.to_thread(self._call, service, operation, where, timeout_seconds, params)
            except Throttled:
                # Certainly not done, so that asking again is safe; from now on at AWS's own pace.
                self._paced.setdefault((service, where), 0.0)
                if last:
                    raise
            except TimeoutError:
                raise Uncertain(
                    f"{operation} in {where} gave no answer within {timeout_seconds:g} s.",
                    "Check the network and the endpoint.",
                    code="Timeout",
                ) from None
        raise AssertionError("the last attempt returns or raises")

    async def _turn(self, service: str, region: str) -> None:
        """Wait for this call's turn, once the control plane there has throttled us."""
        next_at = self._paced.get((service, region))
        if next_at is not None:
            now = asyncio.get_running_loop().time()
            turn = max(now, next_at)
            self._paced[service, region] = turn + _PACE_SECONDS
            await self._sleep(turn - now)

    def _call(
        self, service: str, operation: str, region: str, timeout_seconds: float, params: dict[str, Any]
    ) -> dict[str, Any]:
        try:
            client = self._client(service, region, timeout_seconds)
            answer = client._make_api_call(operation, params)  # noqa: SLF001 - botocore's one entry by AWS's own name
        except Exception as error:
            raise translate(error, service=service, operation=operation, region=region) from error
        answer.pop("ResponseMetadata", None)
        return dict(answer)

    def _client(self, service: str, region: str, timeout_seconds: float) -> BaseClient:
        with self._lock:
            client = self._clients.get((service, region, timeout_seconds))
            if client is None:
                config = Config(
                    retries={"total_max_attempts": 1},
                    connect_timeout=min(5, timeout_seconds),
                    read_timeout=timeout_seconds,
                    max_pool_connections=32,
                    user_agent_appid="sendworthy",
                    proxies=None if self.proxied else {},
                )
                client = self._session.create_client(
                    service, region_name=region, endpoint_url=self._endpoint_url, config=config
                )
                self._clients[service, region, timeout_seconds] = client
            return client

    def credentials(self) -> Any:
        """Give botocore's credentials, refreshed by botocore when they expire. Raises Denied when there are none."""
        found = self._session.get_credentials()
        if found is None:
            raise Denied("No AWS credentials were found.", _NO_CREDENTIALS, code="NoCredentials")
        return found

    @property
    def ca_file(self) -> str:
        """The file of certificates to trust instead of the system's (AWS_CA_BUNDLE and its kin); empty for none."""
        return str(self._session.get_config_variable("ca_bundle") or "")

    def endpoint(self, service: str, region: str | None = None) -> str:
        """Give the URL that calls to `service` go to (AWS_ENDPOINT_URL and its kin included)."""
        return str(self._client(service, region or self.region, 20).meta.endpoint_url)


def session_for(access_key_id: str, secret_access_key: str, region: str) -> botocore.session.Session:
    """Give a session with these credentials, deaf to the profiles and files of this machine."""
    nowhere = (None, None, None, None)
    deaf = dict.fromkeys(("profile", "config_file", "credentials_file", "ca_bundle"), nowhere)
    session = botocore.session.Session(session_vars=deaf)
    session.set_credentials(access_key_id, secret_access_key)
    session.set_config_variable("region", region)
    return session


def session_of(profile: str | None = None) -> botocore.session.Session:
    """Give the session of a profile, or of the AWS environment. Raises ConfigError for a profile that is not there."""
    # Every AWS tool but botocore takes the Region from AWS_REGION; botocore knows only its older name.
    region = ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)
    session = botocore.session.Session(session_vars={"region": region}, profile=profile)
    try:
        session.get_scoped_config()
    except exceptions.ProfileNotFound as error:
        raise ConfigError(f"{error}.", "Check AWS_PROFILE, or the name of the profile.") from error
    return session


def translate(error: Exception, *, service: str, operation: str, region: str) -> ProviderError | ConfigError:
    """Turn what botocore raised into our own error, most specific first."""
    what = f"{operation} in {region}"
    match error:
        case exceptions.ClientError():
            return _translate_answer(error, what=what, action=iam_action(service, operation))
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return Denied("No AWS credentials were found.", _NO_CREDENTIALS, code="NoCredentials")
        case exceptions.CredentialRetrievalError() | exceptions.SSOError() | exceptions.UnauthorizedSSOTokenError():
            return Denied(f"The AWS credentials could not be read: {error}", _EXPIRED, code="NoCredentials")
        case exceptions.ProfileNotFound() | exceptions.NoRegionError() | exceptions.InvalidRegionError():
            return ConfigError(str(error), "Check AWS_PROFILE and AWS_REGION.")
        case exceptions.ParamValidationError() | exceptions.UnknownParameterError():
            return Rejected(f"{what} was not sent: {error}", code="ParamValidation")
        case (
            exceptions.EndpointConnectionError() | exceptions.ConnectTimeoutError() | exceptions.ProxyConnectionError()
        ):
            return Unavailable(
                f"{what}: cannot connect to {_origin(error)}.",
                "Check the network, the Region and AWS_ENDPOINT_URL.",
                code="Unreachable",
            )
        case exceptions.SSLError():
            return Unavailable(
                f"{what}: no TLS with {_origin(error)}.",
                "Check AWS_ENDPOINT_URL (http or https), AWS_CA_BUNDLE and the clock of this machine.",
                code="TLS",
            )
        case exceptions.ReadTimeoutError() | exceptions.ConnectionClosedError() | exceptions.HTTPClientError():
            return Uncertain(f"{what}: the answer was lost.", "Look before asking again.", code="AnswerLost")
        case exceptions.BotoCoreError() | ValueError():
            return _not_sent(error, what=what)
        case _:
            return Uncertain(f"{what} failed: {type(error).__name__}.", code=type(error).__name__)


def _not_sent(error: Exception, *, what: str) -> Rejected | ConfigError:
    if isinstance(error, ValueError) and str(error).startswith("Invalid endpoint"):  # botocore has no class for it
        return ConfigError(f"{error} is no URL.", "Write it with http:// or https://.")
    return Rejected(f"{what} failed: {error}", code=type(error).__name__)


def _origin(error: exceptions.BotoCoreError) -> str:
    """Name scheme and host that botocore meant to reach; a proxy's URL is not shown, since it may hold a password."""
    if isinstance(error, exceptions.ProxyConnectionError):
        return "the proxy"
    url = urlsplit(str(error.kwargs.get("endpoint_url", "")))
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}" if url.netloc else "the endpoint"


def _fix_for(code: str, text: str, action: str) -> str:
    """Say what helps against a denial, by AWS's own code; a wrong clock is known by the words alone."""
    if code in _CLOCK_IS_WRONG or (code in _SIGNATURE and ("Signature expired" in text or "not yet current" in text)):
        return _CLOCK
    if code in _SIGNATURE:
        return _WRONG_SECRET
    if code in _TOO_OLD:
        return _EXPIRED
    return f"Allow {action} for this principal." if "Access" in code or "Authori" in code else _UNKNOWN_KEY


def _translate_answer(error: exceptions.ClientError, *, what: str, action: str) -> ProviderError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    text = str(error.response.get("Error", {}).get("Message", "")) or "no message"
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in DENIED or status in (401, 403):
        return Denied(f"{what} was denied: {code}: {text}", _fix_for(code, text, action), code=code, action=action)
    if code in _THROTTLED or status == 429:
        return Throttled(f"{what} was throttled: {text}", "Wait and ask again.", code=code)
    if status >= 500:
        return Unavailable(f"{what} failed on AWS's side: {code}: {text}", "Try again later.", code=code)
    return Rejected(f"{what} was refused: {code}: {text}", code=code)
