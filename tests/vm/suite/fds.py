# SPDX-License-Identifier: LGPL-2.1-or-later
"""File descriptors that are no bundle, as an unprivileged user. Arguments: a good bundle, a folder
one can write to."""

import os
import socket
import sys
import threading
import time

from gatewire import GATE, Wire, expect_error, load, result


def memfd(content, seals=0):
    fd = os.memfd_create("bundle", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    if seals:
        import fcntl
        fcntl.fcntl(fd, 1033, seals)  # F_ADD_SEALS
    return fd


def changing(path, content):
    """A file that is rewritten, as long as another reads it."""
    stop = threading.Event()

    def writer():
        with open(path, "r+b", buffering=0) as file:
            while not stop.is_set():
                file.seek(0, 2)
                file.write(b"x")
                file.truncate(len(content))

    thread = threading.Thread(target=writer)
    thread.start()
    return stop, thread


def main():
    good, folder = sys.argv[1], sys.argv[2]
    with open(good, "rb") as file:
        content = file.read()

    pipe, pipe_in = os.pipe()
    pair = socket.socketpair()
    expect_error("fd: a directory", load(os.open("/", os.O_RDONLY)), "BundleUnreadable", "directory")
    expect_error("fd: a pipe", load(pipe), "BundleUnreadable", "pipe")
    expect_error("fd: a socket", load(pair[0].fileno()), "BundleUnreadable", "socket")
    expect_error("fd: a device that never ends", load(os.open("/dev/zero", os.O_RDONLY)), "BundleUnreadable", "device")
    expect_error("fd: /dev/null", load(os.open("/dev/null", os.O_RDONLY)), "BundleUnreadable", "device")
    expect_error("fd: opened by O_PATH", load(os.open(good, os.O_PATH)), "BundleUnreadable")
    path = os.path.join(folder, "write-only")
    expect_error("fd: opened for writing only", load(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)), "BundleUnreadable")
    expect_error("fd: an empty file", load(memfd(b"")), "BundleUnreadable", "empty")
    expect_error("fd: an empty sealed memfd", load(memfd(b"", 15)), "BundleUnreadable", "empty")
    large = memfd(b"")
    os.ftruncate(large, 17 << 20)
    expect_error("fd: over the size limit", load(large), "BundleUnreadable", "16")
    huge = memfd(b"")
    os.ftruncate(huge, 1 << 40)
    expect_error("fd: a terabyte", load(huge), "BundleUnreadable", "16")

    for name, fd in (("a sealed memfd", memfd(content, 15)), ("an unsealed memfd", memfd(content)),
                     ("a regular file", os.open(good, os.O_RDONLY))):
        error, reply = load(fd)
        result(f"fd: {name} with the good bundle loads", error is None, reply.get("message"))

    path = os.path.join(folder, "changing")
    with open(path, "wb") as file:
        file.write(content + bytes(8 << 20))
    stop, thread = changing(path, content + bytes(8 << 20))
    outcomes = set()
    for _ in range(20):
        outcomes.add(load(os.open(path, os.O_RDONLY))[0])
    stop.set()
    thread.join()
    result("fd: a file that changes while it is read is refused",
           GATE + "BundleUnreadable" in outcomes and None not in outcomes, outcomes)

    if len(sys.argv) > 3:  # a file on a file system that never answers
        hang = os.open(sys.argv[3], os.O_RDONLY)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(load(hang)))
        start = time.monotonic()
        thread.start()
        time.sleep(0.5)
        other = Wire()
        quick = time.monotonic()
        error, _ = other.call(GATE + "Status")
        quick = time.monotonic() - quick
        result("fd: while a file never answers, others are served", error is None and quick < 2, quick)
        thread.join()
        expect_error("fd: a file that never answers times out", answers[0], "BundleUnreadable", "in time")
        result("fd: ... within 15 seconds", time.monotonic() - start < 15)
        other.close()
    print("fds.py is done", flush=True)


main()
