/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manifest-parse.h"
#include "text.h"

#define MAP_NAME_MAX 64u

static bool map_name_valid(const char *name)
{
	size_t size = strlen(name);

	return size >= 1 && size <= MAP_NAME_MAX && text_printable(name, size) &&
	       !strchr(name, '/');
}

/* "u32", "struct count", "unsigned int": identifiers with single spaces between them. */
static bool btf_type_valid(const char *text)
{
	if (strlen(text) > MANIFEST_IDENTIFIER_MAX)
		return false;
	for (;;) {
		size_t n = strcspn(text, " ");

		if (!manifest_identifier(text, n))
			return false;
		if (text[n] == '\0')
			return true;
		text += n + 1;
	}
}

static int take_btf_type(const struct manifest_parser *p, const char *path, const char *member,
			 const char *value, char **ret)
{
	char where[MANIFEST_PATH_MAX];

	if (!value)
		return 0;
	manifest_path(where, path, member);
	if (!btf_type_valid(value))
		return manifest_bad(
			p, where,
			"must name a type as C does, as in \"u32\" or \"struct count\", "
			"in at most %u characters",
			MANIFEST_IDENTIFIER_MAX);
	*ret = strdup(value);
	return *ret ? 0 : manifest_no_memory(p);
}

static int take_u32(const struct manifest_parser *p, const char *path, const char *member,
		    uint64_t value, uint32_t *ret)
{
	char where[MANIFEST_PATH_MAX];

	manifest_path(where, path, member);
	if (value > UINT32_MAX)
		return manifest_bad(p, where, "is larger than 4294967295");
	*ret = value;
	return 0;
}

/* Why a map of this type cannot be granted so, or NULL. */
static const char *grant_wrong(enum bpf_map_type type, enum map_grant grant)
{
	if (grant == GRANT_NONE)
		return NULL;
	if (type == BPF_MAP_TYPE_RINGBUF)
		return grant == GRANT_EVENTS ? NULL
					     : "a ring buffer can be granted as \"events\" only: "
					       "its reader writes to it";
	if (grant == GRANT_EVENTS)
		return "only a ring buffer can be granted as \"events\"";
	if (type == BPF_MAP_TYPE_USER_RINGBUF && grant == GRANT_READ)
		return "a user ring buffer is written by users: grant \"read-write\" or \"none\"";
	return NULL;
}

static int check_grant(const struct manifest_parser *p, const char *path, const char *text,
		       struct manifest_map *m)
{
	char where[MANIFEST_PATH_MAX];
	const char *wrong;

	manifest_path(where, path, "grant");
	if (map_grant_from_name(text, &m->grant) < 0)
		return manifest_bad(p, where,
				    "\"%s\" is none of \"none\", \"read\", \"events\", "
				    "\"read-write\"",
				    text);
	wrong = grant_wrong(m->type, m->grant);
	if (wrong)
		return manifest_bad(p, where, "%s", wrong);
	return 0;
}

/* A ring buffer has records, everything else keys and values. */
static int check_shape(const struct manifest_parser *p, const char *path,
		       const struct manifest_map *m)
{
	bool ring = m->type == BPF_MAP_TYPE_RINGBUF;

	if (ring && (m->key || m->value))
		return manifest_bad(p, path,
				    "a ring buffer has no \"key\" and \"value\", it has \"event\"");
	if (!ring && m->event)
		return manifest_bad(p, path, "only a ring buffer has an \"event\"");
	if (ring && (m->key_size || m->value_size))
		return manifest_bad(p, path,
				    "\"keySize\" and \"valueSize\" of a ring buffer must be 0");
	if (m->key && m->key_size == 0)
		return manifest_bad(p, path, "has a \"key\", but \"keySize\" is 0");
	if (m->value && m->value_size == 0)
		return manifest_bad(p, path, "has a \"value\", but \"valueSize\" is 0");
	return 0;
}

struct raw_map {
	const char *type, *grant, *event, *key, *value;
	uint64_t payload, key_size, value_size, max_entries;
};

static int take_map(const struct manifest_parser *p, const char *path, const struct raw_map *raw,
		    struct manifest_map *ret)
{
	char where[MANIFEST_PATH_MAX];

	if (map_type_from_name(raw->type, &ret->type) < 0) {
		manifest_path(where, path, "type");
		return manifest_bad(p, where, "a bundle may not declare maps of type \"%s\"",
				    raw->type);
	}
	if (manifest_payload(p, path, raw->payload, &ret->payload) < 0)
		return -EBADMSG;
	if (take_u32(p, path, "keySize", raw->key_size, &ret->key_size) < 0 ||
	    take_u32(p, path, "valueSize", raw->value_size, &ret->value_size) < 0 ||
	    take_u32(p, path, "maxEntries", raw->max_entries, &ret->max_entries) < 0)
		return -EBADMSG;
	if (take_btf_type(p, path, "event", raw->event, &ret->event) < 0 ||
	    take_btf_type(p, path, "key", raw->key, &ret->key) < 0 ||
	    take_btf_type(p, path, "value", raw->value, &ret->value) < 0)
		return -EBADMSG;
	if (check_grant(p, path, raw->grant, ret) < 0)
		return -EBADMSG;
	return check_shape(p, path, ret);
}

int manifest_parse_map(const struct manifest_parser *p, const char *name, struct json_object *value,
		       struct manifest_map *ret)
{
	char path[MANIFEST_PATH_MAX];
	struct raw_map raw = {};
	const struct json_member members[] = {
		{"type", JSON_STRING, true, &raw.type},
		{"keySize", JSON_U64, true, &raw.key_size},
		{"valueSize", JSON_U64, true, &raw.value_size},
		{"maxEntries", JSON_U64, true, &raw.max_entries},
		{"grant", JSON_STRING, true, &raw.grant},
		{"event", JSON_STRING, false, &raw.event},
		{"key", JSON_STRING, false, &raw.key},
		{"value", JSON_STRING, false, &raw.value},
		{"payload", JSON_U64, false, &raw.payload},
		{},
	};
	int r;

	manifest_path(path, "maps", name);
	if (!map_name_valid(name))
		return manifest_bad(p, path,
				    "a map's name must be 1 to %u printable characters "
				    "without '/'",
				    MAP_NAME_MAX);
	ret->name = strdup(name);
	if (!ret->name)
		return manifest_no_memory(p);
	r = manifest_dispatch(p, path, value, members);
	if (r < 0)
		return r;
	return take_map(p, path, &raw, ret);
}
