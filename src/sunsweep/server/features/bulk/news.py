"""What a step of a bulk run tells: `dispatch`, that commands wait, and the viewers of their machines."""

from sunsweep.mqtt.port import Client, NotConnectedError
from sunsweep.server.events import change_message, wake_message
from sunsweep.server.features.bulk.advance import Step


async def tell(client: Client, company_id: int, step: Step) -> None:
    """All of it in one write; a lost word of it is lost, for the database remembers."""
    wake = [wake_message(company_id, serial, step.command) for serial in step.given]
    changes = [change_message(company_id, serial, change) for serial, change in step.told]
    try:
        await client.publish_all([*wake, *changes])
    except NotConnectedError:
        return
