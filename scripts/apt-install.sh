#!/usr/bin/env bash
# Install Debian packages without leaving a service of theirs running: their default ports are ours.
set -euo pipefail

readonly POLICY=/usr/sbin/policy-rc.d
readonly MARK='# written by sunsweep for the time of one installation'
readonly LOCK=/run/lock/sunsweep-apt.lock
readonly SERVICES=(mosquitto mariadb caddy prometheus)

say() { printf '%s\n' "apt-install: $*" >&2; }

become_root() {
    [[ $EUID -eq 0 ]] && return
    if ! command -v sudo >/dev/null; then
        say "these packages are missing and there is no sudo; as root: apt-get install $*"
        exit 1
    fi
    say "asking sudo to install: $*"
    if [[ -t 0 ]]; then exec sudo -- "$0" "$@"; fi
    exec sudo --non-interactive -- "$0" "$@"
}

is_ours() { [[ -f $POLICY ]] && grep -qxF "$MARK" "$POLICY"; }

# A policy that stands already is its owner's; one of ours is left over from a killed run.
forbid_starts() {
    if is_ours; then rm -f "$POLICY"; fi
    if [[ -e $POLICY || -L $POLICY ]]; then return; fi
    trap allow_starts EXIT
    printf '#!/bin/sh\n%s\nexit 101\n' "$MARK" >"$POLICY"
    chmod 755 "$POLICY"
}

allow_starts() { if is_ours; then rm -f "$POLICY"; fi; }

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# The services whose packages this run brings, by their packages' names.
new_services() {
    local service package
    for service in "${SERVICES[@]}"; do
        package=$service
        [[ $service == mariadb ]] && package=mariadb-server
        [[ " $* " == *" $package "* ]] || continue
        is_installed "$package" || printf '%s\n' "$service"
    done
}

# A policy of somebody else's may allow starts; and nothing of ours shall come up at the next boot either.
stop_services() {
    local service
    for service in "$@"; do
        if [[ -d /run/systemd/system ]]; then
            systemctl disable --now --quiet "$service.service" || true
        elif [[ -x /etc/init.d/$service ]]; then
            "/etc/init.d/$service" stop >/dev/null 2>&1 || true
        fi
    done
}

install_packages() {
    local apt=(apt-get -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -qq -y)
    export DEBIAN_FRONTEND=noninteractive
    say "installing $*"
    "${apt[@]}" install --no-install-recommends "$@" >/dev/null 2>&1 && return
    # The package lists may be missing or old.
    "${apt[@]}" update
    "${apt[@]}" install --no-install-recommends "$@" >/dev/null
}

if ! command -v apt-get >/dev/null; then
    say "there is no apt on this system; install by hand what Debian calls: $*"
    exit 1
fi
become_root "$@"
exec 9>"$LOCK"
flock 9
mapfile -t fresh < <(new_services "$@")
forbid_starts
install_packages "$@"
stop_services "${fresh[@]}"
