/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record-json.h"

#include "json.h"
#include "tuning-json.h"

/*
 * Raised with any change of what is written. The version before is read as well, since what is
 * loaded survives an upgrade; others are not guessed at.
 */
#define RECORD_VERSION	   4
#define RECORD_VERSION_OLD 3 /* without "pins" */

bool record_id_valid(const char *id)
{
	return strlen(id) == LOAD_ID_SIZE - 1 && strspn(id, "0123456789abcdef") == LOAD_ID_SIZE - 1;
}

/* ---- to JSON ---- */

/* An empty array as member @name; borrowed. */
static struct json_object *add_array(struct json_object *object, const char *name)
{
	struct json_object *array = json_object_new_array();

	if (!array || json_add(object, name, array) < 0)
		return NULL;
	return array;
}

/* @value is consumed. */
static int append(struct json_object *array, struct json_object *value)
{
	if (value && array && json_object_array_add(array, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static struct json_object *append_object(struct json_object *array)
{
	struct json_object *object = json_object_new_object();

	return append(array, object) == 0 ? object : NULL;
}

static int add_objects(struct json_object *record, const struct load *load)
{
	struct json_object *programs = add_array(record, "programs");
	struct json_object *maps = add_array(record, "maps"), *object;

	for (unsigned i = 0; i < load->objects.n_programs; i++) {
		object = append_object(programs);
		if (!object || json_add_u64(object, "id", load->programs[i].id) < 0 ||
		    json_add_string(object, "tag", load->programs[i].tag) < 0 ||
		    json_add_u64(object, "loadedNSec", load->programs[i].loaded_nsec) < 0)
			return -ENOMEM;
	}
	for (unsigned i = 0; i < load->objects.n_maps; i++) {
		object = append_object(maps);
		if (!object || json_add_u64(object, "id", load->maps[i].id) < 0 ||
		    json_add_u64(object, "keySize", load->maps[i].key_size) < 0 ||
		    json_add_u64(object, "valueSize", load->maps[i].value_size) < 0 ||
		    json_add_u64(object, "maxEntries", load->maps[i].max_entries) < 0)
			return -ENOMEM;
	}
	return programs && maps ? 0 : -ENOMEM;
}

static int add_attachments(struct json_object *record, const struct load *load)
{
	struct json_object *attachments = add_array(record, "attachments");
	struct json_object *links = add_array(record, "links"), *object;

	for (unsigned i = 0; i < load->n_attachments; i++) {
		object = append_object(attachments);
		if (!object || json_add_u64(object, "program", load->attachments[i].program) < 0 ||
		    json_add_string(object, "target", load->attachments[i].target.text) < 0)
			return -ENOMEM;
	}
	for (unsigned i = 0; i < load->links.n; i++)
		if (append(links, json_object_new_uint64(load->links.items[i].attachment)) < 0)
			return -ENOMEM;
	return attachments && links ? 0 : -ENOMEM;
}

static int add_signers(struct json_object *record, const struct load *load)
{
	struct json_object *signers = add_array(record, "signers");

	for (unsigned i = 0; i < load->n_signers; i++)
		if (append(signers, json_object_new_string(load->signers[i])) < 0)
			return -ENOMEM;
	return signers ? 0 : -ENOMEM;
}

static int add_tunables(struct json_object *record, const struct load *load)
{
	struct json_object *set = NULL;
	int r = settings_to_json(load->manifest, &load->tuning, &set);

	return r < 0 ? r : json_add(record, "tunables", set);
}

static int add_place(struct json_object *record, const struct load *load)
{
	struct json_object *pins = json_object_new_object();
	int r = json_add(record, "pins", pins);

	if (r == 0)
		r = json_add_u64(pins, "device", load->place.device);
	return r < 0 ? r : json_add_u64(pins, "folder", load->place.folder);
}

int record_to_json(const struct load *load, struct json_object **ret)
{
	_cleanup_json_ struct json_object *record = json_object_new_object();
	_cleanup_free_ char *manifest = NULL;
	size_t size;
	int r;

	if (!record)
		return -ENOMEM;
	r = manifest_format(load->manifest, &manifest, &size);
	if (r < 0)
		return r;
	if (json_add_u64(record, "version", RECORD_VERSION) < 0 ||
	    json_add_string(record, "id", load->id) < 0 ||
	    json_add_u64(record, "uid", load->uid) < 0 ||
	    json_add_u64(record, "loadedAtUSec", load->loaded_usec) < 0 ||
	    json_add_string(record, "digest", load->digest) < 0 ||
	    json_add_u64(record, "contract", load->contract) < 0 ||
	    json_add_string(record, "rule", load->rule) < 0 ||
	    json_add_string(record, "ruleSource", load->rule_source) < 0 ||
	    add_signers(record, load) < 0 || json_add_u64(record, "required", load->required) < 0 ||
	    json_add_u64(record, "counted", load->counted) < 0 ||
	    json_add(record, "keepRevoked", json_object_new_boolean(load->keep_revoked)) < 0 ||
	    json_add(record, "manifest", json_object_new_string_len(manifest, (int)size)) < 0 ||
	    add_tunables(record, load) < 0 || add_place(record, load) < 0 ||
	    add_objects(record, load) < 0 || add_attachments(record, load) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(record);
	return 0;
}

/* ---- from JSON ---- */

static int bad(struct error *error, int r, const char *what)
{
	return error_set(error, r, ERROR_FAILED, STEP_RECORD, "%s", what);
}

struct parts {
	uint64_t version, uid, loaded, contract, required, counted;
	bool keep_revoked;
	const char *id, *digest, *rule, *rule_source, *manifest;
	struct json_object *signers, *tunables, *pins, *programs, *maps, *attachments, *links;
};

/* One that is left out stays at @out's value, so all are required. */
static int dispatch(struct json_object *object, const struct json_member *members,
		    struct error *error)
{
	const char *name = "";
	int r;

	if (!json_object_is_type(object, json_type_object))
		return bad(error, -EINVAL, "not an object where one belongs");
	r = json_dispatch(object, members, &name);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_RECORD, "member %s: %s", name,
				 strerror(-r));
	return 0;
}

static int read_digest(const char *text, char ret[static DIGEST_TEXT_SIZE])
{
	uint8_t digest[DIGEST_SIZE];
	int r = digest_parse(text, digest);

	if (r == 0)
		digest_format(digest, ret);
	return r;
}

static int read_signers(struct json_object *array, struct load *load, struct error *error)
{
	size_t n = json_object_array_length(array);

	if (n < 1 || n > BUNDLE_SIGNERS_MAX)
		return bad(error, -EINVAL, "signers: none, or too many");
	load->signers = calloc(n, sizeof(*load->signers));
	if (!load->signers)
		return -ENOMEM;
	for (; load->n_signers < n; load->n_signers++) {
		struct json_object *text = json_object_array_get_idx(array, load->n_signers);

		if (!json_object_is_type(text, json_type_string) ||
		    read_digest(json_object_get_string(text), load->signers[load->n_signers]) < 0)
			return bad(error, -EINVAL, "signers: not a digest");
	}
	return 0;
}

/* What the rule wanted of the signers must be possible with those there are. */
static int read_counted(const struct parts *parts, struct load *load, struct error *error)
{
	if (parts->counted >= 1u << load->n_signers)
		return bad(error, -EINVAL, "counted: of no signer");
	if (parts->required < 1 ||
	    parts->required > (unsigned)__builtin_popcount((unsigned)parts->counted))
		return bad(error, -EINVAL, "required: none, or more than there are");
	load->required = (unsigned)parts->required;
	load->counted = (uint32_t)parts->counted;
	load->keep_revoked = parts->keep_revoked;
	return 0;
}

/* They must be possible with the manifest still. */
static int read_tunables(struct json_object *array, struct load *load, struct error *error)
{
	struct setting *settings = NULL;
	unsigned n = 0;
	int r;

	r = settings_from_json(array, &settings, &n);
	if (r < 0)
		return bad(error, r, "tunables: not names and values, or too many");
	r = tuning_resolve(load->manifest, settings, n, &load->tuning, error);
	settings_free(settings, n);
	return r;
}

/* The version before did not have it: then it is not known. */
static int read_place(const struct parts *parts, struct pin_place *ret, struct error *error)
{
	const struct json_member members[] = {
		{"device", JSON_U64, true, &ret->device},
		{"folder", JSON_U64, true, &ret->folder},
		{},
	};

	return parts->pins ? dispatch(parts->pins, members, error) : 0;
}

static int read_program(struct json_object *object, struct program_info *ret, struct error *error)
{
	uint64_t id = 0, loaded = 0;
	const char *tag = NULL;
	const struct json_member members[] = {
		{"id", JSON_U64, true, &id},
		{"tag", JSON_STRING, true, &tag},
		{"loadedNSec", JSON_U64, true, &loaded},
		{},
	};
	uint8_t binary[BPF_TAG_SIZE];
	int r;

	r = dispatch(object, members, error);
	if (r < 0)
		return r;
	if (id == 0 || id > UINT32_MAX || !tag || hex_decode(tag, binary, sizeof(binary)) < 0)
		return bad(error, -EINVAL, "programs: no such id or tag");
	ret->id = (uint32_t)id;
	ret->loaded_nsec = loaded;
	hex_encode(binary, sizeof(binary), ret->tag);
	return 0;
}

static int read_map(struct json_object *object, struct map_info *ret, struct error *error)
{
	uint64_t id = 0, key = 0, value = 0, entries = 0;
	const struct json_member members[] = {
		{"id", JSON_U64, true, &id},
		{"keySize", JSON_U64, true, &key},
		{"valueSize", JSON_U64, true, &value},
		{"maxEntries", JSON_U64, true, &entries},
		{},
	};
	int r;

	r = dispatch(object, members, error);
	if (r < 0)
		return r;
	if (id == 0 || (id | key | value | entries) > UINT32_MAX)
		return bad(error, -EINVAL, "maps: a number out of range");
	*ret = (struct map_info){
		.id = (uint32_t)id,
		.key_size = (uint32_t)key,
		.value_size = (uint32_t)value,
		.max_entries = (uint32_t)entries,
	};
	return 0;
}

static int read_objects(struct json_object *programs, struct json_object *maps, struct load *load,
			struct error *error)
{
	unsigned n_programs = load->manifest->n_programs, n_maps = load->manifest->n_maps;
	int r = 0;

	if (json_object_array_length(programs) != n_programs ||
	    json_object_array_length(maps) != n_maps || n_programs > MANIFEST_PROGRAMS_MAX ||
	    n_maps > MANIFEST_MAPS_MAX)
		return bad(error, -EINVAL, "programs or maps: other than in the manifest");
	for (unsigned i = 0; r == 0 && i < n_programs; i++)
		r = read_program(json_object_array_get_idx(programs, i), &load->programs[i], error);
	for (unsigned i = 0; r == 0 && i < n_maps; i++)
		r = read_map(json_object_array_get_idx(maps, i), &load->maps[i], error);
	return r;
}

static int read_attachment(struct json_object *object, const struct manifest *manifest,
			   struct attachment *ret, struct error *error)
{
	const char *target = NULL;
	uint64_t program = 0;
	const struct json_member members[] = {
		{"program", JSON_U64, true, &program},
		{"target", JSON_STRING, true, &target},
		{},
	};
	int r;

	r = dispatch(object, members, error);
	if (r < 0)
		return r;
	if (program >= manifest->n_programs || !target)
		return bad(error, -EINVAL, "attachments: no such program");
	ret->program = (unsigned)program;
	return target_parse(target, &ret->target, error);
}

static int read_attachments(struct json_object *array, struct load *load, struct error *error)
{
	size_t n = json_object_array_length(array);

	if (n > LOAD_ATTACHMENTS_MAX)
		return bad(error, -E2BIG, "attachments: too many");
	load->attachments = calloc(n + 1, sizeof(*load->attachments));
	if (!load->attachments)
		return -ENOMEM;
	for (; load->n_attachments < n; load->n_attachments++) {
		unsigned i = load->n_attachments;
		int r = read_attachment(json_object_array_get_idx(array, i), load->manifest,
					&load->attachments[i], error);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_links(struct json_object *array, struct load *load, struct error *error)
{
	size_t n = json_object_array_length(array);

	if (n > LINKS_MAX)
		return bad(error, -E2BIG, "links: too many");
	for (size_t i = 0; i < n; i++) {
		struct json_object *value = json_object_array_get_idx(array, i);
		int64_t attachment = json_object_get_int64(value);
		int r;

		if (!json_object_is_type(value, json_type_int) || attachment < 0 ||
		    attachment >= load->n_attachments)
			return bad(error, -EINVAL, "links: of no attachment");
		r = links_add(&load->links, -1, (unsigned)attachment);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_scalars(const struct parts *parts, struct load *load, struct error *error)
{
	if (!record_id_valid(parts->id))
		return bad(error, -EINVAL, "id: not an id");
	if (parts->uid >= UINT32_MAX)
		return bad(error, -EINVAL, "uid: not a uid");
	if (parts->contract > CONTRACT_V2)
		return bad(error, -EINVAL, "contract: unknown");
	if (read_digest(parts->digest, load->digest) < 0)
		return bad(error, -EINVAL, "digest: not a digest");
	memcpy(load->id, parts->id, LOAD_ID_SIZE);
	load->uid = (uid_t)parts->uid;
	load->loaded_usec = parts->loaded;
	load->contract = (enum contract)parts->contract;
	load->lifetime = LIFETIME_PERSISTENT;
	load->rule = strdup(parts->rule);
	load->rule_source = strdup(parts->rule_source);
	return load->rule && load->rule_source ? 0 : -ENOMEM;
}

static int read_parts(const struct parts *parts, struct load *load, struct error *error)
{
	int r;

	r = read_scalars(parts, load, error);
	if (r < 0)
		return r;
	r = manifest_parse(parts->manifest, strlen(parts->manifest), &load->manifest, error);
	if (r < 0)
		return r;
	r = read_signers(parts->signers, load, error);
	if (r == 0)
		r = read_counted(parts, load, error);
	if (r == 0)
		r = read_tunables(parts->tunables, load, error);
	if (r == 0)
		r = read_place(parts, &load->place, error);
	if (r < 0)
		return r;
	r = read_objects(parts->programs, parts->maps, load, error);
	if (r < 0)
		return r;
	r = read_attachments(parts->attachments, load, error);
	if (r < 0)
		return r;
	return read_links(parts->links, load, error);
}

/* Before anything else: what another version writes may have any members. */
static int check_version(struct json_object *object, uint64_t *ret, struct error *error)
{
	struct json_object *value = NULL;
	int64_t version = 0;

	if (json_object_object_get_ex(object, "version", &value) &&
	    json_object_is_type(value, json_type_int))
		version = json_object_get_int64(value);
	if (version <= 0)
		return bad(error, -EINVAL, "version: none");
	if (version < RECORD_VERSION_OLD || version > RECORD_VERSION)
		return error_set(error, -EPROTONOSUPPORT, ERROR_FAILED, STEP_RECORD,
				 "version %lld, written by another bpfgated", (long long)version);
	*ret = (uint64_t)version;
	return 0;
}

int record_from_json(struct json_object *object, struct load **ret, struct error *error)
{
	_cleanup_load_ struct load *load = NULL;
	struct parts parts = {0};
	uint64_t version = 0;
	int r = check_version(object, &version, error);
	const struct json_member members[] = {
		{"version", JSON_U64, true, &parts.version},
		{"id", JSON_STRING, true, &parts.id},
		{"uid", JSON_U64, true, &parts.uid},
		{"loadedAtUSec", JSON_U64, true, &parts.loaded},
		{"digest", JSON_STRING, true, &parts.digest},
		{"contract", JSON_U64, true, &parts.contract},
		{"rule", JSON_STRING, true, &parts.rule},
		{"ruleSource", JSON_STRING, true, &parts.rule_source},
		{"signers", JSON_ARRAY, true, &parts.signers},
		{"required", JSON_U64, true, &parts.required},
		{"counted", JSON_U64, true, &parts.counted},
		{"keepRevoked", JSON_BOOL, true, &parts.keep_revoked},
		{"manifest", JSON_STRING, true, &parts.manifest},
		{"tunables", JSON_ARRAY, true, &parts.tunables},
		{"pins", JSON_OBJECT, version > RECORD_VERSION_OLD, &parts.pins},
		{"programs", JSON_ARRAY, true, &parts.programs},
		{"maps", JSON_ARRAY, true, &parts.maps},
		{"attachments", JSON_ARRAY, true, &parts.attachments},
		{"links", JSON_ARRAY, true, &parts.links},
		{},
	};

	if (r == 0)
		r = dispatch(object, members, error);
	if (r == 0 && version == RECORD_VERSION_OLD && parts.pins)
		r = bad(error, -EINVAL, "pins: not in a record of this version");
	if (r < 0)
		return r;
	load = load_new();
	if (!load)
		return -ENOMEM;
	r = read_parts(&parts, load, error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(load);
	return 0;
}
