import http.client
import os
import re
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from sqlalchemy import Engine

from resoto_dagster.errors import ConfigError
from resoto_dagster.metrics import server
from resoto_dagster.metrics.exporter import LatestSnapshot
from resoto_dagster.metrics.web_config import RateLimiter, WebConfigFile, read_web_config
from resoto_dagster_tests.cli.commands import resoto
from resoto_dagster_tests.metrics.certificates import LOOPBACK, Authority
from resoto_dagster_tests.metrics.scraping import parsed, serving
from resoto_dagster_tests.metrics.test_basic_auth import hashed, header

TAKEN = ("resoto_exporter_web_config_last_reload_successful", frozenset[tuple[str, str]]())


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def file(tmp_path: Path, authority: Authority) -> Path:
    """A web configuration file with nothing in it, beside a server's certificate."""
    authority.issue(LOOPBACK).write(tmp_path, "server")
    (tmp_path / "ca.crt").write_text(authority.pem)
    file = tmp_path / "web-config.yml"
    file.touch()
    return file


@pytest.fixture
def latest(engine: Engine) -> LatestSnapshot:
    latest = LatestSnapshot(engine)
    latest.look()
    return latest


TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
MUTUAL = TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"


def trusting(authority: Authority, *certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.pem)
    if certificate:
        context.load_cert_chain(*certificate)
    return context


def ask(url: str, context: ssl.SSLContext | None = None, authorization: str | None = None) -> tuple[int, str]:
    where = urlsplit(url).netloc
    client = (
        http.client.HTTPSConnection(where, timeout=30, context=context)
        if context
        else http.client.HTTPConnection(where, timeout=30)
    )
    try:
        client.request("GET", "/metrics", headers={"Authorization": authorization} if authorization else {})
        response = client.getresponse()
        return response.status, response.read().decode()
    finally:
        client.close()


# what is served


def test_without_anything_in_it_there_is_plain_http_for_everybody(latest: LatestSnapshot, file: Path) -> None:
    with serving(latest, file) as url:
        assert url.startswith("http://")
        assert ask(url)[0] == 200


def test_tls_is_spoken(latest: LatestSnapshot, file: Path, authority: Authority) -> None:
    file.write_text(TLS)
    with serving(latest, file) as url:
        assert url.startswith("https://")
        status, text = ask(url, trusting(authority))
        assert (status, parsed(text)[TAKEN]) == (200, 1)
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(url, ssl.create_default_context())
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            ask(url.replace("https", "http"))
        assert ask(url, trusting(authority))[0] == 200


def test_a_client_that_never_begins_with_tls_keeps_nobody_waiting_and_is_left(
    latest: LatestSnapshot, file: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(TLS)
    with serving(latest, file) as url:
        address = (urlsplit(url).hostname, urlsplit(url).port)
        with socket.create_connection(address, timeout=30):
            assert ask(url, trusting(authority))[0] == 200
            monkeypatch.setattr(server, "REQUEST_SECONDS", 0.1)
            with socket.create_connection(address, timeout=30) as other:
                assert other.recv(1) == b""


def test_certificate_and_key_may_stand_in_the_file(
    latest: LatestSnapshot, tmp_path: Path, authority: Authority
) -> None:
    def indented(text: str) -> str:
        return "".join(f"    {line}\n" for line in text.splitlines())

    own = authority.issue(LOOPBACK)
    file = tmp_path / "web-config.yml"
    file.write_text(
        f"tls_server_config:\n  cert: |\n{indented(own.certificate)}  key: |\n{indented(own.key)}"
        f"  client_auth_type: VerifyClientCertIfGiven\n  client_ca: |\n{indented(authority.pem)}"
    )
    with serving(latest, file) as url:
        assert ask(url, trusting(authority))[0] == 200


def test_a_client_needs_a_certificate_where_that_is_asked(
    latest: LatestSnapshot, file: Path, authority: Authority
) -> None:
    file.write_text(MUTUAL)
    client = authority.issue().write(file.parent, "client")
    stranger = Authority().issue().write(file.parent, "stranger")
    with serving(latest, file) as url:
        assert ask(url, trusting(authority, *client))[0] == 200
        for context in (trusting(authority), trusting(authority, *stranger)):
            with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
                ask(url, context)


@pytest.mark.parametrize(
    ("name", "comes_in"),
    [
        (x509.DNSName("prometheus.example"), True),
        (x509.RFC822Name("ops@example.com"), True),
        (x509.UniformResourceIdentifier("spiffe://example/prometheus"), True),
        (LOOPBACK, True),
        (x509.DNSName("other.example"), False),
        (None, False),
    ],
)
def test_a_client_needs_one_of_the_names_that_are_allowed(
    latest: LatestSnapshot, file: Path, authority: Authority, name: x509.GeneralName | None, comes_in: bool
) -> None:
    file.write_text(
        MUTUAL + "  client_allowed_sans: [prometheus.example, ops@example.com, "
        "'spiffe://example/prometheus', 127.0.0.1]\n"
    )
    client = authority.issue(*([name] if name else [])).write(file.parent, "client")
    with serving(latest, file) as url:
        if comes_in:
            assert ask(url, trusting(authority, *client))[0] == 200
        else:
            with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
                ask(url, trusting(authority, *client))


@pytest.mark.parametrize(
    ("setting", "spoken"),
    [
        ("min_version: TLS13", ("TLSv1.3", None)),
        ("max_version: TLS12", ("TLSv1.2", None)),
        (
            "{max_version: TLS12, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]}",
            ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ),
        (
            "{max_version: TLS12, prefer_server_cipher_suites: false, curve_preferences: [CurveP384]}",
            ("TLSv1.2", None),
        ),
        ("curve_preferences: [X25519]", ("TLSv1.3", None)),
    ],
)
def test_version_and_ciphers_can_be_chosen(
    latest: LatestSnapshot, file: Path, authority: Authority, setting: str, spoken: tuple[str, str | None]
) -> None:
    file.write_text(TLS + "".join(f"  {one}\n" for one in re.sub(r"[{}]", "", setting).split(", ")))
    with serving(latest, file) as url:
        client = http.client.HTTPSConnection(urlsplit(url).netloc, context=trusting(authority), timeout=30)
        client.connect()
        try:
            assert client.sock.version() == spoken[0]
            assert spoken[1] in (None, client.sock.cipher()[0])
        finally:
            client.close()


def test_only_users_with_their_password_come_in(latest: LatestSnapshot, file: Path) -> None:
    file.write_text(f"basic_auth_users:\n  alice: {hashed('geheim')}\n")
    with serving(latest, file) as url:
        assert ask(url, authorization=header("alice", "geheim"))[0] == 200
        for wrong in (None, header("alice", "wrong"), header("bob", "geheim")):
            status, text = ask(url, authorization=wrong)
            assert (status, text) == (401, "user and password, please\n")
        client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        client.request("GET", "/-/healthy")
        response = client.getresponse()
        assert (response.status, response.headers["WWW-Authenticate"]) == (401, 'Basic realm="resoto"')
        client.close()


def test_headers_are_added_to_every_answer(latest: LatestSnapshot, file: Path) -> None:
    file.write_text(
        "http_server_config:\n  http2: false\n  headers: {X-Frame-Options: deny, X-XSS-Protection: ''}\n"
    )
    with serving(latest, file) as url:
        for path in ("/metrics", "/nowhere"):
            client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
            client.request("GET", path)
            headers = client.getresponse().headers
            assert headers["X-Frame-Options"] == "deny"
            assert "X-XSS-Protection" not in headers
            client.close()


def test_more_requests_than_the_limit_are_refused(latest: LatestSnapshot, file: Path) -> None:
    file.write_text("rate_limit: {interval: 1h, burst: 2}")
    with serving(latest, file) as url:
        assert [ask(url)[0] for _ in range(4)] == [200, 200, 429, 429]


def test_a_limited_client_may_come_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    limiter = RateLimiter(interval=2.0, burst=3)
    assert [limiter.lets_through() for _ in range(4)] == [True, True, True, False]
    now += 1.9
    assert not limiter.lets_through()
    now += 0.2
    assert [limiter.lets_through() for _ in range(2)] == [True, False]
    now += 1000
    assert [limiter.lets_through() for _ in range(4)] == [True, True, True, False]


# changed while it is served


def test_users_and_certificates_change_while_it_is_served(
    latest: LatestSnapshot, file: Path, authority: Authority
) -> None:
    users = "basic_auth_users:\n  {}: {}\n"
    file.write_text(TLS + users.format("alice", hashed("a")))
    with serving(latest, file) as url:
        assert ask(url, trusting(authority), header("alice", "a"))[0] == 200
        file.write_text(TLS + users.format("bob", hashed("b")))
        assert ask(url, trusting(authority), header("alice", "a"))[0] == 401
        assert ask(url, trusting(authority), header("bob", "b"))[0] == 200

        other = Authority()
        other.issue(LOOPBACK).write(file.parent, "server")
        assert ask(url, trusting(other), header("bob", "b"))[0] == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(url, trusting(authority), header("bob", "b"))


def test_what_can_not_be_taken_is_told_and_what_held_before_holds_on(
    latest: LatestSnapshot, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = f"basic_auth_users: {{alice: {hashed('a')}}}"
    file.write_text(good)
    alice = header("alice", "a")
    with serving(latest, file) as url:
        for bad in ("basic_auth_users: {alice: a}", "", "rate_limit: [", None):
            if bad is None:
                file.unlink()
            else:
                file.write_text(bad)
            for _ in range(2):
                assert ask(url)[0] == 401
                status, text = ask(url, authorization=alice)
                assert (status, parsed(text)[TAKEN]) == (200, 0)
        file.write_text(good)
        status, text = ask(url, authorization=alice)
        assert (status, parsed(text)[TAKEN]) == (200, 1)
    told = "what was configured before holds on: "
    assert [message.removeprefix(told).removeprefix(str(file)) for message in caplog.messages] == [
        ", line 1: basic_auth_users: 'alice': expected the password's bcrypt hash, $2y$10$ and 53 characters",
        ": to switch TLS on or off, or users off, start anew",
        ", line 1: not valid YAML: expected the node content, but found '<stream end>'",
        ": can't be read: No such file or directory",
        " was read again",
    ]


def test_a_certificate_whose_key_comes_later_is_taken_when_it_has_come(
    file: Path, authority: Authority
) -> None:
    file.write_text(TLS)
    config = WebConfigFile(file)
    before = config.current()
    renewed = authority.issue(LOOPBACK)
    (file.parent / "server.crt").write_text(renewed.certificate)
    assert config.current() is before
    assert not config.is_taken
    (file.parent / "server.key").write_text(renewed.key)
    assert config.current() is not before
    assert config.is_taken
    assert config.current() is config.current()


def test_files_that_are_exchanged_as_kubernetes_does_it_are_taken(
    tmp_path: Path, authority: Authority
) -> None:
    """The folder is a link, and the link is exchanged."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        authority.issue(LOOPBACK).write(tmp_path / name, "server")
        (tmp_path / name / "web-config.yml").write_text(TLS)
    link = tmp_path / "config"
    link.symlink_to("one")
    config = WebConfigFile(link / "web-config.yml")
    before = config.current()
    (tmp_path / "new").symlink_to("two")
    os.replace(tmp_path / "new", link)  # noqa: PTH105
    assert config.current() is not before
    assert config.is_taken


# what can't be taken

HASH = hashed("geheim")
REFUSED = {
    "tls_server_confg: {}": "unknown key 'tls_server_confg'; did you mean 'tls_server_config'?",
    "tls_server_config: {}": "tls_server_config: expected cert_file or cert",
    "tls_server_config: {min_version: TLS13}": "tls_server_config: expected cert_file or cert",
    "tls_server_config: {cert_file: server.crt}": "tls_server_config: expected key_file or key",
    TLS + "  cert: x": "tls_server_config: cert and cert_file are given; expected one of them",
    TLS + "  cert_fil: x": "tls_server_config.cert_fil: unknown key 'cert_fil'; did you mean 'cert_file'?",
    TLS + "  min_version: TLS10": (
        "tls_server_config.min_version: TLS10 is not safe any more and not supported; "
        "expected one of: TLS12, TLS13"
    ),
    TLS + "  max_version: 1.3": ("tls_server_config.max_version: expected one of: TLS12, TLS13, not 1.3"),
    TLS + "  min_version: TLS13\n  max_version: TLS12": (
        "tls_server_config: min_version TLS13 is above max_version TLS12"
    ),
    TLS + "  client_auth_type: RequireAnyClientCert": (
        "tls_server_config.client_auth_type: RequireAnyClientCert verifies no certificate and is not "
        "supported; take RequireAndVerifyClientCert"
    ),
    TLS + "  client_auth_type: Always": (
        "tls_server_config.client_auth_type: expected one of: NoClientCert, VerifyClientCertIfGiven, "
        "RequireAndVerifyClientCert, not 'Always'"
    ),
    TLS + "  client_auth_type: RequireAndVerifyClientCert": (
        "tls_server_config: client_auth_type RequireAndVerifyClientCert needs client_ca_file or client_ca"
    ),
    TLS + "  client_ca_file: ca.crt": (
        "tls_server_config: a client CA needs client_auth_type: RequireAndVerifyClientCert"
    ),
    TLS + "  client_allowed_sans: [a]": (
        "tls_server_config: client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert"
    ),
    TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]": (
        "tls_server_config.cipher_suites: unknown cipher suite 'TLS_RSA_WITH_RC4_128_SHA'; expected one of"
    ),
    TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]": (
        "tls_server_config.cipher_suites: suites of TLS 1.3 can't be chosen; name some of TLS 1.2, or none"
    ),
    TLS + "  curve_preferences: [P1]": (
        "tls_server_config.curve_preferences: unknown curve 'P1'; "
        "expected one of: CurveP256, CurveP384, CurveP521, X25519"
    ),
    TLS + "  curve_preferences: [CurveP256, X25519]": (
        "tls_server_config.curve_preferences: more than one curve is not supported; "
        "name the one, or leave it out"
    ),
    TLS + "  key: 12345": "tls_server_config.key: expected a text in quotes",
    "tls_server_config: {cert_file: nowhere.crt, key_file: server.key}": (
        "tls_server_config.cert_file: FOLDER/nowhere.crt: No such file or directory"
    ),
    "tls_server_config: {cert_file: ca.crt, key_file: server.key}": (
        "tls_server_config: certificate and key can't be taken: key values mismatch"
    ),
    "tls_server_config: {cert_file: web-config.yml, key_file: server.key}": (
        "tls_server_config: certificate and key can't be taken: "
    ),
    "tls_server_config: {cert_file: locked.crt, key_file: locked.key}": (
        "tls_server_config.key_file: the key is encrypted; expected one without a password"
    ),
    MUTUAL.replace("ca.crt", "server.key"): "tls_server_config.client_ca_file: holds no PEM certificate",
    "http_server_config: {http2: true}": (
        "http_server_config.http2: HTTP/2 is not served here; leave it out, or say false"
    ),
    "http_server_config: {headers: {Server: me}}": (
        "http_server_config.headers: header 'Server' can't be set; expected one of: Content-Security-Policy, "
    ),
    "http_server_config: {headers: {X-Frame-Options: never}}": (
        "http_server_config.headers: X-Frame-Options: expected one of: deny, sameorigin, not 'never'"
    ),
    'http_server_config: {headers: {X-XSS-Protection: "1\\r\\nSet-Cookie: a=b"}}': (
        "http_server_config.headers: X-XSS-Protection: expected a line of text, not '1\\r\\nSet-Cookie: a=b'"
    ),
    "basic_auth_users: {alice: geheim}": (
        "basic_auth_users: 'alice': expected the password's bcrypt hash, $2y$10$ and 53 characters"
    ),
    "basic_auth_users: {alice: 8439211}": "basic_auth_users: 'alice': expected the password's bcrypt hash",
    "basic_auth_users: alice:geheim": (
        "basic_auth_users: expected a section: names, each with the bcrypt hash of a password"
    ),
    f"basic_auth_users: {{'al:ice': {HASH}}}": "basic_auth_users: 'al:ice': a user's name has no colon",
    f"basic_auth_users: {{alice: {HASH}, alice: {HASH}}}": (
        "basic_auth_users.alice: 'alice' stands twice (first in line 1)"
    ),
    "rate_limit: {interval: 1d, burst: 1}": (
        "rate_limit.interval: expected a duration, e.g. 1s or 500ms, not '1d'"
    ),
    "rate_limit: {interval: 1s}": "rate_limit: burst: expected at least 1, with 0 every request is refused",
    "rate_limit: {burst: -1}": "rate_limit.burst: Input should be greater than or equal to 0",
    "- a": "expected settings by name, not ['a']",
}


@pytest.mark.parametrize(("text", "told"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_can_not_be_taken_is_told_by_file_and_key(
    file: Path, authority: Authority, text: str, told: str
) -> None:
    authority.issue(LOOPBACK, password=b"geheim").write(file.parent, "locked")
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_web_config(file)
    message = str(refused.value)
    where, _, rest = message.partition(": ")
    assert re.fullmatch(re.escape(str(file)) + r"(, line [1-9]+)?", where)
    # an unknown key at the top has its own name before what is wrong with it
    assert told.replace("FOLDER", str(file.parent)) in rest
    assert "\n" not in message
    for secret in ("geheim", "8439211", "12345", HASH):
        assert secret not in message


@pytest.mark.parametrize(
    "text",
    [
        "tls_server_config:",
        "basic_auth_users:",
        "basic_auth_users: {}",
        "http_server_config: {headers: {}}",
        "rate_limit: {interval: 0}",
        "rate_limit: {interval: 1m30s, burst: 10}",
        "rate_limit: {interval: 1.5ms, burst: 10}",
    ],
)
def test_what_says_little_is_taken(file: Path, text: str) -> None:
    file.write_text(text)
    web = read_web_config(file)
    assert (web.tls, web.users, web.headers) == (None, None, {})


def test_the_command_says_what_is_wrong_with_the_file(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "web-config.yml"
    file.write_text("basic_auth_users: {alice: geheim}")
    told = resoto("metrics", "serve", "--port", "0", "--web-config-file", str(file), code=2).stderr
    assert told.startswith(
        f"resoto: {file}, line 1: basic_auth_users: 'alice': expected the password's bcrypt"
    )
    assert "geheim" not in told
    settings = tmp_path / "resoto.yaml"
    settings.write_text(f"metrics: {{port: 0, web_config_file: {tmp_path}/nowhere.yml}}")
    told = resoto("metrics", "serve", code=2, RESOTO_CONFIG=str(settings)).stderr
    assert told == f"resoto: {tmp_path}/nowhere.yml: can't be read: No such file or directory\n"
