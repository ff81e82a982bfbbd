"""A whole session in a network of its own that has loopback and nothing else; tells what was dialled besides.

`python -m tests.hedgegrid_tui.binance.alone MODE FOLDER` prints one JSON object. The kernel counts what it could not
route, whoever asked for it: Python, Rust, a resolver. With MODE `control` the product gets no addresses but Binance's
own, which shows that the counters see it.
"""

import fcntl
import json
import os
import socket
import struct
import sys
from pathlib import Path

NEW = {"user": os.CLONE_NEWUSER | os.CLONE_NEWNET, "root": os.CLONE_NEWNET}
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
NO_NAMESPACE = 77
"""Exit status where the machine gives no network of one's own."""


def be_alone() -> None:
    """Leave the machine's network for an empty one; must come before any thread."""
    try:
        os.unshare(NEW["root" if os.geteuid() == 0 else "user"])
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(NO_NAMESPACE)


def unroutable() -> int:
    """How many packets and connections found no way out of this network so far, IPv4 and IPv6."""
    folder = Path("/proc/self/net")
    rows = [line.split() for line in (folder / "snmp").read_text(encoding="ascii").splitlines()]
    told = {f"{names[0]}{name}": int(value) for names, values in zip(rows[::2], rows[1::2], strict=True)
            for name, value in zip(names[1:], values[1:], strict=True)}  # fmt: skip
    found = told["Ip:OutNoRoutes"]
    six = folder / "snmp6"
    for line in six.read_text(encoding="ascii").splitlines() if six.exists() else ():
        name, value = line.split()
        found += int(value) if name == "Ip6OutNoRoutes" else 0
    return found


def main(mode: str, folder: Path) -> None:
    """Run one session of `mode` and print what was seen."""
    be_alone()
    import pytest

    from tests.hedgegrid_tui.binance.product import FIRST_BID, Product, set_keys
    from tests.hedgegrid_tui.live import Live
    from tests.venue.binance.server import FakeBinance

    if mode == "control":
        with Live(folder, "--mode", "paper", terminal=False) as session:
            code = session.ended()
        print(json.dumps({"unroutable": unroutable(), "code": code, "fills": 0}))
        return
    with pytest.MonkeyPatch.context() as patch, FakeBinance().threaded() as venue:
        venue.quote(FIRST_BID)
        set_keys(patch, venue)
        confirmed = ("--confirm", "LIVE BTCUSDT", "--no-tmux") if mode == "live" else ()
        with Product(folder, venue, mode, *confirmed) as product:

            def filled() -> bool:
                books = product.books
                venue.quote("61776.00" if books.count_open("entry") else FIRST_BID)
                return bool(books.counts["fills"] and product.told("snapshot"))

            product.until(filled, "fills")
            product.give("quit flatten")
            code = product.ended()
            fills = product.told("summary")[0]["fills"]
    print(json.dumps({"unroutable": unroutable(), "code": code, "fills": fills}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
