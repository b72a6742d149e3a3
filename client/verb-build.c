/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl build: from a BPF object file and a short manifest to an unsigned bundle. */

#include "bundle.h"
#include "derive-tunables.h"
#include "feature.h"
#include "file.h"
#include "hand.h"
#include "verbs.h"

#define SOURCE_FILE_MAX	 (64u * 1024 * 1024)
#define SOURCE_FILES_MAX 256

struct build_arguments {
	const char *object, *manifest, *output;
	unsigned n_sources;
	const char *sources[SOURCE_FILES_MAX];
};

/* The name in the manifest, or the object file's without ".bpf.o". *ret is malloced. */
static int bundle_name(const struct hand *hand, const char *object, char **ret, struct error *error)
{
	_cleanup_free_ char *name = strdup(hand->name ? hand->name : file_base_name(object));
	static const char *const endings[] = {".o", ".bpf"};

	if (!name)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	for (size_t i = 0; !hand->name && i < ARRAY_SIZE(endings); i++) {
		size_t length = strlen(name), n = strlen(endings[i]);

		if (length > n && streq(name + length - n, endings[i]))
			name[length - n] = 0;
	}
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
				a->object, m->programs[i].name, m->programs[i].name);
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

/* The manifest's text, which must be one that the daemon takes. */
static int finish_manifest(const struct build_arguments *a, const struct hand *hand,
			   struct derived *derived, char **ret, size_t *ret_size,
			   struct error *error)
{
	_cleanup_manifest_ struct manifest *again = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	r = hand_merge(hand, derived->manifest, error);
	if (r == 0)
		r = derive_tunables(hand, derived, error);
	if (r < 0)
		return r;
	r = check_requires(a, derived->manifest, error);
	if (r < 0)
		return r;
	r = check_targets(a, derived->manifest, error);
	if (r < 0)
		return r;
	r = derive_check_types(a->object, derived->manifest,
			       (struct blob){derived->btf, derived->btf_size}, error);
	if (r < 0)
		return r;
	r = manifest_format(derived->manifest, &text, &size);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "cannot write the manifest: %s",
				 strerror(-r));
	r = manifest_parse(text, size, &again, error);
	if (r < 0) {
		/* Nothing was asked to be authenticated; and nobody has seen the text made here. */
		error->step = STEP_NONE;
		error_prefix(error, "%s%s%s: the bundle's manifest", a->object,
			     hand->file ? " with " : "", hand->file ? hand->file : "");
		return r;
	}
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

static int make_bundle(const struct build_arguments *a, const struct hand *hand, const char *name,
		       struct derived *derived, uint8_t **ret, size_t *ret_size,
		       struct error *error)
{
	_cleanup_free_ char *object = NULL, *manifest = NULL, *source = NULL;
	size_t object_size, manifest_size = 0, source_size = 0;
	struct bundle_payload payload;
	struct blob *images = NULL;
	unsigned n_images = 0;
	int r;

	r = file_read(a->object, OBJECT_SIZE_MAX, &object, &object_size, error);
	if (r == 0)
		r = derive(a->object, object, object_size, name, derived, error);
	if (r == 0)
		r = finish_manifest(a, hand, derived, &manifest, &manifest_size, error);
	if (r == 0)
		r = make_source(a, &source, &source_size, error);
	if (r == 0)
		r = derive_image_sections(derived, &images, &n_images, error);
	if (r < 0)
		return r;

	payload = (struct bundle_payload){
		.loader = {derived->loader, derived->loader_size},
		.metadata = {derived->metadata, derived->metadata_size},
		.btf = {derived->btf, derived->btf_size},
		.n_images = n_images,
		.images = images,
	};
	r = bundle_make((struct blob){(uint8_t *)manifest, manifest_size},
			(struct blob){(uint8_t *)source, source_size}, &payload, 1, ret, ret_size,
			error);
	images_free(images, n_images);
	if (r < 0)
		error_prefix(error, "%s", a->object);
	return r;
}

static void print_result(const struct context *ctx, const struct build_arguments *a,
			 const struct manifest *m, const struct bundle *bundle)
{
	char digest[DIGEST_TEXT_SIZE];

	digest_format(bundle->digest, digest);
	if (ctx->json != JSON_MODE_OFF) {
		_cleanup_json_ struct json_object *object = json_object_new_object();

		json_add_string(object, "bundle", a->output);
		json_add_string(object, "digest", digest);
		json_add_string(object, "name", m->name);
		json_add_string(object, "version", m->version);
		json_add_u64(object, "sequence", m->sequence);
		json_add_u64(object, "programs", m->n_programs);
		json_add_u64(object, "maps", m->n_maps);
		json_add_u64(object, "size", bundle->file.size);
		output_json(ctx, object);
		return;
	}
	output_line(stdout, "%s: %s %s, sequence %llu, %u programs, %u maps, %zu bytes, unsigned",
		    a->output, m->name, m->version, (unsigned long long)m->sequence, m->n_programs,
		    m->n_maps, bundle->file.size);
	output_line(stdout, "  bundle %s", digest);
}

static int build(struct context *ctx, const struct build_arguments *a)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_derived_ struct derived derived = {};
	_cleanup_bundle_ struct bundle bundle = {};
	_cleanup_hand_ struct hand hand = {};
	_cleanup_free_ uint8_t *file = NULL;
	_cleanup_free_ char *name = NULL;
	size_t size;
	int r;

	r = hand_read(a->manifest, &hand, &error);
	if (r == 0)
		r = bundle_name(&hand, a->object, &name, &error);
	if (r == 0)
		r = make_bundle(a, &hand, name, &derived, &file, &size, &error);
	/* What is written must be what can be read. */
	if (r == 0)
		r = bundle_open(file, size, &bundle, &error);
	if (r == 0)
		r = bundle_check_sections(&bundle, &error);
	if (r == 0)
		r = file_write(a->output, file, size, &error);
	if (r < 0)
		return output_error(ctx, &error);
	print_result(ctx, a, derived.manifest, &bundle);
	return EXIT_SUCCESS;
}

int verb_build(struct context *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{"manifest", required_argument, NULL, 'm'},
		{"output", required_argument, NULL, 'o'},
		{"source", required_argument, NULL, 's'},
		{},
	};
	struct build_arguments a = {};
	int c;

	while ((c = verb_option(ctx, argc, argv, "m:o:", options)) > 0) {
		if (c == 'm')
			a.manifest = optarg;
		else if (c == 'o')
			a.output = optarg;
		else if (a.n_sources < SOURCE_FILES_MAX)
			a.sources[a.n_sources++] = optarg;
		else
			return verb_usage(ctx, "more than %d files with --source",
					  SOURCE_FILES_MAX);
	}
	if (c < 0)
		return ctx->exit_status;
	if (argc - optind != 1)
		return verb_usage(ctx, "give exactly one BPF object file");
	if (!a.output)
		return verb_usage(ctx, "give the bundle to write with -o BUNDLE");
	a.object = argv[optind];
	return build(ctx, &a);
}
