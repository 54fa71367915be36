"""What the browser says of the network (`online`, `offline`): a hint and no more, for a LAN without internet is one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import js
from pyodide.ffi import create_proxy


@contextmanager
def network_events(on_change: Callable[[bool], None]) -> Iterator[None]:
    """Calls with whether there is a network, at each change until the end of the block; workers hear it too."""

    def back(_event: Any) -> None:
        on_change(True)

    def gone(_event: Any) -> None:
        on_change(False)

    proxies = {"online": create_proxy(back), "offline": create_proxy(gone)}
    for name, proxy in proxies.items():
        js.addEventListener(name, proxy)
    try:
        yield
    finally:
        for name, proxy in proxies.items():
            js.removeEventListener(name, proxy)
            proxy.destroy()
