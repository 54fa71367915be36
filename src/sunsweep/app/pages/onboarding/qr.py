"""A text as a QR code (ISO/IEC 18004): its modules, and a picture of them."""

import qrcode
from qrcode.constants import ERROR_CORRECT_M

QUIET_ZONE = 4
"""Light modules around it, as the standard wants them."""


def modules(text: str) -> list[list[bool]]:
    """Rows of modules, dark ones true, without the quiet zone. Medium error correction: it is read from a screen."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=0)
    code.add_data(text)
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.get_matrix()]


def svg(text: str) -> bytes:
    """Dark on light whatever the theme: many readers take no other. One unit a module."""
    rows = modules(text)
    side = len(rows) + 2 * QUIET_ZONE
    path = "".join(
        f"M{x + QUIET_ZONE} {y + QUIET_ZONE}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, is_dark in enumerate(row)
        if is_dark
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<path fill="#FFFFFF" d="M0 0h{side}v{side}H0z"/><path fill="#000000" d="{path}"/></svg>'
    ).encode()
