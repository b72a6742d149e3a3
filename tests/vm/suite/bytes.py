# SPDX-License-Identifier: LGPL-2.1-or-later
"""Loads a bundle with one byte changed, at many offsets: spread evenly, with at least 40 in each part.

Arguments: the bundle, how many offsets at least."""

import collections
import os
import sys

from bundlefile import ENTRY, HEADER, Bundle
from gatewire import GATE, Wire, result

NAMES = {1: "manifest", 2: "source", 16: "loader", 17: "metadata", 18: "btf", 19: "image"}


def parts(data):
    """(name, start, end) of every part of the file."""
    bundle = Bundle(data)
    yield "header", 0, HEADER.size
    start = HEADER.size + ENTRY.size * len(bundle.sections)
    yield "table", HEADER.size, start
    for section in bundle.sections:
        yield NAMES[section.kind], start, start + len(section.content)
        start += len(section.content)
    yield "signers", start, len(data)


def try_load(wire, data):
    fd = os.memfd_create("bundle", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    import fcntl
    fcntl.fcntl(fd, 1033, 15)  # F_ADD_SEALS: all four
    error, reply = wire.load(fd)
    os.close(fd)
    return error, reply


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    wanted = int(sys.argv[2])
    counts, wrong, accepted, tried = collections.Counter(), [], 0, 0
    for name, start, end in parts(data):
        number = min(end - start, max(40, wanted * (end - start) // len(data) + 1))
        for index in range(number):
            offset = start + index * (end - start) // number
            altered = bytearray(data)
            altered[offset] ^= 1 << (index % 8)
            wire = Wire()
            error, reply = try_load(wire, bytes(altered))
            wire.close()
            tried += 1
            counts[name] += 1
            if error is None:
                accepted += 1
            if error not in (GATE + "NotAuthentic", GATE + "BundleMalformed") or reply.get("step") != "authenticate":
                wrong.append((name, offset, error, reply.get("message")))
            if tried % 150 == 0:
                wire = Wire()
                error, reply = try_load(wire, data)
                wire.close()
                result(f"bytes: the unchanged bundle loads in between, after {tried} changed ones",
                       error is None, reply)
    result(f"bytes: {tried} offsets changed, {accepted} accepted", accepted == 0 and tried >= 500)
    result("bytes: each refused at step authenticate: " +
           ", ".join(f"{count} in {name}" for name, count in counts.items()), not wrong, wrong[:10])


main()
