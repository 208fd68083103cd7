"""Precedence, problems with their lines, and what `sendworthy config` shows."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.audit.profile import Stream
from sendworthy.config import (
    Config,
    ConfigProblems,
    Loaded,
    Origin,
    OriginKind,
    as_text,
    describe,
    host_port,
    load,
    template,
)
from sendworthy.config.decode import as_env_name, settable
from sendworthy.config.rules import CHECKS, NOT_EMPTY, SECRET
from sendworthy.errors import ConfigError


def _load(tmp_path: Path, text: str, **environ: str) -> Loaded:
    file = tmp_path / "sendworthy.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, environ)


def _problems(tmp_path: Path, text: str, **environ: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(ConfigProblems) as caught:
        _load(tmp_path, text, **environ)
    return [(problem.line, problem.what, problem.fix) for problem in caught.value.problems]


def test_flags_beat_the_environment_which_beats_the_file_which_beats_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "sendworthy.toml"
    file.write_text('[gateway]\nhttp = "127.0.0.1:1"\nsmtp = "127.0.0.1:1"\npublic = "127.0.0.1:1"\n')
    environ = {"SENDWORTHY_GATEWAY_SMTP": "127.0.0.1:2", "SENDWORTHY_GATEWAY_PUBLIC": "127.0.0.1:2"}
    loaded = load(file, environ, {"gateway.public": "127.0.0.1:3", "store.url": None})
    gateway = loaded.config.gateway
    assert (gateway.http, gateway.smtp, gateway.public) == ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3")
    assert loaded.config.store.url == "sqlite:///sendworthy.db"
    assert loaded.origins == {
        "gateway.http": Origin(kind=OriginKind.FILE, where=str(file), line=2),
        "gateway.smtp": Origin(kind=OriginKind.ENVIRONMENT, where="SENDWORTHY_GATEWAY_SMTP"),
        "gateway.public": Origin(kind=OriginKind.FLAG, where="gateway.public"),
    }


def test_the_environment_reads_lists_numbers_and_nested_tables(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        "",
        SENDWORTHY_SES_REGIONS="eu-west-1, us-east-1",
        SENDWORTHY_SES_DMARC_POLICY="reject",
        SENDWORTHY_POLICY_RATE_SHARE="0.5",
        SENDWORTHY_GATEWAY_CONCURRENCY="7",
        SENDWORTHY_STORE_URL="",
        SENDWORTHY_GATEWAY_PORT_8580_TCP="tcp://10.0.0.1:8580",
        SENDWORTHY_GATEWAY_SERVICE_HOST="10.0.0.1",
        HOME="/nowhere",
    ).config
    assert config.ses.regions == ("eu-west-1", "us-east-1")
    assert config.ses.dmarc.policy == "reject"
    assert config.policy.rate_share == 0.5
    assert config.gateway.concurrency == 7
    assert config.store.url == "sqlite:///sendworthy.db"


def test_without_a_path_the_variable_and_then_the_working_directory_name_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}).path is None
    Path("sendworthy.toml").write_text('[sender]\ncompany = "here"\n')
    Path("other.toml").write_text('[sender]\ncompany = "other"\n')
    assert load(None, {}).config.sender.company == "here"
    assert load(None, {"SENDWORTHY_CONFIG": "other.toml"}).config.sender.company == "other"
    assert load(Path("sendworthy.toml"), {"SENDWORTHY_CONFIG": "other.toml"}).config.sender.company == "here"


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "reset.txt").write_text("Dear you,\nreset here.\n")
    config = _load(
        tmp_path,
        """\ufeff[sender]
company = "Example Ltd"
contacts = [{ name = "Ann", email = "ann@example.com" }]
[[mail]]
name = "reset"
stream = "transactional"
later_by = 2027-03-31
per_day_later = 10
peak_per_second = 2
sample = "reset.txt"
[[mail]]
name = "news"
stream = "marketing"
sample = "Hello."
""",
    ).config
    profile = config.profile
    assert [(kind.name, kind.stream) for kind in profile.mail] == [
        ("reset", Stream.TRANSACTIONAL),
        ("news", Stream.MARKETING),
    ]
    assert profile.mail[0].later_by == "2027-03-31"
    assert profile.mail[0].peak_per_second == 2.0
    assert [kind.sample for kind in profile.mail] == ["Dear you,\nreset here.\n", "Hello."]
    assert profile.sender.contacts[0].email == "ann@example.com"


_BROKEN = [
    ('[sender]\nwebiste = "https://a.test"', 2, "no key `webiste`", "Did you mean `website`?"),
    ("[sendr]\n", 1, "There is no table [sendr]", "Did you mean `sender`?"),
    ('company = "x"', 1, "outside every table", "belongs under [sender]"),
    ('[ses]\nurl = "x"', 2, "no key `url`", "belongs under [store]"),
    ('[ses.dmarc]\npolice = "none"', 2, "no key `police`", "`policy`"),
    ('[ses]\nsecret_access_key = "x"', 2, "no key", "AWS_PROFILE"),
    ('[ses]\nregions = "eu-west-1"', 2, "should be an array", 'regions = ["eu-west-1"]'),
    ('[ses]\nregions = [\n  "eu-west-1",\n  3,\n]', 4, "the number 3", '"…"'),
    ('[ses]\nregions = [\n  "eu-west-1",\n  "ireland",\n]', 4, "not an AWS Region", "eu-west-1"),
    ('[ses]\ndomains = ["a.test",\n"a.test"]', 3, "same value twice", "Delete"),
    ('[ses]\ndomains = ["https://a.test"]', 2, "not a domain", "example.com"),
    ('[ses]\nmail_from = ""', 2, "empty", "value"),
    ('[ses.dmarc]\npolicy = "maybe"', 2, "cannot be `maybe`", "none, quarantine, reject"),
    ('[ses.dmarc]\nrua = "dmarc@a.test"', 2, "report address", "mailto:"),
    ("[gateway]\nconcurrency = true", 2, "is true, and should be a whole number", "concurrency = 10"),
    ("[gateway]\nconcurrency = 0", 2, "out of range", "1 to 1000"),
    ('[gateway]\nhttp = "localhost"', 2, "HOST:PORT", "127.0.0.1:8580"),
    ('[gateway]\nhttp = "::1:8580"', 2, "brackets", "127.0.0.1:8580"),
    ('[gateway]\npublic_url = "http://a.test"', 2, "https://", "RFC 8058"),
    ('[gateway]\ntls_key = "key.pem"', 2, "certificate", "neither"),
    ('[store]\nurl = "mysql://u:hunter2@h"', 2, "neither SQLite nor PostgreSQL", "sqlite:///"),
    ("[policy]\nbounce_warn = 5", 2, "not a fraction", "0.05"),
    ("[policy]\nbounce_warn = nan", 2, "should be a number", "0.5"),
    ("[policy]\nbounce_warn = 0.9", 2, "out of order", "rise"),
    ('[alerts]\nwebhooks = ["hooks.example.com/hunter2"]', 2, "not a web address", "https://"),
    ("[policy]\nbounce_stop = 0.01", 2, "out of order", "rise"),
    ("[policy]\nrate_share = 0", 2, "Nothing could ever be sent", "more than 0"),
    ('[sender]\nwebsite = "example.com"', 2, "not a web address", "https://"),
    ('[sender]\nwebsite = "https://[x/"', 2, "not a web address", "https://"),
    ('[sender]\ncontacts = [\n {name="A", email="a@a.test"},\n {name="B", email="b"}]', 4, "not an e-mail", "name@"),
    ('[sender]\ncontacts = "ann"', 2, "list of tables", "[[sender.contacts]]"),
    ('[sender]\ntime_zone = "Mars/Olympus"', 2, "not a time zone", "Europe/Berlin"),
    ('[sender]\nlanguage = "JP"', 2, "do not write in `JP`", '"JA"'),
    ('sender = "me"', 1, "should be a table", "[sender]"),
    ('[mail]\nname = "a"', 1, "list of tables", "[[mail]]"),
    ('[[mail]]\nname = "a"\nstream = "transactional"\n[[mail]]\nname = "b"', 4, "no `stream`", '"transactional"'),
    ('[[mail]]\nstream = "marketing"', 1, "no `name`", "name ="),
    ('[[mail]]\nname = "a"\nstream = "bulk"', 3, "cannot be `bulk`", "transactional, marketing"),
    ('[[mail]]\nname = "a"\nstream = "marketing"\nlater_by = "soon"', 4, "not a date", "2027-03-31"),
    ('[[mail]]\nname = "a"\nstream = "marketing"\nper_day_later = 5', 4, "no date", "later_by"),
    ('[[mail]]\nname = "a"\nstream = "marketing"\nper_day = -5', 4, "not a number of messages", "0 or more"),
    ('[[mail]]\nname = "a"\nstream = "marketing"\nsample = "gone.txt"', 4, "cannot be read", "relative to this one"),
    ('[sender]\ncompany = "a\nb = 1', 2, "column", "three quotes"),
    ("[sender]\ncompany = Example Ltd", 2, "Invalid value at column 11", "quotes"),
    ("[sender]\ncompany", 2, "'='", "followed by `=`"),
    ("[ses]\nregions = [\n", 2, "at the end", "left open"),
    ('[sender]\ncompany = "a"\ncompany = "b"', 3, "Cannot overwrite", "twice"),
    ("[sender]\n[sender]", 2, "Cannot declare", "twice"),
]


@pytest.mark.parametrize(("text", "line", "what", "fix"), _BROKEN, ids=[case[0][:40] for case in _BROKEN])
def test_a_broken_file_is_told_with_its_line_and_its_fix(
    tmp_path: Path, text: str, line: int, what: str, fix: str
) -> None:
    (problem,) = _problems(tmp_path, text)
    assert problem[0] == line
    assert what in problem[1]
    assert fix in problem[2]
    assert "hunter2" not in "".join(problem[1:])


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = '[sender]\nwebiste = "x"\nwebsite = "x"\n[[mail]]\nstream = "x"\n[ses]\nregions = 3\n'
    environ = {"SENDWORTHY_STORE_URK": "x", "SENDWORTHY_GATEWAY_CONCURRENCY": "many"}
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text, **environ)
    assert isinstance(caught.value, ConfigProblems)
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4, 5, 7, None, None]
    assert caught.value.happened.count("\n") == 7
    assert "Did you mean SENDWORTHY_STORE_URL?" in caught.value.happened


def test_one_problem_is_one_line_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblems) as caught:
        _load(tmp_path, '[sender]\nlanguage = "JP"\n')
    assert (
        caught.value.happened
        == f"{tmp_path / 'sendworthy.toml'}:2: sender.language: AWS's reviewers do not write in `JP`."
    )
    assert caught.value.to_do == 'Write "EN" or "JA".'


@pytest.mark.parametrize("body", [b"\xff\xfe[\x00", b"a = " + b"[" * 50_000, b"#" * 2_000_000])
def test_a_file_that_is_no_configuration_is_told_and_not_a_traceback(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "sendworthy.toml"
    file.write_bytes(body)
    with pytest.raises(ConfigProblems):
        load(file, {})


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblems, match="no such file"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(ConfigProblems, match="cannot be read"):
        load(tmp_path, {})


def test_aws_credentials_in_our_environment_are_sent_where_they_belong(tmp_path: Path) -> None:
    ((_, _, fix),) = _problems(tmp_path, "", SENDWORTHY_AWS_SECRET_ACCESS_KEY="x")
    assert "AWS_PROFILE" in fix


def test_a_flag_that_is_no_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "sendworthy.toml").touch()
    with pytest.raises(ConfigProblems, match="not a key"):
        load(tmp_path / "sendworthy.toml", {}, {"gateway.prot": 1})


def test_the_template_loads_cleanly_with_the_values_of_the_defaults(tmp_path: Path) -> None:
    assert _load(tmp_path, template()).config == Config()


def test_the_commented_part_of_the_template_loads_too(tmp_path: Path) -> None:
    lines = template().splitlines()
    uncommented = [
        line.removeprefix("# ") if line.startswith("# [") or (line.startswith("# ") and "=" in line) else line
        for line in lines
        if "SENDWORTHY_" not in line and "AWS_PROFILE" not in line
    ]
    text = (
        "\n".join(uncommented)
        .replace('sample = "samples/reset.txt"', 'sample = "x"')
        .replace('email = ""', 'email = "ann@example.com"')
    )
    config = _load(tmp_path, text).config
    assert (len(config.sender.contacts), len(config.mail), len(config.waivers)) == (1, 1, 1)
    assert config.word.payment_verified.answer == "yes"


def test_secrets_are_hidden_and_origins_shown(tmp_path: Path) -> None:
    loaded = _load(
        tmp_path,
        '[alerts]\nwebhooks = ["https://hooks.example.com/T0/token"]\n',
        SENDWORTHY_STORE_URL="postgresql://me:hun@ter2@db.example.com/mail?password=hunter3&sslmode=require",
    )
    text = as_text(describe(loaded))
    assert "hunter" not in text
    assert "ter2" not in text
    assert "token" not in text
    assert (
        'store.url = "postgresql://me:(hidden)@db.example.com/mail?password=(hidden)&sslmode=require"'
        "  # SENDWORTHY_STORE_URL" in text
    )
    assert f'alerts.webhooks = ["(hidden)"]  # {tmp_path / "sendworthy.toml"}:2' in text
    assert "gateway.concurrency = 128  # default" in text


def test_every_key_is_shown_once_and_has_a_variable_of_its_own(tmp_path: Path) -> None:
    shown = [one.key for one in describe(_load(tmp_path, ""))]
    assert len(shown) == len(set(shown))
    assert len({as_env_name(key) for key in settable()}) == len(settable())
    assert set(settable()) <= set(shown)


def test_the_tables_of_rules_name_only_keys_that_exist() -> None:
    inner = {"sender.contacts.email", "mail.name", "mail.per_day", "mail.per_day_later", "mail.later_by"}
    inner |= {"mail.peak_per_second", "waivers.check", "waivers.reason", "waivers.until"}
    inner |= {f"forward.{word}" for word in ("name", "to", "kinds", "secret", "give_up_hours")}
    assert (set(CHECKS) | NOT_EMPTY | SECRET) <= set(settable()) | inner


def test_host_and_port_are_split() -> None:
    assert host_port("[::1]:80") == ("::1", 80)
    assert host_port("localhost:0") == ("localhost", 0)
    for text in ("", ":80", "a:", "a:99999", "::1:80", "a:\uff11"):
        with pytest.raises(ValueError, match=r"."):
            host_port(text)


@given(st.text(max_size=200))
def test_no_text_at_all_ends_in_anything_but_a_configuration_or_its_problems(text: str) -> None:
    with TemporaryDirectory() as folder, suppress(ConfigProblems):
        _load(Path(folder), text.encode("utf-8", "replace").decode())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[relay]\nswitched_on = true\n", "no host"),
        ('[relay]\nhost = "email-smtp.eu-west-1.amazonaws.com"\n', "is Amazon SES"),
        ('[relay]\nhost = "smtp.example.net:587"\n', "not the name of a server"),
        ('[relay]\nhost = "smtp.example.net"\ntls = "none"\n', "another machine"),
        ('[relay]\nhost = "smtp.example.net"\nusername = "shop"\n', "password"),
        ('[relay]\nhost = "localhost"\nport = 8587\n', "own SMTP door"),
        ('[relay]\nswitched_on = true\nhost = "smtp.example.net"\nstreams = []\n', "may carry nothing"),
        ('[relay]\nstreams = ["bulk"]\n', "cannot be `bulk`"),
        ("[relay]\nmax_per_second = 0\n", "not a number of messages"),
        ("[relay]\nafter_seconds = -1\n", "seconds"),
        ('[ses.smtp]\ntls = "none"\n', "without TLS"),
        ('[ses.smtp]\nendpoint = "127.0.0.1:8587"\n', "own SMTP door"),
        ('[ses.smtp]\nendpoint = "mail.example.net:25"\ntls = "none"\n', "another machine"),
        ('[ses.smtp]\nendpoint = "nowhere"\n', "cannot be used"),
    ],
)
def test_a_way_out_that_could_not_work_is_told(tmp_path: Path, text: str, told: str) -> None:
    [(line, what, fix)] = _problems(tmp_path, text)
    assert told in what
    assert fix
    assert line


def test_no_password_and_no_secret_is_ever_shown(tmp_path: Path) -> None:
    text = '[[forward]]\nname = "a"\nby = "webhook"\nto = "https://u:third-made-up@example.com/"\nsecret = "made-up"\n'
    text += '[relay]\nhost = "smtp.example.net"\nusername = "shop"\n[ses.smtp]\nusername = "AKIAMADEUP"\n'
    environ = {"SENDWORTHY_RELAY_PASSWORD": "first-made-up", "SENDWORTHY_SES_SMTP_PASSWORD": "second-made-up"}
    environ["SENDWORTHY_EVENTS_MAILBOX_PASSWORD"] = "fourth-made-up"
    loaded = _load(tmp_path, text, **environ)
    assert (loaded.config.relay.password, loaded.config.ses.smtp.password) == ("first-made-up", "second-made-up")
    assert "made-up" not in as_text(describe(loaded))
