"""Debian's Postfix as a durable relay, with a queue and a configuration of its own, before smtp-sink.

Set up as somebody would who wants speed of it and keeps its promise: what it answered 250 for is on disk. What each
setting is for stands beside it, and in docs/decisions/0059.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.gateway_passed import Passed
from bench.gateway_processes import CannotRun, line, processor_seconds, running, say, stub, told
from bench.stubs.mail import SENDER, message

PROGRAMS = ("postfix", "smtp-source", "smtp-sink")
PACKAGE = "postfix"
SESSIONS = (4, 8, 16)
"""How many a sender keeps open; more make Postfix slower on two cores."""

_TRIAL = 400
_PATIENCE_SECONDS = 60
_STILL_SECONDS = 15.0
_SEND_SECONDS = 240

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}/log
myhostname = relay.example.com
inet_interfaces = 127.0.0.1
inet_protocols = ipv4

# A relay and nothing else: no table is looked up for any address, and no name is asked of DNS.
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
virtual_alias_maps =
virtual_alias_domains =
relay_domains =
relayhost = [127.0.0.1]:{sink}
smtp_host_lookup = native
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
receive_override_options = no_address_mappings, no_header_body_checks
smtputf8_enable = no
biff = no

# No TLS on loopback, on either side: the gateway's SMTP door is fed without it too.
smtpd_tls_security_level = none
smtp_tls_security_level = none

# Nothing that slows a sender down on purpose.
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0

# As many deliveries to the one next hop as keep two cores busy, from the first message on, on kept connections. With
# the usual 20, or 50, two cores change processes more often than they send.
default_process_limit = 100
default_destination_concurrency_limit = 10
smtp_destination_concurrency_limit = 10
initial_destination_concurrency = 10
smtp_connection_cache_on_demand = yes
smtp_connection_cache_destinations = [127.0.0.1]:{sink}
smtp_connection_reuse_time_limit = 300s
# No delivery waits for a pass over the queue directory.
qmgr_message_active_limit = {active}
qmgr_message_recipient_limit = {active}
"""

_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup  unix n - n - 0 cleanup
qmgr     unix n - n 300 1 qmgr
rewrite  unix - - n - - trivial-rewrite
bounce   unix - - n - 0 bounce
defer    unix - - n - 0 bounce
trace    unix - - n - 0 bounce
flush    unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp     unix - - n - - smtp
relay    unix - - n - - smtp
error    unix - - n - - error
retry    unix - - n - - error
showq    unix n - n - - showq
anvil    unix - - n - 1 anvil
scache   unix - - n - 1 scache
postlog  unix-dgram n - n - 1 postlogd
"""
"""No service is in a chroot, which costs nothing at run time but would need its files copied there."""


class Counter:
    """Follows smtp-sink's running count, and when it last rose. Times are the machine's monotonic clock."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._from = process.stdout.fileno()
        self.messages = 0
        self.last_at = 0.0
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        rest = b""
        while chunk := os.read(self._from, 65_536):
            at = time.monotonic()
            *counts, rest = (rest + chunk).split(b"\r")
            if counts and (found := int(counts[-1].rpartition(b"mesg=")[2])) != self.messages:
                self.messages, self.last_at = found, at

    def await_messages(self, wanted: int) -> None:
        """Wait until so many have come, or none has for a while."""
        began = time.monotonic()
        while self.messages < wanted and time.monotonic() - max(self.last_at, began) < _STILL_SECONDS:
            time.sleep(0.05)

    def joined(self) -> None:
        """Wait for the end of the count; its process has ended."""
        self._thread.join(_STILL_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Relay:
    """A running Postfix and the sink behind it."""

    folder: Path
    port: int
    master: int
    sink: int
    counter: Counter

    def best(self, *, size: int) -> int:
        """Give the number of sessions with which a short trial went fastest."""
        trials = {lines: self.by_smtp_source(count=_TRIAL, size=size, lines=lines).rate for lines in SESSIONS}
        return max(trials, key=lambda lines: trials[lines])

    def by_smtp_source(self, *, count: int, size: int, lines: int, first: int = 0) -> Passed:
        """Send the mail with Postfix's own smtp-source: the bytes of message `first` to `count` recipients."""
        file = self.folder / "message"
        file.write_bytes(message(first, size).replace(b"\r\n", b"\n"))  # it ends the lines itself
        command = ["smtp-source", "-4", "-d", "-N", "-s", str(lines), "-m", str(count), "-F", str(file)]
        command += ["-f", SENDER, "-t", "r@example.org", f"127.0.0.1:{self.port}"]
        before, used, sunk = self.counter.messages, processor_seconds(self.master), processor_seconds(self.sink)
        own = _children_seconds()
        began = time.monotonic()
        with running(command, log=sys.stderr.fileno()) as process:
            status = process.wait(_SEND_SECONDS)
        ended = time.monotonic()
        if status:
            raise CannotRun(f"smtp-source ended with {status}")
        sender = _children_seconds() - own
        return self._passed(count, "", (before, used, sunk), began, ended, sender)

    def by_our_sender(self, *, first: int, count: int, size: int, lines: int) -> Passed:
        """Send the mail with the pipelining sender that feeds the gateway's SMTP door."""
        settings = {"port": self.port, "first": first, "count": count, "size": size, "lines": lines}
        with stub("bench.stubs.smtp_sender", **settings) as process:
            line(process)
            before, used, sunk = self.counter.messages, processor_seconds(self.master), processor_seconds(self.sink)
            say(process)
            sent = told(process)
        words = ", ".join(f"{number} {what}" for what, number in sent["not_accepted"].items())
        numbers = (before, used, sunk)
        return self._passed(sent["accepted"], words, numbers, sent["began"], sent["ended"], sent["processor_seconds"])

    def _passed(
        self, accepted: int, words: str, before: tuple[int, float, float], began: float, ended: float, sender: float
    ) -> Passed:
        self.counter.await_messages(before[0] + accepted)
        self._await_empty()
        arrived, each = self.counter.messages - before[0], 1e6 / max(1, accepted)
        return Passed(
            accepted=accepted,
            missing=max(0, accepted - arrived),
            twice=max(0, arrived - accepted),
            seconds=self.counter.last_at - began,
            accept_seconds=ended - began,
            own_micros=(processor_seconds(self.master) - before[1]) * each,
            sender_micros=sender * each,
            sink_micros=(processor_seconds(self.sink) - before[2]) * each,
            not_accepted=words,
        )

    def _await_empty(self) -> None:
        """Wait until the queue is empty: a message that is still there may come once more."""
        until = time.monotonic() + _STILL_SECONDS
        while time.monotonic() < until and any(self._queued()):
            time.sleep(0.05)

    def _queued(self) -> Iterator[Path]:
        for name in ("maildrop", "incoming", "active", "deferred"):
            yield from (each for each in (self.folder / "spool" / name).rglob("*") if each.is_file())


def _children_seconds() -> float:
    used = os.times()
    return used.children_user + used.children_system


def lacking() -> str:
    """Say why there is no Postfix to be had here; empty when there is."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install {PACKAGE}, or --install"
    if os.geteuid() != 0:
        return "Postfix starts as root only: run the bench as root, in a container of its own"
    return ""


@contextmanager
def relay(folder: Path, *, active: int = 100_000) -> Iterator[Relay]:
    """Run Postfix and a sink, in `folder`, for the time of the block. Raises CannotRun."""
    if words := lacking():
        raise CannotRun(words)
    ports = _free_ports(2)
    settings = folder / "etc"
    for name in ("etc", "spool", "data", "log"):
        (folder / name).mkdir(parents=True)
    owner = pwd.getpwnam("postfix")
    os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
    (settings / "main.cf").write_text(_MAIN.format(folder=folder, sink=ports[1], active=active))
    (settings / "master.cf").write_text(_MASTER.format(port=ports[0]))
    # -c counts on standard output; -u because it is started as root.
    sink = ["smtp-sink", "-c", "-u", "postfix", f"127.0.0.1:{ports[1]}", "1000"]
    with running(sink) as sinking:
        counter = Counter(sinking)
        _await_port(ports[1])
        try:
            _postfix(settings, "start")
            _await_port(ports[0])
            master = int((folder / "spool" / "pid" / "master.pid").read_text().strip())
            yield Relay(folder=folder, port=ports[0], master=master, sink=sinking.pid, counter=counter)
        finally:
            _postfix(settings, "stop")
            _end_of(counter, sinking)


def _end_of(counter: Counter, sinking: subprocess.Popen[str]) -> None:
    sinking.terminate()
    sinking.wait(_PATIENCE_SECONDS)
    counter.joined()


def _postfix(settings: Path, word: str) -> None:
    done = subprocess.run(
        ["postfix", "-c", str(settings), word],
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_SECONDS,
        start_new_session=True,
    )
    if done.returncode and word == "start":
        log = settings.parent / "log" / "mail.log"
        words = log.read_text("utf-8", "replace") if log.exists() else done.stderr
        raise CannotRun(f"postfix start: {' '.join(words.split())[-300:]}")


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _await_port(port: int) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > until:
                raise CannotRun(f"nothing listens on port {port}: {error}") from error
            time.sleep(0.05)
