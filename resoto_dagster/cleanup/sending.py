"""Handing a message over, to a webhook or to a mail server, until it was accepted.

Errors tell what answered and how, and never an address: that of a webhook is a secret.
"""

import contextlib
import http.client
import re
import smtplib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from typing import Any

import orjson
from pydantic import SecretStr

from resoto_dagster.config import MailSettings
from resoto_dagster.errors import ResotoError

ANSWER_SECONDS = 10.0
"""How long an answer is waited for."""

LONGEST_PAUSE_SECONDS = 30.0
"""A service that wants a longer pause than this is left alone until the next run."""

_PAUSE_SECONDS = 1.0
_TOO_MANY = 429
_FAILED = 500


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for an answer: what is posted is for nobody else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(service: str, url: SecretStr, content: Mapping[str, Any]) -> None:
    """Post JSON to a webhook of a service. Tries once more if it has failed, or wants a short pause.

    Raises ResotoError unless it was accepted.
    """
    status, pause = _answer(service, url, content)
    if (status == _TOO_MANY and pause <= LONGEST_PAUSE_SECONDS) or status >= _FAILED:
        time.sleep(pause if status == _TOO_MANY else _PAUSE_SECONDS)
        status, _ = _answer(service, url, content)
    if status // 100 != 2:
        raise ResotoError(f"{service} answered {status}")


def _answer(service: str, url: SecretStr, content: Mapping[str, Any]) -> tuple[int, float]:
    """The answer's status, and for how many seconds it wants no further request."""
    request = urllib.request.Request(
        url.get_secret_value(),
        data=orjson.dumps(content),
        headers={"Content-Type": "application/json", "User-Agent": "resoto"},
    )
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=ANSWER_SECONDS) as response:
            return response.status, 0
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _retry_after(error.headers.get("Retry-After", ""))
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise ResotoError(f"{service} can't be reached: {_why(error)}") from None


def _retry_after(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text.strip()) else _PAUSE_SECONDS


def send_mail(mail: MailSettings, to: str, subject: str, content: str) -> None:
    """Send a plain text to one address. Raises ResotoError unless the server has accepted it."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = mail.sender, to, subject
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=mail.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # so that nobody's absence is answered
    message.set_content(content, cte="quoted-printable")
    try:
        with contextlib.closing(_connected(mail)) as server:
            if mail.user is not None and mail.password is not None:
                server.login(mail.user, mail.password.get_secret_value())
            server.send_message(message, mail.sender, [to])
            with contextlib.suppress(OSError):  # it is accepted, however the server says goodbye
                server.quit()
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise ResotoError(f"the mail server refused the address: {', '.join(map(str, codes))}") from None
    except smtplib.SMTPResponseException as error:
        raise ResotoError(f"the mail server answered {error.smtp_code}") from None
    except smtplib.SMTPNotSupportedError:
        raise ResotoError("the mail server knows no STARTTLS, or no login") from None
    except (OSError, UnicodeError) as error:  # smtplib's own errors are OSErrors
        raise ResotoError(f"the mail server can't be reached: {_why(error)}") from None


def _connected(mail: MailSettings) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=ANSWER_SECONDS, context=context)
    server = smtplib.SMTP(mail.host, mail.port, timeout=ANSWER_SECONDS)
    if mail.security == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def _why(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {ANSWER_SECONDS:.0f} seconds"
    strerror = getattr(cause, "strerror", None)
    return strerror if isinstance(strerror, str) else type(cause).__name__
