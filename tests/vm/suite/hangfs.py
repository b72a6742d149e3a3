# SPDX-License-Identifier: LGPL-2.1-or-later
"""A FUSE file system with one file, "bundle", that opens and then never answers a read or a flush.
Argument: where to mount it (an empty folder). Runs until it is killed."""

import ctypes
import os
import struct
import sys

LOOKUP, GETATTR, OPEN, INIT, OPENDIR, RELEASE, FORGET, INTERRUPT, ACCESS = 1, 3, 14, 26, 27, 18, 2, 36, 34


def attributes(inode):
    mode, size = (0o040755, 0) if inode == 1 else (0o100644, 4096)
    # struct fuse_attr, include/uapi/linux/fuse.h
    return struct.pack("<QQQQQQIIIIIIIIII", inode, size, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def main():
    fuse = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if libc.mount(b"hangfs", sys.argv[1].encode(), b"fuse", 0, options) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    while True:
        request = os.read(fuse, 1 << 20)
        _, opcode, unique, inode = struct.unpack_from("<IIQQ", request)
        if opcode == INIT:
            body = struct.pack("<IIIIHHIIHHI", 7, 31, 65536, 0, 12, 9, 4096, 1, 1, 0, 0) + bytes(28)
        elif opcode == LOOKUP:
            body = struct.pack("<QQQQII", 2, 0, 3600, 3600, 0, 0) + attributes(2)
        elif opcode == GETATTR:
            body = struct.pack("<QII", 3600, 0, 0) + attributes(inode)
        elif opcode in (OPEN, OPENDIR):
            body = struct.pack("<QII", 1, 1, 0)  # FOPEN_DIRECT_IO
        elif opcode == ACCESS:
            body = b""
        else:
            continue  # never
        os.write(fuse, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)


main()
