# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes one file for each rule of the format, with that rule broken.

Arguments: a signed bundle, a folder to make."""

import os
import struct
import sys

from bundlefile import BTF, HEADER, IMAGE, LOADER, MANIFEST, METADATA, Bundle, Section


def cases(data):
    def changed(change):
        bundle = Bundle(data)
        change(bundle)
        return bundle.bytes()

    def put(section, **members):
        for name, value in members.items():
            setattr(section, name, value)

    size = len(data)
    signed = HEADER.unpack_from(data)[3]
    for cut in (0, 1, 7, 23, 24, 79, 80, 300, signed - 1, signed + 1, signed + 43, size - 1):
        if cut:
            yield f"truncated-to-{cut}", data[:cut]
    yield "trailing-byte", data + b"\0"
    yield "trailing-record-header", data + struct.pack("<I", 44)
    yield "signed-record-twice", data + data[signed:]
    yield "another-magic", b"\x7fELF" + data[4:]
    yield "another-version", changed(lambda b: setattr(b, "version", 2))
    yield "no-sections", changed(lambda b: setattr(b, "count", 0))
    yield "too-many-sections", changed(lambda b: setattr(b, "count", 0xFFFFFFFF))
    yield "one-section-less", changed(lambda b: setattr(b, "count", len(b.sections) - 1))
    yield "one-section-more", changed(lambda b: setattr(b, "count", len(b.sections) + 1))
    yield "signed-size-zero", changed(lambda b: setattr(b, "signed_size", 0))
    yield "signed-size-huge", changed(lambda b: setattr(b, "signed_size", (1 << 64) - 1))
    yield "signed-size-over-the-end", changed(lambda b: setattr(b, "signed_size", size + 1))
    yield "sections-reordered", changed(lambda b: b.sections.reverse())
    yield "metadata-before-loader", changed(
        lambda b: b.sections.sort(key=lambda s: (s.kind != MANIFEST, s.kind != METADATA)))
    yield "manifest-twice", changed(lambda b: b.sections.insert(1, Section(MANIFEST, 0, b"{}")))
    yield "loader-twice", changed(lambda b: b.sections.append(Section(LOADER, 0, b"\x95" + bytes(7))))
    yield "no-manifest", changed(lambda b: b.sections.remove(b.section(MANIFEST)))
    yield "no-loader", changed(lambda b: b.sections.remove(b.section(LOADER)))
    yield "no-metadata", changed(lambda b: b.sections.remove(b.section(METADATA)))
    yield "image-before-metadata", changed(
        lambda b: b.sections.insert(3, Section(IMAGE, 0, b.section(IMAGE).content)))
    yield "too-many-images", changed(
        lambda b: b.sections.extend(Section(IMAGE, 0, b.section(IMAGE).content) for _ in range(16)))
    yield "image-of-another-payload", changed(lambda b: put(b.section(IMAGE), payload=1))
    yield "unknown-section-type", changed(lambda b: b.sections.append(Section(99, 0, b"x")))
    yield "empty-section", changed(lambda b: put(b.section(BTF), content=b""))
    yield "payload-without-the-one-before", changed(lambda b: put(b.section(LOADER), payload=1))
    yield "payload-number-huge", changed(lambda b: put(b.section(LOADER), payload=0xFFFFFFFF))
    yield "overlapping", changed(lambda b: put(b.section(METADATA), offset=400))
    yield "gap", changed(lambda b: put(b.section(BTF), offset=size))
    yield "offset-overflows", changed(lambda b: put(b.section(BTF), offset=(1 << 64) - 8))
    yield "size-overflows", changed(lambda b: put(b.section(BTF), size=(1 << 64) - 8))
    yield "size-over-the-end", changed(lambda b: put(b.section(BTF), size=size))
    yield "manifest-over-its-limit", changed(lambda b: put(b.section(MANIFEST), content=b" " * (1 << 20)))
    yield "loader-not-whole-instructions", changed(
        lambda b: put(b.section(LOADER), content=b.section(LOADER).content[:-1]))
    yield "loader-begins-with-the-separator", changed(
        lambda b: put(b.section(LOADER), content=b"\xff" + b.section(LOADER).content[1:]))
    for kind, name in ((MANIFEST, "manifest"), (LOADER, "loader"), (METADATA, "metadata"), (BTF, "btf"),
                       (IMAGE, "image")):
        yield f"altered-{name}", changed(
            lambda b, kind=kind: put(b.section(kind), content=b.section(kind).content[:-1] + b"\x7e"))
        yield f"altered-{name}-digest-kept", data.replace(
            Bundle(data).section(kind).content, Bundle(data).section(kind).content[:-1] + b"\x7e", 1)
    for offset, name in ((0, "record-size"), (4, "record-algorithm"), (8, "record-key"), (40, "record-count"),
                         (44, "kernel-signature-payload"), (48, "kernel-signature-contract"),
                         (52, "kernel-signature-size")):
        for value in (0, 9, 0xFFFFFFFF):
            altered = data[: signed + offset] + struct.pack("<I", value) + data[signed + offset + 4 :]
            if altered != data:
                yield f"{name}-{value}", altered


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    if Bundle(data).bytes() != data:
        sys.exit("the bundle cannot be put together again: the tests would be worth nothing")
    os.mkdir(sys.argv[2])
    for name, content in cases(data):
        with open(os.path.join(sys.argv[2], name + ".bpfb"), "wb") as file:
            file.write(content)
    os.chmod(sys.argv[2], 0o755)


main()
