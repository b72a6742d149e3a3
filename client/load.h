/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs share that load and look at loads: the call, and the maps that came back. */
#pragma once

#include "btf-walk.h"
#include "connect.h"
#include "manifest.h"
#include "memfd.h"

/* Adds "PROGRAM=KIND:TARGET" to @attach (a JSON array). ERROR_USAGE, ERROR_BAD_TARGET. */
int attach_option(struct json_object *attach, const char *text, struct error *error);

/* Calls Load. @attach may be empty. *ret_load (owned) is the reply's load. Where @lifetime is
 * "session", the call goes on: connection_end() says who has taken the load down. */
int load_call(struct connection *c, const struct bundle_memory *bundle, const char *lifetime,
	      struct json_object *attach, struct json_object **ret_load,
	      struct fd_set_owned *ret_fds, struct error *error);

/* Calls Unload. */
int unload_call(struct connection *c, const char *id, struct error *error);

/* A map of a load; strings are borrowed from the load's JSON. */
struct load_map {
	const char *name;
	enum bpf_map_type type;
	const char *type_name;
	enum map_grant grant;
	uint32_t key_size, value_size, max_entries;
	const char *key, *value, *event; /* BTF types, or NULL */
	int fd;				 /* owned; -1: none was granted */
};

struct load_maps {
	unsigned n;
	struct load_map maps[MANIFEST_MAPS_MAX];
};
#define _cleanup_maps_ _cleanup_(load_maps_done)

/*
 * Takes the maps out of @load and their fds out of @fds. Asks the kernel what is behind each fd: a
 * map of another type or size than the daemon says is ERROR_FAILED.
 */
int load_maps_take(struct json_object *load, struct fd_set_owned *fds, struct load_maps *ret,
		   struct error *error);
void load_maps_done(struct load_maps *maps);

/* The BTF of the first payload, NULL with 0 where the bundle has none. ERROR_MALFORMED. */
int bundle_types(const struct bundle_memory *memory, struct btf **ret, struct error *error);

/* The digest of a bundle whose sections are what it says, as the daemon writes it.
 * ERROR_MALFORMED, ERROR_NOT_AUTHENTIC. */
int bundle_digest_text(const struct bundle_memory *memory, char ret[static DIGEST_TEXT_SIZE],
		       struct error *error);

/* ---- members of replies; an absent member, or one of another type, is NULL or 0 ---- */

const char *member_string(struct json_object *object, const char *name);
uint64_t member_u64(struct json_object *object, const char *name);
bool member_bool(struct json_object *object, const char *name);
struct json_object *member_array(struct json_object *object, const char *name); /* borrowed */
struct json_object *member_object(struct json_object *object, const char *name);
