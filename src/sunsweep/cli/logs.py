"""One log of the whole process, on stderr: a line an event, with its fields."""

import logging
import re
import sys
from enum import StrEnum
from typing import Final

import structlog

_SECRETS: Final = re.compile(
    r"""(?P<before>://[^/\s:@'"]*:)[^@\s'"]+(?=@)             # the password in a URL
      | (?P<name>\b\w*(?:password|secret|token)\\?['"]?      # a field of that name: of a query, a form, JSON, a log
          \s*[=:]\s*b?\\?['"]?)[^&\s'",;\\]+
      | (?P<scheme>\b(?:bearer|basic)(?:,\s*|\s+))[\w.~+/=-]{12,}   # a header, or a pair of subprotocols
      | \beyJ[\w-]+\.[\w-]+\.[\w-]+                          # a token, wherever it stands
    """,
    re.VERBOSE | re.IGNORECASE,
)


class LogFormat(StrEnum):
    """For people, or for programs."""

    TEXT = "text"
    JSON = "json"


def set_up(level: str, form: LogFormat = LogFormat.TEXT) -> None:
    """Send structlog's and the standard library's records the same way."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    into_fields = [structlog.processors.format_exc_info] if form is LogFormat.JSON else []
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *into_fields, _renderer(form)],
    )
    handler.setFormatter(_Discreet(formatter))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for talkative in ("alembic", "asyncmy", "websockets", "uvicorn"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    # It writes forty lines about a dead connection; whoever used it says in one that the database is away.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


def _renderer(form: LogFormat) -> structlog.types.Processor:
    if form is LogFormat.JSON:
        return structlog.processors.JSONRenderer()
    # Not the library's own choice, which shows local variables too: passwords among them.
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)


class _Discreet(logging.Formatter):
    """Whoever reads the log is not to learn passwords and tokens."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        line = self._formatter.format(record)
        return _SECRETS.sub(lambda found: f"{found['before'] or found['name'] or found['scheme'] or ''}***", line)
