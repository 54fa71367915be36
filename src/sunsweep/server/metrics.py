"""What the backend counts; each with a line of meaning."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

RECEIVED: Final = Counter("sunsweep_ingest_received_total", "Messages read from the broker, deliveries again included.")
STORED: Final = Counter("sunsweep_ingest_stored_total", "Messages committed, by channel.", ["channel"])
DUPLICATES: Final = Counter(
    "sunsweep_ingest_duplicates_total", "Messages that were stored already and came again; acknowledged, not stored."
)
REJECTED: Final = Counter("sunsweep_ingest_rejected_total", "Messages kept as dead letters, by reason.", ["reason"])
WITHOUT_BYTES: Final = Counter(
    "sunsweep_ingest_dead_letters_without_bytes_total",
    "Dead letters beyond the cap of their machine and day, kept without their bytes.",
)
REFUSAL_ALARM: Final = Gauge(
    "sunsweep_ingest_refusal_alarm", "1 while many machines at once send what is refused: a bad deploy, here or there."
)
MISTYPED: Final = Counter("sunsweep_ingest_mistyped_total", "Known fields of a wrong type, kept under extra.")
DROPPED_QOS0: Final = Counter(
    "sunsweep_ingest_dropped_qos0_total", "QoS 0 messages let go while the database was away."
)
RECEIPTS: Final = Counter("sunsweep_ingest_receipts_total", "Receipts sent to machines.")
BATCH_ROWS: Final = Histogram(
    "sunsweep_ingest_batch_rows", "Messages per commit.", buckets=(1, 3, 10, 30, 100, 300, 1000)
)
COMMIT_SECONDS: Final = Histogram(
    "sunsweep_ingest_commit_seconds",
    "One commit, from its first statement.",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3),
)
STORE_AWAY: Final = Gauge("sunsweep_ingest_store_away", "1 while the database takes nothing.")
STUCK: Final = Gauge(
    "sunsweep_ingest_stuck", "Members whose stage has not moved for 15 s although there is work, by stage.", ["stage"]
)
MEMBERS_UNHELD: Final = Gauge(
    "sunsweep_ingest_members_unheld", "Members of the ingest that no worker holds; told by the process that runs jobs."
)
VIEWERS: Final = Gauge("sunsweep_live_viewers", "Open live sockets.")
FRAMES: Final = Counter("sunsweep_live_frames_total", "Frames handed to viewers, by type.", ["type"])
LAGGED: Final = Counter("sunsweep_live_lagged_total", "Live frames a slow viewer lost.")
COMMANDS: Final = Counter("sunsweep_dispatch_states_total", "Changes of commands' states, by the new state.", ["state"])
LEDGER_MESSAGES: Final = Gauge(
    "sunsweep_ledger_messages",
    "Numbered messages of all machines by what became of them (stored, rejected, given_up, missing), when they were"
    " counted last: hours as they close. Only the process that runs the jobs knows it.",
    ["state"],
)
LEDGER_BOOTS_INCOMPLETE: Final = Gauge(
    "sunsweep_ledger_boots_incomplete",
    "Starts of machines' programs of which some messages have not arrived, when they were counted last.",
)
