/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manifest: what a bundle says of itself. JSON (camelCase members), authenticated with the
 * bundle, strict: unknown members, wrong types, missing parts are errors. It only promises;
 * attestation compares it with what the kernel has really loaded.
 *
 * {
 *   "name": "execwatch",            [a-z0-9][a-z0-9._-]{0,63}
 *   "version": "1.0",               1..64 printable characters
 *   "sequence": 1,                  >= 1, grows with each release: the rollback floor
 *   "description": "...", "license": "GPL", "publisher": "..."     the first two required
 *   "programs": {                   in the order of the loader's program descriptors, 1..32
 *     "on_exec": { "section": "tp/sched/sched_process_exec", "type": "tracepoint",
 *                  "attach": ["tracepoint:sched/sched_process_exec"],   patterns; what is allowed
 *                  "default": ["tracepoint:sched/sched_process_exec"] } }, exact; when none is
 * asked "maps": {                       in the order of the loader's map descriptors, 0..64
 *     "events": { "type": "ringbuf", "keySize": 0, "valueSize": 0, "maxEntries": 262144,
 *                 "grant": "events", "event": "exec_event" },
 *     "counts": { ..., "grant": "read", "key": "u32", "value": "struct count" } },
 *   "requires": [],                 kernel features by name (feature.h)
 *   "effects": ["registers"],       what the programs can change besides their maps (effect.h);
 *                                   left out: nothing
 *   "tunables": {                   what users may set (tunable.h), 0..64
 *     "min_uid": { "type": "u32", "map": "execwatc.rodata", "offset": 0,
 *                  "min": 0, "max": 65535, "default": 0 },
 *     "buffer": { "type": "max_entries", "map": "events", "min": 4096, "max": 1048576,
 *                 "default": 262144 } },
 *   "after": [],                    bundle digests, "sha256:...": what must be loaded already
 *   "build": { "compiler": "...", "libbpf": "1.7", "bpfctl": "0.1" }
 * }
 *
 * "key", "value" and "event" name types of the bundle's BTF section (for display only).
 * "maxEntries" 0 means: decided by the loader (one per CPU), not compared.
 * A "default" target must fit a pattern of "attach" and, where the kind is baked into the loader,
 * equal it.
 * A tunable variable lies in a map of read-only data, of which the bundle has an image (image.h);
 * the default of a "max_entries" is the map's "maxEntries". No two may share bytes, or a map.
 * A program or map of another payload than the first has a "payload", its number. Those of one
 * payload stand together, payload by payload; each payload has a program.
 */
#pragma once

#include "effect.h"
#include "error.h"
#include "target.h"
#include "tunable.h"

#define MANIFEST_NAME_MAX     64
#define MANIFEST_PROGRAMS_MAX 32 /* libbpf's gen_loader */
#define MANIFEST_MAPS_MAX     64 /* libbpf's gen_loader */
#define MANIFEST_TARGETS_MAX  32 /* patterns, or default targets, of one program */
#define MANIFEST_AFTER_MAX    16
#define MANIFEST_TUNABLES_MAX 64 /* bits of a uint64_t */

enum map_grant {
	GRANT_NONE,
	GRANT_READ,   /* read-only fd, and the map frozen */
	GRANT_EVENTS, /* ring buffers only: a fd that can consume */
	GRANT_READ_WRITE,
	_GRANT_MAX,
};

struct manifest_program {
	unsigned payload;
	char *name;    /* as in the object file, whole; the kernel keeps 15 characters */
	char *section; /* ELF section */
	enum bpf_prog_type type;
	unsigned n_attach;
	char **attach;
	unsigned n_defaults;
	char **defaults;
};

struct manifest_map {
	unsigned payload;
	char *name; /* as libbpf names it; the kernel keeps 15 characters */
	enum bpf_map_type type;
	uint32_t key_size, value_size, max_entries;
	enum map_grant grant;
	char *event;	   /* BTF type of a ring buffer record, or NULL */
	char *key, *value; /* BTF types, or NULL */
};

struct manifest {
	char *name, *version, *description, *license, *publisher;
	uint64_t sequence;
	unsigned n_programs;
	struct manifest_program *programs;
	unsigned n_maps;
	struct manifest_map *maps;
	unsigned n_tunables;
	struct manifest_tunable *tunables;
	unsigned n_requires;
	char **requires;
	uint32_t effects; /* 1 << enum effect */
	unsigned n_after;
	char **after; /* bundle digests as digest_format() writes them */
	char *build;  /* the "build" member as JSON text, or NULL */
};

/* @text is the authenticated manifest section. ERROR_BAD_MANIFEST with line, column and member;
 * *ret is owned by the caller, manifest_free(). */
int manifest_parse(const char *text, size_t size, struct manifest **ret, struct error *error);
void manifest_free(struct manifest *manifest);
static inline void manifest_freep(struct manifest **m)
{
	manifest_free(*m);
}
#define _cleanup_manifest_ _cleanup_(manifest_freep)

/* The canonical text: members in the order above, two spaces of indentation, a newline at the end.
 * manifest_parse(manifest_format(m)) gives m. *ret is malloced. */
int manifest_format(const struct manifest *manifest, char **ret, size_t *ret_size);

/* What one payload's loader makes: programs and maps that stand together, in its order. */
struct manifest_part {
	unsigned first_program, n_programs;
	unsigned first_map, n_maps;
};
unsigned manifest_n_payloads(const struct manifest *m);
struct manifest_part manifest_part(const struct manifest *m, unsigned payload);
/* Bits 1 << enum bpf_prog_type of its programs. */
uint64_t manifest_types(const struct manifest *m, unsigned payload);
/* Is it the manifest of a bundle of @n_payloads? ERROR_BAD_MANIFEST. */
int manifest_check_payloads(const struct manifest *m, unsigned n_payloads, struct error *error);

const struct manifest_program *manifest_find_program(const struct manifest *m, const char *name);

/* Is it a map that libbpf makes of read-only data: ".rodata", ".rodata.x"? */
bool manifest_map_is_rodata(const struct manifest_map *map);
/* Are there tunable variables in map number @map, so that the bundle has an image of it? */
bool manifest_map_has_variables(const struct manifest *m, unsigned map);

const char *map_grant_name(enum map_grant grant); /* "none", "read", "events", "read-write" */
int map_grant_from_name(const char *name, enum map_grant *ret);
bool manifest_name_valid(const char *name);
