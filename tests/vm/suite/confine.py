# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an unprivileged user can do with the file descriptors that were granted: read, no more.

Run as that user, in a user namespace of one's own where one is root (unshare -Urm), which is as much
power as an unprivileged process can give itself. Arguments: xdpcount.bpfb,
execwatch.bpfb, a folder to work in, a bpffs."""

import ctypes
import errno
import mmap
import os
import socket
import struct
import sys

from gatewire import GATE, Wire, result

MAP_CREATE, LOOKUP, UPDATE, DELETE, NEXT_KEY, PROG_LOAD, OBJ_PIN, OBJ_GET, PROG_ATTACH = range(9)
PROG_BY_ID, MAP_BY_ID, RAW_TP_OPEN, LINK_CREATE, LINK_BY_ID = 13, 14, 17, 28, 30
BPF = 321
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    buffer = ctypes.create_string_buffer(attr + bytes(168 - len(attr)), 168)
    got = libc.syscall(BPF, command, buffer, 168)
    return got if got >= 0 else -ctypes.get_errno()


def memory(size):
    buffer = ctypes.create_string_buffer(size)
    return buffer, ctypes.addressof(buffer)


def element(fd, key, value=0, flags=0):
    return struct.pack("<I4xQQQ", fd, key, value, flags)


def denied(name, got, *allowed):
    allowed = allowed or (errno.EPERM, errno.EACCES)
    result(f"confine: {name}", -got in allowed,
           errno.errorcode.get(-got, str(got)) if got < 0 else f"it was possible: {got}")


def open_load(bundle, **parameters):
    wire = Wire()
    with open(bundle, "rb") as file:
        error, reply = wire.load(file.fileno(), **parameters)
    if error:
        sys.exit(f"Load of {bundle}: {error}: {reply.get('message')}")
    return wire, reply["load"]


def only_maps(name, wire):
    kinds = {os.readlink(f"/proc/self/fd/{fd}") for fd in wire.fds}
    result(f"confine: {name}: nothing but maps came back", kinds == {"anon_inode:bpf-map"}, kinds)


def try_map(name, fd, key_size, value_size):
    """Everything that changes a map's content."""
    _, key = memory(key_size or 4)
    _, value = memory((value_size or 8) * 64)
    denied(f"{name}: no update", bpf(UPDATE, element(fd, key, value)), errno.EPERM, errno.ENOTSUPP if hasattr(errno, "ENOTSUPP") else 524)
    denied(f"{name}: no delete", bpf(DELETE, element(fd, key)), errno.EPERM, errno.EINVAL, 524)
    try:
        mmap.mmap(fd, 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        result(f"confine: {name}: no writable mapping", False, "it was possible")
    except OSError as error:
        result(f"confine: {name}: no writable mapping", error.errno in (errno.EPERM, errno.EACCES, errno.ENODEV, errno.ENOTSUP, 524), error)


def main():
    wire, load = open_load(sys.argv[1], attach=[{"program": "xdpcount", "target": "xdp:lo"}])
    only_maps("xdpcount", wire)
    granted = [entry for entry in load["maps"] if entry.get("mapFileDescriptor") is not None]
    result("confine: xdpcount: a map was granted for reading", any(m["grant"] == "read" for m in granted), load["maps"])
    for entry in granted:
        fd = wire.fds[entry["mapFileDescriptor"]]
        try_map(entry["name"], fd, entry["keySize"], entry["valueSize"])
        _, key = memory(max(entry["keySize"], 8))
        got = bpf(NEXT_KEY, struct.pack("<I4xQQ", fd, 0, key))
        result(f"confine: {entry['name']}: can be read", got == 0 or got == -errno.ENOENT, got)

    # A read-only descriptor becomes a writable one through a pin; the frozen map does not.
    fd = wire.fds[granted[0]["mapFileDescriptor"]]
    # Newer kernels mount none in a user namespace; the administrator may have given one.
    folder = os.path.join(sys.argv[3], "own")
    os.mkdir(folder)
    if libc.mount(b"bpf", folder.encode(), b"bpf", 0, None) != 0:
        folder = sys.argv[4]
    path = ctypes.create_string_buffer(os.path.join(folder, "map").encode())
    name = ctypes.addressof(path)
    pinned = bpf(OBJ_PIN, struct.pack("<QII", name, fd, 0))
    again = bpf(OBJ_GET, struct.pack("<QII", name, 0, 0)) if pinned == 0 else pinned
    if result("confine: the map can be pinned and opened again for writing (else the next rows prove nothing)",
              again >= 0, again):
        try_map(granted[0]["name"] + ", through a pin", again, granted[0]["keySize"], granted[0]["valueSize"])

    # The kernel's objects by other ways.
    _, insns = memory(16)
    _, text = memory(16)
    ids = [p["id"] for p in load["programs"]], [m["id"] for m in load["maps"]]
    denied("no program by its id", bpf(PROG_BY_ID, struct.pack("<I", ids[0][0])))
    denied("no map by its id", bpf(MAP_BY_ID, struct.pack("<I", ids[1][0])))
    denied("no link by its id", bpf(LINK_BY_ID, struct.pack("<I", 1)), errno.EPERM)
    denied("no program of one's own", bpf(PROG_LOAD, struct.pack("<IIQQ", 5, 2, insns, text)))
    denied("no map of one's own", bpf(MAP_CREATE, struct.pack("<IIIII", 2, 4, 8, 1, 0)))
    for entry in granted:
        fd = wire.fds[entry["mapFileDescriptor"]]
        denied("a map attaches nothing: LINK_CREATE", bpf(LINK_CREATE, struct.pack("<IIII", fd, 1, 37, 0)), errno.EINVAL, errno.EPERM, errno.EBADF)
        denied("a map attaches nothing: PROG_ATTACH", bpf(PROG_ATTACH, struct.pack("<IIII", 0, fd, 0, 0)), errno.EINVAL, errno.EPERM, errno.EBADF)
        denied("a map attaches nothing: RAW_TRACEPOINT_OPEN", bpf(RAW_TP_OPEN, struct.pack("<QI", text, fd)), errno.EINVAL, errno.EPERM, errno.EBADF)
        with socket.socket() as sock:
            try:
                sock.setsockopt(socket.SOL_SOCKET, 50, fd)  # SO_ATTACH_BPF
                result("confine: a map attaches nothing: SO_ATTACH_BPF", False, "it was possible")
            except OSError as error:
                result("confine: a map attaches nothing: SO_ATTACH_BPF", True, error)
    wire.call(GATE + "Unload", {"id": load["id"]})

    # Events: consuming is all; and holding every descriptor does not keep the program running.
    wire, load = open_load(sys.argv[2], lifetime="persistent")
    only_maps("execwatch", wire)
    entry = next(m for m in load["maps"] if m["grant"] == "events")
    fd = wire.fds[entry["mapFileDescriptor"]]
    page = mmap.PAGESIZE
    try:
        mmap.mmap(fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=page)
        result("confine: events: the producer's side is not writable", False, "it was possible")
    except OSError as error:
        result("confine: events: the producer's side is not writable", error.errno == errno.EPERM, error)
    producer = mmap.mmap(fd, page * 3, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
    position = lambda: struct.unpack_from("<Q", producer)[0]
    before = position()
    os.system("/bin/true; /bin/true")
    result("confine: events come while it is loaded", position() > before, (before, position()))
    error, reply = Wire().call(GATE + "Unload", {"id": load["id"]})
    result("confine: unload while descriptors are held", error is None, reply)
    before = position()
    os.system("/bin/true; /bin/true")
    result("confine: no event comes after unload", position() == before, (before, position()))
    print("program ids:", *[p["id"] for p in load["programs"]], file=sys.stderr)


if __name__ == "__main__":
    main()
