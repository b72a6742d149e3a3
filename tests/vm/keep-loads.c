// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pins, and loads that outlive a daemon, with real objects in a real bpffs. As root, with the
 * daemon's three capabilities and no other; in a mount namespace of its own, so that it can also be
 * run where a bpfgated is at work.
 *
 *   keep-loads OBJECT      OBJECT: attach-kinds.bpf.o
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "record.h"
#include "result.h"

#define STATE "/run/keep-loads/state"

static const char manifest_text[] =
	"{ \"name\": \"kept\", \"version\": \"1.0\", \"sequence\": 1, \"description\": \"d\","
	"  \"license\": \"GPL\", \"programs\": { \"on_tp_btf\": {"
	"    \"section\": \"tp_btf/sched_switch\", \"type\": \"tracing\","
	"    \"attach\": [\"tp_btf:sched_switch\"], \"default\": [\"tp_btf:sched_switch\"] } },"
	"  \"maps\": { \"runs\": { \"type\": \"array\", \"keySize\": 4, \"valueSize\": 8,"
	"      \"maxEntries\": 1, \"grant\": \"read\" } } }";

static const char *object_path;

/* How many names there are in a folder. */
static unsigned count_names(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned n = 0;

	if (!dir)
		return errno == ENOENT ? 0 : UINT_MAX;
	while ((entry = readdir(dir)))
		n += !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
	closedir(dir);
	return n;
}

/* ---- loads ---- */

static int runs_fd = -1; /* of the load that was made last */

static uint64_t runs(void)
{
	uint32_t key = 0;
	uint64_t value = 0;

	if (bpf_map_lookup_elem(runs_fd, &key, &value) < 0)
		die("reading the counter");
	return value;
}

static bool running(void)
{
	uint64_t before;

	usleep(20 * 1000);
	before = runs();
	for (unsigned i = 0; i < 20; i++)
		usleep(1000);
	return runs() > before;
}

static void fill_infos(struct load *load)
{
	struct bpf_prog_info program = {0};
	struct bpf_map_info map = {0};
	uint32_t program_size = sizeof(program), map_size = sizeof(map);

	if (bpf_prog_get_info_by_fd(load->objects.programs[0], &program, &program_size) < 0 ||
	    bpf_map_get_info_by_fd(load->objects.maps[0], &map, &map_size) < 0)
		die("infos");
	load->programs[0].id = program.id;
	hex_encode(program.tag, sizeof(program.tag), load->programs[0].tag);
	load->maps[0] = (struct map_info){.id = map.id,
					  .key_size = map.key_size,
					  .value_size = map.value_size,
					  .max_entries = map.max_entries};
}

/* A load of @program, @map and @link (-1: attaches), which are duplicated. */
static struct load *wrap_load(enum lifetime lifetime, int program, int map, int link)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load *load = load_new();

	if (!load)
		die("memory");
	load->uid = 1000;
	load->lifetime = lifetime;
	load->loaded_usec = 1;
	load->rule = strdup("rule");
	load->rule_source = strdup("source");
	load->signers = calloc(1, sizeof(*load->signers));
	load->n_signers = 1;
	load->required = 1;
	load->counted = 1;
	digest_format((const uint8_t[DIGEST_SIZE]){1}, load->digest);
	digest_format((const uint8_t[DIGEST_SIZE]){2}, load->signers[0]);
	load->objects.programs[0] = dup(program);
	load->objects.n_programs = 1;
	load->objects.maps[0] = dup(map);
	load->objects.n_maps = 1;
	load->attachments = calloc(1, sizeof(*load->attachments));
	load->n_attachments = 1;
	if (link >= 0)
		links_add(&load->links, dup(link), 0);
	if (manifest_parse(manifest_text, strlen(manifest_text), &load->manifest, &error) < 0 ||
	    target_parse("tp_btf:sched_switch", &load->attachments[0].target, &error) < 0 ||
	    (link < 0 && attach(program, BPF_PROG_TYPE_TRACING, &load->attachments[0].target, 0,
				&load->links, &error) < 0)) {
		printf("not ok - keep: set-up\n#   %s\n", error_message(&error));
		exit(1);
	}
	fill_infos(load);
	return load;
}

static struct load *make_load(enum lifetime lifetime)
{
	struct bpf_object *object = open_for(object_path, "on_tp_btf");
	struct bpf_program *program;
	struct load *load;

	if (bpf_object__load(object) < 0)
		die("loading on_tp_btf");
	program = bpf_object__find_program_by_name(object, "on_tp_btf");
	safe_close(runs_fd);
	runs_fd = dup(bpf_object__find_map_fd_by_name(object, "runs"));
	load = wrap_load(lifetime, bpf_program__fd(program), runs_fd, -1);
	bpf_object__close(object);
	return load;
}

static struct table *start(struct restoration *ret)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct table *table = NULL;

	if (table_new(STATE, &table, &error) < 0 || table_restore(table, ret, &error) < 0) {
		printf("not ok - keep: start\n#   %s\n", error_message(&error));
		exit(1);
	}
	return table;
}

static void add(struct table *table, struct load *load)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	if (table_add(table, load, &error) < 0) {
		printf("not ok - keep: table_add\n#   %s\n", error_message(&error));
		exit(1);
	}
	load_unref(load);
}

static void check_session(void)
{
	struct restoration found = {9, 9, 9};
	struct table *table = start(&found);
	struct load *load = make_load(LIFETIME_SESSION);
	_cleanup_close_ int fd = -1;

	add(table, load);
	if (map_grant_open(load->objects.maps[0], BPF_MAP_TYPE_ARRAY, GRANT_READ, &fd, NULL) < 0)
		die("granting");
	result("freezing does not stop the program", running(), "it stands still");
	result("a session leaves nothing in the bpffs nor in the state folder",
	       count_names(PIN_ROOT) == 0 && count_names(STATE) == 0, "%u pins, %u files",
	       count_names(PIN_ROOT), count_names(STATE));
	table_free(table);
	result("a session ends with the daemon", !running(), "it still runs");
}

static void check_persistent(void)
{
	struct restoration found = {9, 9, 9};
	struct table *table = start(&found), *second = NULL;
	struct load *load = make_load(LIFETIME_PERSISTENT), *held = NULL;
	_cleanup_error_ struct error error = ERROR_INIT;
	char id[LOAD_ID_SIZE];
	int r;

	memcpy(id, load->id, sizeof(id));
	add(table, load);
	result("a persistent load is pinned and recorded",
	       count_names(PIN_ROOT) == 1 && count_names(STATE) == 1, "%u pins, %u files",
	       count_names(PIN_ROOT), count_names(STATE));
	r = table_new(STATE "2", &second, &error);
	if (r == 0)
		r = table_restore(second, &found, &error);
	result("a second daemon keeps off the first one's pins",
	       r == -EWOULDBLOCK && strstr(error_message(&error), "another bpfgated"), "%d: %s", r,
	       error_message(&error));
	table_free(second);
	table_free(table);
	result("a persistent load outlives the daemon", running(), "it stands still");
	table = start(&found);
	r = table_find(table, id, 1000, &held, NULL);
	result("it is taken up again",
	       found.n_restored == 1 && found.n_removed == 0 && r == 0 &&
		       held->objects.n_programs == 1 && held->objects.n_maps == 1 &&
		       held->links.n == 1,
	       "%u restored, %u removed, %d", found.n_restored, found.n_removed, r);
	r = table_remove(table, id, 1000, &error);
	result("unloading stops it, though somebody still looks at it", r == 0 && !running(), "%d",
	       r);
	load_unref(held);
	result("unloading leaves nothing", count_names(PIN_ROOT) == 0 && count_names(STATE) == 0,
	       "%u pins, %u files", count_names(PIN_ROOT), count_names(STATE));
	table_free(table);
}

/* What is left of one load is damaged by @damage; nothing of it may be left then. */
static void check_damage(const char *name, void (*damage)(const char *id))
{
	struct restoration found = {9, 9, 9};
	struct table *table = start(&found);
	struct load *load = make_load(LIFETIME_PERSISTENT);
	char id[LOAD_ID_SIZE];

	memcpy(id, load->id, sizeof(id));
	add(table, load);
	table_free(table);
	damage(id);
	table = start(&found);
	result(name,
	       found.n_restored == 0 && found.n_removed == 1 && !running() &&
		       count_names(PIN_ROOT) == 0 && count_names(STATE) == 0,
	       "%u restored, %u removed, %u pins, %u files", found.n_restored, found.n_removed,
	       count_names(PIN_ROOT), count_names(STATE));
	table_free(table);
}

static void drop_record(const char *id)
{
	char path[128];

	snprintf(path, sizeof(path), STATE "/%s.json", id);
	if (unlink(path) < 0)
		die(path);
}

static void cut_record(const char *id)
{
	char path[128];

	snprintf(path, sizeof(path), STATE "/%s.json", id);
	if (truncate(path, 100) < 0)
		die(path);
}

static void drop_pin(const char *id, const char *pin)
{
	char path[128];

	snprintf(path, sizeof(path), PIN_ROOT "/%s/%s", id, pin);
	if (unlink(path) < 0)
		die(path);
}

static void drop_link(const char *id)
{
	drop_pin(id, "link-0");
}

static void drop_map(const char *id)
{
	drop_pin(id, "map-0");
}

static void drop_program(const char *id)
{
	drop_pin(id, "prog-0");
}

static void swap_map(const char *id)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "runs", 4, 8, 1, NULL);
	char path[128];

	drop_map(id);
	snprintf(path, sizeof(path), PIN_ROOT "/%s/map-0", id);
	if (map < 0 || bpf_obj_pin(map, path) < 0)
		die(path);
	close(map);
}

static void swap_program(const char *id)
{
	int keep = runs_fd;
	struct load *other;
	char path[128];

	runs_fd = -1;
	other = make_load(LIFETIME_SESSION);
	drop_program(id);
	snprintf(path, sizeof(path), PIN_ROOT "/%s/prog-0", id);
	if (bpf_obj_pin(other->objects.programs[0], path) < 0)
		die(path);
	load_unref(other);
	safe_close(runs_fd);
	runs_fd = keep;
}

static void spoil_program(const char *id)
{
	char path[128];

	drop_program(id);
	snprintf(path, sizeof(path), PIN_ROOT "/%s/prog-0", id);
	if (mkdir(path, 0700) < 0)
		die(path);
}

/* What is left of one load cannot be read after @damage: it runs on until root ends it. */
static void check_kept(const char *name, void (*damage)(const char *id))
{
	struct restoration found = {9, 9, 9};
	struct table *table = start(&found);
	struct load *load = make_load(LIFETIME_PERSISTENT);
	char id[LOAD_ID_SIZE];
	bool kept;
	int r;

	memcpy(id, load->id, sizeof(id));
	add(table, load);
	table_free(table);
	damage(id);
	table = start(&found);
	kept = running();
	r = table_remove(table, id, 0, NULL);
	result(name,
	       found.n_restored == 0 && found.n_removed == 0 && found.n_unknown == 1 && kept &&
		       r == 0 && !running() && count_names(PIN_ROOT) == 0 &&
		       count_names(STATE) == 0,
	       "%u restored, %u removed, %u unknown, %s; unloading it: %d, %u pins, %u files",
	       found.n_restored, found.n_removed, found.n_unknown, kept ? "runs" : "stopped", r,
	       count_names(PIN_ROOT), count_names(STATE));
	table_free(table);
}

/* A daemon that grants, keeps and unloads until it is killed. */
static _Noreturn void live_until_killed(int program, int link)
{
	struct restoration found;
	struct table *table = start(&found);

	for (;;) {
		struct load *load = wrap_load(LIFETIME_PERSISTENT, program, runs_fd, link);
		char id[LOAD_ID_SIZE];
		int fd = -1;

		memcpy(id, load->id, sizeof(id));
		map_grant_open(runs_fd, BPF_MAP_TYPE_ARRAY, GRANT_READ, &fd, NULL);
		safe_close(fd);
		add(table, load);
		table_remove(table, id, 0, NULL);
	}
}

static void remove_all(struct table *table)
{
	struct load **loads;
	unsigned n;

	if (table_list(table, 0, &loads, &n) < 0)
		die("list");
	for (unsigned i = 0; i < n; i++) {
		table_remove(table, loads[i]->id, 0, NULL);
		load_unref(loads[i]);
	}
	free(loads);
}

/* After a kill at any instant: what is pinned is in the table, what is in the table is pinned. */
static void check_kills(unsigned rounds)
{
	struct load *load = make_load(LIFETIME_SESSION);
	unsigned n_whole = 0, n_removed = 0;
	struct restoration found = {};

	for (unsigned i = 0; i < rounds; i++) {
		struct table *table;
		pid_t child = fork();

		if (child < 0)
			die("fork");
		if (child == 0)
			live_until_killed(load->objects.programs[0], load->links.items[0].fd);
		usleep(10 * 1000 + (i * 7919) % 40000);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		table = start(&found);
		n_whole += found.n_restored;
		n_removed += found.n_removed;
		if (count_names(PIN_ROOT) != found.n_restored ||
		    count_names(STATE) != found.n_restored || found.n_unknown > 0 ||
		    table_count_all(table) != found.n_restored) {
			result("a kill at any instant leaks nothing", false,
			       "round %u: %u restored, %u pins, %u files", i, found.n_restored,
			       count_names(PIN_ROOT), count_names(STATE));
			return;
		}
		remove_all(table);
		table_free(table);
	}
	load_unref(load);
	result("a kill at any instant leaks nothing",
	       count_names(PIN_ROOT) == 0 && !running() && n_whole > 0 && n_removed > 0,
	       "something is left, or the kills came at the same point always: %u times whole, %u "
	       "times removed",
	       n_whole, n_removed);
}

/* ---- set-up ---- */

static void prepare(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0 ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=700") < 0 ||
	    mkdir("/run/keep-loads", 0755) < 0)
		die("mounts");
}

int main(int argc, char **argv)
{
	char object[PATH_MAX];

	if (argc != 2 || !realpath(argv[1], object)) {
		fprintf(stderr, "usage: keep-loads OBJECT\n");
		return 2;
	}
	object_path = object;
	result_area("keep");
	prepare();
	drop_capabilities();
	check_session();
	check_persistent();
	check_kept("a load without a record stays, unknown", drop_record);
	check_kept("a load with half a record stays, unknown", cut_record);
	check_kept("a load with a program that is another kind of file stays, unknown",
		   spoil_program);
	check_damage("a load without its link is removed", drop_link);
	check_damage("a load without its map is removed", drop_map);
	check_damage("a load without its program is removed", drop_program);
	check_damage("a load with another map is removed", swap_map);
	check_damage("a load with another program is removed", swap_program);
	check_kills(50);
	return result_failed() > 0;
}
