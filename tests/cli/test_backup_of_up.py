"""A backup of a running `sunsweep up`, put back, and the same platform goes on from there."""

from pathlib import Path

import pytest

from tests.support.command import Site, sunsweep
from tests.support.platform import eventually


@pytest.mark.timeout(240)
async def test_the_platform_goes_on_from_its_backup(tmp_path: Path) -> None:
    site = Site(tmp_path / "data")
    file = tmp_path / "of-then.sunsweep-backup"
    async with site.up("--machines", "1") as program:
        (serial,) = await site.serials()
        await eventually(lambda: site.history(serial), within_s=60)
        before = await site.token()
        made = await sunsweep("backup", "--data", str(site.data), str(file))
        assert (made.code, made.out) == (0, f"{file}\n"), made.err
        refused = await sunsweep("restore", "--data", str(site.data), str(file), "--force")
        assert (refused.code, "sunsweep already runs on" in refused.err) == (1, True)
        passwords = site.passwords()
        later = await sunsweep("user", "password", "viewer@example.com", "--data", str(site.data))
        assert later.code == 0
        assert site.passwords() != passwords
        program.process.terminate()
        await program.ended(within_s=60)
    restored = await sunsweep("restore", "--data", str(site.data), str(file), "--force")
    assert restored.code == 0, restored.err
    async with site.up("--machines", "1") as program:
        assert site.passwords() == passwords
        assert await site.serials() == [serial]
        first = await site.history(serial)
        assert first
        assert await site.token() != before
        assert await site.first_frame(serial), "its simulated machine still has its login"
        program.process.terminate()
        await program.ended(within_s=60)
