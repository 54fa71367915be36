"""Many files as one that the browser takes apart without copying: length of the index, index, contents."""

import json
from pathlib import Path


def pack(tree: Path) -> bytes:
    """Little-endian 32-bit length; a JSON list of [path, size]; then the files, in that order."""
    files = [file for file in sorted(tree.rglob("*")) if file.is_file()]
    index = [[file.relative_to(tree).as_posix(), file.stat().st_size] for file in files]
    head = json.dumps(index, separators=(",", ":")).encode()
    return len(head).to_bytes(4, "little") + head + b"".join(file.read_bytes() for file in files)


def unpack(packed: bytes, into: Path) -> None:
    """The files of a pack of ours."""
    begin = 4 + int.from_bytes(packed[:4], "little")
    for path, size in json.loads(packed[4:begin]):
        file = into / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(packed[begin : begin + size])
        begin += size
