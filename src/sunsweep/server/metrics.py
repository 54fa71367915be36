"""What the backend counts; each with a line of meaning."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

SECONDS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)

RECEIVED: Final = Counter(
    "sunsweep_ingest_received_total",
    "Messages read from the broker: stored, duplicates, rejected, let go, or still waiting.",
)
STORED: Final = Counter(
    "sunsweep_ingest_stored_total",
    "Messages committed for the first time, by channel; heartbeats, which leave no history, each time.",
    ["channel"],
)
DUPLICATES: Final = Counter(
    "sunsweep_ingest_duplicates_total",
    "Messages that were stored already and came again, by channel; acknowledged, not stored.",
    ["channel"],
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
BATCH_BYTES: Final = Histogram("sunsweep_ingest_batch_bytes", "Payload per commit.", buckets=(1e3, 1e4, 1e5, 1e6, 4e6))
STAGE_SECONDS: Final = Histogram(
    "sunsweep_ingest_stage_seconds",
    "How long a batch takes in each stage: wait (its oldest message, until it is taken in hand), lookup, decode, commit"
    " (each where it succeeds), acknowledge (broker and viewers are told), receipt (from the commit until the machines"
    " are told, a second of gathering included).",
    ["stage"],
    buckets=SECONDS,
)
LAG_SECONDS: Final = Histogram(
    "sunsweep_ingest_lag_seconds",
    "Of each batch's oldest message: from its receipt until its commit.",
    buckets=SECONDS,
)
OLDEST_SECONDS: Final = Gauge(
    "sunsweep_ingest_oldest_seconds",
    "How long the oldest message that is not committed has waited, by member; 0 where none waits.",
    ["member"],
)
INBOX_MESSAGES: Final = Gauge(
    "sunsweep_ingest_inbox_messages", "Messages that have arrived and are in no batch yet, by member.", ["member"]
)
INBOX_BYTES: Final = Gauge(
    "sunsweep_ingest_inbox_bytes", "Payload of the messages in the inbox, by member.", ["member"]
)
RECEIPTS_WAITING: Final = Gauge(
    "sunsweep_ingest_receipts_waiting", "Starts of machines' programs that wait for a receipt, by member.", ["member"]
)
DEFERRED: Final = Gauge(
    "sunsweep_ingest_deferred_samples",
    "Newest samples, in history already, that wait for their second to move the newest state, by member.",
    ["member"],
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
FRAMES_WAITING_MAX: Final = Gauge(
    "sunsweep_live_frames_waiting_max", "Frames that wait for the viewer who keeps up worst; 256 at most."
)
FLEET_WAITING_MAX: Final = Gauge(
    "sunsweep_live_fleet_waiting_max",
    "Frames that wait for the viewer of a whole company who keeps up worst: of each machine and type one at most.",
)
FLEET_SUPERSEDED: Final = Counter(
    "sunsweep_live_fleet_superseded_total",
    "Frames for viewers of whole companies of which a newer one took the place before they were sent.",
)
LAGGED: Final = Counter("sunsweep_live_lagged_total", "Live frames a slow viewer lost.")
COMMANDS: Final = Counter("sunsweep_dispatch_states_total", "Changes of commands' states, by the new state.", ["state"])
COMMANDS_QUEUED: Final = Gauge(
    "sunsweep_dispatch_queued_commands",
    "Commands of the whole platform that wait to be sent, as the last sweep found them; told by each dispatch.",
)
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
COUNTED_LAG_SECONDS: Final = Gauge(
    "sunsweep_jobs_counted_lag_seconds",
    "How far back the hours begin that roll-ups and ledger do not count yet; an hour and a little is as it should be."
    " Only the process that runs the jobs knows it.",
)
MARKS_WAITING: Final = Gauge(
    "sunsweep_jobs_marks_waiting",
    "Closed hours of machines that are to be counted again, because something came late. Only the process that runs"
    " the jobs knows it.",
)
MQTT_CONNECTIONS: Final = Counter(
    "sunsweep_mqtt_connections_total",
    "Connections to the broker that came to stand, by their use; each after the first is a reconnect.",
    ["connection"],
)
DATABASE_CONNECTIONS: Final = Gauge(
    "sunsweep_database_connections", "Connections of the pools that are in use, by pool.", ["pool"]
)
LOOP_STALLS: Final = Counter(
    "sunsweep_loop_stalls_total", "How often the event loop stood still for more than a second; the log shows where."
)
DOOR_OPEN: Final = Gauge("sunsweep_mqtt_door_open", "Connections that `/mqtt` carries to the broker.")
DOOR_REFUSED: Final = Counter(
    "sunsweep_mqtt_door_refused_total",
    "Connections to `/mqtt` that were refused or ended, by reason: subprotocol, full, broker_away, silent (no welcome"
    " of the broker in time).",
    ["reason"],
)
CERTIFICATE_ENDS: Final = Gauge(
    "sunsweep_certificate_ends_timestamp_seconds",
    "When the broker's certificate ends (server), and the first of those that machines are told to trust (authority),"
    " in seconds since 1970. Only `keep-certs` knows it.",
    ["of"],
)
CERTIFICATE_STUCK: Final = Gauge(
    "sunsweep_certificate_stuck", "1 while `keep-certs` cannot do its work; its log says why."
)
