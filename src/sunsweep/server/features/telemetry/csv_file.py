"""CSV as RFC 4180 has it: UTF-8, a header line, times in ISO 8601, nothing where nothing was measured."""

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

from sunsweep.contract.times import iso
from sunsweep.server.features.telemetry.export import Column, Kind, Row

MEDIA_TYPE = "text/csv; charset=utf-8"


class CsvFile:
    """Written piece by piece."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._times = [place for place, column in enumerate(columns) if column.kind is Kind.TIME]
        self._buffer = StringIO(newline="")
        self._writer = csv.writer(self._buffer)
        self._writer.writerow(column.name for column in columns)

    def rows(self, rows: Sequence[Row]) -> bytes:
        self._writer.writerows(map(self._line, rows))
        return self._taken()

    def end(self) -> bytes:
        return self._taken()

    def _line(self, row: Row) -> list[Any]:
        line = list(row)
        for place in self._times:
            line[place] = iso(line[place])
        return line

    def _taken(self) -> bytes:
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return text.encode()
