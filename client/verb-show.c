/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpfctl show: one load, on request with the contents of the maps that policy grants. The types of
 * their keys and values are in the bundle, which the daemon does not hand out: --bundle names it.
 */
#include <time.h>

#include <bpf/libbpf.h>

#include "load.h"
#include "tables.h"
#include "verbs.h"

enum {
	OPTION_MAPS = 1,
	OPTION_BUNDLE,
};

static const struct option options[] = {
	{"maps", no_argument, NULL, OPTION_MAPS},
	{"bundle", required_argument, NULL, OPTION_BUNDLE},
	{},
};

struct show {
	struct context *ctx;
	bool contents;
	const char *bundle; /* NULL: none was named */
	struct json_object *reply, *load;
	struct load_maps maps;
	struct bundle_types types;
};

static void show_done(struct show *show)
{
	load_maps_done(&show->maps);
	bundle_types_done(&show->types);
	json_object_put(show->reply);
}

/* ---- asking ---- */

static int describe(struct show *show, const char *id, struct error *error)
{
	_cleanup_json_ struct json_object *parameters = json_object_new_object();
	_cleanup_(fd_set_close) struct fd_set_owned fds = {};
	_cleanup_connection_ struct connection connection = {.fd = -1};
	int r;

	if (!parameters || json_add(parameters, "id", json_object_new_string(id)) < 0 ||
	    (show->contents && json_add(parameters, "openMaps", json_object_new_boolean(true)) < 0))
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");

	r = connection_open(show->ctx->socket, &connection, error);
	if (r < 0)
		return r;
	r = connection_call(&connection, "Describe", parameters, NULL, 0, &show->reply, &fds,
			    error);
	if (r < 0)
		return r;
	show->load = member_object(show->reply, "load");
	if (!show->load)
		return error_set(error, -EBADMSG, ERROR_FAILED, STEP_NONE,
				 "bpfgated's answer does not describe the load: bpfctl and "
				 "bpfgated may be of different versions");
	return show->contents ? load_maps_take(show->load, &fds, &show->maps, error) : 0;
}

/* Types of another bundle would show numbers that mean something else. */
static int read_types(struct show *show, struct error *error)
{
	_cleanup_memory_ struct bundle_memory memory = {.fd = -1};
	char digest[DIGEST_TEXT_SIZE];
	int r;

	r = bundle_memory_read(show->bundle, &memory, error);
	if (r < 0)
		return r;
	r = bundle_digest_text(&memory, digest, error);
	if (r < 0)
		return r;
	if (!streq(digest, member_string(show->load, "digest") ?: ""))
		return error_set(error, -EINVAL, ERROR_FAILED, STEP_NONE,
				 "%s is not the bundle that was loaded: it has digest %s, the load "
				 "%s",
				 show->bundle, digest,
				 member_string(show->load, "digest") ?: "none");
	return bundle_types(&memory, &show->types, error);
}

/* ---- printing ---- */

static void print_field(const char *name, const char *value)
{
	printf("%12s: ", name);
	output_line(stdout, "%s", value ?: "-");
}

static void print_time(const char *name, uint64_t usec)
{
	time_t seconds = usec / 1000000;
	char text[64] = "-";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%F %T %z", &tm);
	print_field(name, text);
}

#define NOTE_SIZE 48

/* Of the first payload, and of most bundles, there is nothing to say. */
static const char *payload_note(struct json_object *object, char note[static NOTE_SIZE])
{
	uint64_t payload = member_u64(object, "payload");

	note[0] = '\0';
	if (payload > 0)
		snprintf(note, NOTE_SIZE, ", payload %llu", (unsigned long long)payload);
	return note;
}

static void print_programs(struct json_object *load)
{
	struct json_object *array = member_array(load, "programs");
	struct json_object *attachments = member_array(load, "attachments");

	for (size_t i = 0; array && i < json_object_array_length(array); i++) {
		struct json_object *p = json_object_array_get_idx(array, i);
		char note[NOTE_SIZE];

		printf("%12s: ", "Program");
		output_line(stdout, "%s (%s, id %llu, tag %s%s)", member_string(p, "name") ?: "-",
			    member_string(p, "type") ?: "-",
			    (unsigned long long)member_u64(p, "id"), member_string(p, "tag") ?: "-",
			    payload_note(p, note));
	}
	for (size_t i = 0; attachments && i < json_object_array_length(attachments); i++) {
		struct json_object *a = json_object_array_get_idx(attachments, i);

		printf("%12s: ", "Attached");
		output_line(stdout, "%s to %s", member_string(a, "program") ?: "-",
			    member_string(a, "target") ?: "-");
	}
}

static void print_maps(struct json_object *load)
{
	struct json_object *array = member_array(load, "maps");

	for (size_t i = 0; array && i < json_object_array_length(array); i++) {
		struct json_object *m = json_object_array_get_idx(array, i);
		char note[NOTE_SIZE];

		printf("%12s: ", "Map");
		output_line(stdout, "%s (%s, %llu entries, id %llu%s), granted: %s",
			    member_string(m, "name") ?: "-", member_string(m, "type") ?: "-",
			    (unsigned long long)member_u64(m, "maxEntries"),
			    (unsigned long long)member_u64(m, "id"), payload_note(m, note),
			    member_string(m, "grant") ?: "-");
	}
}

static void print_strings(const char *name, struct json_object *array)
{
	for (size_t i = 0; array && i < json_object_array_length(array); i++)
		print_field(name, json_object_get_string(json_object_array_get_idx(array, i)));
}

static void print_tunables(struct json_object *load)
{
	struct json_object *array = member_array(load, "tunables");

	for (size_t i = 0; array && i < json_object_array_length(array); i++) {
		struct json_object *t = json_object_array_get_idx(array, i);
		const char *type = member_string(t, "type") ?: "-";

		printf("%12s: ", "Tunable");
		if (streq(type, "bool"))
			output_line(stdout, "%s = %s (bool, default %s)%s",
				    member_string(t, "name") ?: "-",
				    member_string(t, "value") ?: "-",
				    member_string(t, "default") ?: "-",
				    member_bool(t, "set") ? ", set" : "");
		else
			output_line(stdout, "%s = %s (%s, %s to %s, default %s)%s",
				    member_string(t, "name") ?: "-",
				    member_string(t, "value") ?: "-", type,
				    member_string(t, "min") ?: "-", member_string(t, "max") ?: "-",
				    member_string(t, "default") ?: "-",
				    member_bool(t, "set") ? ", set" : "");
	}
}

/* Of one whose record the daemon cannot read there is no more than this. */
static void print_nameless(struct json_object *load)
{
	print_field("Id", member_string(load, "id"));
	print_field("Unknown", member_string(load, "unknown"));
}

static void print_load(struct json_object *load)
{
	char uid[24], sequence[24];

	if (!json_object_object_get_ex(load, "uid", NULL)) {
		print_nameless(load);
		return;
	}
	snprintf(uid, sizeof(uid), "%llu", (unsigned long long)member_u64(load, "uid"));
	snprintf(sequence, sizeof(sequence), "%llu",
		 (unsigned long long)member_u64(load, "sequence"));
	print_field("Id", member_string(load, "id"));
	if (member_string(load, "unknown"))
		print_field("Unknown", member_string(load, "unknown"));
	print_field("Name", member_string(load, "name"));
	print_field("Version", member_string(load, "version"));
	print_field("Sequence", sequence);
	print_field("Description", member_string(load, "description"));
	print_field("Bundle", member_string(load, "digest"));
	print_strings("After", member_array(load, "after"));
	print_strings("Signer", member_array(load, "signers"));
	print_field("Contract", member_string(load, "contract"));
	print_field("Lifetime", member_string(load, "lifetime"));
	print_field("User", uid);
	print_time("Loaded", member_u64(load, "loadedAtUSec"));
	printf("%12s: ", "Allowed by");
	output_line(stdout, "rule \"%s\" (%s)", member_string(load, "rule") ?: "-",
		    member_string(load, "ruleSource") ?: "-");
	print_field("If revoked", member_string(load, "onRevocation"));
	print_strings("Effect", member_array(load, "effects"));
	print_programs(load);
	print_maps(load);
	print_tunables(load);
}

static int map_error(const struct load_map *map, int r, struct error *error)
{
	return error_set(error, r, ERROR_FAILED, STEP_NONE, "cannot read map %s: %s", map->name,
			 strerror(-r));
}

static int print_contents(const struct show *show, struct error *error)
{
	for (unsigned i = 0; i < show->maps.n; i++) {
		const struct load_map *map = &show->maps.maps[i];
		int r;

		if (!table_readable(map))
			continue;
		putchar('\n');
		r = table_print(stdout, map, bundle_types_of(&show->types, map));
		if (r < 0)
			return map_error(map, r, error);
	}
	return 0;
}

/* Puts "entries" into the load's maps. The fd numbers mean nothing to whoever reads the JSON. */
static int add_contents(const struct show *show, struct error *error)
{
	struct json_object *array = member_array(show->load, "maps");

	for (unsigned i = 0; i < show->maps.n; i++) {
		const struct load_map *map = &show->maps.maps[i];
		struct json_object *object = json_object_array_get_idx(array, i), *entries;
		_cleanup_json_ struct json_object *table = NULL;
		int r;

		json_object_object_del(object, "mapFileDescriptor");
		if (!table_readable(map))
			continue;
		r = table_json(map, bundle_types_of(&show->types, map), &table);
		if (r < 0)
			return map_error(map, r, error);
		if (json_object_object_get_ex(table, "entries", &entries) &&
		    json_add(object, "entries", json_object_get(entries)) < 0)
			return map_error(map, -ENOMEM, error);
	}
	return 0;
}

static int show_load(struct show *show, const char *id, struct error *error)
{
	int r;

	r = describe(show, id, error);
	if (r < 0)
		return r;
	if (show->bundle) {
		r = read_types(show, error);
		if (r < 0)
			return r;
	}
	if (show->ctx->json == JSON_MODE_OFF) {
		print_load(show->load);
		return print_contents(show, error);
	}
	r = add_contents(show, error);
	if (r == 0)
		output_json(show->ctx, show->load);
	return r;
}

int verb_show(struct context *ctx, int argc, char **argv)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_(show_done) struct show show = {.ctx = ctx};
	int c;

	libbpf_set_print(NULL);
	while ((c = verb_option(ctx, argc, argv, "", options)) > 0) {
		show.contents = true;
		if (c == OPTION_BUNDLE)
			show.bundle = optarg;
	}
	if (c < 0)
		return ctx->exit_status;
	if (argc - optind != 1)
		return verb_usage(ctx,
				  "exactly one id or name is needed; \"bpfctl list\" shows them");
	if (show_load(&show, argv[optind], &error) < 0)
		return output_error(ctx, &error);
	return EXIT_SUCCESS;
}
