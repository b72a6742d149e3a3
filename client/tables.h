/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The contents of maps, read through the fds that were granted. Per-CPU values are added up, number
 * by number; the single ones are in the JSON. Entries of an array that are all zero are left out.
 */
#pragma once

#include "load.h"

/* One entry; everything is borrowed. */
struct table_entry {
	struct blob key;
	struct blob value; /* added up over the CPUs; size 0: that cannot be done */
	unsigned n_cpus;   /* 0: not per CPU */
	struct blob *cpus;
};

typedef int (*table_visit)(void *userdata, const struct table_entry *entry);

/* Can @map be listed at all: granted, with keys? */
bool table_readable(const struct load_map *map);

/*
 * Visits all entries, in the map's order; @btf may be NULL. The map may change meanwhile: an entry
 * that goes is left out, and never more than maxEntries are visited. A negative errno of bpf(2) or
 * of @visit.
 */
int table_each(const struct load_map *map, const struct btf *btf, table_visit visit,
	       void *userdata);

/* "NAME:" and a line an entry, or for an array of one entry "NAME: VALUE". */
int table_print(FILE *f, const struct load_map *map, const struct btf *btf);

/* {"map": NAME, "type": TYPE, "entries": [{"key": ..., "value": ..., "perCpu": [...]}]} */
int table_json(const struct load_map *map, const struct btf *btf, struct json_object **ret);

/* The same for entries from elsewhere: what the two above do with each. */
int table_entry_print(FILE *f, const struct load_map *map, const struct btf *btf,
		      const struct table_entry *entry);
int table_entry_json(const struct load_map *map, const struct btf *btf,
		     const struct table_entry *entry, struct json_object **ret);

/*
 * Adds the numbers of @n records up, in @sum (room for one record); what is no number is as in the
 * first. @type NULL: the record is one unsigned number of 1, 2, 4 or 8 bytes; else -EOPNOTSUPP.
 */
int table_sum(const struct btf *btf, const char *type, const struct blob *records, unsigned n,
	      uint8_t *sum);
