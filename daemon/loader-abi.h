/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interface of the loaders that libbpf's gen_loader writes (bpf/skel_internal.h): names of map
 * and program, and the context that the loader gets and fills. Nothing signs the context; it is
 * made here, of the manifest's counts, zeros and what the signer has left open (tuning.h), so that
 * a loader does just what was signed.
 */
#pragma once

#include "manifest.h"

#define LOADER_MAP_NAME	    "__loader.map"
#define LOADER_PROGRAM_NAME "__loader.prog"

/* A descriptor per map, then one (an int) per program. */
struct loader_map {
	int32_t fd; /* filled by the loader */
	uint32_t max_entries;
	uint64_t initial_value; /* 0: the value that is in the signed metadata */
};

struct loader_context {
	uint32_t size;
	uint32_t flags;
	uint32_t log_level;
	uint32_t log_size;
	uint64_t log_buf;
	uint8_t objects[MANIFEST_MAPS_MAX * sizeof(struct loader_map) +
			MANIFEST_PROGRAMS_MAX * sizeof(int32_t)];
};
_Static_assert(offsetof(struct loader_context, objects) == 24, "struct bpf_loader_ctx");
_Static_assert(sizeof(struct loader_map) == 16, "struct bpf_map_desc");

static inline void loader_context_init(struct loader_context *context, unsigned n_programs,
				       unsigned n_maps)
{
	memset(context, 0, sizeof(*context));
	context->size =
		(uint32_t)(offsetof(struct loader_context, objects) +
			   n_maps * sizeof(struct loader_map) + n_programs * sizeof(int32_t));
}

/* @value has the size of the map's value, and is read while the loader runs; NULL, 0: as signed. */
static inline void loader_context_open(struct loader_context *context, unsigned i,
				       uint32_t max_entries, const void *value)
{
	struct loader_map map = {
		.max_entries = max_entries,
		.initial_value = (uint64_t)(uintptr_t)value,
	};

	memcpy(context->objects + i * sizeof(map), &map, sizeof(map));
}

static inline int loader_context_map(const struct loader_context *context, unsigned i)
{
	int32_t fd;

	memcpy(&fd, context->objects + i * sizeof(struct loader_map), sizeof(fd));
	return fd;
}

static inline int loader_context_program(const struct loader_context *context, unsigned n_maps,
					 unsigned i)
{
	int32_t fd;

	memcpy(&fd, context->objects + n_maps * sizeof(struct loader_map) + i * sizeof(fd),
	       sizeof(fd));
	return fd;
}
