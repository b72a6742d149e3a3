/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "load.h"

#include <bpf/bpf.h>

/* ---- members ---- */

static struct json_object *member(struct json_object *object, const char *name, enum json_type type)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

const char *member_string(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name, json_type_string);

	return value ? json_object_get_string(value) : NULL;
}

uint64_t member_u64(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name, json_type_int);

	return value ? json_object_get_uint64(value) : 0;
}

bool member_bool(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name, json_type_boolean);

	return value && json_object_get_boolean(value);
}

struct json_object *member_array(struct json_object *object, const char *name)
{
	return member(object, name, json_type_array);
}

struct json_object *member_object(struct json_object *object, const char *name)
{
	return member(object, name, json_type_object);
}

/* ---- calls ---- */

static int no_memory(struct error *error)
{
	return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
}

int attach_option(struct json_object *attach, const char *text, struct error *error)
{
	_cleanup_target_ struct target target = {};
	_cleanup_json_ struct json_object *item = NULL;
	const char *equals = strchr(text, '=');
	int r;

	if (!equals || equals == text)
		return error_set(error, -EINVAL, ERROR_USAGE, STEP_NONE,
				 "--attach %s: it is PROGRAM=KIND:TARGET, for instance "
				 "xdpcount=xdp:eth0",
				 text);
	r = target_parse(equals + 1, &target, error);
	if (r < 0) {
		error_prefix(error, "--attach %s", text);
		return r;
	}

	item = json_object_new_object();
	if (!item ||
	    json_add(item, "program", json_object_new_string_len(text, (int)(equals - text))) < 0 ||
	    json_add(item, "target", json_object_new_string(equals + 1)) < 0 ||
	    json_object_array_add(attach, item) < 0)
		return no_memory(error);
	item = NULL;
	return 0;
}

int set_option(struct json_object *set, const char *text, struct error *error)
{
	_cleanup_json_ struct json_object *item = NULL;
	const char *equals = strchr(text, '=');

	if (!equals || equals == text || equals[1] == '\0')
		return error_set(error, -EINVAL, ERROR_USAGE, STEP_NONE,
				 "--set %s: it is NAME=VALUE, for instance min_uid=1000", text);
	if (json_object_array_length(set) >= MANIFEST_TUNABLES_MAX)
		return error_set(error, -E2BIG, ERROR_USAGE, STEP_NONE,
				 "--set %s: more than %d tunables", text, MANIFEST_TUNABLES_MAX);
	item = json_object_new_object();
	if (!item ||
	    json_add(item, "name", json_object_new_string_len(text, (int)(equals - text))) < 0 ||
	    json_add(item, "value", json_object_new_string(equals + 1)) < 0 ||
	    json_object_array_add(set, item) < 0)
		return no_memory(error);
	item = NULL;
	return 0;
}

void load_wish_init(struct load_wish *wish, const char *lifetime)
{
	*wish = (struct load_wish){
		.lifetime = lifetime,
		.attach = json_object_new_array(),
		.set = json_object_new_array(),
	};
}

void load_wish_done(struct load_wish *wish)
{
	json_object_put(wish->attach);
	json_object_put(wish->set);
	*wish = (struct load_wish){};
}

int load_wish_format(const struct load_wish *wish, struct json_object **ret)
{
	_cleanup_json_ struct json_object *parameters = json_object_new_object();

	if (!parameters ||
	    json_add(parameters, "bundleFileDescriptor", json_object_new_int(0)) < 0 ||
	    json_add(parameters, "lifetime", json_object_new_string(wish->lifetime)) < 0 ||
	    (json_object_array_length(wish->attach) > 0 &&
	     json_add(parameters, "attach", json_object_get(wish->attach)) < 0) ||
	    (json_object_array_length(wish->set) > 0 &&
	     json_add(parameters, "set", json_object_get(wish->set)) < 0))
		return -ENOMEM;
	*ret = TAKE_PTR(parameters);
	return 0;
}

int load_call(struct connection *c, const struct bundle_memory *bundle,
	      const struct load_wish *wish, struct json_object **ret_load,
	      struct fd_set_owned *ret_fds, struct error *error)
{
	_cleanup_json_ struct json_object *parameters = NULL, *reply = NULL;
	_cleanup_(fd_set_close) struct fd_set_owned fds = {};
	struct json_object *load;
	int r;

	if (load_wish_format(wish, &parameters) < 0)
		return no_memory(error);
	r = connection_call_more(c, "Load", parameters, &bundle->fd, 1, &reply, &fds, error);
	if (r < 0)
		return r;
	load = member_object(reply, "load");
	if (!load || !member_string(load, "id"))
		return error_set(error, -EBADMSG, ERROR_FAILED, STEP_NONE,
				 "bpfgated's answer does not describe the load: bpfctl and "
				 "bpfgated may be of different versions");
	*ret_load = json_object_get(load);
	if (ret_fds) {
		*ret_fds = fds;
		fds.n = 0;
	}
	return 0;
}

int unload_call(struct connection *c, const char *id, bool with_dependents,
		struct json_object **ret_reply, struct error *error)
{
	_cleanup_json_ struct json_object *parameters = json_object_new_object();

	if (!parameters || json_add(parameters, "id", json_object_new_string(id)) < 0 ||
	    (with_dependents &&
	     json_add(parameters, "withDependents", json_object_new_boolean(true)) < 0))
		return no_memory(error);
	return connection_call(c, "Unload", parameters, NULL, 0, ret_reply, NULL, error);
}

/* ---- maps ---- */

/* The wire has enumerators, which cannot hold a '-'. */
static enum map_grant grant_from_wire(const char *name)
{
	enum map_grant grant = GRANT_NONE;

	if (!name)
		return GRANT_NONE;
	if (streq(name, "read_write"))
		return GRANT_READ_WRITE;
	return map_grant_from_name(name, &grant) < 0 ? GRANT_NONE : grant;
}

static int check_kernel_map(const struct load_map *map, struct error *error)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_map_get_info_by_fd(map->fd, &info, &size) < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE,
				 "the kernel does not say what map %s is: %s", map->name,
				 strerror(errno));
	if (info.type != map->type || info.key_size != map->key_size ||
	    info.value_size != map->value_size)
		return error_set(error, -EBADMSG, ERROR_FAILED, STEP_NONE,
				 "map %s is not the %s that bpfgated says it is", map->name,
				 map->type_name);
	return 0;
}

static int take_map(struct json_object *object, struct fd_set_owned *fds, struct load_map *map,
		    struct error *error)
{
	struct json_object *index;

	*map = (struct load_map){
		.name = member_string(object, "name"),
		.type_name = member_string(object, "type"),
		.grant = grant_from_wire(member_string(object, "grant")),
		.key_size = member_u64(object, "keySize"),
		.value_size = member_u64(object, "valueSize"),
		.max_entries = member_u64(object, "maxEntries"),
		.key = member_string(object, "key"),
		.value = member_string(object, "value"),
		.event = member_string(object, "event"),
		.fd = -1,
	};
	if (member_u64(object, "payload") < BUNDLE_PAYLOADS_MAX)
		map->payload = (unsigned)member_u64(object, "payload");
	if (!map->name || !map->type_name || map_type_from_name(map->type_name, &map->type) < 0)
		return error_set(error, -EBADMSG, ERROR_FAILED, STEP_NONE,
				 "bpfgated describes a map that bpfctl does not know: they may be "
				 "of different versions");

	index = member(object, "mapFileDescriptor", json_type_int);
	if (!index)
		return 0;
	map->fd = fd_set_take(fds, json_object_get_uint64(index));
	if (map->fd < 0)
		return error_set(error, -EBADF, ERROR_FAILED, STEP_NONE,
				 "bpfgated announced a file descriptor for map %s, but sent none",
				 map->name);
	return check_kernel_map(map, error);
}

int load_maps_take(struct json_object *load, struct fd_set_owned *fds, struct load_maps *ret,
		   struct error *error)
{
	struct json_object *array = member_array(load, "maps");
	size_t n = array ? json_object_array_length(array) : 0;
	_cleanup_maps_ struct load_maps maps = {};
	int r;

	if (n > ARRAY_SIZE(maps.maps))
		return error_set(error, -E2BIG, ERROR_FAILED, STEP_NONE,
				 "bpfgated describes %zu maps; a bundle has at most %zu", n,
				 ARRAY_SIZE(maps.maps));
	while (maps.n < n) {
		struct load_map *map = &maps.maps[maps.n];

		map->fd = -1;
		maps.n++;
		r = take_map(json_object_array_get_idx(array, maps.n - 1), fds, map, error);
		if (r < 0)
			return r;
	}
	*ret = maps;
	maps.n = 0;
	return 0;
}

void load_maps_done(struct load_maps *maps)
{
	for (unsigned i = 0; i < maps->n; i++)
		safe_close(maps->maps[i].fd);
	maps->n = 0;
}

/* ---- the bundle's own account ---- */

void bundle_types_done(struct bundle_types *types)
{
	for (unsigned i = 0; i < ARRAY_SIZE(types->payloads); i++)
		btf__free(types->payloads[i]);
	*types = (struct bundle_types){};
}

const struct btf *bundle_types_of(const struct bundle_types *types, const struct load_map *map)
{
	return types->payloads[map->payload];
}

int bundle_types(const struct bundle_memory *memory, struct bundle_types *ret, struct error *error)
{
	_cleanup_bundle_ struct bundle bundle = {};
	_cleanup_types_ struct bundle_types types = {};
	int r;

	r = bundle_open(memory->bytes.data, memory->bytes.size, &bundle, error);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < bundle.n_payloads; i++) {
		const struct bundle_section *section = bundle_find(&bundle, BUNDLE_BTF, i);

		if (!section)
			continue;
		r = btf_open(section->content, &types.payloads[i]);
		if (r < 0)
			return error_set(error, r, ERROR_MALFORMED, STEP_NONE,
					 "the BTF section of the bundle's payload %u cannot be "
					 "used: %s",
					 i, strerror(-r));
	}
	*ret = types;
	types = (struct bundle_types){};
	return 0;
}

int bundle_digest_text(const struct bundle_memory *memory, char ret[static DIGEST_TEXT_SIZE],
		       struct error *error)
{
	_cleanup_bundle_ struct bundle bundle = {};
	int r;

	r = bundle_open(memory->bytes.data, memory->bytes.size, &bundle, error);
	if (r < 0)
		return r;
	r = bundle_check_sections(&bundle, error);
	if (r < 0)
		return r;
	digest_format(bundle.digest, ret);
	return 0;
}
