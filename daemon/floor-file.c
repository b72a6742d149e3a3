/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "floor-file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "json.h"
#include "owned.h"
#include "replace.h"

#define FLOOR_VERSION 1

/* ---- writing ---- */

int floor_to_json(const struct floor *floor, struct json_object *array)
{
	struct json_object *object = json_object_new_object();
	char digest[DIGEST_TEXT_SIZE];

	digest_format(floor->signer, digest);
	if (!object || json_add_string(object, "name", floor->name) < 0 ||
	    json_add_string(object, "signer", digest) < 0 ||
	    json_add_u64(object, "sequence", floor->sequence) < 0 ||
	    json_object_array_add(array, object) != 0) {
		json_object_put(object);
		return -ENOMEM;
	}
	return 0;
}

static int write_text(int folder, const struct floor_array *array)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();
	size_t size;
	const char *text;
	int r = 0;

	if (!object || !list || json_add(object, "floors", list) < 0)
		return -ENOMEM;
	for (unsigned i = 0; i < array->n && r == 0; i++)
		r = floor_to_json(&array->items[i], list);
	if (r == 0)
		r = json_add_u64(object, "version", FLOOR_VERSION);
	if (r < 0)
		return r;
	text = json_serialize(object, JSON_C_TO_STRING_PRETTY, &size);
	if (!text)
		return -ENOMEM;
	return size > FLOOR_FILE_SIZE ? -EFBIG : replace_file(folder, FLOOR_FILE, text, NULL);
}

int floor_file_write(int folder, const struct floor_array *array, struct error *error)
{
	int r = write_text(folder, array);

	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_RECORD,
				 "the rollback floors cannot be written: %s%s", strerror(-r),
				 replace_hint(r));
	return 0;
}

/* ---- reading ---- */

static int bad(struct error *error, const char *what, unsigned i)
{
	return error_set(error, -EINVAL, ERROR_FAILED, STEP_NONE, "floors[%u]: %s", i, what);
}

static int read_floor(struct json_object *object, unsigned i, struct floor *ret,
		      struct error *error)
{
	const char *name = NULL, *signer = NULL, *wrong;
	uint64_t sequence = 0;
	const struct json_member members[] = {
		{"name", JSON_STRING, true, &name},
		{"signer", JSON_STRING, true, &signer},
		{"sequence", JSON_U64, true, &sequence},
		{},
	};

	if (!json_object_is_type(object, json_type_object) ||
	    json_dispatch(object, members, &wrong) < 0)
		return bad(error, "not a floor", i);
	if (!name || !signer || !manifest_name_valid(name))
		return bad(error, "no name of a bundle", i);
	if (digest_parse(signer, ret->signer) < 0)
		return bad(error, "no digest of a key", i);
	if (sequence < 1 || sequence > INT64_MAX)
		return bad(error, "no sequence", i);
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->sequence = sequence;
	return 0;
}

/* Looked up by halves: an order that is not kept would hide floors. */
static bool in_order(const struct floor *a, const struct floor *b)
{
	int r = strcmp(a->name, b->name);

	return r < 0 || (r == 0 && memcmp(a->signer, b->signer, DIGEST_SIZE) < 0);
}

static int read_floors(struct json_object *list, struct floor_array *ret, struct error *error)
{
	size_t n = json_object_array_length(list);
	_cleanup_free_ struct floor *items = NULL;
	int r = 0;

	if (n > FLOORS_MAX)
		return bad(error, "too many", FLOORS_MAX);
	items = calloc(n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (unsigned i = 0; i < n && r == 0; i++) {
		r = read_floor(json_object_array_get_idx(list, i), i, &items[i], error);
		if (r == 0 && i > 0 && !in_order(&items[i - 1], &items[i]))
			r = bad(error, "not in order, or there twice", i);
	}
	if (r < 0)
		return r;
	*ret = (struct floor_array){(unsigned)n, TAKE_PTR(items)};
	return 0;
}

static int parse(const char *text, size_t size, struct floor_array *ret, struct error *error)
{
	_cleanup_json_ struct json_object *object = NULL;
	struct json_position position = {1, 1};
	struct json_object *list = NULL;
	const char *reason = "", *wrong = "";
	uint64_t version = 0;
	const struct json_member members[] = {
		{"version", JSON_U64, true, &version},
		{"floors", JSON_ARRAY, true, &list},
		{},
	};
	int r;

	r = json_parse(text, size, FLOOR_FILE_SIZE, &object, &position, &reason);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "%u:%u: %s", position.line,
				 position.column, reason);
	if (!json_object_is_type(object, json_type_object))
		return error_set(error, -EINVAL, ERROR_FAILED, STEP_NONE, "not an object");
	r = json_dispatch(object, members, &wrong);
	if (r < 0 || !list)
		return error_set(error, r ?: -EINVAL, ERROR_FAILED, STEP_NONE,
				 "member %s: missing, unknown or of another type", wrong);
	if (version != FLOOR_VERSION)
		return error_set(error, -EPROTONOSUPPORT, ERROR_FAILED, STEP_NONE,
				 "written by another bpfgated");
	return read_floors(list, ret, error);
}

int floor_file_put_aside(int folder, struct error *error)
{
	if (renameat(folder, FLOOR_FILE, folder, FLOOR_FILE_OLD) == 0 || errno == ENOENT)
		return 0;
	return error_set(error, -errno, ERROR_FAILED, STEP_REQUEST,
			 "the file of the rollback floors cannot be put aside: %s",
			 strerror(errno));
}

int floor_file_read(int folder, const char *dir, struct floor_array *ret, bool *ret_exists,
		    struct error *error)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t size;
	int r;

	/* left by a daemon that was killed while it wrote */
	unlinkat(folder, REPLACE_NEW FLOOR_FILE, 0);
	if (fstatat(folder, FLOOR_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
		*ret = (struct floor_array){};
		*ret_exists = false;
		return 0;
	}
	*ret_exists = true;
	r = owned_read(folder, dir, FLOOR_FILE, geteuid(), FLOOR_FILE_SIZE, &text, &size, error);
	if (r > 0)
		return error_set(error, -ELOOP, ERROR_FAILED, STEP_NONE,
				 "%s/" FLOOR_FILE " is a symbolic link", dir);
	if (r == 0) {
		r = parse(text, size, ret, error);
		if (r < 0)
			error_prefix(error, "%s/" FLOOR_FILE, dir);
	}
	return r < 0 ? error_set(error, r, ERROR_FAILED, STEP_NONE, "Out of memory.") : 0;
}
