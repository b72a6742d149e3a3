# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bundle taken apart and put together again, rules or no rules. The format: lib/bundle.h."""

import hashlib
import json
import struct

MANIFEST, SOURCE, LOADER, METADATA, BTF, IMAGE = 1, 2, 16, 17, 18, 19
HEADER = struct.Struct("<8sIIQ")
ENTRY = struct.Struct("<IIQQ32s")


class Section:
    def __init__(self, kind, payload, content):
        self.kind, self.payload, self.content = kind, payload, content
        self.offset = self.size = self.digest = None  # None: as it should be


class Bundle:
    def __init__(self, data):
        self.magic, self.version, self.count, self.signed_size = HEADER.unpack_from(data)
        self.sections = []
        for index in range(self.count):
            kind, payload, offset, size, _ = ENTRY.unpack_from(data, HEADER.size + index * ENTRY.size)
            self.sections.append(Section(kind, payload, data[offset : offset + size]))
        self.records = data[self.signed_size :]
        self.count = self.signed_size = None

    def section(self, kind):
        return next(section for section in self.sections if section.kind == kind)

    @property
    def manifest(self):
        return json.loads(self.section(MANIFEST).content)

    @manifest.setter
    def manifest(self, value):
        self.section(MANIFEST).content = json.dumps(value).encode()

    def bytes(self):
        offset = HEADER.size + ENTRY.size * len(self.sections)
        table = content = b""
        for section in self.sections:
            size = len(section.content) if section.size is None else section.size
            table += ENTRY.pack(
                section.kind, section.payload, offset if section.offset is None else section.offset, size,
                section.digest or hashlib.sha256(section.content).digest())
            offset += len(section.content)
            content += section.content
        count = len(self.sections) if self.count is None else self.count
        signed_size = offset if self.signed_size is None else self.signed_size
        return HEADER.pack(self.magic, self.version, count, signed_size) + table + content + self.records
