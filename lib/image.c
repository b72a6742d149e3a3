/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include "bundle-wire.h"

#define IMAGE_HEAD_SIZE 4u

#define bad(error, format, ...) \
	error_set(error, -EBADMSG, ERROR_BAD_MANIFEST, STEP_AUTHENTICATE, format, ##__VA_ARGS__)

static bool is_image_of(const struct bundle_section *section, unsigned map)
{
	return section->type == BUNDLE_IMAGE && section->content.size > IMAGE_HEAD_SIZE &&
	       load_le32(section->content.data) == map;
}

int image_find(const struct bundle *bundle, unsigned map, struct blob *ret)
{
	for (unsigned i = 0; i < bundle->n_sections; i++) {
		const struct blob *content = &bundle->sections[i].content;

		if (!is_image_of(&bundle->sections[i], map))
			continue;
		*ret = (struct blob){content->data + IMAGE_HEAD_SIZE,
				     content->size - IMAGE_HEAD_SIZE};
		return 0;
	}
	return -ENOENT;
}

/* @next: the least number that the map may have. */
static int check_image(const struct bundle_section *section, const struct manifest *manifest,
		       unsigned *next, struct error *error)
{
	uint32_t map;

	if (section->content.size <= IMAGE_HEAD_SIZE)
		return bad(error, "an image section of %zu bytes names no map and its value",
			   section->content.size);
	map = load_le32(section->content.data);
	if (map < *next || map >= manifest->n_maps || !manifest_map_has_variables(manifest, map) ||
	    section->payload != manifest->maps[map].payload)
		return bad(error,
			   "an image section is of map number %u, which comes too early, is not "
			   "in the manifest, is of another payload, or has no tunables",
			   map);
	if (section->content.size - IMAGE_HEAD_SIZE != manifest->maps[map].value_size)
		return bad(error, "the image of the map \"%s\" has %zu bytes, the map's value %u",
			   manifest->maps[map].name, section->content.size - IMAGE_HEAD_SIZE,
			   manifest->maps[map].value_size);
	*next = map + 1;
	return 0;
}

static int check_variable(const struct bundle *bundle, const struct manifest *manifest,
			  const struct manifest_tunable *t, struct error *error)
{
	struct blob value;

	if (image_find(bundle, t->map, &value) < 0)
		return bad(error, "the bundle has no image of the map \"%s\", which holds \"%s\"",
			   manifest->maps[t->map].name, t->name);
	if (t->offset + (uint64_t)tunable_size(t->type) > value.size ||
	    tunable_load(t->type, value.data + t->offset) != t->initial)
		return bad(error, "the image of the map \"%s\" does not hold the default of \"%s\"",
			   manifest->maps[t->map].name, t->name);
	return 0;
}

int images_check(const struct bundle *bundle, const struct manifest *manifest, struct error *error)
{
	unsigned next = 0;
	int r = 0;

	for (unsigned i = 0; i < bundle->n_sections && r == 0; i++)
		if (bundle->sections[i].type == BUNDLE_IMAGE)
			r = check_image(&bundle->sections[i], manifest, &next, error);
	for (unsigned i = 0; i < manifest->n_tunables && r == 0; i++)
		if (manifest->tunables[i].type != TUNABLE_MAX_ENTRIES)
			r = check_variable(bundle, manifest, &manifest->tunables[i], error);
	return r;
}

int image_make(unsigned map, struct blob value, uint8_t **ret, size_t *ret_size)
{
	uint8_t *content = malloc(IMAGE_HEAD_SIZE + value.size);

	if (!content)
		return -ENOMEM;
	store_bytes(store_le32(content, map), value.data, value.size);
	*ret = content;
	*ret_size = IMAGE_HEAD_SIZE + value.size;
	return 0;
}
