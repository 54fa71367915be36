#!/usr/bin/env bash
# What both images stand on, as root in an image of Python: no installer, a compiled standard library, a user.
set -euo pipefail

python3 -m pip uninstall --quiet --yes --root-user-action ignore pip setuptools wheel
standard=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
rm -r "$standard/ensurepip"
# Images of Python come without: every start would compile it anew, as the root of ours is read-only.
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash \
    -x '/(idlelib|lib2to3|site-packages|tkinter|turtledemo)/' "$standard"
groupadd --gid 10001 sunsweep
useradd --uid 10001 --gid sunsweep --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sunsweep
