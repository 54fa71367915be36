"""Parquet: a row group at a time, times as UTC timestamps, units in the metadata of the columns."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from sunsweep.server.features.telemetry.export import Column, Kind, Row

GROUP_ROWS: Final = 64_000
GROUP_BYTES: Final = 16 * 1024 * 1024
"""Whichever comes first: a group is in memory as a whole."""

_TYPES: Final[Mapping[Kind, Any]] = {
    Kind.TIME: pa.timestamp("ms", tz="UTC"),
    Kind.WHOLE: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.JSON: pa.string(),
}


class ParquetFile:
    """Written piece by piece; `about` goes into the file's own metadata."""

    def __init__(self, columns: Sequence[Column], about: Mapping[str, str]) -> None:
        fields = [pa.field(c.name, _TYPES[c.kind], metadata={"unit": c.unit} if c.unit else None) for c in columns]
        self._schema = pa.schema(fields, metadata=dict(about))
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(self._sink, self._schema, compression="snappy")
        self._waiting: list[Any] = []

    def rows(self, rows: Sequence[Row]) -> bytes:
        if rows:
            arrays = [
                pa.array(values, field.type)
                for values, field in zip(zip(*rows, strict=True), self._schema, strict=True)
            ]
            self._waiting.append(pa.record_batch(arrays, schema=self._schema))
        if self._full():
            self._write_group()
        return self._sink.taken()

    def end(self) -> bytes:
        if self._waiting:
            self._write_group()
        self._writer.close()
        return self._sink.taken()

    def _full(self) -> bool:
        rows: int = sum(batch.num_rows for batch in self._waiting)
        size: int = sum(batch.nbytes for batch in self._waiting)
        return rows >= GROUP_ROWS or size >= GROUP_BYTES

    def _write_group(self) -> None:
        table = pa.Table.from_batches(self._waiting)
        self._writer.write_table(table, row_group_size=table.num_rows)
        self._waiting.clear()


class _Sink:
    """What the writer takes for a file; its bytes are taken away as they come."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self._written += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def taken(self) -> bytes:
        pieces, self._pieces = b"".join(self._pieces), []
        return pieces
