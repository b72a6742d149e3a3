# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bundles whose manifest lies about what the loader loads; to be signed by a trusted key.

Arguments: a folder with unsigned bundles execwatch, opencount and xdpcount, a folder to write to.
Beside each NAME.bpfb goes NAME.expect: bpfctl's exit status and what its message must hold."""

import os
import struct
import sys

from bundlefile import IMAGE, Bundle, Section

MANIFEST, ATTEST = "1 authenticate", "1 attest"

# Images that are not the object's, instead of or beside the one of execwatch's map 2, which holds min_uid.
IMAGES = {
    "image-of-another-value": [struct.pack("<II", 2, 5)],
    "image-too-long": [struct.pack("<IIB", 2, 0, 0)],
    "image-of-another-map": [struct.pack("<II", 1, 0)],
    "image-of-no-map": [struct.pack("<II", 77, 0)],
    "image-twice": [struct.pack("<II", 2, 0), struct.pack("<II", 2, 1)],
    "no-image": [],
    "image-other-than-the-loader": [struct.pack("<II", 2, 5)],
}


def lies():
    def program(**members):
        def change(manifest):
            next(iter(manifest["programs"].values())).update(members)
        return change

    def rename(kind):
        def change(manifest):
            key = next(iter(manifest[kind]))
            manifest[kind] = {("another" if k == key else k): v for k, v in manifest[kind].items()}
        return change

    def first_map(**members):
        def change(manifest):
            first = next(iter(manifest["maps"].values()))
            first.update(members)
            for name in [name for name, value in first.items() if value is None]:
                del first[name]
        return change

    def drop(kind):
        def change(manifest):
            manifest[kind].pop(next(iter(manifest[kind])))
        return change

    def member(name, value):
        def change(manifest):
            manifest[name] = value
        return change

    def closed(change):
        """The same without tunables of maps, which would give it away before the load."""
        def both(manifest):
            manifest["tunables"] = {
                name: value for name, value in manifest["tunables"].items() if value["type"] != "max_entries"}
            change(manifest)
        return both

    yield "program-type", "execwatch", ATTEST, program(
        type="raw_tracepoint", section="raw_tp/sched_process_exec", attach=["raw_tp:*"],
        default=["raw_tp:sched_process_exec"])
    yield "program-name", "execwatch", ATTEST, rename("programs")
    yield "attach-target", "opencount", ATTEST, program(
        section="fentry/vfs_read", attach=["fentry:vfs_read"], default=["fentry:vfs_read"])
    yield "attach-kind", "opencount", ATTEST, program(
        section="lsm/file_open", type="lsm", attach=["lsm:file_open"], default=["lsm:file_open"])
    yield "map-name", "execwatch", ATTEST, closed(rename("maps"))
    yield "map-type", "execwatch", ATTEST, closed(first_map(
        type="array", keySize=4, valueSize=8, maxEntries=1, grant="none", event=None))
    yield "map-entries", "execwatch", ATTEST, closed(first_map(maxEntries=4096))
    yield "a-map-less", "opencount", ATTEST, closed(drop("maps"))
    yield "a-map-more", "execwatch", ATTEST, lambda m: m["maps"].update(
        {"extra": {"type": "array", "keySize": 4, "valueSize": 8, "maxEntries": 1, "grant": "read"}})
    yield "a-program-more", "execwatch", ATTEST, lambda m: m["programs"].update(
        {"extra": {"section": "tp/sched/sched_switch", "type": "tracepoint", "attach": ["tracepoint:*/*"],
                   "default": ["tracepoint:sched/sched_switch"]}})
    yield "no-programs", "execwatch", MANIFEST, member("programs", {})
    yield "baked-pattern", "opencount", MANIFEST, program(attach=["fentry:*"])
    yield "events-of-an-array", "xdpcount", MANIFEST, first_map(grant="events")
    yield "unknown-member", "execwatch", MANIFEST, member("trusted", True)
    yield "sequence-zero", "execwatch", MANIFEST, member("sequence", 0)
    yield "name-with-a-slash", "execwatch", MANIFEST, member("name", "../execwatch")
    yield "escape-in-description", "execwatch", MANIFEST, member("description", "\x1b[2Jgone")
    yield "requires-what-nobody-has", "execwatch", "1 load.*teleportation", member("requires", ["teleportation"])
    def tunable(name, **members):
        return lambda manifest: manifest["tunables"][name].update(members)

    yield "tunable-default", "execwatch", MANIFEST, tunable("min_uid", default=5)
    yield "tunable-beyond-its-map", "execwatch", MANIFEST, tunable("min_uid", offset=1)
    yield "tunable-of-a-counter", "execwatch", MANIFEST, tunable("min_uid", map="totals")
    yield "tunable-wider-than-its-map", "execwatch", MANIFEST, tunable("min_uid", type="u64")
    yield "tunable-entries", "execwatch", MANIFEST, tunable("buffer_size", default=8192)
    yield "tunables-gone", "execwatch", MANIFEST, member("tunables", {})
    for name in IMAGES:
        if name != "image-other-than-the-loader":
            yield name, "execwatch", MANIFEST, lambda manifest: None
    # The manifest agrees with the image, and both lie about what the loader has.
    yield "image-other-than-the-loader", "execwatch", ATTEST, tunable("min_uid", default=5)
    yield "not-utf8", "execwatch", MANIFEST, None
    yield "too-deep", "execwatch", MANIFEST, None


def main():
    source, target = sys.argv[1:]
    for name, base, expect, change in lies():
        with open(os.path.join(source, base + ".bpfb"), "rb") as file:
            bundle = Bundle(file.read())
        if change:
            manifest = bundle.manifest
            change(manifest)
            bundle.manifest = manifest
            if name in IMAGES:
                bundle.sections.remove(bundle.section(IMAGE))
                bundle.sections += [Section(IMAGE, 0, content) for content in IMAGES[name]]
        elif name == "not-utf8":
            section = bundle.sections[0]
            section.content = section.content.replace(b'"name"', b'"\xff\xfe"', 1)
        else:
            section = bundle.sections[0]
            section.content = b'{"build":' + b"[" * 5000 + b"]" * 5000 + b"," + section.content[1:]
        with open(os.path.join(target, name + ".bpfb"), "wb") as file:
            file.write(bundle.bytes())
        with open(os.path.join(target, name + ".expect"), "w", encoding="utf-8") as file:
            file.write(expect + "\n")


main()
