"""How often codes may be tried: from one address, and by all together."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

import msgspec

from sunsweep.server.features.accounts.networks import network_of

MAX_ADDRESSES: Final = 10_000


class Limit(msgspec.Struct, frozen=True):
    """`burst` tries at once, then one every `refill_s` seconds."""

    burst: int
    refill_s: float


PER_ADDRESS: Final = Limit(10, 6.0)
OVERALL: Final = Limit(120, 0.5)


class _Bucket(msgspec.Struct):
    left: float
    at_s: float

    def wait_s(self, limit: Limit, now_s: float) -> float:
        """Seconds until the next try is free."""
        self.left = min(limit.burst, self.left + (now_s - self.at_s) / limit.refill_s)
        self.at_s = now_s
        return max(0.0, (1 - self.left) * limit.refill_s)


class Tries:
    """Of this process: several `api` processes allow as many times more, which 73 bits in an hour do not feel.

    A bound of this kind spares the database; what makes guessing hopeless is the code itself.
    """

    def __init__(
        self,
        *,
        per_address: Limit = PER_ADDRESS,
        overall: Limit = OVERALL,
        monotonic_s: Callable[[], float] = monotonic,
    ) -> None:
        self._per_address = per_address
        self._overall = overall
        self._monotonic_s = monotonic_s
        self._all = _Bucket(overall.burst, monotonic_s())
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """0 where this try may go on, and it is counted; else how long to wait."""
        now_s = self._monotonic_s()
        bucket = self._bucket(network_of(address), now_s)
        wait_s = max(bucket.wait_s(self._per_address, now_s), self._all.wait_s(self._overall, now_s))
        if wait_s <= 0:
            bucket.left -= 1
            self._all.left -= 1
        return wait_s

    def _bucket(self, network: str, now_s: float) -> _Bucket:
        bucket = self._buckets.pop(network, None) or _Bucket(self._per_address.burst, now_s)
        self._buckets[network] = bucket
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return bucket
