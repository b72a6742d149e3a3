/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "enforce-internal.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <pthread.h>

#include "pin.h"
#include "sys-bpf.h"

/*
 * .lock guards .gate: readers while the daemon works, the writer where one gate takes the place of
 * another.
 */
static struct {
	pthread_rwlock_t lock;
	bool present;
	struct kernel_gate gate;
	uint64_t init_types;
	unsigned attaching; /* calls of enforce_links_begin() without an end */
	unsigned epoch;	    /* how many gates there have been in the life of this process */
} enforce = {.lock = PTHREAD_RWLOCK_INITIALIZER, .gate = KERNEL_GATE_INIT};

/* ---- what is in force ---- */

/* The stricter one; what another process wrote is not trusted to be in range. */
static enum gate_mode mode_of(const struct kernel_gate *gate)
{
	uint32_t mode = __atomic_load_n(&gate->config->mode, __ATOMIC_ACQUIRE);

	return mode < _GATE_MODE_MAX ? (enum gate_mode)mode : GATE_ENFORCE;
}

static void set_mode(struct kernel_gate *gate, enum gate_mode mode)
{
	__atomic_store_n(&gate->config->mode, (uint32_t)mode, __ATOMIC_RELEASE);
}

enum gate_mode enforce_mode(void)
{
	enum gate_mode mode;

	pthread_rwlock_rdlock(&enforce.lock);
	mode = enforce.present ? mode_of(&enforce.gate) : GATE_OFF;
	pthread_rwlock_unlock(&enforce.lock);
	return mode;
}

static void take_gate(struct kernel_gate *gate)
{
	pthread_rwlock_wrlock(&enforce.lock);
	kernel_gate_close(&enforce.gate);
	enforce.gate = *gate;
	enforce.present = true;
	enforce.epoch++;
	pthread_rwlock_unlock(&enforce.lock);
	*gate = KERNEL_GATE_INIT;
}

void enforce_done(void)
{
	pthread_rwlock_wrlock(&enforce.lock);
	kernel_gate_close(&enforce.gate);
	enforce.present = false;
	pthread_rwlock_unlock(&enforce.lock);
}

/* Opens both generations, those that are whole; what the first error was of those that cannot be.
 */
static int open_all(struct kernel_gate gates[static GATE_GENERATIONS], struct error *error)
{
	int first = 0;

	for (unsigned i = 0; i < GATE_GENERATIONS; i++) {
		int r = kernel_gate_open(i, &gates[i], error);

		if (r < 0 && r != -ENOENT)
			first = first ?: r;
	}
	return first;
}

static void close_all(struct kernel_gate gates[static GATE_GENERATIONS])
{
	for (unsigned i = 0; i < GATE_GENERATIONS; i++)
		kernel_gate_close(&gates[i]);
}

/* Off first: whoever holds a link of it keeps it attached, and no daemon could turn it off then. */
static void turn_off(struct kernel_gate *gate)
{
	if (gate->config)
		set_mode(gate, GATE_OFF);
}

/*
 * Puts a new gate up in @mode, in the place of @previous (NULL: there is none), which goes once the
 * new one is in force.
 */
static int replace(struct kernel_gate *previous, enum gate_mode mode, struct error *error)
{
	unsigned old = previous ? previous->generation : GATE_GENERATIONS;
	struct kernel_gate gate = KERNEL_GATE_INIT;
	int r;

	r = kernel_gate_make(old == 0 ? 1 : 0, enforce.init_types, !previous, &gate, error);
	if (r < 0)
		return r;
	set_mode(&gate, mode);
	if (previous)
		turn_off(previous);
	/* closes @previous, if that is the one in use */
	take_gate(&gate);
	return previous ? kernel_gate_remove(old, error) : 0;
}

/* All that can be removed, whatever the others are: the first error. */
static int remove_all(struct error *error)
{
	int first = 0;

	for (unsigned i = 0; i < GATE_GENERATIONS; i++) {
		int r = kernel_gate_remove(i, error);

		first = first ?: r;
	}
	return first;
}

/* The strictest that is there, of those the one of this version. GATE_GENERATIONS: none. */
static int find_best(const struct kernel_gate gates[static GATE_GENERATIONS], unsigned *ret,
		     bool *ret_current, struct error *error)
{
	unsigned best = GATE_GENERATIONS;
	bool best_current = false;

	for (unsigned i = 0; i < GATE_GENERATIONS; i++) {
		int current = gates[i].config ? kernel_gate_is_current(&gates[i], error) : 0;

		if (current < 0)
			return current;
		if (!gates[i].config)
			continue;
		if (best < GATE_GENERATIONS &&
		    (mode_of(&gates[i]) < mode_of(&gates[best]) ||
		     (mode_of(&gates[i]) == mode_of(&gates[best]) && !current)))
			continue;
		best = i;
		best_current = current;
	}
	*ret = best;
	*ret_current = best_current;
	return 0;
}

/* Goes on with what is there, or puts a new one in its place: where its version is another, and
 * where it is to enforce and has not, for then its pins were not guarded. */
static int adopt(struct kernel_gate gates[static GATE_GENERATIONS], enum gate_mode mode,
		 struct error *error)
{
	enum gate_mode before;
	unsigned best;
	bool current;
	int r;

	r = find_best(gates, &best, &current, error);
	if (r < 0)
		return r;
	if (best == GATE_GENERATIONS) {
		r = remove_all(error);
		return r < 0 || mode == GATE_OFF ? r : replace(NULL, mode, error);
	}
	before = mode_of(&gates[best]);
	if (mode < before)
		mode = before;
	turn_off(&gates[1 - best]);
	r = kernel_gate_remove(1 - best, error);
	if (r < 0)
		return r;
	if (mode == GATE_OFF)
		return kernel_gate_remove(best, error);
	if (!current || before < mode)
		return replace(&gates[best], mode, error);
	gates[best].config->init_types = enforce.init_types;
	take_gate(&gates[best]);
	return 0;
}

int enforce_setup(enum gate_mode mode, uint64_t init_types, struct error *error)
{
	struct kernel_gate gates[GATE_GENERATIONS] = {KERNEL_GATE_INIT, KERNEL_GATE_INIT};
	int r;

	enforce.init_types = init_types;
	if (mode == GATE_OFF && !kernel_gate_exists())
		return 0;
	r = open_all(gates, error);
	if (r == 0)
		r = adopt(gates, mode, error);
	close_all(gates);
	return r;
}

int enforce_find(enum gate_mode *ret, struct error *error)
{
	struct kernel_gate gates[GATE_GENERATIONS] = {KERNEL_GATE_INIT, KERNEL_GATE_INIT};
	enum gate_mode mode = GATE_OFF;
	int r = open_all(gates, error);

	for (unsigned i = 0; i < GATE_GENERATIONS; i++)
		if (gates[i].config && mode_of(&gates[i]) > mode)
			mode = mode_of(&gates[i]);
	close_all(gates);
	if (r < 0 && mode == GATE_OFF)
		return r;
	/* one that can be opened is enough, and what follows has errors of its own */
	if (r < 0 && error)
		error_done(error);
	*ret = mode;
	return 0;
}

int enforce_remove(struct error *error)
{
	struct kernel_gate gates[GATE_GENERATIONS] = {KERNEL_GATE_INIT, KERNEL_GATE_INIT};
	int r = open_all(gates, error), r_rest;

	for (unsigned i = 0; i < GATE_GENERATIONS; i++)
		turn_off(&gates[i]);
	close_all(gates);
	r_rest = remove_all(error);
	return r < 0 ? r : r_rest;
}

bool enforce_is_felt(void)
{
	union bpf_attr attr;

	/* The gate looks at the command alone, the kernel then at the descriptor: EBADF. */
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = UINT32_MAX;
	return sys_bpf(BPF_PROG_TEST_RUN, &attr, ATTR_SIZE(test)) == -EPERM;
}

/*
 * From audit to enforce with a gate made anew: while nothing was refused, somebody may have changed
 * what the old one has.
 */
int enforce_set_mode(enum gate_mode mode, struct error *error)
{
	enum gate_mode before = enforce_mode();
	int r;

	if (mode == before)
		return 0;
	if (mode == GATE_OFF) {
		r = enforce_remove(error);
		if (r == 0)
			enforce_done();
		return r;
	}
	if (mode > before)
		return replace(before == GATE_OFF ? NULL : &enforce.gate, mode, error);
	pthread_rwlock_rdlock(&enforce.lock);
	set_mode(&enforce.gate, mode);
	pthread_rwlock_unlock(&enforce.lock);
	return 0;
}

bool enforce_kernel_has_lsm(void)
{
	_cleanup_fclose_ FILE *file = fopen("/sys/kernel/security/lsm", "re");
	char text[512] = "";

	if (!file || !fgets(text, sizeof(text), file))
		return false;
	for (char *save = NULL, *name = strtok_r(text, ",\n", &save); name;
	     name = strtok_r(NULL, ",\n", &save))
		if (streq(name, "bpf"))
			return true;
	return false;
}

void enforce_counts(struct gate_count ret[static _GATE_REASON_MAX], uint64_t *ret_lost)
{
	memset(ret, 0, _GATE_REASON_MAX * sizeof(*ret));
	*ret_lost = 0;
	pthread_rwlock_rdlock(&enforce.lock);
	for (uint32_t i = 0; enforce.present && i < _GATE_REASON_MAX; i++)
		bpf_map_lookup_elem(enforce.gate.counts_fd, &i, &ret[i]);
	if (enforce.present)
		*ret_lost = enforce.gate.config->lost;
	pthread_rwlock_unlock(&enforce.lock);
}

int enforce_events_dup(void)
{
	int fd = -ENOENT;

	pthread_rwlock_rdlock(&enforce.lock);
	if (enforce.present)
		fd = fcntl(enforce.gate.events_fd, F_DUPFD_CLOEXEC, 3);
	if (enforce.present && fd < 0)
		fd = -errno;
	pthread_rwlock_unlock(&enforce.lock);
	return fd;
}

int enforce_programs_dup(uint32_t *ret_unlisted)
{
	int fd = -ENOENT;

	pthread_rwlock_rdlock(&enforce.lock);
	if (enforce.present)
		fd = fcntl(enforce.gate.programs_fd, F_DUPFD_CLOEXEC, 3);
	if (enforce.present && fd < 0)
		fd = -errno;
	if (enforce.present)
		*ret_unlisted = enforce.gate.config->unlisted;
	pthread_rwlock_unlock(&enforce.lock);
	return fd;
}

/* ---- load children ---- */

int enforce_child_add(int pidfd, int32_t keyring)
{
	const struct gate_task task = {.role = GATE_ROLE_CHILD, .keyring = keyring};
	int r = 0;

	pthread_rwlock_rdlock(&enforce.lock);
	if (enforce.present)
		r = bpf_map_update_elem(enforce.gate.tasks_fd, &pidfd, &task, BPF_ANY);
	pthread_rwlock_unlock(&enforce.lock);
	return r;
}

void enforce_child_remove(int pidfd)
{
	pthread_rwlock_rdlock(&enforce.lock);
	if (enforce.present)
		bpf_map_delete_elem(enforce.gate.tasks_fd, &pidfd);
	pthread_rwlock_unlock(&enforce.lock);
}

/* ---- links ---- */

static void count_attaching(int by)
{
	pthread_rwlock_wrlock(&enforce.lock);
	enforce.attaching += (unsigned)by;
	if (enforce.present)
		__atomic_store_n(&enforce.gate.config->attaching, enforce.attaching,
				 __ATOMIC_SEQ_CST);
	pthread_rwlock_unlock(&enforce.lock);
}

void enforce_links_begin(void)
{
	count_attaching(1);
}

void enforce_links_end(void)
{
	count_attaching(-1);
}

void enforce_links_forget(void)
{
	uint32_t id, next, owner;
	bool more;

	pthread_rwlock_rdlock(&enforce.lock);
	more = enforce.present && bpf_map_get_next_key(enforce.gate.links_fd, NULL, &id) == 0;
	while (more) {
		more = bpf_map_get_next_key(enforce.gate.links_fd, &id, &next) == 0;
		if (bpf_map_lookup_elem(enforce.gate.links_fd, &id, &owner) == 0 &&
		    owner == GATE_OWNER_LOAD)
			bpf_map_delete_elem(enforce.gate.links_fd, &id);
		id = next;
	}
	pthread_rwlock_unlock(&enforce.lock);
}

int enforce_link_add(int link_fd)
{
	static const uint32_t owner = GATE_OWNER_LOAD;
	uint32_t id;
	int r = 0;

	pthread_rwlock_rdlock(&enforce.lock);
	if (enforce.present) {
		r = link_id(link_fd, &id);
		if (r == 0)
			r = bpf_map_update_elem(enforce.gate.links_fd, &id, &owner, BPF_ANY);
	}
	pthread_rwlock_unlock(&enforce.lock);
	return r;
}

/*
 * Guarded until it is gone, so that nobody gets a descriptor in between and keeps it. The kernel
 * gives ids in a circle: none is another link's again before two thousand million more were made.
 */
void enforce_link_close(int link_fd)
{
	uint32_t id;
	bool known;

	if (link_fd < 0)
		return;
	known = link_id(link_fd, &id) == 0;
	safe_close(link_fd);
	pthread_rwlock_rdlock(&enforce.lock);
	if (known && enforce.present)
		bpf_map_delete_elem(enforce.gate.links_fd, &id);
	pthread_rwlock_unlock(&enforce.lock);
}

/* ---- what was there before ---- */

unsigned enforce_epoch(void)
{
	unsigned epoch;

	pthread_rwlock_rdlock(&enforce.lock);
	epoch = enforce.epoch;
	pthread_rwlock_unlock(&enforce.lock);
	return epoch;
}

/* Opening it again, by a pin, is what the gate sees. */
static int touch(int fd)
{
	_cleanup_close_ int again = -1;
	const char *what;

	return pin_reopen(fd, 0, &again, &what);
}

int enforce_guard(const struct loaded *loaded, const struct links *links)
{
	int r = 0;

	for (unsigned i = 0; i < loaded->n_programs && r == 0; i++)
		r = touch(loaded->programs[i]);
	for (unsigned i = 0; i < loaded->n_maps && r == 0; i++)
		r = touch(loaded->maps[i]);
	for (unsigned i = 0; i < links->n && r == 0; i++)
		r = enforce_link_add(links->items[i].fd);
	return r;
}
