/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was loaded before the gate was put up: nothing of that is stopped by it, so it is said. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capability.h"
#include "enforce-internal.h"
#include "journal.h"
#include "text.h"

#define NAMED_MAX 64 /* different names; the rest is a number */
#define OWN_MAX	  64
#define TEXT_MAX  2048

struct found {
	unsigned n, n_named;
	struct {
		char name[BPF_OBJ_NAME_LEN + 1];
		uint32_t type;
		unsigned n;
	} named[NAMED_MAX];
};

static void add(struct found *found, const struct bpf_prog_info *info)
{
	char name[BPF_OBJ_NAME_LEN + 1] = "";

	memcpy(name, info->name, BPF_OBJ_NAME_LEN);
	text_sanitize(name);
	found->n++;
	for (unsigned i = 0; i < found->n_named; i++) {
		if (found->named[i].type == info->type && streq(found->named[i].name, name)) {
			found->named[i].n++;
			return;
		}
	}
	if (found->n_named == NAMED_MAX)
		return;
	strcpy(found->named[found->n_named].name, name);
	found->named[found->n_named].type = info->type;
	found->named[found->n_named++].n = 1;
}

static unsigned own_ids(const struct bpf_object *const *own, uint32_t ret[static OWN_MAX])
{
	struct bpf_program *program;
	unsigned n = 0;

	for (; *own; own++) {
		bpf_object__for_each_program (program, *own) {
			struct bpf_prog_info info = {0};
			uint32_t size = sizeof(info);
			int fd = bpf_program__fd(program);

			if (fd >= 0 && n < OWN_MAX &&
			    bpf_prog_get_info_by_fd(fd, &info, &size) == 0)
				ret[n++] = info.id;
		}
	}
	return n;
}

static bool is_one_of(uint32_t id, const uint32_t *ids, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static int find_all(const struct bpf_object *const *own, struct found *ret)
{
	uint32_t ids[OWN_MAX], id = 0;
	unsigned n = own_ids(own, ids);
	int r;

	while ((r = bpf_prog_get_next_id(id, &id)) == 0) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);
		_cleanup_close_ int fd = -1;

		if (is_one_of(id, ids, n))
			continue;
		fd = bpf_prog_get_fd_by_id(id);
		/* one that is gone by now */
		if (fd >= 0 && bpf_prog_get_info_by_fd(fd, &info, &size) == 0)
			add(ret, &info);
	}
	return r == -ENOENT ? 0 : r;
}

static void say(const struct found *found)
{
	char text[TEXT_MAX] = "";
	size_t used = 0;
	unsigned rest = found->n;

	for (unsigned i = 0; i < found->n_named && used < sizeof(text) - 128; i++) {
		const char *name = found->named[i].name;

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s (%s%s)",
					 i ? ", " : ": ", *name ? name : "without a name",
					 gate_type_name(found->named[i].type) ?: "unknown",
					 found->named[i].n > 1 ? ", several" : "");
		rest -= found->named[i].n;
	}
	if (rest)
		snprintf(text + used, sizeof(text) - used, ", and %u more", rest);
	journal_line(LOG_NOTICE,
		     "Loaded before the gate was put up, and not stopped by it: %u programs%s",
		     found->n, text);
}

void enforce_say_before(const struct bpf_object *const *own)
{
	/* what looking up by id takes: the daemon has it permitted, or not at all */
	bool raised = capability_raise(CAPABILITY_PERF, true) == 0;
	struct found found = {};
	int r;

	r = find_all(own, &found);
	if (raised)
		capability_raise(CAPABILITY_PERF, false);
	if (r < 0)
		journal_line(LOG_NOTICE,
			     "What was loaded before the gate was put up cannot be told: %s",
			     strerror(-r));
	else
		say(&found);
}
