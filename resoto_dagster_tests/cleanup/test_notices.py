"""The message to an owner: what it says, that names can't become anything else in it, and sending it."""

import re
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from resoto_dagster.cleanup import sending
from resoto_dagster.cleanup.notices import (
    DISCORD_EMBED,
    MAIL_TEXT,
    SLACK_SECTION,
    Message,
    for_discord,
    for_mail,
    for_slack,
    message_about,
    tell,
    trial_message,
)
from resoto_dagster.cleanup.owners import Owner, owner_named
from resoto_dagster.config import NoticesSettings
from resoto_dagster.errors import ResotoError
from resoto_dagster_tests.cleanup.announceables import announceable, notices
from resoto_dagster_tests.cleanup.services import Answer, MailServer, WebService, mail_server, web_service
from resoto_dagster_tests.estate import NOW

LINK = "https://keep.example.com/keep/TOKEN"
HOSTILE = st.one_of(
    st.text(max_size=400),
    st.text("`<>&*_~|[]()@#:/!\\\"'\r\n\t\x00\u202e\u2028\u200b a💣", max_size=400),
    st.sampled_from(
        [
            "``` <!channel> <https://evil.example|click> @everyone <@123> ```",
            "[click](https://evil.example)",
            "x\r\nBcc: me@evil.example\r\n\r\nbody",
            "\r\n.\r\nMAIL FROM:<x@y>",
            "&" * 400,
            "`" * 400,
            "💣" * 400,
        ]
    ),
)
MANY = st.lists(
    st.builds(
        announceable,
        id_=HOSTILE,
        name=HOSTILE,
        region=HOSTILE,
        account_name=HOSTILE,
        reason=HOSTILE,
        monthly_cost=st.none() | st.floats(0, 1e6),
    ),
    min_size=1,
    max_size=40,
)


def size(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def rest(text: str) -> int:
    found = re.search("^and ([0-9]+) more, see `resoto plan show`$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def test_a_message_says_what_goes_when_why_and_how_to_keep_it() -> None:
    found = [
        announceable("v2", name="data", reason="unused", monthly_cost=8, due=NOW + timedelta(days=9)),
        announceable("v1", account_name=None, monthly_cost=1200.5),
        announceable("v3"),
    ]
    first, later = (f"{NOW + timedelta(days=days):%Y-%m-%d %H:%M}Z" for days in (7, 9))
    assert for_mail(message_about(found, notices(), LINK)) == (
        f"3 resources of yours will be deleted, from {first} on. "
        "Cost, as far as known: $1,208.50 a month.\n\n"
        f"sim_volume v1 in a1 r1, $1,200.50 a month\n    from {first} on: expired\n"
        f"sim_volume v3 in production r1\n    from {first} on: expired\n"
        f'sim_volume v2 "data" in production r1, $8.00 a month\n    from {later} on: unused\n\n'
        f"Keep what is still needed: {LINK}\n\n"
        "What you keep there stays for 30d. The whole plan: `resoto plan show`.\n"
    )


def test_without_a_link_a_message_says_the_command() -> None:
    message = message_about([announceable()], notices(keep_for="2d"))
    assert message.closing.startswith("To keep one: `resoto keep ID --for 2d --reason WHY`.")
    assert message.headline.startswith("1 resource of yours will be deleted, from ")
    assert "http" not in for_mail(message)


def slack_texts(content: dict[str, Any]) -> list[str]:
    assert len(content["blocks"]) <= 50
    assert all(
        block["type"] == "section" and block["text"]["type"] == "mrkdwn" and block["text"]["verbatim"] is True
        for block in content["blocks"]
    )
    return [block["text"]["text"] for block in content["blocks"]]


@given(MANY)
@settings(max_examples=60)
def test_in_slack_names_are_text_and_its_limits_hold(found: list[Any]) -> None:
    headline, *parts, closing = slack_texts(for_slack(message_about(found, notices(), LINK)))
    assert all(1 <= size(text) <= SLACK_SECTION for text in (headline, *parts, closing))
    assert all(part.startswith("```\n") and part.endswith("\n```") for part in parts)
    inside = [part[4:-4] for part in parts]
    assert not any(set(text) & set("`<>") for text in inside)
    assert not any(re.search("&(?!(amp|lt|gt);)", text) for text in inside)
    lines = [line for text in inside for line in text.split("\n")]
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 2 * (len(found) - rest(closing))
    assert re.findall("<[^>]*>", headline + closing) == [f"<{LINK}|Keep what is still needed>"]


@given(MANY)
@settings(max_examples=60)
def test_in_discord_names_are_text_and_its_limits_hold(found: list[Any]) -> None:
    content = for_discord(message_about(found, notices(), LINK))
    assert content["allowed_mentions"] == {"parse": []}
    (embed,) = content["embeds"]
    assert size(content["content"]) <= 2000
    assert size(embed["description"]) <= DISCORD_EMBED
    assert embed["description"].startswith("```\n")
    assert embed["description"].endswith("\n```")
    inside = embed["description"][4:-4]
    assert "`" not in inside
    lines = inside.split("\n")
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 2 * (len(found) - rest(content["content"]))


@given(MANY)
@settings(max_examples=60)
def test_in_a_mail_a_resource_has_two_lines_and_no_more(found: list[Any]) -> None:
    text = for_mail(message_about(found, notices(), LINK))
    _, listed, *_ = text.split("\n\n")
    assert len(listed.split("\n")) == 2 * len(found)
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("count", [1, 5, 1000, 5000])
def test_what_has_no_room_is_counted(count: int) -> None:
    found = [announceable(f"v{number}") for number in range(count)]
    message = message_about(found, notices(), LINK)
    slack = slack_texts(for_slack(message))
    discord = for_discord(message)
    mail = for_mail(message)
    for text, left in (
        ("\n".join(slack), rest(slack[-1])),
        (discord["embeds"][0]["description"], rest(discord["content"])),
        (mail, rest(mail)),
    ):
        assert text.count("sim_volume") == count - left
        assert (left > 0) == (count > 5) or (text is mail and count == 1000)
    assert len(mail) < MAIL_TEXT + 1000


def test_what_is_too_long_for_a_part_by_itself_is_counted() -> None:
    message = Message("subject", "headline", ("short", "💣" * (MAIL_TEXT // 2 + 1), "short"), LINK, "closing")
    slack, discord = slack_texts(for_slack(message)), for_discord(message)
    assert [len(text) for text in slack[1:-1]] == [len("```\nshort\n```")]
    assert rest(slack[-1]) == rest(discord["content"]) == rest(for_mail(message)) == 2
    assert discord["embeds"] == [{"description": "```\nshort\n```"}]


# sending


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was paused between two requests, without waiting for it."""
    taken: list[float] = []
    monkeypatch.setattr(sending.time, "sleep", taken.append)
    return taken


@pytest.fixture
def service() -> Iterator[WebService]:
    with web_service() as service:
        yield service


def by(way: str, service: WebService) -> Owner:
    owner = owner_named("team", notices(owners={"team": {way: service.url}}))
    assert owner is not None
    return owner


MESSAGE = message_about([announceable()], notices(), LINK)


@pytest.mark.parametrize(
    ("way", "content"), [("slack", for_slack(MESSAGE)), ("discord", for_discord(MESSAGE))]
)
@pytest.mark.parametrize("status", [200, 204])
def test_a_message_is_posted_to_the_webhook(
    service: WebService, way: str, content: dict[str, Any], status: int
) -> None:
    service.answers = [Answer(status)]
    tell(by(way, service), MESSAGE, notices())
    assert service.posted == [orjson.loads(orjson.dumps(content))]
    assert service.paths == [f"/services/{service.secret}"]


def refused(owner: Owner, service: WebService | None = None, given: NoticesSettings | None = None) -> str:
    """What is told of a message that was not accepted, which never holds a secret."""
    with pytest.raises(ResotoError) as error:
        tell(owner, MESSAGE, given or notices())
    told = str(error.value)
    assert told.startswith("team could not be told: ")
    assert "\n" not in told
    for shown in (told, repr(error.value)):
        assert "verySecretPart" not in shown
        assert "http" not in shown
    assert error.value.__suppress_context__
    return told.removeprefix("team could not be told: ")


@pytest.mark.parametrize(
    ("answers", "paused"),
    [
        ([Answer(500), Answer(200)], [1]),
        ([Answer(503), Answer(204)], [1]),
        ([Answer(429, {"Retry-After": "7"}), Answer(200)], [7]),
        ([Answer(429, {"Retry-After": "0.25"}), Answer(200)], [0.25]),
        ([Answer(429), Answer(200)], [1]),
        ([Answer(429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), Answer(200)], [1]),
    ],
)
def test_one_more_try_is_made_after_a_failure_or_a_short_pause(
    service: WebService, pauses: list[float], answers: list[Answer], paused: list[float]
) -> None:
    service.answers = answers
    tell(by("slack", service), MESSAGE, notices())
    assert len(service.posted) == 2
    assert pauses == paused


@pytest.mark.parametrize(
    ("answers", "told", "requests"),
    [
        ([Answer(404)], "Slack answered 404", 1),
        ([Answer(403)], "Slack answered 403", 1),
        ([Answer(500), Answer(500)], "Slack answered 500", 2),
        ([Answer(500), Answer(404)], "Slack answered 404", 2),
        ([Answer(429, {"Retry-After": "1"}), Answer(429, {"Retry-After": "1"})], "Slack answered 429", 2),
        ([Answer(429, {"Retry-After": "31"})], "Slack answered 429", 1),
        ([Answer(429, {"Retry-After": "999999999"})], "Slack answered 429", 1),
    ],
)
def test_what_is_not_accepted_is_told_by_its_status(
    service: WebService, pauses: list[float], answers: list[Answer], told: str, requests: int
) -> None:
    service.answers = answers
    assert refused(by("slack", service)) == told
    assert len(service.posted) == requests


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(service: WebService, status: int) -> None:
    with web_service() as other:
        service.answers = [Answer(status, {"Location": other.url})]
        assert refused(by("discord", service)) == f"Discord answered {status}"
        assert other.paths == []
    assert len(service.paths) == 1


def test_an_answer_is_not_waited_for_without_end(
    service: WebService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.2)
    service.answers = [Answer(hang=threading.Event())]
    hanging = service.answers[0].hang
    assert hanging is not None
    try:
        assert refused(by("slack", service)) == "Slack can't be reached: no answer within 0 seconds"
    finally:
        hanging.set()


def test_a_service_that_hangs_up_is_told(service: WebService) -> None:
    ended = threading.Event()
    ended.set()
    service.answers = [Answer(hang=ended)]
    assert refused(by("slack", service)) == "Slack can't be reached: RemoteDisconnected"


def test_a_service_that_is_away_is_told() -> None:
    with web_service() as gone:
        pass
    assert refused(by("slack", gone)) == "Slack can't be reached: Connection refused"


# mail


def mailing(server: MailServer, **given: Any) -> NoticesSettings:
    given = {"security": "none", **given}
    return notices(
        owners={"team": {"mail": "team@example.com"}},
        mail={"host": "localhost", "port": server.port, "sender": "resoto@example.org", **given},
    )


def mailed(owner_settings: NoticesSettings) -> Owner:
    owner = owner_named("team", owner_settings)
    assert owner is not None
    return owner


def test_a_mail_is_plain_text_to_one_address() -> None:
    found = [announceable("v1", name="größe\r\n.\r\nBcc: me@evil.example", reason=".\r\n.")]
    message = message_about(found, notices(), LINK)
    with mail_server() as server:
        given = mailing(server)
        tell(mailed(given), message, given)
    (mail,) = server.mails
    assert (mail.sender, mail.recipients) == ("resoto@example.org", ["team@example.com"])
    assert mail.message["To"] == "team@example.com"
    assert mail.message["From"] == "resoto@example.org"
    assert mail.message["Subject"] == "1 resource will be deleted"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["Message-ID"].endswith("@example.org>")
    assert mail.message["Bcc"] is None
    assert mail.message.get_content_type() == "text/plain"
    assert mail.message.get_content().replace("\r\n", "\n") == for_mail(message)
    assert server.logins == []


@given(st.builds(announceable, id_=HOSTILE, name=HOSTILE, account_name=HOSTILE, reason=HOSTILE))
@settings(max_examples=15, deadline=None)
def test_no_name_makes_a_header_or_another_mail(found: Any) -> None:
    message = message_about([found], notices())
    with mail_server() as server:
        given = mailing(server)
        tell(mailed(given), message, given)
    (mail,) = server.mails
    assert mail.recipients == ["team@example.com"]
    assert sorted(mail.message.keys()) == sorted(
        (
            *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"),
            *("Content-Type", "Content-Transfer-Encoding"),
        )
    )
    assert mail.message.get_content().replace("\r\n", "\n") == for_mail(message)


@pytest.mark.parametrize(
    ("command", "answer", "told"),
    [
        ("RCPT", "550 team@example.com hunter2 nobody here", "the mail server refused the address: 550"),
        ("MAIL", "451 later", "the mail server answered 451"),
        ("DATA", "554 hunter2", "the mail server answered 554"),
    ],
)
def test_a_mail_that_is_refused_is_told_by_its_code(command: str, answer: str, told: str) -> None:
    with mail_server() as server:
        server.refuses[command] = answer
        given = mailing(server)
        assert refused(mailed(given), given=given) == told
    assert server.mails == []


@pytest.mark.parametrize("answer", ["421 too busy to say goodbye", "250 ok"])
def test_an_accepted_mail_is_accepted_however_the_server_says_goodbye(answer: str) -> None:
    with mail_server() as server:
        server.refuses["QUIT"] = answer
        given = mailing(server)
        tell(mailed(given), MESSAGE, given)
    assert len(server.mails) == 1


def test_a_mail_server_that_is_away_is_told() -> None:
    with mail_server() as gone:
        given = mailing(gone)
    assert refused(mailed(given), given=given) == "the mail server can't be reached: Connection refused"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost with its key, in one file; nobody trusts it by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, encryption_algorithm=serialization.NoEncryption()
        )
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


LOGIN = {"user": "resoto", "password": "hunter2"}


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_the_password_goes_over_tls_only(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    with mail_server(tls, at_once=security == "tls") as server:
        given = mailing(server, security=security, **LOGIN)
        told = refused(mailed(given), given=given)
        assert "certificate verify failed" in told
        assert (server.logins, server.mails) == ([], [])

        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        tell(mailed(given), MESSAGE, given)
    assert server.logins == [b"\0resoto\0hunter2"]
    assert server.encrypted == [True]
    assert len(server.mails) == 1


def test_a_server_without_starttls_gets_no_password() -> None:
    with mail_server() as server:
        given = mailing(server, security="starttls", **LOGIN)
        assert refused(mailed(given), given=given) == "the mail server knows no STARTTLS, or no login"
    assert (server.logins, server.mails) == ([], [])


def test_a_password_that_is_refused_is_not_shown(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(tls) as server:
        server.refuses["AUTH"] = "535 hunter2 is wrong"
        given = mailing(server, **LOGIN, security="starttls")
        assert refused(mailed(given), given=given) == "the mail server answered 535"
        given = mailing(server, user="resoto", password="hünter2", security="starttls")
        del server.refuses["AUTH"]
        told = refused(mailed(given), given=given)
        assert "nter2" not in told
        assert "ü" not in told


def test_a_trial_says_that_it_is_one(service: WebService) -> None:
    owner = by("slack", service)
    tell(owner, trial_message(owner), notices())
    assert service.posted[0]["blocks"][0]["text"]["text"] == (
        "This is a test. Here team is told before resources are deleted."
    )


def test_settings_do_not_show_secrets() -> None:
    given = notices(
        owners={"team": {"slack": "https://hooks.example.com/verySecretPart"}},
        mail={"host": "h", "sender": "a@b.example", "user": "u", "password": "verySecretPart"},
    )
    owner = owner_named("team", given)
    for shown in (repr(given), str(given), str(given.model_dump(mode="json")), repr(owner)):
        assert "verySecretPart" not in shown
