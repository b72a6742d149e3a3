# SPDX-License-Identifier: LGPL-2.1-or-later
"""Changes the kernel signatures of a bundle's only signer and signs the record anew, as only the
holder of the key can. Arguments: what to do, the bundle, the signer's RSA key, the file to write.

swap: payloads 0 and 1 get each other's; second: payload 1 gets those of 0; drop: it has none."""

import hashlib
import struct
import subprocess
import sys

from bundlefile import ENTRY, HEADER, Bundle


def main(how, path, key, out):
    with open(path, "rb") as file:
        data = file.read()
    record = Bundle(data).records
    algorithm, signer, count = struct.unpack_from("<I32sI", record, 4)
    sigs, at = [], 44
    for _ in range(count):
        payload, contract, size = struct.unpack_from("<III", record, at)
        sigs.append((payload, contract, record[at + 12 : at + 12 + size]))
        at += 12 + size
    if how == "swap":
        sigs = sorted((1 - payload, contract, sig) for payload, contract, sig in sigs)
    else:
        first = [sig for sig in sigs if sig[0] == 0]
        sigs = first + ([(1, contract, sig) for _, contract, sig in first] if how == "second" else [])
    rest = struct.pack("<I32sI", algorithm, signer, len(sigs))
    for payload, contract, sig in sigs:
        rest += struct.pack("<III", payload, contract, len(sig)) + sig
    body = struct.pack("<I", 4 + len(rest)) + rest
    end = HEADER.size + ENTRY.size * HEADER.unpack_from(data)[2]
    digest = hashlib.sha256(data[:end]).digest()
    message = b"\xffbpfgate-signer-v1\0" + digest + struct.pack("<Q", len(body)) + body
    raw = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=message, check=True,
                         capture_output=True).stdout
    with open(out, "wb") as file:
        file.write(data[: len(data) - len(record)] + body + struct.pack("<I", len(raw)) + raw)


main(*sys.argv[1:])
