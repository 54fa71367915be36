"""`sunsweep certs` makes the broker's certificate, `sunsweep keep-certs` keeps it good."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from sunsweep.cli import logs
from sunsweep.cli.certificates import CA_DAYS, SERVER_DAYS, CertificateError, issue, succeed
from sunsweep.cli.interrupt import end_quietly
from sunsweep.cli.keep_certs import FromFiles, OwnAuthority, Place, Source, keep, look
from sunsweep.cli.metrics_server import measured
from sunsweep.cli.plainly import fail, plainly
from sunsweep.machine.signals import until_signalled

Hosts = Annotated[list[str], typer.Option(help="name or address that machines call; may be given several times")]


def certs(
    host: Hosts,
    data: Annotated[Path, typer.Option(help="folder for the files")] = Path("certs"),
) -> None:
    """Make a private certificate authority and the broker's certificate; again: renew the latter."""
    with plainly():
        try:
            succeed(data)
            files, fresh = issue(data, host)
        except CertificateError as error:
            raise fail(error) from error
    ca = f"made, good for {CA_DAYS // 365} years" if fresh else "as it was"
    print(f"""{files.ca}: the authority ({ca}); to every machine (ca_file in its machine.toml), to the backend
    (SUNSWEEP_MQTT_CA_FILE) and into EMQX's /opt/emqx/etc/sunsweep/
{files.ca_key}: its key; it stays here, for who has it can be your broker
{files.server}: the broker's certificate for {", ".join(host)}, good for {SERVER_DAYS} days; into the same folder
{files.server_key}: its key; there too, readable for EMQX's user (1000) alone""")


def keep_certs(
    host: Hosts,
    out: Annotated[Path, typer.Option(help="the broker's folder: ca.crt, server.crt, server.key")],
    data: Annotated[Path, typer.Option(help="folder of the private authority, whose keys stay there")] = Path("certs"),
    certificate: Annotated[
        Path | None, typer.Option("--from", help="instead: a certificate that somebody else renews, such as Caddy")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="the key of --from")] = None,
    broker: Annotated[
        str | None, typer.Option(help="HOST:PORT where the broker is to be seen with it, once it is renewed")
    ] = None,
    metrics_port: Annotated[int | None, typer.Option(min=0, max=65_535, help="serve /metrics and /healthz")] = None,
    metrics_host: Annotated[str, typer.Option(help="address that they listen on")] = "127.0.0.1",
    once: Annotated[bool, typer.Option("--once", help="see to it once, and end; for a timetable of your own")] = False,  # noqa: FBT002
    log_format: Annotated[logs.LogFormat, typer.Option(help="how the log is written")] = logs.LogFormat.TEXT,
) -> None:
    """Keep the broker's certificate good: made where it is missing, renewed in time, laid where the broker reads it."""
    if out.resolve() == data.resolve():
        raise fail("--out and --data are one folder: whoever reads the broker's files would have the authority's key")
    source = _source(host, data, certificate, key)
    place = None if broker is None else _place(broker, host[0])
    with plainly():
        if once:
            _once(source, out)
            return
        logs.set_up("INFO", log_format)

        async def work() -> None:
            with measured(metrics_host, metrics_port, "--metrics-port"):
                await keep(source, out, broker=place)

        uvloop.run(until_signalled(work()))
        end_quietly()


def _once(source: Source, out: Path) -> None:
    try:
        laid = look(source, out, datetime.now(UTC))
    except CertificateError as error:
        raise fail(error) from error
    print(f"{out}: {laid.found.words}")


def _source(hosts: list[str], data: Path, certificate: Path | None, key: Path | None) -> Source:
    if certificate is None and key is None:
        return OwnAuthority(data, hosts)
    if certificate is None or key is None:
        raise fail("--from and --key go together: a certificate and its key")
    return FromFiles(certificate, key, hosts)


def _place(place: str, name: str) -> Place:
    host, _, port = place.rpartition(":")
    if not host or not port.isdecimal():
        raise fail(f"--broker: {place!r} is no HOST:PORT")
    return Place(host.strip("[]"), int(port), name)
