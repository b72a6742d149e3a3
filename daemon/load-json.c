/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "load-json.h"

#include "json.h"
#include "tuning-json.h"

static int add_string(struct json_object *object, const char *name, const char *value)
{
	return value ? json_add(object, name, json_object_new_string(value)) : 0;
}

static int add_number(struct json_object *object, const char *name, uint64_t value)
{
	return json_add(object, name, json_object_new_uint64(value));
}

static int append(struct json_object *array, struct json_object *value)
{
	if (!value || json_object_array_add(array, value) == 0)
		return value ? 0 : -ENOMEM;
	json_object_put(value);
	return -ENOMEM;
}

static int program_to_json(const struct load *load, unsigned i, struct json_object *object)
{
	const struct manifest_program *program = &load->manifest->programs[i];
	int r;

	r = add_string(object, "name", program->name);
	if (r == 0)
		r = add_string(object, "type", program_type_name(program->type));
	if (r == 0)
		r = add_number(object, "id", load->programs[i].id);
	if (r == 0)
		r = add_number(object, "payload", program->payload);
	if (r == 0)
		r = add_string(object, "tag", load->programs[i].tag);
	return r;
}

/* Varlink names have no '-'. */
static const char *grant_name(enum map_grant grant)
{
	return grant == GRANT_READ_WRITE ? "read_write" : map_grant_name(grant);
}

static int map_to_json(const struct load *load, unsigned i, struct json_object *object)
{
	const struct manifest_map *map = &load->manifest->maps[i];
	const struct map_info *info = &load->maps[i];
	int r;

	r = add_string(object, "name", map->name);
	if (r == 0)
		r = add_string(object, "type", map_type_name(map->type));
	if (r == 0)
		r = add_number(object, "keySize", info->key_size);
	if (r == 0)
		r = add_number(object, "valueSize", info->value_size);
	if (r == 0)
		r = add_number(object, "maxEntries", info->max_entries);
	if (r == 0)
		r = add_string(object, "grant", grant_name(map->grant));
	if (r == 0)
		r = add_number(object, "id", info->id);
	if (r == 0)
		r = add_number(object, "payload", map->payload);
	if (r == 0)
		r = add_string(object, "key", map->key);
	if (r == 0)
		r = add_string(object, "value", map->value);
	if (r == 0)
		r = add_string(object, "event", map->event);
	return r;
}

static int attachment_to_json(const struct load *load, unsigned i, struct json_object *object)
{
	const struct attachment *a = &load->attachments[i];
	int r;

	r = add_string(object, "program", load->manifest->programs[a->program].name);
	return r < 0 ? r : add_string(object, "target", a->target.text);
}

/* An array of @n objects, each filled by @fill. */
static int add_array(struct json_object *object, const char *name, const struct load *load,
		     unsigned n, int (*fill)(const struct load *, unsigned, struct json_object *))
{
	struct json_object *array = json_object_new_array_ext((int)n);
	int r = json_add(object, name, array);

	for (unsigned i = 0; i < n && r == 0; i++) {
		struct json_object *item = json_object_new_object();

		r = append(array, item);
		if (r == 0)
			r = fill(load, i, item);
	}
	return r;
}

static int add_signers(struct json_object *object, const struct load *load)
{
	struct json_object *array = json_object_new_array_ext((int)load->n_signers);
	int r = json_add(object, "signers", array);

	for (unsigned i = 0; i < load->n_signers && r == 0; i++)
		r = append(array, json_object_new_string(load->signers[i]));
	return r;
}

static int add_after(struct json_object *object, const struct manifest *m)
{
	struct json_object *array = json_object_new_array_ext((int)m->n_after);
	int r = json_add(object, "after", array);

	for (unsigned i = 0; i < m->n_after && r == 0; i++)
		r = append(array, json_object_new_string(m->after[i]));
	return r;
}

static int add_head(struct json_object *object, const struct load *load)
{
	static const char *const contracts[] = {"none", "v1", "v2"};
	const struct manifest *m = load->manifest;
	int r;

	r = add_string(object, "id", load->id);
	if (r == 0)
		r = add_string(object, "name", m->name);
	if (r == 0)
		r = add_string(object, "version", m->version);
	if (r == 0)
		r = add_number(object, "sequence", m->sequence);
	if (r == 0)
		r = add_string(object, "description", m->description ?: "");
	if (r == 0)
		r = add_string(object, "digest", load->digest);
	if (r == 0)
		r = add_after(object, m);
	if (r == 0)
		r = add_string(object, "lifetime", lifetime_name(load->lifetime));
	if (r == 0 && load->uid != LOAD_UID_UNKNOWN)
		r = add_number(object, "uid", load->uid);
	if (r == 0)
		r = add_string(object, "unknown", load->unknown);
	if (r == 0)
		r = add_number(object, "loadedAtUSec", load->loaded_usec);
	if (r == 0)
		r = add_string(object, "rule", load->rule ?: "");
	if (r == 0)
		r = add_string(object, "ruleSource", load->rule_source ?: "");
	if (r == 0)
		r = add_signers(object, load);
	if (r == 0)
		r = add_string(object, "onRevocation", load->keep_revoked ? "keep" : "unload");
	return r < 0 ? r : add_string(object, "contract", contracts[load->contract]);
}

static int add_tunables(struct json_object *object, const struct load *load)
{
	struct json_object *array = NULL;
	int r = tuning_to_json(load->manifest, &load->tuning, &array);

	return r < 0 ? r : json_add(object, "tunables", array);
}

int load_add_effects(struct json_object *object, const struct manifest *m)
{
	struct json_object *array = json_object_new_array();
	int r = json_add(object, "effects", array);

	for (unsigned i = 0; i < _EFFECT_MAX && r == 0; i++)
		if (m->effects & 1u << i)
			r = append(array, json_object_new_string(effect_name(i)));
	return r;
}

static int add_body(struct json_object *object, const struct load *load)
{
	int r;

	r = add_array(object, "programs", load, load->manifest->n_programs, program_to_json);
	if (r == 0)
		r = add_array(object, "maps", load, load->manifest->n_maps, map_to_json);
	if (r == 0)
		r = add_array(object, "attachments", load, load->n_attachments, attachment_to_json);
	if (r == 0)
		r = add_tunables(object, load);
	return r < 0 ? r : load_add_effects(object, load->manifest);
}

static int add_fds(struct json_object *object, const struct load *load, const int *map_fds,
		   int *ret_fds, unsigned *ret_n)
{
	struct json_object *maps;
	unsigned n = 0;
	int r = 0;

	json_object_object_get_ex(object, "maps", &maps);
	for (unsigned i = 0; i < load->manifest->n_maps && r == 0; i++) {
		if (map_fds[i] < 0)
			continue;
		r = add_number(json_object_array_get_idx(maps, i), "mapFileDescriptor", n);
		ret_fds[n++] = map_fds[i];
	}
	*ret_n = n;
	return r;
}

int load_to_json(const struct load *load, const int *map_fds, struct json_object **ret,
		 int *ret_fds, unsigned *ret_n_fds)
{
	struct json_object *object = json_object_new_object();
	int r;

	r = add_head(object, load);
	if (r == 0)
		r = add_body(object, load);
	if (r == 0 && map_fds)
		r = add_fds(object, load, map_fds, ret_fds, ret_n_fds);
	if (r < 0) {
		json_object_put(object);
		return r;
	}
	*ret = object;
	return 0;
}
