/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs share that load and look at loads: the call, and the maps that came back. */
#pragma once

#include "btf-walk.h"
#include "connect.h"
#include "manifest.h"
#include "memfd.h"

/* Adds "PROGRAM=KIND:TARGET" to @attach (a JSON array). ERROR_USAGE, ERROR_BAD_TARGET. */
int attach_option(struct json_object *attach, const char *text, struct error *error);

/* Adds "NAME=VALUE" to @set (a JSON array). What of them can be set is for the daemon to say.
 * ERROR_USAGE. */
int set_option(struct json_object *set, const char *text, struct error *error);

/* What is asked for beside the bundle; the arrays may be empty. */
struct load_wish {
	const char *lifetime;
	struct json_object *attach, *set; /* owned: load_wish_done() */
};
/* With empty arrays. */
void load_wish_init(struct load_wish *wish, const char *lifetime);
void load_wish_done(struct load_wish *wish);
#define _cleanup_wish_ _cleanup_(load_wish_done)
/* The parameters of Load and Explain. *ret is owned. -ENOMEM. */
int load_wish_format(const struct load_wish *wish, struct json_object **ret);

/* Calls Load. *ret_load (owned) is the reply's load. Where @wish->lifetime is "session", the call
 * goes on: connection_end() says who has taken the load down. */
int load_call(struct connection *c, const struct bundle_memory *bundle,
	      const struct load_wish *wish, struct json_object **ret_load,
	      struct fd_set_owned *ret_fds, struct error *error);

/* Calls Unload. @with_dependents: and what follows it; *ret_reply (owned, may be NULL) names them.
 */
int unload_call(struct connection *c, const char *id, bool with_dependents,
		struct json_object **ret_reply, struct error *error);

/* A map of a load; strings are borrowed from the load's JSON. */
struct load_map {
	const char *name;
	unsigned payload;
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

/* The BTF of each payload, NULL where one has none. */
struct bundle_types {
	struct btf *payloads[BUNDLE_PAYLOADS_MAX]; /* owned */
};

/* ERROR_MALFORMED. */
int bundle_types(const struct bundle_memory *memory, struct bundle_types *ret, struct error *error);
void bundle_types_done(struct bundle_types *types);
#define _cleanup_types_ _cleanup_(bundle_types_done)

/* By which @map is shown; borrowed, may be NULL. */
const struct btf *bundle_types_of(const struct bundle_types *types, const struct load_map *map);

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
