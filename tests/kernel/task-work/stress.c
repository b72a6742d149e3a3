// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * task-work-stress: for some minutes threads schedule task work by system call, from a tracepoint
 * and from NMIs, others delete, update and evict the elements it is in, and maps, programs and
 * tasks come and go. In the end nothing may be lost or left. What is exact: elements that nobody
 * takes away have as many callbacks as schedules that succeeded. Of the others it cannot be known
 * how many were cancelled: there must not be more callbacks than schedules. Needs root; is meant
 * for a guest, where tests/kernel/stress runs it.
 */
#include "stress.h"

#include "../groups.h"
#include "checks.h"

struct subject shared;
bool spellings[2];

static _Noreturn void usage(int status)
{
	printf("Usage: task-work-stress [OPTION]...\n\n"
	       "  --seconds N   so long (default 600)\n"
	       "  --verbose     what the verifier says, too\n");
	exit(status);
}

static void begin(void)
{
	static const char *const extras[] = {"from_tracepoint_counted", "from_nmi_counted", NULL};

	for (int impl = 1; impl >= 0; impl--) {
		checks_spelling(impl);
		spellings[impl] = checks_spelling_exists();
	}
	must("bpf_task_work", spellings[0] || spellings[1] ? 0 : -EOPNOTSUPP);
	checks_spelling(!spellings[0]);
	must("load", subject_load_with(&shared, extras));
	for (unsigned kind = 0; kind < N_KINDS; kind++)
		for (uint32_t key = 0; key < KIND_SIZE; key++)
			element_renew(kind, key);
	totals.updated = 0;
	shared.globals->counts.tgid = (uint32_t)getpid();
}

/* Both stay until the object is closed. */
static struct bpf_link *attach(const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(shared.object, name);
	struct bpf_link *link = program ? bpf_program__attach(program) : NULL;

	must(name, link ? 0 : -errno);
	return link;
}

static void progress(unsigned seconds)
{
	for (unsigned i = 1; i <= seconds; i++) {
		sleep_ms(1000);
		if (i % 60 == 0 || i == seconds)
			printf("%4u s: %llu schedules, %llu callbacks, %llu objects, %llu tasks, "
			       "%llu NMIs\n",
			       i, (unsigned long long)subject_ok(&shared),
			       (unsigned long long)subject_finished(&shared),
			       (unsigned long long)totals.objects, (unsigned long long)totals.tasks,
			       (unsigned long long)totals.nmis);
	}
}

static void print_totals(void)
{
	const struct counts *counts = &shared.globals->counts;

	printf("%llu schedules, %llu of them from a tracepoint or an NMI or refused there; %llu "
	       "callbacks\n",
	       (unsigned long long)subject_ok(&shared), counts->hits,
	       (unsigned long long)subject_finished(&shared));
	for (int i = 0; i < N_ERRNOS; i++)
		if (counts->errors[i])
			printf("%llu refused with %s\n", counts->errors[i], answer_name(-i));
	printf("%llu elements deleted, %llu written, %llu not written\n",
	       (unsigned long long)totals.deleted, (unsigned long long)totals.updated,
	       (unsigned long long)totals.not_changed);
	printf("%llu objects (%llu not loaded): %llu schedules, %llu callbacks\n",
	       (unsigned long long)totals.objects, (unsigned long long)totals.not_loaded,
	       (unsigned long long)totals.object_schedules,
	       (unsigned long long)totals.object_callbacks);
	printf("%llu tasks, %llu NMIs asked for\n", (unsigned long long)totals.tasks,
	       (unsigned long long)totals.nmis);
}

int main(int argc, char **argv)
{
	struct bpf_link *links[2];
	unsigned seconds = 600;
	struct ids before;
	bool good;
	int i;

	for (i = 1; i < argc; i++) {
		if (streq(argv[i], "--seconds") && argv[i + 1])
			seconds = (unsigned)atoi(argv[++i]);
		else if (streq(argv[i], "--verbose"))
			options.verbose = true;
		else
			usage(streq(argv[i], "--help") ? 0 : 2);
	}
	groups_init();
	checks_init();
	ids_get(&before);
	begin();
	links[0] = attach("from_tracepoint_counted");
	links[1] = attach("from_nmi_counted");
	threads_start();
	progress(seconds);
	shared.globals->counts.tgid = 0;
	for (i = 0; i < 2; i++)
		bpf_link__destroy(links[i]);
	stop = true;
	sleep_ms(1000);
	subject_quiet(&shared, subject_ok(&shared));
	print_totals();
	good = end_counts();
	threads_join();
	subject_close(&shared);
	subject_forget(&shared);
	good &= end_ids(&before);
	good &= end_contexts();
	printf("%s\n", good ? "good" : "not good");
	return good ? 0 : 1;
}
