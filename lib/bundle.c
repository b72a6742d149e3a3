/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bundle.h"

#include "bundle-wire.h"

#define bad(error, format, ...) \
	error_set(error, -EBADMSG, ERROR_MALFORMED, STEP_AUTHENTICATE, format, ##__VA_ARGS__)

static const struct {
	enum bundle_section_type type;
	const char *name;
	size_t size_max;
} section_types[] = {
	{BUNDLE_MANIFEST, "manifest", BUNDLE_MANIFEST_MAX},
	{BUNDLE_SOURCE, "source", BUNDLE_SOURCE_MAX},
	{BUNDLE_LOADER, "loader", BUNDLE_LOADER_MAX},
	{BUNDLE_METADATA, "metadata", BUNDLE_SIZE_MAX},
	{BUNDLE_BTF, "btf", BUNDLE_SIZE_MAX},
	{BUNDLE_IMAGE, "image", BUNDLE_SIZE_MAX},
};

const char *bundle_section_name(enum bundle_section_type type)
{
	for (size_t i = 0; i < ARRAY_SIZE(section_types); i++)
		if (section_types[i].type == type)
			return section_types[i].name;
	return NULL;
}

static size_t section_size_max(enum bundle_section_type type)
{
	for (size_t i = 0; i < ARRAY_SIZE(section_types); i++)
		if (section_types[i].type == type)
			return section_types[i].size_max;
	return 0;
}

static int read_header(struct bundle *b, struct error *error)
{
	const uint8_t *p = b->file.data;
	uint64_t signed_size, table_end;

	if (b->file.size > BUNDLE_SIZE_MAX)
		return bad(error, "bundle has %zu bytes, the limit is %u", b->file.size,
			   BUNDLE_SIZE_MAX);
	if (b->file.size < BUNDLE_HEADER_SIZE)
		return bad(error,
			   "bundle has %zu bytes, its header alone takes %u: the file is "
			   "truncated or no bundle",
			   b->file.size, BUNDLE_HEADER_SIZE);
	if (memcmp(p, BUNDLE_MAGIC, 8) != 0)
		return bad(error, "offset 0: the file does not begin with the magic of a bundle");
	if (load_le32(p + 8) != BUNDLE_VERSION)
		return bad(error, "offset 8: format version is %u, this bpfgate reads version %u",
			   load_le32(p + 8), BUNDLE_VERSION);

	b->n_sections = load_le32(p + 12);
	if (b->n_sections < 1 || b->n_sections > BUNDLE_SECTIONS_MAX)
		return bad(error, "offset 12: number of sections is %u, must be 1 to %u",
			   b->n_sections, BUNDLE_SECTIONS_MAX);

	signed_size = load_le64(p + 16);
	table_end = BUNDLE_HEADER_SIZE + (uint64_t)b->n_sections * BUNDLE_ENTRY_SIZE;
	if (signed_size > b->file.size)
		return bad(error,
			   "offset 16: size of the signed part is %llu, the file has only "
			   "%zu bytes: it is truncated",
			   (unsigned long long)signed_size, b->file.size);
	if (signed_size < table_end)
		return bad(error,
			   "offset 16: size of the signed part is %llu, header and section "
			   "table alone take %llu",
			   (unsigned long long)signed_size, (unsigned long long)table_end);
	b->signed_size = signed_size;
	return 0;
}

/* Is section @i of a type that may stand there? Keeps count of the payloads. */
static int check_order(struct bundle *b, unsigned i, size_t at, struct error *error)
{
	const struct bundle_section *s = &b->sections[i];
	enum bundle_section_type before = i > 0 ? b->sections[i - 1].type : 0;
	const char *name = bundle_section_name(s->type);
	unsigned payload = 0;
	bool fits;

	switch (s->type) {
	case BUNDLE_MANIFEST:
		fits = i == 0;
		break;
	case BUNDLE_SOURCE:
		fits = before == BUNDLE_MANIFEST;
		break;
	case BUNDLE_LOADER:
		fits = i > 0 && before != BUNDLE_LOADER && b->n_payloads < BUNDLE_PAYLOADS_MAX;
		payload = b->n_payloads++;
		break;
	case BUNDLE_METADATA:
		fits = before == BUNDLE_LOADER;
		payload = b->n_payloads - 1;
		break;
	case BUNDLE_BTF:
		fits = before == BUNDLE_METADATA;
		payload = b->n_payloads - 1;
		break;
	case BUNDLE_IMAGE:
		fits = (before == BUNDLE_METADATA || before == BUNDLE_BTF ||
			before == BUNDLE_IMAGE) &&
		       b->n_images++ < BUNDLE_IMAGES_MAX;
		payload = b->n_payloads - 1;
		break;
	default:
		return bad(error, "offset %zu: section %u has the unknown type %u", at, i, s->type);
	}

	if (!fits)
		return bad(error,
			   "offset %zu: section %u (%s) is out of order: a bundle holds "
			   "manifest, source, then loader, metadata, btf, images of at most %u "
			   "payloads and %u images in all; only source, btf and images may be "
			   "left out",
			   at, i, name, BUNDLE_PAYLOADS_MAX, BUNDLE_IMAGES_MAX);
	if (s->payload != payload)
		return bad(error, "offset %zu: section %u (%s) is of payload %u, expected %u",
			   at + 4, i, name, s->payload, payload);
	return 0;
}

/* Section @i must begin at *@begin, where the one before it ended; moves *@begin to its end. */
static int read_entry(struct bundle *b, unsigned i, size_t *begin, struct error *error)
{
	struct bundle_section *s = &b->sections[i];
	size_t at = BUNDLE_HEADER_SIZE + (size_t)i * BUNDLE_ENTRY_SIZE;
	const uint8_t *p = b->file.data + at;
	uint64_t offset = load_le64(p + 8), size = load_le64(p + 16);
	const char *name;
	int r;

	s->type = load_le32(p);
	s->payload = load_le32(p + 4);
	memcpy(s->digest, p + 24, DIGEST_SIZE);
	r = check_order(b, i, at, error);
	if (r < 0)
		return r;

	name = bundle_section_name(s->type);
	if (offset != *begin)
		return bad(error,
			   "offset %zu: section %u (%s) begins at %llu, expected %zu: "
			   "sections must follow each other without gaps",
			   at + 8, i, name, (unsigned long long)offset, *begin);
	if (size == 0)
		return bad(error, "offset %zu: section %u (%s) is empty", at + 16, i, name);
	if (size > section_size_max(s->type))
		return bad(error, "offset %zu: section %u (%s) has %llu bytes, the limit is %zu",
			   at + 16, i, name, (unsigned long long)size, section_size_max(s->type));
	if (size > b->signed_size - *begin)
		return bad(error,
			   "offset %zu: section %u (%s) has %llu bytes, but the signed part "
			   "ends at %zu",
			   at + 16, i, name, (unsigned long long)size, b->signed_size);

	s->content = (struct blob){b->file.data + offset, size};
	*begin += size;
	return 0;
}

static int read_table(struct bundle *b, struct error *error)
{
	size_t begin = BUNDLE_HEADER_SIZE + (size_t)b->n_sections * BUNDLE_ENTRY_SIZE;
	int r;

	for (unsigned i = 0; i < b->n_sections; i++) {
		r = read_entry(b, i, &begin, error);
		if (r < 0)
			return r;
	}
	if (begin != b->signed_size)
		return bad(error, "offset 16: the signed part ends at %zu, its last section at %zu",
			   b->signed_size, begin);
	if (b->n_payloads == 0)
		return bad(error, "bundle has no loader section: at least one payload is needed");
	if (b->sections[b->n_sections - 1].type == BUNDLE_LOADER)
		return bad(error, "payload %u has a loader but no metadata section",
			   b->n_payloads - 1);
	return 0;
}

int bundle_open(const void *data, size_t size, struct bundle *ret, struct error *error)
{
	_cleanup_bundle_ struct bundle b = {.file = {data, size}};
	int r;

	r = read_header(&b, error);
	if (r < 0)
		return r;
	r = read_table(&b, error);
	if (r < 0)
		return r;
	r = bundle_read_signers(&b, error);
	if (r < 0)
		return r;

	r = sha256(b.file.data, BUNDLE_HEADER_SIZE + (size_t)b.n_sections * BUNDLE_ENTRY_SIZE,
		   b.digest);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_AUTHENTICATE,
				 "cannot compute a SHA-256 digest");

	*ret = b;
	b.signers = NULL;
	return 0;
}

void bundle_done(struct bundle *bundle)
{
	free(bundle->signers);
	*bundle = (struct bundle){};
}

/*
 * A raw signature covers a message that begins with 0xFF, a kernel signature by the same key one
 * that begins with a loader: 0xFF is no opcode, so neither can be passed off as the other.
 */
static int check_loader(const struct bundle_section *s, struct error *error)
{
	if (s->content.size % 8 != 0)
		return bad(error,
			   "loader section of payload %u has %zu bytes: not whole BPF "
			   "instructions of 8 bytes",
			   s->payload, s->content.size);
	if (s->content.data[0] == SIGNER_MESSAGE_FIRST)
		return bad(error,
			   "loader section of payload %u begins with 0xff, which is no BPF "
			   "instruction",
			   s->payload);
	return 0;
}

int bundle_check_sections(const struct bundle *bundle, struct error *error)
{
	uint8_t digest[DIGEST_SIZE];
	int r;

	for (unsigned i = 0; i < bundle->n_sections; i++) {
		const struct bundle_section *s = &bundle->sections[i];

		r = sha256(s->content.data, s->content.size, digest);
		if (r < 0)
			return error_set(error, r, ERROR_FAILED, STEP_AUTHENTICATE,
					 "cannot compute a SHA-256 digest");
		if (memcmp(digest, s->digest, DIGEST_SIZE) != 0)
			return error_set(error, -EKEYREJECTED, ERROR_NOT_AUTHENTIC,
					 STEP_AUTHENTICATE,
					 "section %u (%s, offset %zu) was altered: its SHA-256 is "
					 "not the one in the signed section table",
					 i, bundle_section_name(s->type),
					 (size_t)(s->content.data - bundle->file.data));
	}

	for (unsigned i = 0; i < bundle->n_sections; i++) {
		if (bundle->sections[i].type != BUNDLE_LOADER)
			continue;
		r = check_loader(&bundle->sections[i], error);
		if (r < 0)
			return r;
	}
	return 0;
}

const struct bundle_section *bundle_find(const struct bundle *bundle, enum bundle_section_type type,
					 unsigned payload)
{
	for (unsigned i = 0; i < bundle->n_sections; i++)
		if (bundle->sections[i].type == type && bundle->sections[i].payload == payload)
			return &bundle->sections[i];
	return NULL;
}
