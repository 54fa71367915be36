"""What became of a batch's messages, as counters: what was received is stored, a duplicate, or rejected."""

from collections import Counter
from typing import Final

from sunsweep.contract.payloads import Result, Status, Telemetry
from sunsweep.contract.topics import Channel
from sunsweep.server import metrics
from sunsweep.server.ingest.messages import Accepted, Rejected
from sunsweep.server.ingest.store import Committed

_CHANNELS: Final[dict[type, Channel]] = {
    Telemetry: Channel.TELEMETRY,
    Status: Channel.STATUS,
    Result: Channel.RESULT,
}


def count(committed: Committed) -> None:
    """Of a batch that has been committed; replayed dead letters were received and counted before."""
    outcome, duplicates = committed.outcome, committed.duplicates
    accepted = [item.body for item in outcome if isinstance(item, Accepted)]
    for kind, number in Counter([type(body) for body in accepted]).items():
        channel = _CHANNELS[kind]
        metrics.STORED.labels(channel).inc(number - duplicates[channel])
    for channel, number in duplicates.items():
        metrics.DUPLICATES.labels(channel).inc(number)
    metrics.MISTYPED.inc(sum([len(body.mistyped) for body in accepted]))
    if len(accepted) < len(outcome):
        for reason, number in Counter([item.reason for item in outcome if type(item) is Rejected]).items():
            metrics.REJECTED.labels(reason).inc(number)
