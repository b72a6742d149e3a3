// SPDX-License-Identifier: LGPL-2.1-or-later
/* What must be true in the end. */
#include <stdarg.h>
#include <sys/mount.h>

#include <bpf/bpf.h>

#include "checks.h"
#include "stress.h"

#define PATIENCE 60 /* seconds */

static bool wrong(const char *format, ...) _printf_(1, 2);
static bool wrong(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	printf("WRONG: ");
	vprintf(format, ap);
	printf("\n");
	va_end(ap);
	return false;
}

/* Nobody takes these away; but an element of an LRU map is evicted. */
static bool is_kept(enum kind kind, uint32_t key)
{
	return kind != LRU && key < N_KEPT_KEYS;
}

static bool end_key(enum kind kind, uint32_t key)
{
	unsigned long long ok = shared.globals->counts.ok[kind][key];
	/* Counted in 32 bits. */
	unsigned ran = shared.globals->seen[kind * KIND_SIZE + key].finished;

	if (ran == (unsigned)ok)
		return true;
	return wrong("%s, key %u: %llu schedules, but %u callbacks", kind_name(kind), key, ok, ran);
}

bool end_counts(void)
{
	unsigned long long exact = 0, ok = subject_ok(&shared), ran = subject_finished(&shared);
	bool good = true;

	for (unsigned kind = 0; kind < N_KINDS; kind++)
		for (uint32_t key = 0; key < KIND_SIZE; key++) {
			if (!is_kept(kind, key))
				continue;
			good &= end_key(kind, key);
			exact += shared.globals->counts.ok[kind][key];
		}
	printf("of %llu schedules %llu were for elements that nobody takes away: %s\n", ok, exact,
	       good ? "each had its callback" : "not each had its callback");
	printf("of the others %llu had one and %llu were cancelled\n", ran - exact, ok - ran);
	if (ran > ok)
		good = wrong("more callbacks (%llu) than schedules (%llu)", ran, ok);
	if (exact == 0 || ran == exact || ok == ran)
		good = wrong("nothing was tried");
	if (totals.object_callbacks > totals.object_schedules)
		good = wrong("more callbacks than schedules of objects that came and went");
	return good;
}

static void add(struct ids *ids, int (*next)(uint32_t, uint32_t *), uint32_t mark)
{
	uint32_t id = 0;

	while (ids->n < ARRAY_SIZE(ids->ids) && next(id, &id) == 0)
		ids->ids[ids->n++] = id | mark;
}

void ids_get(struct ids *ids)
{
	ids->n = 0;
	add(ids, bpf_prog_get_next_id, 0);
	add(ids, bpf_map_get_next_id, 1U << 31);
}

static bool contains(const struct ids *ids, uint32_t id)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->ids[i] == id)
			return true;
	return false;
}

bool end_ids(const struct ids *before)
{
	struct ids after;
	size_t left = 0;

	for (unsigned i = 0; i < PATIENCE * 10; i++) {
		ids_get(&after);
		left = 0;
		for (size_t k = 0; k < after.n; k++)
			left += !contains(before, after.ids[k]);
		if (left == 0) {
			printf("all programs and maps are gone after %u.%u s\n", i / 10, i % 10);
			return true;
		}
		sleep_ms(100);
	}
	return wrong("%zu programs and maps are left", left);
}

/* The file of a debug kernel of ours. -ENOENT if there is none. */
static int contexts(unsigned long long *ret_allocated, unsigned long long *ret_freed)
{
	_cleanup_fclose_ FILE *f = fopen("/sys/kernel/debug/bpf/task_work", "re");
	char line[80];
	int found = 0;

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		found += sscanf(line, "allocated %llu", ret_allocated) == 1;
		found += sscanf(line, "freed %llu", ret_freed) == 1;
	}
	return found == 2 ? 0 : -EINVAL;
}

bool end_contexts(void)
{
	unsigned long long allocated = 0, freed = 0;
	int r;

	if (access("/sys/kernel/debug/bdi", F_OK) < 0)
		mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	for (unsigned i = 0; i < PATIENCE * 10; i++) {
		r = contexts(&allocated, &freed);
		if (r == -ENOENT) {
			printf("contexts are not counted: this kernel has no "
			       "debug/bpf/task_work\n");
			return true;
		}
		if (r < 0)
			return wrong("debug/bpf/task_work: %s", answer_name(r));
		if (allocated == freed && allocated > 0) {
			printf("%llu contexts were allocated, and all freed after %u.%u s\n",
			       allocated, i / 10, i % 10);
			return true;
		}
		sleep_ms(100);
	}
	return wrong("%llu contexts were allocated, but %llu freed", allocated, freed);
}
