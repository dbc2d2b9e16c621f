"""The web configuration file, the one that Prometheus' own exporters take: TLS, users, headers, a rate limit.

It is read again when it or a file that it names has changed, so certificates and users change while serving.
"""

import contextlib
import ipaddress
import logging
import os
import re
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from resoto_dagster.errors import ConfigError
from resoto_dagster.metrics.basic_auth import Users, is_bcrypt_hash
from resoto_dagster.settings_file import parse_model

_log = logging.getLogger(__name__)

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
_CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFIED = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
_CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}
_TLS13_CIPHERS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_HEADERS: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(rf"([0-9]+(?:\.[0-9]*)?)({'|'.join(sorted(_UNITS, key=len, reverse=True))})")


def _listed(known: Sequence[str]) -> str:
    return f"expected one of: {', '.join(known)}"


def _secret(value: object) -> object:
    if not isinstance(value, str):  # it is not repeated: it may be a password
        raise ValueError("expected a text in quotes")
    return value


def _users(value: object) -> object:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("expected a section: names, each with the bcrypt hash of a password")
    for user, hash_ in value.items():
        if not isinstance(hash_, str) or not is_bcrypt_hash(hash_):
            raise ValueError(f"{user!r}: expected the password's bcrypt hash, $2y$10$ and 53 characters")
        if ":" in str(user):
            raise ValueError(f"{user!r}: a user's name has no colon")
    return value


def _client_auth(value: object) -> object:
    if value in _UNVERIFIED:
        raise ValueError(
            f"{value} verifies no certificate and is not supported; take RequireAndVerifyClientCert"
        )
    if value not in _CLIENT_AUTH:
        raise ValueError(f"{_listed([*_CLIENT_AUTH])}, not {value!r}")
    return value


def _version(value: object) -> object:
    if value in ("TLS10", "TLS11"):
        raise ValueError(f"{value} is not safe any more and not supported; {_listed([*_VERSIONS])}")
    if value not in _VERSIONS:
        raise ValueError(f"{_listed([*_VERSIONS])}, not {value!r}")
    return value


def _ciphers(value: object) -> object:
    for name in value if isinstance(value, list) else ():
        if name not in _CIPHERS and name not in _TLS13_CIPHERS:
            raise ValueError(f"unknown cipher suite {name!r}; {_listed([*_CIPHERS, *_TLS13_CIPHERS])}")
    if isinstance(value, list) and value and not set(value) & set(_CIPHERS):
        raise ValueError("suites of TLS 1.3 can't be chosen; name some of TLS 1.2, or none")
    return value


def _curves(value: object) -> object:
    for name in value if isinstance(value, list) else ():
        if name not in _CURVES:
            raise ValueError(f"unknown curve {name!r}; {_listed([*_CURVES])}")
    if isinstance(value, list) and len(value) > 1:
        raise ValueError("more than one curve is not supported; name the one, or leave it out")
    return value


def _headers(value: object) -> object:
    for name, text in value.items() if isinstance(value, dict) else ():
        if name not in _HEADERS:
            raise ValueError(f"header {name!r} can't be set; {_listed([*_HEADERS])}")
        if not isinstance(text, str) or not text.isprintable() or not text.isascii():
            raise ValueError(f"{name}: expected a line of text, not {text!r}")
        if text and _HEADERS[name] and text not in _HEADERS[name]:
            raise ValueError(f"{name}: {_listed(_HEADERS[name])}, not {text!r}")
    return value


def _http2(value: object) -> object:
    if value is True:
        raise ValueError("HTTP/2 is not served here; leave it out, or say false")
    return value


def _seconds(value: object) -> object:
    if value == 0 and value is not False:
        return 0.0
    if isinstance(value, str) and re.fullmatch(f"(?:{_DURATION.pattern})+", value):
        return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(value))
    raise ValueError(f"expected a duration, e.g. 1s or 500ms, not {value!r}")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class TlsServer(_Section):
    """The server's certificate, and what is asked of clients."""

    cert: str = ""
    key: Annotated[str, BeforeValidator(_secret)] = ""
    client_ca: str = ""
    cert_file: str = ""
    key_file: str = ""
    client_auth_type: Annotated[str, BeforeValidator(_client_auth)] = "NoClientCert"
    client_ca_file: str = ""
    client_allowed_sans: list[str] = []
    min_version: Annotated[str, BeforeValidator(_version)] = "TLS12"
    max_version: Annotated[str, BeforeValidator(_version)] = "TLS13"
    cipher_suites: Annotated[list[str], BeforeValidator(_ciphers)] = []
    prefer_server_cipher_suites: bool = True
    curve_preferences: Annotated[list[str], BeforeValidator(_curves)] = []

    @model_validator(mode="after")
    def _fits_together(self) -> "TlsServer":
        for name in ("cert", "key", "client_ca"):
            given = [key for key in (name, f"{name}_file") if getattr(self, key)]
            if len(given) == 2:
                raise ValueError(f"{name} and {name}_file are given; expected one of them")
            if not given and name != "client_ca":
                raise ValueError(f"expected {name}_file or {name}")
        verified = self.client_auth_type != "NoClientCert"
        if verified and not (self.client_ca or self.client_ca_file):
            raise ValueError(f"client_auth_type {self.client_auth_type} needs client_ca_file or client_ca")
        if not verified and (self.client_ca or self.client_ca_file):
            raise ValueError("a client CA needs client_auth_type: RequireAndVerifyClientCert")
        if self.client_allowed_sans and self.client_auth_type != "RequireAndVerifyClientCert":
            raise ValueError("client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert")
        if self.min_version > self.max_version:
            raise ValueError(f"min_version {self.min_version} is above max_version {self.max_version}")
        return self


class HttpServer(_Section):
    """How HTTP is spoken."""

    http2: Annotated[bool, BeforeValidator(_http2)] = False
    headers: Annotated[dict[str, str], BeforeValidator(_headers)] = {}


class RateLimit(_Section):
    """At most `burst` requests at once, and one more every `interval` seconds; with 0 there is no limit."""

    interval: Annotated[float, BeforeValidator(_seconds)] = 0.0
    burst: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _lets_something_in(self) -> "RateLimit":
        if self.interval and not self.burst:
            raise ValueError("burst: expected at least 1, with 0 every request is refused")
        return self


class WebConfig(_Section):
    """What the file says."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: Annotated[dict[str, str], BeforeValidator(_users)] = {}
    rate_limit: RateLimit = RateLimit()


class RateLimiter:
    """Lets requests through as long as there are tokens; one more comes every `interval` seconds."""

    def __init__(self, interval: float, burst: int):
        self._interval, self._burst = interval, burst
        self._tokens, self._since = float(burst), time.monotonic()
        self._lock = threading.Lock()

    def lets_through(self) -> bool:
        """Whether one more request is within the limit; it is counted if so."""
        if not self._interval:
            return True
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._since) / self._interval)
            self._since = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Web:
    """What the file means for connections and requests; relative paths in it start in `folder`.

    Raises ConfigError when certificate or key can't be taken.
    """

    def __init__(self, config: WebConfig, folder: Path):
        tls = config.tls_server_config
        self.headers = {name: text for name, text in config.http_server_config.headers.items() if text}
        self.users = Users(config.basic_auth_users) if config.basic_auth_users else None
        self.limiter = RateLimiter(config.rate_limit.interval, config.rate_limit.burst)
        self.allowed_sans = frozenset(tls.client_allowed_sans) if tls else frozenset()
        self.files = _files(tls, folder) if tls else ()
        self.tls = _context(tls, folder) if tls else None


def may_connect(web: Web, connection: ssl.SSLSocket) -> bool:
    """Whether a client's certificate has one of the names that are allowed, where some are named."""
    if not web.allowed_sans:
        return True
    certificate: dict[str, Any] = connection.getpeercert() or {}
    return any(_san(kind, name) in web.allowed_sans for kind, name in certificate.get("subjectAltName", ()))


def _san(kind: str, name: str) -> str:
    return str(ipaddress.ip_address(name.strip())) if kind == "IP Address" else name


def _files(tls: TlsServer, folder: Path) -> tuple[Path, ...]:
    return tuple(folder / name for name in (tls.cert_file, tls.key_file, tls.client_ca_file) if name)


def _context(tls: TlsServer, folder: Path) -> ssl.SSLContext:
    """Raises ConfigError that names the key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.maximum_version = _VERSIONS[tls.max_version]
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    chosen = [_CIPHERS[name] for name in tls.cipher_suites if name in _CIPHERS]
    if chosen:
        context.set_ciphers(":".join(chosen))
    for curve in tls.curve_preferences:
        context.set_ecdh_curve(_CURVES[curve])
    certificate = _pem("cert", tls.cert, tls.cert_file, folder)
    key = _pem("key", tls.key, tls.key_file, folder)
    try:
        with _in_memory(f"{certificate}\n{key}") as path:
            context.load_cert_chain(path, password=_no_password)
    except ssl.SSLError as error:
        reason = (error.reason or "they are no PEM").replace("_", " ").lower()
        raise ConfigError(f"tls_server_config: certificate and key can't be taken: {reason}") from None
    if tls.client_auth_type != "NoClientCert":
        authority = _pem("client_ca", tls.client_ca, tls.client_ca_file, folder)
        try:
            context.load_verify_locations(cadata=authority)
        except (ssl.SSLError, ValueError):
            raise ConfigError("tls_server_config.client_ca_file: holds no PEM certificate") from None
        context.verify_mode = _CLIENT_AUTH[tls.client_auth_type]
    return context


def _pem(key: str, text: str, file: str, folder: Path) -> str:
    if text:
        return text
    try:
        return (folder / file).read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise ConfigError(f"tls_server_config.{key}_file: {folder / file}: {error.strerror}") from None


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """A file with the text that is on no disk: OpenSSL takes keys from files only."""
    number = os.memfd_create("key")
    try:
        with open(number, "w", closefd=False) as file:
            file.write(text)
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


def _no_password() -> str:
    raise ConfigError("tls_server_config.key_file: the key is encrypted; expected one without a password")


def read_web_config(path: Path) -> Web:
    """What a web configuration file says. Raises ConfigError with file, line, key and what was expected."""
    try:
        config = parse_model(path.read_text(encoding="utf-8"), str(path), WebConfig)
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: can't be read: it is not UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    try:
        return Web(config, path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


class WebConfigFile:
    """The file as it is now. What can't be taken is logged, and what held before holds on.

    Raises ConfigError when it can't be taken at the start.
    """

    def __init__(self, path: Path):
        self._path = path
        self._web = read_web_config(path)
        self._look = self._look_at_files()
        self._problem: str | None = None
        self._lock = threading.Lock()

    @property
    def is_taken(self) -> bool:
        """Whether what the file says now is what holds."""
        return self._problem is None

    def current(self) -> Web:
        """What holds now."""
        with self._lock:
            look = self._look_at_files()
            if look != self._look or self._problem:
                self._read_again()
                self._look = look
            return self._web

    def _read_again(self) -> None:
        try:
            web = read_web_config(self._path)
            if (web.tls is None) != (self._web.tls is None) or (web.users is None and self._web.users):
                raise ConfigError(f"{self._path}: to switch TLS on or off, or users off, start anew")
        except ConfigError as error:
            if str(error) != self._problem:
                _log.error("what was configured before holds on: %s", error)
            self._problem = str(error)
        else:
            _log.warning("%s was read again", self._path)
            self._web, self._problem = web, None

    def _look_at_files(self) -> tuple[object, ...]:
        return tuple(_look_at(path) for path in (self._path, *self._web.files))


def _look_at(path: Path) -> object:
    try:
        stat = path.stat()
    except OSError as error:
        return error.errno
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
