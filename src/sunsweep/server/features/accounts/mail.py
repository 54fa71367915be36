"""Letters to people, over the SMTP server of the settings."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from typing import Final
from urllib.parse import unquote, urlsplit

from sunsweep.server.features.accounts.networks import is_loopback

WITHIN_S: Final = 10
_PORTS: Final = {"smtp": 25, "smtps": 465}


class MailError(Exception):
    """The letter was not taken; the message says why."""


class Mailer:
    """`smtp://USER:PASSWORD@HOST:PORT` takes TLS where the server offers it, `smtps://` begins with it.

    A password leaves this host under TLS only.
    """

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._encrypted = parts.scheme == "smtps"
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender = sender

    async def send(self, to: str, subject: str, text: str) -> None:
        """Raises `MailError`."""
        try:
            letter = EmailMessage()
            letter["From"], letter["To"], letter["Subject"] = self._sender, to, subject
            letter.set_content(text)
            await asyncio.to_thread(self._send, letter)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise MailError(f"{type(error).__name__}: {error}") from error

    def _send(self, letter: EmailMessage) -> None:
        trusted = ssl.create_default_context()
        if self._encrypted:
            with smtplib.SMTP_SSL(self._host, self._port, timeout=WITHIN_S, context=trusted) as server:
                self._hand_in(server, letter)
            return
        with smtplib.SMTP(self._host, self._port, timeout=WITHIN_S) as server:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=trusted)
            elif self._user and not is_loopback(self._host):
                raise smtplib.SMTPNotSupportedError("the server offers no TLS, and the password is not sent without")
            self._hand_in(server, letter)

    def _hand_in(self, server: smtplib.SMTP, letter: EmailMessage) -> None:
        if self._user:
            server.login(self._user, self._password)
        server.send_message(letter)
