# SPDX-License-Identifier: LGPL-2.1-or-later
"""Load with "more": the call of a session goes on until it is taken down. Argument: a bundle."""

import os
import sys

from gatewire import GATE, Wire


def check(name, good, seen=""):
    print(("ok - " if good else "not ok - ") + "road: more: " + name)
    if not good:
        print("#   " + str(seen))


def load(wire, bundle, lifetime="session"):
    fd = os.open(bundle, os.O_RDONLY)
    try:
        return wire.call(GATE + "Load", {"bundleFileDescriptor": 0, "lifetime": lifetime}, [fd], more=True)
    finally:
        os.close(fd)


def ids():
    error, reply = Wire().call(GATE + "List")
    assert error is None, error
    return [load["id"] for load in reply["loads"]]


def main():
    bundle = sys.argv[1]
    wire = Wire()
    error, reply = load(wire, bundle)
    check("a session is loaded", error is None and reply["load"]["id"] in ids(), (error, reply))
    first = reply["load"]["id"]
    # What is sent meanwhile waits.
    wire.send(b'{"method":"org.bpfgate.Gate.List"}\0')
    error, _ = Wire().call(GATE + "Unload", {"id": first})
    check("it is unloaded by another connection", error is None, error)
    error, reply = wire.receive()
    check("then the call ends", error == GATE + "LoadEnded" and reply["id"] == first, (error, reply))
    error, reply = wire.receive()
    check("and what was sent meanwhile is answered", error is None and reply["loads"] == [], (error, reply))

    error, reply = load(wire, bundle)
    check("the connection loads again", error is None, error)
    wire.sock.close()

    wire = Wire()
    error, reply = load(wire, bundle, "persistent")
    persistent = reply["load"]["id"]
    error, _ = wire.call(GATE + "Unload", {"id": persistent})
    check("a persistent load's call is over with its reply", error is None, error)


main()
