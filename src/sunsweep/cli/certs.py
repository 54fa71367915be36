"""`sunsweep certs`: TLS for trials, without a public authority."""

from pathlib import Path
from typing import Annotated

import typer

from sunsweep.cli.certificates import CA_DAYS, SERVER_DAYS, CertificateError, issue
from sunsweep.cli.plainly import fail, plainly


def certs(
    host: Annotated[list[str], typer.Option(help="name or address that machines call; may be given several times")],
    data: Annotated[Path, typer.Option(help="folder for the files")] = Path("certs"),
) -> None:
    """Make a private certificate authority and the broker's certificate; again: renew the latter."""
    with plainly():
        try:
            files, fresh = issue(data, host)
        except CertificateError as error:
            raise fail(error) from error
    ca = f"made, good for {CA_DAYS // 365} years" if fresh else "as it was"
    print(f"""{files.ca}: the authority ({ca}); to every machine (ca_file in its machine.toml), to the backend
    (SUNSWEEP_MQTT_CA_FILE) and into EMQX's /opt/emqx/etc/sunsweep/
{files.ca_key}: its key; it stays here, for who has it can be your broker
{files.server}: the broker's certificate for {", ".join(host)}, good for {SERVER_DAYS} days; into the same folder
{files.server_key}: its key; there too, readable for EMQX's user (1000) alone""")
