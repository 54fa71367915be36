"""How deep a JSON text is nested, told before anything reads it."""

import re

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_OPENING = (b"[", b"{")
_CLOSING = (b"]", b"}")


def nested_deeper_than(limit: int, payload: bytes) -> bool:
    """Whether arrays and objects stand more than `limit` deep in one another; linear in the payload's length."""
    if payload.count(b"[") + payload.count(b"{") <= limit:
        return False
    depth = 0
    for token in _TOKEN.finditer(payload):
        if token[0] in _OPENING:
            depth += 1
            if depth > limit:
                return True
        elif token[0] in _CLOSING:
            depth -= 1
    return False
