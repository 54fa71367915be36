#!/usr/bin/env python3
"""How fast payloads become values and back: the part of every message's cost that no database can take away."""

import time
from collections.abc import Callable

from sunsweep.contract import codec

BARE = b'{"battery":13.5,"solar_v":21.2,"solar_a":4.5,"water":80,"extra":{"temp":32.5,"vibration":0.01}}'
NUMBERED = BARE[:-1] + b',"ts":"2026-11-24T08:33:28.250Z","boot":7,"seq":140}'
UNKNOWN_FIELD = BARE[:-1] + b',"wind":3.5}'
STATUS = b'{"status":"Running","energy":150.5,"water":25.0,"area":450.0}'
ROUNDS = 100_000


def measure(name: str, call: Callable[[], object]) -> None:
    started = time.perf_counter()
    for _ in range(ROUNDS):
        call()
    per_call_us = (time.perf_counter() - started) / ROUNDS * 1e6
    print(f"{name:<28} {per_call_us:6.2f} us   {1e6 / per_call_us:12,.0f} /s")


def main() -> None:
    sample = codec.decode_telemetry(NUMBERED)
    measure("telemetry, bare", lambda: codec.decode_telemetry(BARE))
    measure("telemetry, numbered", lambda: codec.decode_telemetry(NUMBERED))
    measure("telemetry, unknown field", lambda: codec.decode_telemetry(UNKNOWN_FIELD))
    measure("status", lambda: codec.decode_status(STATUS))
    measure("telemetry, written", lambda: codec.encode_telemetry(sample))


if __name__ == "__main__":
    main()
