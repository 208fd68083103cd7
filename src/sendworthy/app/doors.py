"""Opens the gateway's inside doors, HTTP and SMTP, from the configuration, and closes them without losing a message."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import uvicorn

from sendworthy.app.key_files import key_path
from sendworthy.app.patient_http import Heads, bounded
from sendworthy.compliance.way_out import WayOut
from sendworthy.config import Config, host_port
from sendworthy.errors import ConfigError
from sendworthy.gateway import certificate
from sendworthy.gateway.abuse import Abuse, Caps
from sendworthy.gateway.keys import Keys
from sendworthy.gateway.reception import Reception, Rules, Suppressed
from sendworthy.gateway.smtp import SmtpDoor, SmtpLimits
from sendworthy.gateway.tracing import Span, no_span
from sendworthy.store.store import Store

_MOST_CONNECTIONS = 1_000
"""HTTP connections and requests at once; beyond it a caller is answered 503 at once."""

_DRAIN_SECONDS = 30


def reception(
    config: Config,
    store: Store,
    *,
    now: Callable[[], datetime],
    on_accepted: Callable[[], None],
    way_out: WayOut | None = None,
    span: Span = no_span,
) -> Reception:
    """Give the desk behind the doors, with the rules of the configuration."""
    policy = config.policy
    return Reception(
        store,
        now=now,
        on_accepted=on_accepted,
        span=span,
        rules=Rules(
            most_bytes=config.gateway.max_message_bytes,
            most_recipients=config.gateway.max_recipients,
            suppressed=Suppressed(config.gateway.suppressed.value),
            way_out=way_out,
        ),
        abuse=Abuse(
            Caps(
                address_per_hour=policy.address_per_hour,
                ip_per_hour=policy.ip_per_hour,
                same_per_hour=policy.same_per_hour,
                refuse_typos=policy.refuse_typos,
            )
        ),
    )


def bound(listen: str, key: str) -> socket.socket:
    """Bind a door to HOST:PORT. Raises ConfigError, naming the configuration's `key`, when the address is not free."""
    host, port = host_port(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: asyncio turns Nagle's algorithm off only where it sees that a socket is TCP's.
    door = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
    except OSError as error:
        door.close()
        raise ConfigError(
            f"The gateway cannot listen on {listen}: {error.strerror}.", f"Set {key} to a free address."
        ) from error
    return door


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the station."""
        yield


@asynccontextmanager
async def serving_http(
    app: Callable[..., object], door: socket.socket, *, heads: Heads | None = None
) -> AsyncIterator[None]:
    """Serve an ASGI application; at the end, requests that are being answered are answered."""
    settings = uvicorn.Config(
        app,
        loop="none",
        http=bounded(heads or Heads()),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _Server(settings)
    task = asyncio.create_task(server.serve(sockets=[door]))
    try:
        while not server.started:
            if task.done():
                await task
                raise ConfigError("The gateway's door could not be opened.", "See the log above.")
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        await task


def certificate_file(config: Config) -> Path:
    """Name the certificate of our own making and its key. Raises ConfigError."""
    return key_path(config, "smtp.pem")


@asynccontextmanager
async def serving_smtp(
    config: Config, desk: Reception, keys: Keys, *, regions: tuple[str, ...], now: Callable[[], datetime]
) -> AsyncIterator[tuple[str, str]]:
    """Serve SMTP submission; gives HOST:PORT and the certificate's fingerprint. Raises ConfigError."""
    door = bound(config.gateway.smtp, "gateway.smtp")
    host, port = door.getsockname()[:2]
    try:
        pem = Path(config.gateway.tls_certificate) if config.gateway.tls_certificate else None
        if pem is None:
            names = dict.fromkeys([socket.gethostname() or "localhost", "localhost", "127.0.0.1", "::1"])
            made_at = now()
            pem = certificate.own_certificate(certificate_file(config), names=names, now=made_at)
        key = Path(config.gateway.tls_key) if config.gateway.tls_key else None
        tls = certificate.context(pem, key)
        smtp = SmtpDoor(
            desk,
            keys,
            regions=tuple(dict.fromkeys((*regions, *config.ses.regions))),
            tls=tls,
            name=socket.gethostname() or "localhost",
            limits=SmtpLimits(connections=config.gateway.smtp_connections),
        )
        await smtp.listen(door)
    except BaseException:
        door.close()
        raise
    try:
        yield (f"[{host}]:{port}" if ":" in host else f"{host}:{port}"), certificate.fingerprint(pem)
    finally:
        await smtp.close()
