/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl build: from BPF object files and a short manifest to an unsigned bundle. */

#include "bundle.h"
#include "derive-tunables.h"
#include "feature.h"
#include "file.h"
#include "hand.h"
#include "verbs.h"

#define SOURCE_FILE_MAX	 (64u * 1024 * 1024)
#define SOURCE_FILES_MAX 256

struct build_arguments {
	unsigned n_objects;
	const char *objects[BUNDLE_PAYLOADS_MAX]; /* a payload each */
	const char *manifest, *output;
	unsigned n_after;
	const char *after[MANIFEST_AFTER_MAX]; /* bundles */
	unsigned n_sources;
	const char *sources[SOURCE_FILES_MAX];
};

/* What each object file has become, and the manifest of them all. */
struct build {
	const struct build_arguments *a;
	struct hand hand;
	char *name;
	struct derived derived[BUNDLE_PAYLOADS_MAX];
	struct blob *images[BUNDLE_PAYLOADS_MAX]; /* by payload, of maps with tunables */
	unsigned n_images[BUNDLE_PAYLOADS_MAX];
	struct manifest *manifest;
};

static void build_done(struct build *b)
{
	for (unsigned i = 0; i < b->a->n_objects; i++) {
		images_free(b->images[i], b->n_images[i]);
		derived_done(&b->derived[i]);
	}
	manifest_free(b->manifest);
	hand_done(&b->hand);
	free(b->name);
}

/* The object file's name without ".bpf.o", malloced. */
static char *object_name(const char *object)
{
	static const char *const endings[] = {".o", ".bpf"};
	char *name = strdup(file_base_name(object));

	for (size_t i = 0; name && i < ARRAY_SIZE(endings); i++) {
		size_t length = strlen(name), n = strlen(endings[i]);

		if (length > n && streq(name + length - n, endings[i]))
			name[length - n] = 0;
	}
	return name;
}

/* The name in the manifest, or the (first) object file's. *ret is malloced. */
static int bundle_name(const struct hand *hand, const char *object, char **ret, struct error *error)
{
	_cleanup_free_ char *name = hand->name ? strdup(hand->name) : object_name(object);

	if (!name)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	if (!manifest_name_valid(name))
		return error_set(
			error, -EINVAL, ERROR_BAD_MANIFEST, STEP_NONE,
			"\"%s\", from the object's file name, cannot name a bundle (a-z, 0-9, "
			"'.', '_', '-', at most %d, first a letter or digit): give \"name\" in "
			"a manifest",
			name, MANIFEST_NAME_MAX);
	*ret = TAKE_PTR(name);
	return 0;
}

/* One line as of sha256sum(1), by the file's base name: the same wherever the tree lies. */
static int append_source(const char *path, FILE *f, struct error *error)
{
	const char *name = file_base_name(path);
	char hex[2 * DIGEST_SIZE + 1];
	uint8_t digest[DIGEST_SIZE];
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	if (strpbrk(name, "\\\n\r"))
		return error_set(error, -EINVAL, ERROR_FAILED, STEP_NONE,
				 "%s: a source file's name must not hold a backslash or a line "
				 "break",
				 path);
	r = file_read(path, SOURCE_FILE_MAX, &text, &size, error);
	if (r < 0)
		return r;
	r = sha256(text, size, digest);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "%s: cannot hash it", path);
	hex_encode(digest, sizeof(digest), hex);
	fprintf(f, "%s  %s\n", hex, name);
	return 0;
}

static int make_source(const struct build_arguments *a, char **ret, size_t *ret_size,
		       struct error *error)
{
	FILE *f = open_memstream(ret, ret_size);
	int r = 0;

	if (!f)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	for (unsigned i = 0; i < a->n_sources && r == 0; i++)
		r = append_source(a->sources[i], f, error);
	if (fclose(f) != 0 && r == 0)
		r = error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	return r;
}

/* A uprobe whose section names no file: the object cannot say where it belongs. */
static int check_targets(const struct build_arguments *a, const struct manifest *m,
			 struct error *error)
{
	for (unsigned i = 0; i < m->n_programs; i++)
		if (m->programs[i].n_attach == 0)
			return error_set(
				error, -EINVAL, ERROR_BAD_MANIFEST, STEP_NONE,
				"%s: program %s: nothing says where it may be attached: give "
				"it targets in a manifest, { \"programs\": { \"%s\": { "
				"\"attach\": [ ... ] } } }",
				a->objects[m->programs[i].payload], m->programs[i].name,
				m->programs[i].name);
	return 0;
}

static int check_requires(const struct build_arguments *a, const struct manifest *m,
			  struct error *error)
{
	enum feature feature;

	for (unsigned i = 0; i < m->n_requires; i++)
		if (feature_from_name(m->requires[i], &feature) < 0)
			return error_set(error, -EINVAL, ERROR_BAD_MANIFEST, STEP_NONE,
					 "%s: requires \"%s\", which is no feature that this "
					 "bpfgate knows; there is %s",
					 a->manifest, m->requires[i], feature_names());
	return 0;
}

/* The digest of the bundle @path, as one more of what must be loaded before. */
static int add_after(const char *path, struct manifest *m, struct error *error)
{
	_cleanup_bundle_ struct bundle bundle = {};
	_cleanup_free_ char *file = NULL;
	char digest[DIGEST_TEXT_SIZE], **grown;
	size_t size;
	int r;

	r = file_read(path, BUNDLE_SIZE_MAX, &file, &size, error);
	if (r < 0)
		return r;
	r = bundle_open(file, size, &bundle, error);
	if (r == 0)
		r = bundle_check_sections(&bundle, error);
	if (r < 0) {
		error_prefix(error, "--after %s", path);
		return r;
	}
	digest_format(bundle.digest, digest);
	grown = reallocarray(m->after, m->n_after + 1, sizeof(*grown));
	if (grown)
		m->after = grown;
	if (!grown || !(grown[m->n_after] = strdup(digest)))
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	m->n_after++;
	return 0;
}

static int check_types(const struct build *b, struct error *error)
{
	int r = 0;

	for (unsigned i = 0; i < b->a->n_objects && r == 0; i++)
		r = derive_check_types(b->a->objects[i], b->manifest, i,
				       (struct blob){b->derived[i].btf, b->derived[i].btf_size},
				       error);
	return r;
}

/* What the object files do not say, and whether it fits them. */
static int complete_manifest(struct build *b, struct error *error)
{
	const struct build_arguments *a = b->a;
	int r;

	r = hand_merge(&b->hand, b->manifest, error);
	if (r == 0)
		r = derive_tunables(&b->hand, b->derived, a->n_objects, b->manifest, error);
	for (unsigned i = 0; i < a->n_after && r == 0; i++)
		r = add_after(a->after[i], b->manifest, error);
	if (r == 0)
		r = check_requires(a, b->manifest, error);
	if (r == 0)
		r = check_targets(a, b->manifest, error);
	return r < 0 ? r : check_types(b, error);
}

/* The manifest's text, which must be one that the daemon takes. */
static int finish_manifest(struct build *b, char **ret, size_t *ret_size, struct error *error)
{
	_cleanup_manifest_ struct manifest *again = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	r = complete_manifest(b, error);
	if (r < 0)
		return r;
	r = manifest_format(b->manifest, &text, &size);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "cannot write the manifest: %s",
				 strerror(-r));
	r = manifest_parse(text, size, &again, error);
	if (r < 0) {
		/* Nothing was asked to be authenticated; and nobody has seen the text made here. */
		error->step = STEP_NONE;
		error_prefix(error, "%s%s%s: the bundle's manifest", b->a->objects[0],
			     b->hand.file ? " with " : "", b->hand.file ? b->hand.file : "");
		return r;
	}
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

/*
 * Payload @i. The kernel shows the object's name in those of data sections: with one object file
 * that is the bundle's, with several each has its own, so that they differ.
 */
static int derive_payload(struct build *b, unsigned i, struct error *error)
{
	const char *path = b->a->objects[i];
	_cleanup_free_ char *object = NULL, *name = NULL;
	size_t size;
	int r;

	name = b->a->n_objects > 1 ? object_name(path) : strdup(b->name);
	if (!name)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	r = file_read(path, OBJECT_SIZE_MAX, &object, &size, error);
	return r < 0 ? r : derive(path, object, size, name, &b->derived[i], error);
}

static int derive_all(struct build *b, struct error *error)
{
	int r = 0;

	for (unsigned i = 0; i < b->a->n_objects && r == 0; i++)
		r = derive_payload(b, i, error);
	if (r < 0)
		return r;
	return derive_combine(b->a->objects, b->derived, b->a->n_objects, b->name, b->hand.license,
			      &b->manifest, error);
}

static int make_bundle(struct build *b, uint8_t **ret, size_t *ret_size, struct error *error)
{
	const struct build_arguments *a = b->a;
	_cleanup_free_ char *manifest = NULL, *source = NULL;
	struct bundle_payload payloads[BUNDLE_PAYLOADS_MAX];
	size_t manifest_size = 0, source_size = 0;
	int r;

	r = derive_all(b, error);
	if (r == 0)
		r = finish_manifest(b, &manifest, &manifest_size, error);
	if (r == 0)
		r = make_source(a, &source, &source_size, error);
	for (unsigned i = 0; i < a->n_objects && r == 0; i++)
		r = derive_image_sections(&b->derived[i], b->manifest, &b->images[i],
					  &b->n_images[i], error);
	if (r < 0)
		return r;

	for (unsigned i = 0; i < a->n_objects; i++) {
		const struct derived *d = &b->derived[i];

		payloads[i] = (struct bundle_payload){
			.loader = {d->loader, d->loader_size},
			.metadata = {d->metadata, d->metadata_size},
			.btf = {d->btf, d->btf_size},
			.n_images = b->n_images[i],
			.images = b->images[i],
		};
	}
	r = bundle_make((struct blob){(uint8_t *)manifest, manifest_size},
			(struct blob){(uint8_t *)source, source_size}, payloads, a->n_objects, ret,
			ret_size, error);
	if (r < 0)
		error_prefix(error, "%s", a->objects[0]);
	return r;
}

static void print_result(const struct context *ctx, const struct build_arguments *a,
			 const struct manifest *m, const struct bundle *bundle)
{
	char digest[DIGEST_TEXT_SIZE], payloads[32] = "";

	digest_format(bundle->digest, digest);
	if (bundle->n_payloads > 1)
		snprintf(payloads, sizeof(payloads), "%u payloads, ", bundle->n_payloads);
	if (ctx->json != JSON_MODE_OFF) {
		_cleanup_json_ struct json_object *object = json_object_new_object();

		json_add_string(object, "bundle", a->output);
		json_add_string(object, "digest", digest);
		json_add_string(object, "name", m->name);
		json_add_string(object, "version", m->version);
		json_add_u64(object, "sequence", m->sequence);
		json_add_u64(object, "payloads", bundle->n_payloads);
		json_add_u64(object, "programs", m->n_programs);
		json_add_u64(object, "maps", m->n_maps);
		json_add_u64(object, "size", bundle->file.size);
		output_json(ctx, object);
		return;
	}
	output_line(stdout, "%s: %s %s, sequence %llu, %s%u programs, %u maps, %zu bytes, unsigned",
		    a->output, m->name, m->version, (unsigned long long)m->sequence, payloads,
		    m->n_programs, m->n_maps, bundle->file.size);
	output_line(stdout, "  bundle %s", digest);
	for (unsigned i = 0; i < m->n_after; i++)
		output_line(stdout, "  after  %s", m->after[i]);
}

static int build(struct context *ctx, const struct build_arguments *a)
{
	_cleanup_(build_done) struct build b = {.a = a};
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_bundle_ struct bundle bundle = {};
	_cleanup_free_ uint8_t *file = NULL;
	size_t size;
	int r;

	r = hand_read(a->manifest, &b.hand, &error);
	if (r == 0)
		r = bundle_name(&b.hand, a->objects[0], &b.name, &error);
	if (r == 0)
		r = make_bundle(&b, &file, &size, &error);
	/* What is written must be what can be read. */
	if (r == 0)
		r = bundle_open(file, size, &bundle, &error);
	if (r == 0)
		r = bundle_check_sections(&bundle, &error);
	if (r == 0)
		r = file_write(a->output, file, size, &error);
	if (r < 0)
		return output_error(ctx, &error);
	print_result(ctx, a, b.manifest, &bundle);
	return EXIT_SUCCESS;
}

enum {
	OPTION_AFTER = 1,
};

/* 0, or the exit status of a usage error. */
static int take_option(struct context *ctx, struct build_arguments *a, int c)
{
	if (c == 'm')
		a->manifest = optarg;
	else if (c == 'o')
		a->output = optarg;
	else if (c == OPTION_AFTER && a->n_after < MANIFEST_AFTER_MAX)
		a->after[a->n_after++] = optarg;
	else if (c == 's' && a->n_sources < SOURCE_FILES_MAX)
		a->sources[a->n_sources++] = optarg;
	else if (c == OPTION_AFTER)
		return verb_usage(ctx, "more than %d bundles with --after", MANIFEST_AFTER_MAX);
	else
		return verb_usage(ctx, "more than %d files with --source", SOURCE_FILES_MAX);
	return 0;
}

int verb_build(struct context *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{"manifest", required_argument, NULL, 'm'},
		{"output", required_argument, NULL, 'o'},
		{"source", required_argument, NULL, 's'},
		{"after", required_argument, NULL, OPTION_AFTER},
		{},
	};
	struct build_arguments a = {};
	int c, r;

	while ((c = verb_option(ctx, argc, argv, "m:o:", options)) > 0) {
		r = take_option(ctx, &a, c);
		if (r != 0)
			return r;
	}
	if (c < 0)
		return ctx->exit_status;
	if (argc == optind)
		return verb_usage(ctx, "give a BPF object file, or several");
	if (argc - optind > (int)BUNDLE_PAYLOADS_MAX)
		return verb_usage(ctx, "%d object files, more than the %u payloads of a bundle",
				  argc - optind, BUNDLE_PAYLOADS_MAX);
	if (!a.output)
		return verb_usage(ctx, "give the bundle to write with -o BUNDLE");
	while (optind < argc)
		a.objects[a.n_objects++] = argv[optind++];
	return build(ctx, &a);
}
