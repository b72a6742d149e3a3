/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The drop-ins of revoked.d: the files, and what each says. */
#include <ctype.h>

#include "manifest.h"
#include "owned.h"
#include "policy-rule.h"
#include "revocation.h"

#define REASON_MAX 256

/* An entry as it stands in the file. */
struct members {
	const char *key, *bundle, *name, *signer, *reason;
	uint64_t sequence;
	bool has_sequence;
};

static int parse_digest(const struct policy_text *text, const struct policy_path *path,
			const char *member, const char *value, uint8_t ret[static DIGEST_SIZE])
{
	struct policy_path at = policy_path_member(path, member);

	if (digest_parse(value, ret) < 0)
		return policy_refuse(text, &at,
				     "'%s' is no digest: 'sha256:' and 64 hexadecimal digits, as "
				     "'bpfctl status' or 'bpfctl inspect' shows it",
				     value);
	return 0;
}

static int parse_releases(const struct policy_text *text, const struct policy_path *path,
			  const struct members *m, struct revocation *ret)
{
	struct policy_path name_at = policy_path_member(path, "name");
	struct policy_path sequence_at = policy_path_member(path, "sequence");

	if (!m->name || !m->signer || !m->has_sequence)
		return policy_refuse(text, path, "'name', 'signer' and 'sequence' belong together");
	if (!manifest_name_valid(m->name))
		return policy_refuse(text, &name_at, "'%s' can be no bundle's name", m->name);
	if (m->sequence < 1 || m->sequence > INT64_MAX)
		return policy_refuse(text, &sequence_at, "a sequence is 1 to 9223372036854775807");
	ret->kind = REVOKED_RELEASES;
	ret->sequence = m->sequence;
	ret->name = strdup(m->name);
	if (!ret->name)
		return policy_out_of_memory(text);
	return parse_digest(text, path, "signer", m->signer, ret->digest);
}

static int parse_reason(const struct policy_text *text, const struct policy_path *path,
			const char *reason, struct revocation *ret)
{
	struct policy_path at = policy_path_member(path, "reason");

	if (!reason)
		return 0;
	for (const char *p = reason; *p; p++)
		if (iscntrl((unsigned char)*p))
			return policy_refuse(text, &at, "a reason holds no control characters");
	if (strlen(reason) > REASON_MAX)
		return policy_refuse(text, &at, "a reason has at most %d bytes", REASON_MAX);
	ret->reason = strdup(reason);
	return ret->reason ? 0 : policy_out_of_memory(text);
}

/* Exactly one thing an entry: with two it would be unclear whether both are needed. */
static int parse_what(const struct policy_text *text, const struct policy_path *path,
		      const struct members *m, struct revocation *ret)
{
	bool releases = m->name || m->signer || m->has_sequence;

	if (!!m->key + !!m->bundle + releases != 1)
		return policy_refuse(text, path,
				     "an entry has either 'key', or 'bundle', or 'name', 'signer' "
				     "and 'sequence'");
	if (releases)
		return parse_releases(text, path, m, ret);
	ret->kind = m->key ? REVOKED_KEY : REVOKED_BUNDLE;
	return parse_digest(text, path, m->key ? "key" : "bundle", m->key ?: m->bundle,
			    ret->digest);
}

static int parse_entry(const struct policy_text *text, const struct policy_path *path,
		       struct json_object *object, struct revocation *ret)
{
	struct members m = {};
	const struct json_member members[] = {
		{"key", JSON_STRING, false, &m.key},
		{"bundle", JSON_STRING, false, &m.bundle},
		{"name", JSON_STRING, false, &m.name},
		{"signer", JSON_STRING, false, &m.signer},
		{"sequence", JSON_U64, false, &m.sequence},
		{"reason", JSON_STRING, false, &m.reason},
		{},
	};
	int r;

	if (!json_object_is_type(object, json_type_object))
		return policy_refuse(text, path, "a revocation is an object");
	r = policy_dispatch(text, path, object, members);
	m.has_sequence = json_object_object_get_ex(object, "sequence", NULL);
	if (r == 0)
		r = parse_what(text, path, &m, ret);
	if (r == 0)
		r = parse_reason(text, path, m.reason, ret);
	return r;
}

static int parse_entries(const struct policy_text *text, struct json_object *list,
			 struct revocations *all)
{
	const struct policy_path path = {"revocations"};
	size_t n = json_object_array_length(list);
	struct revocation *items;
	struct json_walk walk;
	int r = 0;

	if (n > REVOCATIONS_FILE_MAX)
		return policy_refuse(text, &path, "more than %u revocations in one file",
				     REVOCATIONS_FILE_MAX);
	if (all->n + n > REVOCATIONS_MAX)
		return policy_refuse(text, &path, "more than %u revocations in all",
				     REVOCATIONS_MAX);
	items = reallocarray(all->items, all->n + n + 1, sizeof(*items));
	if (!items)
		return policy_out_of_memory(text);
	all->items = items;
	memset(items + all->n, 0, n * sizeof(*items));
	policy_walk(text, &path, &walk);
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct policy_path at = policy_path_item(&path, i);
		/* counted first, so that what is half filled is freed with the rest */
		struct revocation *item = &items[all->n++];

		r = policy_next_source(text, &walk, &item->source);
		if (r == 0)
			r = parse_entry(text, &at, json_object_array_get_idx(list, i), item);
	}
	return r;
}

static int parse_file(const char *file, const char *content, size_t size, struct revocations *all,
		      struct error *error)
{
	const struct policy_text text = {file, content, size, error};
	const struct policy_path top = {""};
	_cleanup_json_ struct json_object *object = NULL;
	const char *schema = NULL, *description = NULL, *reason = "not valid JSON";
	struct json_object *list = NULL;
	const struct json_member members[] = {
		{"$schema", JSON_STRING, false, &schema},
		{"description", JSON_STRING, false, &description},
		{"revocations", JSON_ARRAY, true, &list},
		{},
	};
	struct json_position position = {1, 1};
	int r;

	r = json_parse(content, size, REVOCATION_FILE_MAX, &object, &position, &reason);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "%s:%u:%u: %s", file,
				 position.line, position.column, reason);
	if (!json_object_is_type(object, json_type_object))
		return policy_refuse(&text, &top,
				     "a file of revocations is an object with 'revocations'");
	r = policy_dispatch(&text, &top, object, members);
	return r < 0 ? r : parse_entries(&text, list, all);
}

static int read_file(struct revocations *all, int folder, const char *dir, const char *name,
		     uid_t owner, struct error *error)
{
	_cleanup_free_ char *content = NULL, *file = NULL;
	size_t size;
	int r;

	r = owned_read(folder, dir, name, owner, REVOCATION_FILE_MAX, &content, &size, error);
	if (r != 0)
		return r < 0 ? r : 0;
	if (asprintf(&file, "%s/%s", dir, name) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	all->n_files++;
	return parse_file(file, content, size, all, error);
}

static int read_folder(struct revocations *all, const char *dir, uid_t owner, struct error *error)
{
	_cleanup_close_ int folder = -1;
	char **names = NULL;
	unsigned n = 0;
	int r;

	r = owned_open_folder(dir, owner, &folder, error);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = owned_list(folder, dir, ".json", &names, &n, error);
	for (unsigned i = 0; i < n && r == 0; i++)
		r = read_file(all, folder, dir, names[i], owner, error);
	owned_names_free(names, n);
	return r;
}

/* The order of revocation.h; of two that say the same, the one that was read first stays first. */
static int by_place(const void *a, const void *b)
{
	const struct revocation *x = a, *y = b;
	int r = revocation_compare(x, y);

	if (r)
		return r;
	if (x->sequence != y->sequence)
		return x->sequence > y->sequence ? -1 : 1;
	return strcmp(x->source, y->source);
}

/* What was read so far is no use: what was not may have revoked anything. */
static int deny_all(struct revocations *all, const char *reason)
{
	revocations_clear(all);
	all->deny_all = true;
	all->reason = strdup(reason);
	return all->reason ? 0 : -ENOMEM;
}

int revocations_read(const char *dir, uid_t owner, struct revocations **ret, struct error *error)
{
	_cleanup_revocations_ struct revocations *all = calloc(1, sizeof(*all));
	_cleanup_error_ struct error broken = ERROR_INIT;
	int r = -ENOMEM;

	if (all) {
		all->refs = 1;
		r = read_folder(all, dir, owner, &broken);
	}
	if (r < 0 && r != -ENOMEM)
		r = deny_all(all, error_message(&broken));
	else if (r == 0 && all->n)
		qsort(all->items, all->n, sizeof(*all->items), by_place);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE,
				 "cannot read what is revoked: %s", strerror(-r));
	*ret = TAKE_PTR(all);
	return 0;
}
