"""The admin client of the EMQX that is configured."""

from sunsweep.mqtt.emqx_admin import EmqxAdmin
from sunsweep.server.settings import BackendSettings


def emqx_admin(settings: BackendSettings) -> EmqxAdmin | None:
    """None where no EMQX is named: the local broker ends the sessions of a lost login by itself."""
    if settings.emqx_url is None:
        return None
    secret = settings.emqx_secret.get_secret_value()
    return EmqxAdmin(settings.emqx_url, settings.emqx_key, secret, ca_file=settings.mqtt_ca_file)
