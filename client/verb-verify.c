/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpfctl verify: every link from a trusted key to each section, by the same code and in the same
 * order as the daemon, and the links that the kernel checks. Needs neither daemon nor privilege.
 */

#include <stdarg.h>
#include <time.h>

#include "file.h"
#include "image.h"
#include "kernel-sig.h"
#include "keys.h"
#include "loader-link.h"
#include "manifest.h"
#include "verbs.h"

#define VERDICT_OK	"ok"
#define VERDICT_FAILED	"failed"
#define VERDICT_IGNORED "ignored" /* counts neither way */
#define VERDICT_MISSING "missing" /* nothing wrong, but something cannot work */

struct verification {
	const struct context *ctx;
	const struct bundle *bundle;
	const struct keys *keys;
	struct json_object *links; /* with --json, NULL else */
	int64_t now;
	unsigned n_verified;
	struct {
		const struct key_file *key;
		const struct bundle_signer *record;
	} verified[BUNDLE_SIGNERS_MAX];
};

/* Shows one link, at once or as a member of the JSON answer. */
static _printf_(4, 5) void report(struct verification *v, const char *link, const char *verdict,
				  const char *format, ...)
{
	_cleanup_free_ char *detail = NULL;
	struct json_object *object;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&detail, format, ap) < 0)
		detail = NULL;
	va_end(ap);

	if (!v->links) {
		output_line(stdout, "%-8s %-17s %s", verdict, link, detail ? detail : "");
		return;
	}
	object = json_object_new_object();
	json_add_string(object, "link", link);
	json_add_string(object, "verdict", verdict);
	json_add_string(object, "detail", detail ? detail : "");
	json_object_array_add(v->links, object);
}

static int not_authentic(struct error *error, const char *format, ...) _printf_(2, 3);

static int not_authentic(struct error *error, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	return error_set(error, -EKEYREJECTED, ERROR_NOT_AUTHENTIC, STEP_AUTHENTICATE, "%s",
			 text ? text : "not authentic");
}

static const char *format_date(int64_t when, char *buffer, size_t size)
{
	time_t t = when;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(buffer, size, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		snprintf(buffer, size, "?");
	return buffer;
}

/* ---- trusted key -> signer record ---- */

/* The key of that digest: a valid certificate before an expired one of the same key, that before
 * one that must not be used. */
static const struct key_file *find_key(const struct verification *v,
				       const uint8_t digest[static DIGEST_SIZE])
{
	const struct key_file *best = NULL;

	for (size_t i = 0; i < v->keys->n; i++) {
		const struct key_file *f = &v->keys->files[i];
		const struct certificate *c = &f->certificate;

		if (!c->key || memcmp(c->digest, digest, DIGEST_SIZE) != 0)
			continue;
		if (!f->reason && v->now >= c->not_before && v->now <= c->not_after)
			return f;
		if (!best || (best->reason && !f->reason))
			best = f;
	}
	return best;
}

/* Is @f trusted now? Reports, in words, why it is not. */
static bool is_trusted(struct verification *v, const struct key_file *f)
{
	const struct certificate *c = &f->certificate;
	char date[64];

	if (f->reason)
		report(v, "trusted key", VERDICT_IGNORED, "%s: not usable: %s", f->file, f->reason);
	else if (v->now < c->not_before)
		report(v, "trusted key", VERDICT_IGNORED, "%s (%s): not valid before %s", f->file,
		       c->subject, format_date(c->not_before, date, sizeof(date)));
	else if (v->now > c->not_after)
		report(v, "trusted key", VERDICT_IGNORED, "%s (%s): expired at %s", f->file,
		       c->subject, format_date(c->not_after, date, sizeof(date)));
	else {
		report(v, "trusted key", VERDICT_OK, "%s (%s), %s, valid until %s", f->file,
		       c->subject, signer_algorithm_name(c->algorithm),
		       format_date(c->not_after, date, sizeof(date)));
		return true;
	}
	return false;
}

static int check_signer(struct verification *v, const struct bundle_signer *record,
			struct error *error)
{
	const struct key_file *f = find_key(v, record->key_digest);
	char digest[DIGEST_TEXT_SIZE];
	bool trusted;
	int r;

	digest_format(record->key_digest, digest);
	if (!f) {
		report(v, "signer record", VERDICT_IGNORED, "by a key that is not trusted here, %s",
		       digest);
		return 0;
	}
	trusted = is_trusted(v, f);
	if (f->reason)
		return 0;
	r = signer_verify(v->bundle, record, f->certificate.key);
	if (r < 0) {
		report(v, "signer record", VERDICT_FAILED, "does not verify with %s", f->file);
		return not_authentic(
			error,
			"the signer record of %s (%s) does not verify: the bundle or "
			"the record was altered; get the bundle anew from its publisher",
			f->file, digest);
	}
	if (!trusted) {
		report(v, "signer record", VERDICT_IGNORED, "verifies, but %s is not valid now",
		       f->file);
		return 0;
	}
	report(v, "signer record", VERDICT_OK, "%s, verifies with %s", digest, f->file);
	v->verified[v->n_verified].key = f;
	v->verified[v->n_verified++].record = record;
	return 0;
}

static int check_signers(struct verification *v, const char *dir, struct error *error)
{
	const struct bundle *b = v->bundle;
	int r;

	for (size_t i = 0; i < v->keys->n; i++)
		if (v->keys->files[i].reason && !v->keys->files[i].certificate.key)
			report(v, "trusted key", VERDICT_IGNORED, "%s: not usable: %s",
			       v->keys->files[i].file, v->keys->files[i].reason);
	for (unsigned i = 0; i < b->n_signers; i++) {
		r = check_signer(v, &b->signers[i], error);
		if (r < 0)
			return r;
	}
	if (v->n_verified > 0)
		return 0;
	if (b->n_signers == 0)
		return not_authentic(error, "it is not signed: bpfctl sign adds a signature");
	return not_authentic(error,
			     "none of its %u signers is trusted: if one should be, put its "
			     "certificate into %s",
			     b->n_signers, dir);
}

/* ---- bundle digest -> section table -> sections ---- */

static int check_sections(struct verification *v, struct error *error)
{
	const struct bundle *b = v->bundle;
	char text[DIGEST_TEXT_SIZE];
	uint8_t digest[DIGEST_SIZE];
	int r;

	digest_format(b->digest, text);
	report(v, "bundle digest", VERDICT_OK, "%s, of header and section table", text);
	for (unsigned i = 0; i < b->n_sections; i++) {
		const struct bundle_section *s = &b->sections[i];
		const char *name = bundle_section_name(s->type);

		if (sha256(s->content.data, s->content.size, digest) < 0 ||
		    memcmp(digest, s->digest, DIGEST_SIZE) != 0) {
			report(v, "section", VERDICT_FAILED, "%s %u: altered", name, s->payload);
			return not_authentic(error,
					     "section %s of payload %u is not what was signed: get "
					     "the bundle anew from its publisher",
					     name, s->payload);
		}
		digest_format(s->digest, text);
		report(v, "section", VERDICT_OK, "%s %u: %zu bytes, %s", name, s->payload,
		       s->content.size, text);
	}
	/* The daemon's own function has the last word, and knows the rule on loaders. */
	r = bundle_check_sections(b, error);
	if (r < 0)
		report(v, "section", VERDICT_FAILED, "%s", error_message(error));
	return r;
}

static int check_manifest(struct verification *v, struct manifest **ret, struct error *error)
{
	const struct bundle_section *s = bundle_find(v->bundle, BUNDLE_MANIFEST, 0);
	int r;

	if (!s)
		r = error_set(error, -EBADMSG, ERROR_BAD_MANIFEST, STEP_AUTHENTICATE,
			      "the bundle has no manifest");
	else
		r = manifest_parse((const char *)s->content.data, s->content.size, ret, error);
	if (r == 0)
		r = manifest_check_payloads(*ret, v->bundle->n_payloads, error);
	if (r == 0)
		r = images_check(v->bundle, *ret, error);
	if (r < 0) {
		report(v, "manifest", VERDICT_FAILED, "%s", error_message(error));
		return r;
	}
	report(v, "manifest", VERDICT_OK, "%s %s, sequence %llu, %u programs, %u maps",
	       (*ret)->name, (*ret)->version, (unsigned long long)(*ret)->sequence,
	       (*ret)->n_programs, (*ret)->n_maps);
	return 0;
}

/* ---- what the kernel checks ---- */

static int check_kernel_sig(struct verification *v, unsigned i, const struct bundle_kernel_sig *sig,
			    struct error *error)
{
	const struct key_file *f = v->verified[i].key;
	int r;

	if (!signer_algorithm_in_kernel(f->certificate.algorithm))
		r = -EOPNOTSUPP;
	else
		r = kernel_sig_verify(v->bundle, sig, &f->certificate);
	if (r < 0) {
		report(v, "kernel signature", VERDICT_FAILED,
		       "contract v%d, payload %u: %s does not verify with %s", sig->contract,
		       sig->payload, r == -EBADMSG ? "is no such PKCS#7 and" : "it", f->file);
		return not_authentic(error,
				     "the kernel signature for contract v%d by %s does not verify, "
				     "so that a kernel would refuse the loader: the bundle must be "
				     "signed again",
				     sig->contract, f->file);
	}
	report(v, "kernel signature", VERDICT_OK, "contract v%d, payload %u: verifies with %s",
	       sig->contract, sig->payload, f->file);
	return 0;
}

static int check_kernel_sigs(struct verification *v, struct error *error)
{
	bool there[BUNDLE_PAYLOADS_MAX][CONTRACT_V2 + 1] = {};
	int r;

	for (unsigned i = 0; i < v->n_verified; i++) {
		const struct bundle_signer *record = v->verified[i].record;

		for (unsigned j = 0; j < record->n_kernel_sigs; j++) {
			r = check_kernel_sig(v, i, &record->kernel_sigs[j], error);
			if (r < 0)
				return r;
			there[record->kernel_sigs[j].payload][record->kernel_sigs[j].contract] =
				true;
		}
	}
	for (unsigned p = 0; p < v->bundle->n_payloads; p++)
		for (int c = CONTRACT_V1; c <= CONTRACT_V2; c++)
			if (!there[p][c])
				report(v, "kernel signature", VERDICT_MISSING,
				       "contract v%d, payload %u: no trusted signer brings one, "
				       "so kernels of that contract refuse the bundle",
				       c, p);
	return 0;
}

static int check_metadata_link(struct verification *v, unsigned payload, struct error *error)
{
	const struct bundle_section *loader = bundle_find(v->bundle, BUNDLE_LOADER, payload);
	const struct bundle_section *metadata = bundle_find(v->bundle, BUNDLE_METADATA, payload);
	uint8_t digest[DIGEST_SIZE];

	if (loader_link_find(loader->content, digest) < 0) {
		report(v, "metadata digest", VERDICT_FAILED,
		       "payload %u: the loader does not compare it", payload);
		return not_authentic(error,
				     "the loader of payload %u does not check its metadata, so "
				     "that kernels of contract v1 would load any: build the "
				     "bundle with bpfctl build",
				     payload);
	}
	if (memcmp(digest, metadata->digest, DIGEST_SIZE) != 0) {
		report(v, "metadata digest", VERDICT_FAILED,
		       "payload %u: the loader expects other metadata", payload);
		return not_authentic(error,
				     "the loader of payload %u was made for other metadata: build "
				     "the bundle anew with bpfctl build",
				     payload);
	}
	report(v, "metadata digest", VERDICT_OK,
	       "payload %u: is the one in the loader's instructions", payload);
	return 0;
}

/* ---- the verb ---- */

static int check_all(struct verification *v, const char *dir, struct manifest **ret,
		     struct error *error)
{
	int r;

	report(v, "format", VERDICT_OK, "%zu bytes, %u sections, %u signers", v->bundle->file.size,
	       v->bundle->n_sections, v->bundle->n_signers);
	r = check_signers(v, dir, error);
	if (r == 0)
		r = check_sections(v, error);
	if (r == 0)
		r = check_manifest(v, ret, error);
	for (unsigned i = 0; i < v->bundle->n_payloads && r == 0; i++)
		r = check_metadata_link(v, i, error);
	if (r == 0)
		r = check_kernel_sigs(v, error);
	return r;
}

static void print_result(const struct verification *v, const char *path, const struct manifest *m)
{
	_cleanup_json_ struct json_object *object = NULL;
	char digest[DIGEST_TEXT_SIZE];

	digest_format(v->bundle->digest, digest);
	if (!v->links) {
		output_line(stdout, "%s: authentic: %s %s, signed by %u trusted key%s", path,
			    m->name, m->version, v->n_verified, v->n_verified == 1 ? "" : "s");
		return;
	}
	object = json_object_new_object();
	json_add_string(object, "bundle", path);
	json_add(object, "authentic", json_object_new_boolean(true));
	json_add_string(object, "digest", digest);
	json_add_string(object, "name", m->name);
	json_add_string(object, "version", m->version);
	json_add_u64(object, "sequence", m->sequence);
	json_add_u64(object, "trustedSigners", v->n_verified);
	json_add(object, "links", json_object_get(v->links));
	output_json(v->ctx, object);
}

static int verify(struct context *ctx, const char *path, const char *dir)
{
	_cleanup_manifest_ struct manifest *manifest = NULL;
	_cleanup_json_ struct json_object *links = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_bundle_ struct bundle bundle = {};
	_cleanup_keys_ struct keys keys = {};
	_cleanup_free_ char *file = NULL;
	struct verification v = {.ctx = ctx, .bundle = &bundle, .keys = &keys, .now = time(NULL)};
	size_t size;
	int r;

	if (ctx->json != JSON_MODE_OFF)
		v.links = links = json_object_new_array();
	r = keys_read(dir, &keys, &error);
	if (r == 0)
		r = file_read(path, BUNDLE_SIZE_MAX, &file, &size, &error);
	if (r < 0)
		return output_error(ctx, &error);
	r = bundle_open(file, size, &bundle, &error);
	if (r == 0)
		r = check_all(&v, dir, &manifest, &error);
	if (r < 0) {
		error_prefix(&error, "%s", path);
		if (links)
			error_field(&error, "links", TAKE_PTR(links));
		return output_error(ctx, &error);
	}
	print_result(&v, path, manifest);
	return EXIT_SUCCESS;
}

int verb_verify(struct context *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{"keys", required_argument, NULL, 'k'},
		{},
	};
	const char *dir = KEYS_DIR;
	int c;

	while ((c = verb_option(ctx, argc, argv, "", options)) > 0)
		dir = optarg;
	if (c < 0)
		return ctx->exit_status;
	if (argc - optind != 1)
		return verb_usage(ctx, "give exactly one bundle");
	return verify(ctx, argv[optind], dir);
}
