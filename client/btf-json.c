/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "btf-print.h"

struct builder {
	struct json_object *root; /* owned until the end */
	unsigned depth;
	struct json_object *open[BTF_DEPTH_MAX + 1]; /* borrowed from the root */
};

struct json_object *json_from_bytes(const char *text, size_t size)
{
	struct json_object *array;

	if (utf8_valid(text, size))
		return json_object_new_string_len(text, (int)size);

	array = json_object_new_array();
	for (size_t i = 0; array && i < size; i++) {
		struct json_object *byte = json_object_new_int((uint8_t)text[i]);

		if (!byte || json_object_array_add(array, byte) < 0) {
			json_object_put(byte);
			json_object_put(array);
			return NULL;
		}
	}
	return array;
}

static struct json_object *json_from_value(const struct btf_value *value)
{
	_cleanup_free_ char *hex = NULL;

	switch (value->kind) {
	case BTF_VALUE_STRUCT:
		return json_object_new_object();
	case BTF_VALUE_ARRAY:
		return json_object_new_array();
	case BTF_VALUE_UNSIGNED:
		return json_object_new_uint64(value->number);
	case BTF_VALUE_SIGNED:
		return json_object_new_int64((int64_t)value->number);
	case BTF_VALUE_BOOL:
		return json_object_new_boolean(value->number != 0);
	case BTF_VALUE_TEXT:
	case BTF_VALUE_NAME:
		return json_from_bytes(value->text, value->text_size);
	case BTF_VALUE_HEX:
		hex = hex_number(value->data, value->text_size);
		return hex ? json_object_new_string(hex) : NULL;
	case BTF_VALUE_END:
		break;
	}
	return NULL;
}

/* Puts @value (consumed) where the walk is. */
static int builder_add(struct builder *b, const char *name, struct json_object *value)
{
	struct json_object *parent = b->depth > 0 ? b->open[b->depth - 1] : NULL;

	if (!parent) {
		b->root = value;
		return 0;
	}
	if (json_object_is_type(parent, json_type_array)) {
		if (json_object_array_add(parent, value) == 0)
			return 0;
		json_object_put(value);
		return -ENOMEM;
	}
	/* A name that is there twice would free what is still open. */
	if (json_object_object_get_ex(parent, name ?: "", NULL)) {
		json_object_put(value);
		return -EBADMSG;
	}
	return json_add(parent, name ?: "", value);
}

static int build_value(void *userdata, const struct btf_value *value)
{
	struct builder *b = userdata;
	struct json_object *object;
	int r;

	if (value->kind == BTF_VALUE_END) {
		b->depth--;
		return 0;
	}
	if (value->name && !utf8_valid(value->name, strlen(value->name)))
		return -EBADMSG;

	object = json_from_value(value);
	if (!object)
		return -ENOMEM;
	r = builder_add(b, value->name, object);
	if (r < 0)
		return r;
	if (value->kind == BTF_VALUE_STRUCT || value->kind == BTF_VALUE_ARRAY) {
		if (b->depth >= ARRAY_SIZE(b->open))
			return -E2BIG;
		b->open[b->depth++] = object;
	}
	return 0;
}

int btf_json(const struct btf *btf, uint32_t id, struct blob record, struct json_object **ret)
{
	struct builder builder = {};
	int r;

	r = btf_walk(btf, id, record, build_value, &builder);
	if (r < 0) {
		json_object_put(builder.root);
		return r;
	}
	*ret = builder.root;
	return 0;
}
