/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate-programs.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "json.h"
#include "text.h"
#include "unit.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define NOTED_MAX   GATE_PROGRAMS_MAX
#define SEARCH_MAX  4096u /* groups that are looked at: users can make as many as they like */
#define DEPTH_MAX   16u

/* ---- units ---- */

/* Oldest first; .cgroup 0: free. */
static struct noted {
	uint64_t cgroup;
	char unit[UNIT_NAME_SIZE];
} noted[NOTED_MAX];
static unsigned next_noted;

static const struct noted *find_noted(uint64_t cgroup)
{
	for (unsigned i = 0; i < NOTED_MAX; i++)
		if (noted[i].cgroup == cgroup)
			return &noted[i];
	return NULL;
}

/* The end of a path that is too long says more than its beginning. */
static void name_of(const char *path, char ret[static UNIT_NAME_SIZE])
{
	size_t size = strlen(path);

	if (unit_from_cgroup(path, ret) == 0)
		return;
	if (size >= UNIT_NAME_SIZE)
		path += size - UNIT_NAME_SIZE + 1;
	snprintf(ret, UNIT_NAME_SIZE, "%s", path);
}

static const struct noted *note(uint64_t cgroup, const char *path)
{
	struct noted *n = &noted[next_noted++ % NOTED_MAX];

	n->cgroup = cgroup;
	name_of(path, n->unit);
	text_sanitize(n->unit);
	return n;
}

/* Is that the group that the kernel meant? Its id is the number of its folder. */
static bool is_group(const char *path, uint64_t cgroup)
{
	char folder[PATH_MAX];
	struct stat st;
	int n = snprintf(folder, sizeof(folder), CGROUP_ROOT "%s", path);

	return n > 0 && (size_t)n < sizeof(folder) && lstat(folder, &st) == 0 &&
	       st.st_ino == cgroup;
}

void gate_programs_note(const struct gate_event *event)
{
	char path[sizeof("/proc//cgroup") + 3 * sizeof(int)], line[PATH_MAX + 8];
	_cleanup_fclose_ FILE *file = NULL;

	if (!event->cgroup || find_noted(event->cgroup))
		return;
	snprintf(path, sizeof(path), "/proc/%u/cgroup", event->tgid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0 && is_group(line + 3, event->cgroup))
			note(event->cgroup, line + 3);
	}
}

const char *gate_programs_unit(uint64_t cgroup)
{
	const struct noted *n = cgroup ? find_noted(cgroup) : NULL;

	return n ? n->unit : NULL;
}

/* ---- what the kernel counted ---- */

struct counted {
	struct gate_program program;
	uint64_t n;
};

/* Looks through the groups that there are, for those of @all that nothing was noted of. */
struct search {
	const struct counted *all;
	unsigned n, left; /* folders that are still looked at */
	char path[PATH_MAX];
};

static bool is_wanted(const struct search *search, uint64_t cgroup)
{
	for (unsigned i = 0; i < search->n; i++)
		if (search->all[i].program.cgroup == cgroup)
			return !find_noted(cgroup);
	return false;
}

static void search_below(struct search *search, size_t size, unsigned depth)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(search->path) : NULL;
	struct dirent *entry;

	while (dir && search->left > 0 && (entry = readdir(dir))) {
		size_t more = strlen(entry->d_name) + 1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    size + more >= sizeof(search->path))
			continue;
		search->path[size] = '/';
		strcpy(search->path + size + 1, entry->d_name);
		search->left--;
		if (is_wanted(search, entry->d_ino))
			note(entry->d_ino, search->path + strlen(CGROUP_ROOT));
		search_below(search, size + more, depth + 1);
	}
	search->path[size] = '\0';
	if (dir)
		closedir(dir);
}

static void note_all(const struct counted *all, unsigned n)
{
	struct search search = {.all = all, .n = n, .left = SEARCH_MAX, .path = CGROUP_ROOT};
	bool missing = false;

	for (unsigned i = 0; i < n; i++)
		missing |= !gate_programs_unit(all[i].program.cgroup);
	if (missing)
		search_below(&search, strlen(CGROUP_ROOT), 0);
}

static int compare(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;

	return x->n < y->n ? 1 : x->n > y->n ? -1 : 0;
}

/* Who is refused something while this reads is found the next time, or twice. */
static unsigned read_all(int fd, struct counted *ret)
{
	struct gate_program key, *previous = NULL;
	unsigned n = 0;

	while (n < GATE_PROGRAMS_MAX && bpf_map_get_next_key(fd, previous, &key) == 0) {
		ret[n].program = key;
		if (bpf_map_lookup_elem(fd, &key, &ret[n].n) == 0)
			n++;
		previous = &key;
	}
	qsort(ret, n, sizeof(*ret), compare);
	return n;
}

static struct json_object *to_json(const struct counted *counted)
{
	const struct gate_program *p = &counted->program;
	struct json_object *object = json_object_new_object();
	bool loads =
		p->reason == GATE_LOAD || p->reason == GATE_INIT_TYPE || p->reason == GATE_LOADER;
	const char *type = loads ? gate_type_name(p->type) : NULL;
	const char *unit = gate_programs_unit(p->cgroup);
	char comm[GATE_COMM_SIZE + 1] = "";

	memcpy(comm, p->comm, GATE_COMM_SIZE);
	text_sanitize(comm);
	json_add(object, "program", json_object_new_string(comm));
	if (unit)
		json_add(object, "unit", json_object_new_string(unit));
	json_add_u64(object, "uid", p->uid);
	json_add(object, "reason",
		 json_object_new_string(gate_reason_name(p->reason) ?: "unknown"));
	if (type)
		json_add(object, "type", json_object_new_string(type));
	json_add_u64(object, "refused", p->refused ? counted->n : 0);
	json_add_u64(object, "wouldBeRefused", p->refused ? 0 : counted->n);
	return object;
}

struct json_object *gate_programs_to_json(uint32_t *ret_unlisted)
{
	struct json_object *array = json_object_new_array();
	_cleanup_free_ struct counted *all = calloc(GATE_PROGRAMS_MAX, sizeof(*all));
	_cleanup_close_ int fd = enforce_programs_dup(ret_unlisted);
	unsigned n = all && fd >= 0 ? read_all(fd, all) : 0;

	note_all(all, n);
	for (unsigned i = 0; i < n; i++)
		json_object_array_add(array, to_json(&all[i]));
	return array;
}
