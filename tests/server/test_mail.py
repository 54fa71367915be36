"""Letters, over SMTP as it is spoken."""

import ssl
from pathlib import Path

import pytest

from sunsweep.server.features.accounts.mail import Mailer, MailError
from tests.support.authority import Authority
from tests.support.ports import free_port
from tests.support.smtp import post_office

SENDER, ANN = "sunsweep@example.com", "ann@example.com"


def served(authority: Authority) -> ssl.SSLContext:
    pair = authority.sign("mail")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    return context


async def test_a_letter_goes_out_under_tls_to_whom_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    async with post_office(served(authority)) as office:
        mailer = Mailer(f"smtps://127.0.0.1:{office.port}", SENDER)
        with pytest.raises(MailError, match="CERTIFICATE_VERIFY_FAILED"):
            await mailer.send(ANN, "Hello", "words")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        await mailer.send(ANN, "Hello", "words")
        letter = office.letters.get_nowait()
    assert (letter["from"], letter["to"], letter["subject"]) == (SENDER, ANN, "Hello")
    assert letter.get_content().strip() == "words"


async def test_a_password_does_not_leave_this_host_in_the_clear() -> None:
    async with post_office() as office:
        # Another name of this host, which the mailer does not know for one.
        with pytest.raises(MailError, match="offers no TLS"):
            await Mailer(f"smtp://ann:secret@127.1:{office.port}", SENDER).send(ANN, "Hello", "words")
    assert [line[:4] for line in office.said] == [b"ehlo", b"QUIT"]
    assert office.letters.empty()


async def test_what_fails_is_said() -> None:
    with pytest.raises(MailError):
        await Mailer(f"smtp://127.0.0.1:{free_port()}", SENDER).send(ANN, "Hello", "words")
    async with post_office() as office:
        with pytest.raises(MailError):
            await Mailer(office.url, SENDER).send(f"{ANN}\r\nBcc: all@example.com", "Hello", "words")
        with pytest.raises(MailError):
            await Mailer(f"smtp://ann:secret@127.0.0.1:{office.port}", SENDER).send(ANN, "Hello", "words")
    assert office.letters.empty()
