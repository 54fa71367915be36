"""Whether the broker follows the database: logins that are new, and logins that were taken away."""

from typing import Final

from sunsweep.server.doctor import repository
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, fails, ok, unknown, warning
from sunsweep.server.doctor.following import has_followed, has_runner
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.words import plural, span

_KICKED_MS: Final = 30_000
_CLEARED_MS: Final = 300_000


async def _look(around: Surroundings) -> list[Finding]:
    return [await _new_ones(around), *await _old_ones(around)]


async def _new_ones(around: Surroundings) -> Finding:
    """The local broker's runner writes them into files; EMQX reads the views by itself."""
    followed = await has_followed(around)
    async with around.database.read() as session:
        sync = await repository.broker_sync(session)
    if await has_runner(around):
        if followed:
            return ok("the local broker has taken every login")
        words = f"the local broker is {plural(sync.wanted - sync.applied, 'change')} of logins behind"
        return fails(words, "see the log of `sunsweep up`")
    if around.settings.emqx_url is not None:
        return ok("EMQX reads the logins by itself")
    if around.folder is not None or sync.runner_seen_at:
        ago = f" for {span(around.now_ms() - sync.runner_seen_at)}" if sync.runner_seen_at else ""
        return fails(f"nobody has kept the local broker's logins{ago}", "start `sunsweep up`")
    return unknown("whether the broker follows the logins", "name EMQX's admin interface: SUNSWEEP_EMQX_URL")


async def _old_ones(around: Surroundings) -> list[Finding]:
    now_ms = around.now_ms()
    async with around.database.read() as session:
        connected = await repository.connected_too_long(session, since_ms=now_ms - _KICKED_MS)
        retained = await repository.retained_too_long(session, since_ms=now_ms - _CLEARED_MS)
    findings = []
    if connected:
        words = f"{plural(connected, 'login')} taken away more than {span(_KICKED_MS)} ago may still be connected"
        remedy = "`jobs` ends them at EMQX: see whether it runs, and SUNSWEEP_EMQX_URL, _KEY and _SECRET"
        findings.append(fails(words, remedy))
    if retained:
        words = f"what {plural(retained, 'machine')} that ended had retained is still at the broker"
        findings.append(warning(words, "see the log of `jobs`"))
    return findings


LOGINS: Final = Check("logins", "The broker knows new logins, and has ended the sessions of lost ones", _look, 75.0)
