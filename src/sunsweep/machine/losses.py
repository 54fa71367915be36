"""What the backend must still be told: numbers that will never come, and how far earlier boots went."""

from collections.abc import Iterable

from msgspec import Struct, field

from sunsweep.contract.limits import MAX_ACCOUNT_RANGES
from sunsweep.contract.payloads import LossAccount


class Losses(Struct):
    """Untold yet; what has been taken for an account is that account's to keep."""

    lost: list[tuple[int, int, int]] = field(default_factory=list)
    """(boot, first, last), neighbours joined where they came one after the other."""
    ended: list[tuple[int, int]] = field(default_factory=list)
    """(boot, last number drawn in it)."""

    def __bool__(self) -> bool:
        return bool(self.lost or self.ended)

    def add(self, numbers: Iterable[tuple[int, int]]) -> None:
        """(boot, seq) each, in order."""
        for boot, seq in numbers:
            if self.lost and self.lost[-1][0] == boot and self.lost[-1][2] + 1 == seq:
                self.lost[-1] = (boot, self.lost[-1][1], seq)
            else:
                self.lost.append((boot, seq, seq))

    def give_back(self, account: LossAccount) -> None:
        """An account did not reach anybody."""
        self.lost += account.lost
        self.ended += account.ended

    def take(self) -> LossAccount:
        """As much as one message may carry; no longer kept here."""
        account = LossAccount(self.lost[:MAX_ACCOUNT_RANGES], self.ended[:MAX_ACCOUNT_RANGES])
        del self.lost[:MAX_ACCOUNT_RANGES], self.ended[:MAX_ACCOUNT_RANGES]
        return account
