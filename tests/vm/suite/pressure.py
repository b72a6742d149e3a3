# SPDX-License-Identifier: LGPL-2.1-or-later
"""What users do who want to keep others out. Started by root; what is done is done as an unprivileged
user. Arguments: what to do, and with what."""

import fcntl
import json
import os
import socket
import sys
import time

from gatewire import GATE, SOCKET, Closed, Wire, result

CGROUP = "/sys/fs/cgroup"
PATIENCE = int(os.environ.get("BPFGATE_PATIENCE") or 1)


def become(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def put(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(text))


def get(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def child(uid, run):
    """Starts run() as that user in a process of its own; a pipe that it tells something by."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        try:
            become(uid)
            run(theirs)
        finally:
            os._exit(0)
    os.close(theirs)
    return pid, ours


def unreadable_memory(uid, size):
    """A sealed memfd of that user whose pages lie in the swap and cannot come back: they belong to a
    memory cgroup without room. The memfd, or None where this kernel lets them come."""
    put(f"{CGROUP}/cgroup.subtree_control", "+memory")
    group = f"{CGROUP}/unreadable"
    os.makedirs(group, exist_ok=True)
    fd = os.memfd_create("bundle", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)

    pid = os.fork()
    if pid == 0:
        put(f"{group}/cgroup.procs", os.getpid())
        become(uid)
        os.write(fd, os.urandom(size))
        os._exit(0)
    os.waitpid(pid, 0)
    fcntl.fcntl(fd, 1033, 15)  # F_ADD_SEALS: all four
    put(f"{group}/memory.max", 0)
    end = time.monotonic() + 60 * PATIENCE
    while int(get(f"{group}/memory.swap.current")) < size // 2 and time.monotonic() < end:
        put(f"{group}/memory.max", 0)
        time.sleep(0.1)
    return fd if int(get(f"{group}/memory.swap.current")) >= size // 2 else None


def stuck(uid):
    fd = unreadable_memory(uid, 1 << 20)
    if not result("pressure: there is memory that does not come back", fd is not None,
                  get(f"{CGROUP}/unreadable/memory.stat")):
        return

    def run(tell):
        wires = [Wire(timeout=30 * PATIENCE) for _ in range(4)]
        for wire in wires:
            wire.send(json.dumps({"method": GATE + "Load", "parameters": {"bundleFileDescriptor": 0}}).encode() + b"\0", [fd])
        for wire in wires:
            try:
                os.write(tell, (str(wire.receive()[0]) + "\n").encode())
            except (TimeoutError, Closed) as error:
                os.write(tell, (repr(error) + "\n").encode())

    start = time.monotonic()
    pid, answers = child(uid, run)
    got = b""
    while data := os.read(answers, 4096):
        got += data
    os.waitpid(pid, 0)
    took = time.monotonic() - start
    result("pressure: four loads of memory that does not come back are refused",
           got.decode() == (GATE + "BundleUnreadable\n") * 4, got.decode())
    result(f"pressure: in time ({took:.1f} s)", took < 25 * PATIENCE)


def flood(uid, n):
    """So many calls that are refused, each of which could have an entry in the journal."""
    message = json.dumps({"method": GATE + "Unload", "parameters": {"id": "0123456789abcdef"}}).encode() + b"\0"

    def run(tell):
        wire = Wire(timeout=20 * PATIENCE)
        refused = 0
        for at in range(0, n, 10):
            wire.send(message * min(10, n - at))
            for _ in range(min(10, n - at)):
                refused += wire.receive()[0] == GATE + "NoSuchLoad"
        os.write(tell, str(refused).encode())

    pid, answers = child(uid, run)
    got = os.read(answers, 64).decode() or "none"
    os.waitpid(pid, 0)
    result(f"pressure: {n} calls of one user are answered", got == str(n), got)


def hold(uids, n):
    """So many connections of each of so many users, idle, until standard input ends."""
    pids = []
    for uid in range(70000, 70000 + uids):
        def run(tell):
            socks = []
            for _ in range(n):
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                sock.connect(SOCKET)
                socks.append(sock)
            # a round trip by the last: all before it have been taken
            socks[-1].sendall(json.dumps({"method": GATE + "Status"}).encode() + b"\0")
            socks[-1].recv(1)
            os.write(tell, b"x")
            sys.stdin.read()

        pid, told = child(uid, run)
        os.read(told, 1)
        pids.append(pid)
    print("held", flush=True)
    sys.stdin.read()
    for pid in pids:
        os.waitpid(pid, 0)


def main():
    what, numbers = sys.argv[1], [int(text) for text in sys.argv[2:]]
    {"stuck": stuck, "flood": flood, "hold": hold}[what](*numbers)


main()
