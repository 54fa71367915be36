"""Whom the machine trusts, and what it shows of itself: CA file and client certificate."""

import ssl
from typing import Final

CERTIFICATE_FILES: Final = ("ca_file", "client_cert_file", "client_key_file")


class BadCertificateError(Exception):
    """A file of certificates or keys that cannot be used; the message says which."""


def tls_context(ca_file: str | None, cert_file: str | None, key_file: str | None) -> ssl.SSLContext:
    """The files, read: blocks. Without a CA file the system's own authorities; raises `BadCertificateError`."""
    if key_file is not None and cert_file is None:
        raise BadCertificateError("`client_key_file` needs a `client_cert_file`")
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise BadCertificateError(f"{ca_file}: {_why(error, 'holds no certificates in PEM form')}") from error
    if cert_file is None:
        return context
    try:
        # An empty password: one that the key asks for would be waited for at the terminal.
        context.load_cert_chain(cert_file, key_file, password="")
    except OSError as error:
        files = " and ".join(filter(None, (cert_file, key_file)))
        words = "are no certificate and its key in PEM form, or the key has a password"
        raise BadCertificateError(f"{files}: {_why(error, words)}") from error
    return context


def _why(error: OSError, unusable: str) -> str:
    return unusable if isinstance(error, ssl.SSLError) else str(error.strerror)
