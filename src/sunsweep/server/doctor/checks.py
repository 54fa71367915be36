"""All checks, in the order in which their answers are read: from what everything stands on to what is seldom amiss."""

from typing import Final

from sunsweep.server.doctor.broker import BROKER
from sunsweep.server.doctor.certificates import CERTIFICATES
from sunsweep.server.doctor.clocks import CLOCKS
from sunsweep.server.doctor.database import DATABASE, MIGRATIONS
from sunsweep.server.doctor.disk import DISK
from sunsweep.server.doctor.duties import LEASES, MEMBERS
from sunsweep.server.doctor.emqx import EMQX
from sunsweep.server.doctor.history import COUNTING, PARTITIONS, RETENTION
from sunsweep.server.doctor.logins import LOGINS
from sunsweep.server.doctor.queues import QUEUES
from sunsweep.server.doctor.rights import RIGHTS
from sunsweep.server.doctor.settings import SETTINGS

CHECKS: Final = (
    SETTINGS,
    DATABASE,
    MIGRATIONS,
    BROKER,
    LOGINS,
    RIGHTS,
    EMQX,
    CERTIFICATES,
    CLOCKS,
    DISK,
    MEMBERS,
    LEASES,
    QUEUES,
    PARTITIONS,
    RETENTION,
    COUNTING,
)
