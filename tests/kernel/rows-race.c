// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Another thread changes what is loaded while it is loaded. Whatever the kernel takes must be what
 * was signed: a program that was loaded is looked at, and there may be none that is not.
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "kernel.h"
#include "keys.h"
#include "row.h"

static struct request q;
static struct map good, bad;
static atomic_bool stop;
static int number;
static struct bpf_insn insns[3];

static void *swap_fd_array(void *p)
{
	volatile int *fds = q.fds;

	while (!stop) {
		fds[0] = bad.fd;
		fds[0] = good.fd;
	}
	return NULL;
}

static void *swap_closed(void *p)
{
	volatile int *fds = q.fds;

	while (!stop) {
		fds[0] = 1000;
		fds[0] = good.fd;
	}
	return NULL;
}

/* The same number is one map, then the other. */
static void *swap_number(void *p)
{
	while (!stop) {
		dup2(bad.fd, number);
		dup2(good.fd, number);
	}
	return NULL;
}

static void *swap_instructions(void *p)
{
	volatile int32_t *imm = &insns[1].imm;

	while (!stop) {
		*imm = 2;
		*imm = 1;
	}
	return NULL;
}

static void *swap_signature(void *p)
{
	volatile uint8_t *last = &q.signature.data[q.signature.size - 1];

	while (!stop)
		*last ^= 1;
	return NULL;
}

static void row_race(const char *name, unsigned tries, unsigned n_loaded, unsigned n_refused,
		     unsigned n_wrong)
{
	note("%s: %u tries, %u loaded, %u refused, %u wrong", name, tries, n_loaded, n_refused,
	     n_wrong);
	/* If only one of both ever happened, the threads have not met, and nothing was tried. */
	if (n_loaded == 0)
		row(name, "ok", "nothing loaded");
	else if (tries >= 1000 && n_refused == 0)
		row(name, "ok", "never met");
	else
		row(name, "ok", "%s", n_wrong ? "loaded what was not signed" : "ok");
}

/* So many, and more as long as the threads have not met: a busy machine may run one of them only.
 */
static bool once_more(unsigned tried, unsigned tries, unsigned n_loaded, unsigned n_refused)
{
	return tried < tries || ((n_loaded == 0 || n_refused == 0) && tried < 20 * tries);
}

/* Loads, and runs what was loaded; it must return @value and have the good map (if @with_map). */
static void contest(const char *name, void *(*swap)(void *), unsigned tries, uint32_t value,
		    bool with_map)
{
	uint32_t good_id = map_id(good.fd), id, seen;
	unsigned n_loaded = 0, n_wrong = 0, n_refused = 0, tried;
	pthread_t thread;

	stop = false;
	must("thread", -pthread_create(&thread, NULL, swap, NULL));
	for (tried = 0; once_more(tried, tries, n_loaded, n_refused); tried++) {
		int fd = sys_bpf(BPF_PROG_LOAD, &q.attr, q.attr_size);

		if (fd < 0) {
			n_refused++;
			continue;
		}
		n_loaded++;
		must("run", prog_run(fd, &seen));
		if (seen != value || (with_map && (prog_maps(fd, &id, 1) != 1 || id != good_id)))
			n_wrong++;
		close(fd);
	}
	stop = true;
	pthread_join(thread, NULL);
	row_race(name, tried, n_loaded, n_refused, n_wrong);
}

static void rows_bound(void)
{
	struct code code = READS_MAP(0);

	map_make(&good, code, 8, 1);
	map_make(&bad, code, 8, 2);
	request_init(&q, code);
	request_bind(&q, &good);
	request_sign(&q);
	contest("race/fd-array-with-another-map", swap_fd_array, options.tries, 0x160f0801, true);
	contest("race/fd-array-with-a-closed-fd", swap_closed, options.tries / 10, 0x160f0801,
		true);
	number = must("dup", fcntl(good.fd, F_DUPFD, 500));
	q.fds[0] = number;
	contest("race/fd-number-of-another-map", swap_number, options.tries, 0x160f0801, true);
	close(number);
	q.fds[0] = good.fd;
	contest("race/signature", swap_signature, options.tries / 10, 0x160f0801, true);
	request_free(&q);
}

/* The instructions, the good ones first. */
static void rows_instructions(void)
{
	memcpy(insns, (const struct bpf_insn[]){MOV(1, 0), MOV(0, 1), EXIT}, sizeof(insns));
	request_init(&q, (struct code){insns, ARRAY_SIZE(insns)});
	request_sign(&q);
	contest("race/instructions", swap_instructions, options.tries, 1, false);
	request_free(&q);
}

/* Unsigned, by index: which map is it, the one whose type was checked? That it loads is all. */
static void rows_unsigned_array(void)
{
	struct code code = CODE(MAP_IDX_VALUE(1, 0, 0), LOAD32(0, 1, 0), MOV(0, 1), EXIT);

	map_drop(&good);
	map_drop(&bad);
	map_make_open(&good, &(struct map_spec){.value_size = 8}, 1);
	map_make_open(&bad, &(struct map_spec){.value_size = 8, .kind = &map_kinds[1]}, 1);
	request_init(&q, code);
	request_bind_fd(&q, good.fd);
	request_array(&q);
	contest("race/unsigned-fd-array-with-a-hash-map", swap_fd_array, options.tries / 10, 1,
		true);
	request_free(&q);
}

static atomic_int writing;
static atomic_bool rest;

/* Writes other content into whatever map there is, until it is frozen. */
static void *write_content(void *p)
{
	uint64_t value = 0x1111111111111111;

	while (!stop)
		if (writing >= 0 && !rest)
			map_update(writing, 0, &value);
	return NULL;
}

/*
 * A map that is being written cannot be frozen, and on a slow kernel it is being written nearly
 * always: after a while the other writer rests, so that this has an end; every second time (@last)
 * it does not have the last word either.
 */
static void freeze(int fd, const uint64_t *content, bool last)
{
	for (unsigned i = 0; map_freeze(fd) == -EBUSY; i++) {
		rest = i >= 20;
		if (rest && last)
			map_update(fd, 0, content);
	}
	rest = false;
}

/* The map's content is written by two threads up to the moment of freezing. */
static void rows_content(void)
{
	struct code code = READS_MAP(0);
	uint64_t content = 0x160f0801160f0801, seen;
	unsigned n_loaded = 0, n_wrong = 0, n_refused = 0, tried;
	uint8_t digest[32];
	pthread_t thread;

	program_digest(code, digest);
	request_init(&q, code);
	bytes_add(&q.covered, &content, sizeof(content));
	request_bind_fd(&q, -1);
	request_sign(&q);
	stop = false;
	writing = -1;
	must("thread", -pthread_create(&thread, NULL, write_content, NULL));
	for (tried = 0; once_more(tried, options.tries, n_loaded, n_refused); tried++) {
		int fd = must("exclusive map", map_create(&(struct map_spec){.digest = digest})),
		    prog;

		writing = fd;
		map_update(fd, 0, &content);
		freeze(fd, &content, tried & 1);
		q.fds[0] = fd;
		prog = sys_bpf(BPF_PROG_LOAD, &q.attr, q.attr_size);
		must("look-up", map_lookup(fd, 0, &seen));
		if (prog < 0)
			n_refused++;
		else
			n_loaded++;
		if (prog >= 0 && seen != content)
			n_wrong++;
		writing = -1;
		safe_close(prog);
		close(fd);
	}
	stop = true;
	pthread_join(thread, NULL);
	row_race("race/content", tried, n_loaded, n_refused, n_wrong);
}

void rows_race(void)
{
	rows_bound();
	rows_content();
	rows_instructions();
	rows_unsigned_array();
}
