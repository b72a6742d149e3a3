# SPDX-License-Identifier: LGPL-2.1-or-later
"""kept.py load|fill MAX BUNDLE...: as an unprivileged user, loads the bundles in turn, keeps the maps' descriptors,
unloads, and again, at most MAX times; with "fill", then puts 8192 elements into each map, or as many as it takes.
Says how often it went, the refusal, and how many elements there are, as JSON; then keeps all until standard input ends."""
import errno
import json
import os
import sys

from confine import UPDATE, bpf, element, memory
from gatewire import GATE, Wire

PATIENCE = int(os.environ.get("BPFGATE_PATIENCE") or 1)


def fill(fds):
    """How many elements went in, and the error that there was."""
    _, value = memory(1024)
    n = 0
    for fd in fds:
        for number in range(8192):
            buffer, key = memory(4)
            buffer.raw = number.to_bytes(4, sys.byteorder)
            got = bpf(UPDATE, element(fd, key, value))
            if got < 0:
                return n, errno.errorcode.get(-got, str(got))
            n += 1
    return n, None


def main():
    what, most, bundles = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    wires, refusal = [], None
    for turn in range(most):
        wire = Wire(timeout=60 * PATIENCE)
        wires.append(wire)
        with open(bundles[turn % len(bundles)], "rb") as file:
            error, reply = wire.load(file.fileno(), lifetime="persistent")
        if error:
            refusal = {"error": error.removeprefix(GATE), **reply}
            break
        error, reply = wire.call(GATE + "Unload", {"id": reply["load"]["id"]})
        if error:
            sys.exit(f"Unload: {error}: {reply}")
    fds = [fd for wire in wires for fd in wire.fds]
    filled = fill(fds) if what == "fill" else None
    print(json.dumps({"loads": len(wires) - (refusal is not None), "kept": len(fds), "refusal": refusal,
                      "filled": filled}), flush=True)
    sys.stdin.read()


main()
