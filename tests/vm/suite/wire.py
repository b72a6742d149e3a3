# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad messages, as an unprivileged user: each gets the error Varlink names, or is dropped."""

import os
import sys
import time

from gatewire import GATE, Closed, Wire, expect_error, message, raw, result

SERVICE = "org.varlink.service."
STATUS = {"method": GATE + "Status"}


def nested(depth):
    return b'{"method":"' + GATE.encode() + b'Status","parameters":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}\0"


def main():
    null = os.open("/dev/null", os.O_RDONLY)
    deny = [
        ("an empty message", b"\0", "closed"),
        ("no JSON at all", b"GET / HTTP/1.0\r\n\r\n\0", "closed"),
        ("an array", b"[]\0", "closed"),
        ("a string", b'"x"\0', "closed"),
        ("no method", b"{}\0", "closed"),
        ("a method that is a number", b'{"method":1}\0', "closed"),
        ("an unknown header member", message({**STATUS, "sudo": True}), "closed"),
        ("more and oneway at once", message({**STATUS, "more": True, "oneway": True}), "closed"),
        ("not UTF-8", b'{"method":"\xff\xfe"}\0', "closed"),
        ("an overlong UTF-8 form", b'{"method":"\xc0\xaf"}\0', "closed"),
        ("too deep", nested(1000), "closed"),
        ("the same member twice", b'{"method":"' + GATE.encode() + b'Status","method":"x"}\0', "closed"),
        ("something behind the object", b'{"method":"' + GATE.encode() + b'Status"} x\0', "closed"),
        ("too long", b'{"method":"' + b"a" * (1 << 20) + b'"}\0', "closed"),
        ("an interface that is not there", message({"method": "org.example.Nothing.Do"}), SERVICE + "InterfaceNotFound"),
        ("a method that is not there", message({"method": GATE + "Shutdown"}), SERVICE + "MethodNotFound"),
        ("an unknown parameter", message({**STATUS, "parameters": {"x": 1}}), SERVICE + "InvalidParameter"),
        ("a parameter of the wrong type", message({"method": GATE + "Unload", "parameters": {"id": 7}}), SERVICE + "InvalidParameter"),
        ("a parameter left out", message({"method": GATE + "Unload"}), SERVICE + "InvalidParameter"),
        ("a fd index that came with no fd", message({"method": GATE + "Load", "parameters": {"bundleFileDescriptor": 0}}), SERVICE + "InvalidParameter"),
        ("a negative fd index", message({"method": GATE + "Load", "parameters": {"bundleFileDescriptor": -1}}), SERVICE + "InvalidParameter"),
    ]
    for name, data, wanted in deny:
        try:
            got = raw(data)
        except OSError as error:
            got = repr(error)
        result(f"wire: {name}: {wanted}", got == wanted, got)

    for name, data in (("absent", STATUS), ("null", {**STATUS, "parameters": None}), ("{}", {**STATUS, "parameters": {}})):
        result(f"wire: parameters {name} are the same", raw(message(data)) is None)

    result("wire: 100 fds with one message are dropped", raw(message(STATUS), [null] * 100) == "closed")
    result("wire: fds that no call claims are closed, the call is answered", raw(message(STATUS), [null]) is None)

    # A message in single bytes is a message.
    wire = Wire()
    for byte in message(STATUS):
        wire.send(bytes([byte]))
    result("wire: a message sent byte by byte is answered", wire.receive()[0] is None)
    wire.close()

    # Two calls at once are answered in order.
    wire = Wire()
    wire.send(message({"method": GATE + "Shutdown"}) + message(STATUS))
    result("wire: two calls in one packet are answered in order",
           wire.receive()[0] == SERVICE + "MethodNotFound" and wire.receive()[0] is None)
    wire.close()

    # oneway: no answer, and the connection goes on.
    wire = Wire()
    wire.send(message({**STATUS, "oneway": True}) + message({"method": GATE + "Shutdown"}))
    result("wire: oneway gets no reply", wire.receive()[0] == SERVICE + "MethodNotFound")
    wire.close()

    # fds in the middle of a message.
    wire = Wire()
    try:
        data = message(STATUS)
        wire.send(data[:5])
        time.sleep(0.5)  # in one packet the kernel itself cannot tell them apart
        wire.send(data[5:], [null])
        got = wire.receive()[0]
    except Closed:
        got = "closed"
    result("wire: fds in the middle of a message are dropped", got == "closed", got)
    wire.close()

    # Half a message, nothing at all, and many of both: nobody else waits.
    idle = [Wire() for _ in range(40)]
    for wire in idle[:20]:
        wire.send(b'{"method":"org.bpf')
    result("wire: 40 idle and half-finished clients keep nobody waiting", raw(message(STATUS)) is None)
    for wire in idle:
        wire.close()

    wire = Wire()
    error, info = wire.call(SERVICE + "GetInfo")
    result("wire: GetInfo names both interfaces", error is None and
           {"org.bpfgate.Gate", "org.varlink.service"} <= set(info.get("interfaces", [])), info)
    error, info = wire.call(SERVICE + "GetInterfaceDescription", {"interface": "org.bpfgate.Gate"})
    with open(sys.argv[1], encoding="utf-8") as file:
        result("wire: the served interface is the installed file", error is None and
               info["description"] == file.read())
    got = wire.call(GATE + "Unload", {"id": "0123456789abcdef"})
    expect_error("wire: unloading what is not there", got, "NoSuchLoad")
    wire.close()


main()
