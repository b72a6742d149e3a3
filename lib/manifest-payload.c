/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which payload makes which program and map. */
#include "bundle.h"
#include "manifest-parse.h"

unsigned manifest_n_payloads(const struct manifest *m)
{
	return m->n_programs > 0 ? m->programs[m->n_programs - 1].payload + 1 : 0;
}

struct manifest_part manifest_part(const struct manifest *m, unsigned payload)
{
	struct manifest_part part = {};

	for (unsigned i = 0; i < m->n_programs; i++) {
		part.first_program += m->programs[i].payload < payload;
		part.n_programs += m->programs[i].payload == payload;
	}
	for (unsigned i = 0; i < m->n_maps; i++) {
		part.first_map += m->maps[i].payload < payload;
		part.n_maps += m->maps[i].payload == payload;
	}
	return part;
}

uint64_t manifest_types(const struct manifest *m, unsigned payload)
{
	uint64_t types = 0;

	for (unsigned i = 0; i < m->n_programs; i++)
		if (m->programs[i].payload == payload)
			types |= UINT64_C(1) << m->programs[i].type;
	return types;
}

static int check_program(const struct manifest_parser *p, const struct manifest *m, unsigned i)
{
	unsigned payload = m->programs[i].payload;
	unsigned before = i > 0 ? m->programs[i - 1].payload : 0;
	char path[MANIFEST_PATH_MAX];

	if (payload == before || (i > 0 && payload == before + 1))
		return 0;
	manifest_path(path, "programs", m->programs[i].name);
	if (i == 0)
		return manifest_bad(p, path, "is of payload %u: the first program is of payload 0",
				    payload);
	return manifest_bad(p, path,
			    "is of payload %u, and the program before it of payload %u: programs "
			    "stand payload by payload, and each payload has one",
			    payload, before);
}

static int check_map(const struct manifest_parser *p, const struct manifest *m, unsigned i)
{
	unsigned payload = m->maps[i].payload, n = manifest_n_payloads(m);
	unsigned before = i > 0 ? m->maps[i - 1].payload : 0;
	char path[MANIFEST_PATH_MAX];

	manifest_path(path, "maps", m->maps[i].name);
	if (payload >= n)
		return manifest_bad(p, path, "is of payload %u, and the last program of payload %u",
				    payload, n - 1);
	if (payload < before)
		return manifest_bad(p, path,
				    "is of payload %u, and the map before it of payload %u: maps "
				    "stand payload by payload",
				    payload, before);
	return 0;
}

int manifest_check_order(const struct manifest_parser *p, const struct manifest *m)
{
	int r = 0;

	for (unsigned i = 0; i < m->n_programs && r == 0; i++)
		r = check_program(p, m, i);
	for (unsigned i = 0; i < m->n_maps && r == 0; i++)
		r = check_map(p, m, i);
	return r;
}

int manifest_payload(const struct manifest_parser *p, const char *path, uint64_t value,
		     unsigned *ret)
{
	char where[MANIFEST_PATH_MAX];

	manifest_path(where, path, "payload");
	if (value >= BUNDLE_PAYLOADS_MAX)
		return manifest_bad(p, where, "must be 0 to %u", BUNDLE_PAYLOADS_MAX - 1);
	*ret = (unsigned)value;
	return 0;
}

int manifest_check_payloads(const struct manifest *m, unsigned n_payloads, struct error *error)
{
	if (manifest_n_payloads(m) == n_payloads)
		return 0;
	return error_set(error, -EBADMSG, ERROR_BAD_MANIFEST, STEP_AUTHENTICATE,
			 "the bundle has %u payloads, and its manifest speaks of %u", n_payloads,
			 manifest_n_payloads(m));
}
