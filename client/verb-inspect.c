/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpfctl inspect: what a bundle says it holds. Nothing is verified: whoever wants to know whether
 * it is true asks bpfctl verify.
 */

#include "bundle.h"
#include "file.h"
#include "manifest.h"
#include "verbs.h"

struct inspection {
	const char *path;
	struct bundle bundle;
	bool intact;		   /* every section has its digest */
	struct manifest *manifest; /* NULL when it does not parse */
};

static void inspection_done(struct inspection *i)
{
	bundle_done(&i->bundle);
	manifest_free(i->manifest);
}

/* ---- text ---- */

static void print_targets(const char *title, char **targets, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		output_line(stdout, "    %-8s %s", i == 0 ? title : "", targets[i]);
}

#define NOTE_SIZE 32

/* Only where there are several. */
static const char *payload_note(const struct manifest *m, unsigned payload,
				char note[static NOTE_SIZE])
{
	note[0] = '\0';
	if (manifest_n_payloads(m) > 1)
		snprintf(note, NOTE_SIZE, ", payload %u", payload);
	return note;
}

static void print_map(const struct manifest_map *m, const char *note)
{
	output_line(stdout, "  map %s: %s, key %u, value %u, max %u, grant %s%s", m->name,
		    map_type_name(m->type), m->key_size, m->value_size, m->max_entries,
		    map_grant_name(m->grant), note);
	if (m->event)
		output_line(stdout, "    event    %s", m->event);
	if (m->key)
		output_line(stdout, "    key      %s", m->key);
	if (m->value)
		output_line(stdout, "    value    %s", m->value);
}

static void print_tunable(const struct manifest *m, const struct manifest_tunable *t)
{
	char range[TUNABLE_RANGE_SIZE], initial[TUNABLE_TEXT_SIZE];

	tunable_range(t, range);
	tunable_format(t->type, t->initial, initial);
	output_line(stdout, "  tunable %s: %s, %s, default %s, of map %s", t->name,
		    tunable_type_name(t->type), range, initial, m->maps[t->map].name);
}

static void print_manifest(const struct manifest *m)
{
	char note[NOTE_SIZE];

	output_line(stdout, "name         %s", m->name);
	output_line(stdout, "version      %s", m->version);
	output_line(stdout, "sequence     %llu", (unsigned long long)m->sequence);
	output_line(stdout, "description  %s", m->description);
	output_line(stdout, "license      %s", m->license);
	if (m->publisher)
		output_line(stdout, "publisher    %s", m->publisher);
	for (unsigned i = 0; i < m->n_requires; i++)
		output_line(stdout, "%-12s %s", i == 0 ? "requires" : "", m->requires[i]);
	for (unsigned i = 0, n = 0; i < _EFFECT_MAX; i++)
		if (m->effects & 1u << i)
			output_line(stdout, "%-12s %s", n++ == 0 ? "effects" : "", effect_name(i));
	for (unsigned i = 0; i < m->n_after; i++)
		output_line(stdout, "%-12s %s", i == 0 ? "after" : "", m->after[i]);
	if (m->build)
		output_line(stdout, "build        %s", m->build);
	for (unsigned i = 0; i < m->n_programs; i++) {
		const struct manifest_program *p = &m->programs[i];

		output_line(stdout, "  program %s: %s, section %s%s", p->name,
			    program_type_name(p->type), p->section,
			    payload_note(m, p->payload, note));
		print_targets("attach", p->attach, p->n_attach);
		print_targets("default", p->defaults, p->n_defaults);
	}
	for (unsigned i = 0; i < m->n_maps; i++)
		print_map(&m->maps[i], payload_note(m, m->maps[i].payload, note));
	for (unsigned i = 0; i < m->n_tunables; i++)
		print_tunable(m, &m->tunables[i]);
}

static void print_source(const struct bundle *b)
{
	const struct bundle_section *s = bundle_find(b, BUNDLE_SOURCE, 0);
	const char *line, *end, *stop;

	if (!s)
		return;
	line = (const char *)s->content.data;
	stop = line + s->content.size;
	for (; line < stop; line = end + 1) {
		end = memchr(line, '\n', stop - line) ?: stop;
		output_line(stdout, "source       %.*s", (int)(end - line), line);
	}
}

static void print_text(const struct inspection *i)
{
	const struct bundle *b = &i->bundle;
	char digest[DIGEST_TEXT_SIZE];

	digest_format(b->digest, digest);
	output_line(stdout, "%s: not verified; this is what it says of itself", i->path);
	output_line(stdout, "digest       %s", digest);
	if (i->manifest)
		print_manifest(i->manifest);
	print_source(b);
	for (unsigned n = 0; n < b->n_sections; n++)
		output_line(stdout, "section      %s %u: %zu bytes at %zu",
			    bundle_section_name(b->sections[n].type), b->sections[n].payload,
			    b->sections[n].content.size,
			    (size_t)(b->sections[n].content.data - b->file.data));
	for (unsigned n = 0; n < b->n_signers; n++) {
		digest_format(b->signers[n].key_digest, digest);
		output_line(stdout, "signer       %s, %s, %u kernel signatures", digest,
			    signer_algorithm_name(b->signers[n].algorithm),
			    b->signers[n].n_kernel_sigs);
	}
	if (b->n_signers == 0)
		output_line(stdout, "signer       none");
}

/* ---- JSON ---- */

static struct json_object *sections_object(const struct bundle *b)
{
	struct json_object *list = json_object_new_array();

	for (unsigned n = 0; n < b->n_sections; n++) {
		const struct bundle_section *s = &b->sections[n];
		struct json_object *object = json_object_new_object();
		char digest[DIGEST_TEXT_SIZE];

		digest_format(s->digest, digest);
		json_add_string(object, "type", bundle_section_name(s->type));
		json_add_u64(object, "payload", s->payload);
		json_add_u64(object, "offset", s->content.data - b->file.data);
		json_add_u64(object, "size", s->content.size);
		json_add_string(object, "digest", digest);
		json_object_array_add(list, object);
	}
	return list;
}

static struct json_object *signers_object(const struct bundle *b)
{
	struct json_object *list = json_object_new_array();

	for (unsigned n = 0; n < b->n_signers; n++) {
		const struct bundle_signer *s = &b->signers[n];
		struct json_object *object = json_object_new_object();
		struct json_object *sigs = json_object_new_array();
		char digest[DIGEST_TEXT_SIZE];

		digest_format(s->key_digest, digest);
		json_add_string(object, "key", digest);
		json_add_string(object, "algorithm", signer_algorithm_name(s->algorithm));
		for (unsigned k = 0; k < s->n_kernel_sigs; k++) {
			struct json_object *sig = json_object_new_object();

			json_add_u64(sig, "payload", s->kernel_sigs[k].payload);
			json_add_string(sig, "contract",
					s->kernel_sigs[k].contract == CONTRACT_V1 ? "v1" : "v2");
			json_add_u64(sig, "size", s->kernel_sigs[k].pkcs7.size);
			json_object_array_add(sigs, sig);
		}
		json_add(object, "kernelSignatures", sigs);
		json_object_array_add(list, object);
	}
	return list;
}

static void print_json(const struct context *ctx, const struct inspection *i)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();
	const struct bundle_section *s = bundle_find(&i->bundle, BUNDLE_MANIFEST, 0);
	struct json_object *manifest = NULL;
	char digest[DIGEST_TEXT_SIZE];

	digest_format(i->bundle.digest, digest);
	json_add_string(object, "bundle", i->path);
	json_add(object, "verified", json_object_new_boolean(false));
	json_add(object, "intact", json_object_new_boolean(i->intact));
	json_add_string(object, "digest", digest);
	if (i->manifest && json_parse((const char *)s->content.data, s->content.size,
				      BUNDLE_MANIFEST_MAX, &manifest, NULL, NULL) == 0)
		json_add(object, "manifest", manifest);
	s = bundle_find(&i->bundle, BUNDLE_SOURCE, 0);
	if (s)
		json_add(object, "source",
			 json_object_new_string_len((const char *)s->content.data,
						    (int)s->content.size));
	json_add(object, "sections", sections_object(&i->bundle));
	json_add(object, "signers", signers_object(&i->bundle));
	output_json(ctx, object);
}

static int inspect(struct context *ctx, const char *path)
{
	_cleanup_(inspection_done) struct inspection i = {.path = path};
	_cleanup_error_ struct error error = ERROR_INIT, altered = ERROR_INIT, bad = ERROR_INIT;
	const struct bundle_section *s;
	_cleanup_free_ char *file = NULL;
	size_t size;
	int r;

	r = file_read(path, BUNDLE_SIZE_MAX, &file, &size, &error);
	if (r < 0)
		return output_error(ctx, &error);
	r = bundle_open(file, size, &i.bundle, &error);
	if (r < 0) {
		error_prefix(&error, "%s", path);
		return output_error(ctx, &error);
	}
	i.intact = bundle_check_sections(&i.bundle, &altered) == 0;
	s = bundle_find(&i.bundle, BUNDLE_MANIFEST, 0);
	if (s)
		manifest_parse((const char *)s->content.data, s->content.size, &i.manifest, &bad);

	if (ctx->json != JSON_MODE_OFF)
		print_json(ctx, &i);
	else
		print_text(&i);
	fflush(stdout);
	if (!i.intact)
		output_note("warning: %s", error_message(&altered));
	if (!i.manifest)
		output_note("warning: the manifest cannot be used: %s", error_message(&bad));
	return EXIT_SUCCESS;
}

int verb_inspect(struct context *ctx, int argc, char **argv)
{
	int c = verb_option(ctx, argc, argv, "", NULL);

	if (c < 0)
		return ctx->exit_status;
	if (argc - optind != 1)
		return verb_usage(ctx, "give exactly one bundle");
	return inspect(ctx, argv[optind]);
}
