# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Varlink client that can be as rude as it likes: what bpfctl would never send."""

import array
import json
import os
import socket

SOCKET = "/run/bpfgate/org.bpfgate.Gate"
GATE = "org.bpfgate.Gate."


class Closed(Exception):
    """The daemon closed the connection."""


class Wire:
    def __init__(self, timeout=30):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(SOCKET)
        self.buffer = b""
        self.fds = []

    def send(self, data, fds=()):
        """Raw bytes, the fds with the first of them."""
        ancillary = []
        if fds:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        try:
            sent = self.sock.sendmsg([data], ancillary)
            while sent < len(data):
                sent += self.sock.send(data[sent:])
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed() from error

    def receive(self):
        """The next reply as (error or None, parameters)."""
        while b"\0" not in self.buffer:
            try:
                data, ancillary, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(4 * 64))
            except ConnectionResetError as error:
                raise Closed() from error
            for level, kind, content in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    got = array.array("i")
                    got.frombytes(content[: len(content) // 4 * 4])
                    self.fds.extend(got)
            if not data:
                raise Closed()
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        reply = json.loads(message)
        return reply.get("error"), reply.get("parameters", {})

    def call(self, method, parameters=None, fds=(), **members):
        message = {"method": method, **members}
        if parameters is not None:
            message["parameters"] = parameters
        self.send(json.dumps(message).encode() + b"\0", fds)
        return self.receive()

    def load(self, fd, **parameters):
        return self.call(GATE + "Load", {"bundleFileDescriptor": 0, **parameters}, [fd])

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)


def load(fd, **parameters):
    """One load over a connection of its own: (error or None, parameters)."""
    wire = Wire()
    try:
        return wire.load(fd, **parameters)
    except Closed:
        return "closed", {}
    finally:
        wire.close()


def raw(data, fds=()):
    """What comes back for some bytes: an error's name, None for success, "closed"."""
    wire = Wire()
    try:
        wire.send(data, fds)
        return wire.receive()[0]
    except Closed:
        return "closed"
    finally:
        wire.close()


def message(value):
    return json.dumps(value).encode() + b"\0"


def result(name, good, detail=""):
    print(("ok - " if good else "not ok - ") + name)
    if not good and detail:
        print("#   " + str(detail).replace("\n", "\n#   "))
    return good


def expect_error(name, got, error, pattern=""):
    """got: (error, parameters); the error's short name and a part of its message are compared."""
    text = got[1].get("message", "")
    wanted = error if error == "closed" else GATE + error
    return result(name, got[0] == wanted and pattern in text, f"{got[0]}: {text}")
