/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tuning.h"

#include <stdarg.h>

#include "image.h"

#define NAMES_SHOWN 256 /* bytes of the names that there are */

void settings_free(struct setting *settings, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		free(settings[i].name);
		free(settings[i].value);
	}
	free(settings);
}

void tuning_done(struct tuning *tuning)
{
	free(tuning->values);
	*tuning = (struct tuning){};
}

/* "--set NAME=VALUE: ..." */
static _printf_(3, 4) int refuse(struct error *error, const struct setting *setting,
				 const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&what, format, ap) < 0)
		what = NULL;
	va_end(ap);
	error_set(error, -EINVAL, ERROR_BAD_TUNABLE, STEP_AUTHORISE, "--set %s=%s: %s",
		  setting->name, setting->value, what ?: "it cannot be set");
	error_field_string(error, "tunable", setting->name);
	return -EINVAL;
}

static int refuse_unknown(const struct manifest *manifest, const struct setting *setting,
			  struct error *error)
{
	char names[NAMES_SHOWN] = "";
	size_t length = 0;

	for (unsigned i = 0; i < manifest->n_tunables && length < sizeof(names); i++)
		length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s",
					   i ? ", " : "", manifest->tunables[i].name);
	if (manifest->n_tunables == 0)
		return refuse(error, setting, "the bundle %s has no tunables", manifest->name);
	return refuse(error, setting, "the bundle %s has no tunable %s; it has %s%s",
		      manifest->name, setting->name, names, length < sizeof(names) ? "" : "...");
}

static int set_one(const struct manifest *manifest, unsigned i, const struct setting *setting,
		   struct tuning *tuning, struct error *error)
{
	const struct manifest_tunable *t = &manifest->tunables[i];
	char range[TUNABLE_RANGE_SIZE], text[TUNABLE_TEXT_SIZE];
	uint64_t value;
	int r;

	if (tuning->set & UINT64_C(1) << i) {
		tunable_format(t->type, tuning->values[i], text);
		return refuse(error, setting, "it is set twice, to %s before", text);
	}
	tunable_range(t, range);
	r = tunable_parse(t->type, setting->value, &value);
	if (r == -EINVAL && t->type != TUNABLE_BOOL)
		return refuse(error, setting, "not a whole number; it must be %s (%s)", range,
			      tunable_type_name(t->type));
	if (r < 0 || !tunable_allows(t, value))
		return refuse(error, setting, "it must be %s (%s)", range,
			      tunable_type_name(t->type));
	tuning->set |= UINT64_C(1) << i;
	tuning->values[i] = value;
	return 0;
}

int tuning_resolve(const struct manifest *manifest, const struct setting *settings,
		   unsigned n_settings, struct tuning *ret, struct error *error)
{
	_cleanup_(tuning_done) struct tuning tuning = {};
	int r = 0;

	tuning.values = calloc(manifest->n_tunables + 1, sizeof(*tuning.values));
	if (!tuning.values)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_AUTHORISE, "Out of memory.");
	for (unsigned i = 0; i < manifest->n_tunables; i++)
		tuning.values[i] = manifest->tunables[i].initial;
	for (unsigned k = 0; k < n_settings && r == 0; k++) {
		unsigned i = 0;

		while (i < manifest->n_tunables &&
		       !streq(manifest->tunables[i].name, settings[k].name))
			i++;
		r = i < manifest->n_tunables ? set_one(manifest, i, &settings[k], &tuning, error)
					     : refuse_unknown(manifest, &settings[k], error);
	}
	if (r < 0)
		return r;
	*ret = tuning;
	tuning = (struct tuning){};
	return 0;
}

int tuning_format(const struct manifest *manifest, const struct tuning *tuning, char **ret)
{
	char text[TUNABLE_TEXT_SIZE];
	bool first = true;
	char *all = NULL;
	size_t size;
	FILE *file;

	file = open_memstream(&all, &size);
	if (!file)
		return -ENOMEM;
	/* where it cannot grow, glibc says so nowhere else */
	errno = 0;
	for (unsigned i = 0; i < manifest->n_tunables; i++) {
		if (!(tuning->set & UINT64_C(1) << i))
			continue;
		tunable_format(manifest->tunables[i].type, tuning->values[i], text);
		fprintf(file, "%s%s=%s", first ? "" : " ", manifest->tunables[i].name, text);
		first = false;
	}
	if (fclose(file) != 0 || errno == ENOMEM || !all) {
		free(all);
		return -ENOMEM;
	}
	*ret = all;
	return 0;
}

/* ---- what the maps are to be ---- */

void openings_done(struct openings *openings)
{
	for (unsigned i = 0; i < openings->n; i++)
		free(openings->maps[i].value);
	free(openings->maps);
	*openings = OPENINGS_INIT;
}

/* A copy of the map's image, made when the first of its variables comes by. */
static int copy_image(const struct bundle *bundle, unsigned map, struct map_opening *opening)
{
	struct blob image;

	if (opening->value)
		return 0;
	if (image_find(bundle, map, &image) < 0)
		return -ENOENT;
	opening->value = malloc(image.size);
	if (!opening->value)
		return -ENOMEM;
	memcpy(opening->value, image.data, image.size);
	opening->value_size = image.size;
	return 0;
}

static int apply(const struct bundle *bundle, const struct manifest_tunable *t, bool set,
		 uint64_t value, struct map_opening *opening)
{
	int r;

	if (t->type == TUNABLE_MAX_ENTRIES) {
		if (set)
			opening->max_entries = (uint32_t)value;
		return 0;
	}
	r = copy_image(bundle, t->map, opening);
	if (r < 0)
		return r;
	/* The manifest has been compared with the image; this is what keeps a write within it. */
	if (t->offset + (uint64_t)tunable_size(t->type) > opening->value_size)
		return -ERANGE;
	if (set) {
		tunable_store(t->type, value, opening->value + t->offset);
		opening->replace = true;
	}
	return 0;
}

int openings_make(const struct manifest *manifest, const struct bundle *bundle,
		  const struct tuning *tuning, struct openings *ret, struct error *error)
{
	_cleanup_(openings_done) struct openings openings = OPENINGS_INIT;
	int r = 0;

	openings.maps = calloc(manifest->n_maps + 1, sizeof(*openings.maps));
	if (!openings.maps)
		r = -ENOMEM;
	else
		openings.n = manifest->n_maps;
	for (unsigned i = 0; i < manifest->n_tunables && r == 0; i++) {
		const struct manifest_tunable *t = &manifest->tunables[i];

		r = apply(bundle, t, tuning->set >> i & 1, tuning->values[i],
			  &openings.maps[t->map]);
	}
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_LOAD,
				 "the tunables cannot be applied: %s", strerror(-r));
	*ret = openings;
	openings = OPENINGS_INIT;
	return 0;
}
