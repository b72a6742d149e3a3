/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record-maker.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "record-file.h"

static const char manifest_text[] =
	"{ \"name\": \"example\", \"version\": \"1.0\", \"sequence\": 1, \"description\": \"d\","
	"  \"license\": \"GPL\", \"programs\": {"
	"    \"first\": { \"section\": \"raw_tp/sched_switch\", \"type\": \"raw_tracepoint\","
	"      \"attach\": [\"raw_tp:*\"], \"default\": [\"raw_tp:sched_switch\"] },"
	"    \"second\": { \"section\": \"perf_event\", \"type\": \"perf_event\","
	"      \"attach\": [\"perf_event:cpu-clock@*\"], \"default\": [] } },"
	"  \"maps\": { \"counts\": { \"type\": \"array\", \"keySize\": 4, \"valueSize\": 8,"
	"      \"maxEntries\": 1, \"grant\": \"read\" } },"
	"  \"tunables\": {"
	"    \"entries\": { \"type\": \"max_entries\", \"map\": \"counts\", \"min\": 1, \"max\": 9,"
	"      \"default\": 1 } } }";

struct load *load_make(uid_t uid, uint64_t usec)
{
	static const char *const targets[] = {"raw_tp:sched_switch", "perf_event:cpu-clock@99"};
	static char name[] = "entries", value[] = "1";
	const struct setting setting = {name, value};
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load *load = load_new();

	assert_non_null(load);
	load->uid = uid;
	load->loaded_usec = usec;
	load->contract = CONTRACT_V2;
	digest_format((const uint8_t[DIGEST_SIZE]){1, 2, 3}, load->digest);
	load->rule = strdup("a rule with \"quotes\"");
	load->rule_source = strdup("/etc/bpfgate/policy.d/50-x.json:3");
	load->signers = calloc(2, sizeof(*load->signers));
	load->n_signers = 2;
	load->required = 1;
	load->counted = 3;
	digest_format((const uint8_t[DIGEST_SIZE]){4}, load->signers[0]);
	digest_format((const uint8_t[DIGEST_SIZE]){5}, load->signers[1]);
	if (manifest_parse(manifest_text, strlen(manifest_text), &load->manifest, &error) < 0)
		fail_msg("%s", error_message(&error));
	if (tuning_resolve(load->manifest, &setting, 1, &load->tuning, &error) < 0)
		fail_msg("%s", error_message(&error));
	load->place = (struct pin_place){20, 1};
	load->objects.n_programs = 2;
	load->objects.n_maps = 1;
	for (unsigned i = 0; i < 2; i++) {
		load->objects.programs[i] = eventfd(0, EFD_CLOEXEC);
		load->programs[i] = (struct program_info){.id = 10 + i, .loaded_nsec = 77};
		strcpy(load->programs[i].tag, "0123456789abcdef");
	}
	load->objects.maps[0] = eventfd(0, EFD_CLOEXEC);
	load->maps[0] = (struct map_info){
		.id = UINT32_MAX, .key_size = 4, .value_size = 8, .max_entries = 1};
	load->attachments = calloc(2, sizeof(*load->attachments));
	for (unsigned i = 0; i < 2; i++) {
		load->attachments[i].program = i;
		assert_int_equal(target_parse(targets[i], &load->attachments[i].target, NULL), 0);
		load->n_attachments++;
	}
	/* The second has a link for each of two CPUs. */
	assert_int_equal(links_add(&load->links, eventfd(0, EFD_CLOEXEC), 0), 0);
	assert_int_equal(links_add(&load->links, eventfd(0, EFD_CLOEXEC), 1), 0);
	assert_int_equal(links_add(&load->links, eventfd(0, EFD_CLOEXEC), 1), 0);
	return load;
}

bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += is_open(fd);
	return n;
}

int record_setup(void **state)
{
	struct record_fixture *f = calloc(1, sizeof(*f));
	_cleanup_error_ struct error error = ERROR_INIT;

	strcpy(f->folder, "/tmp/test-record.XXXXXX");
	if (!mkdtemp(f->folder) || table_new(f->folder, &f->table, &error) < 0)
		return -1;
	*state = f;
	return 0;
}

int record_teardown(void **state)
{
	struct record_fixture *f = *state;
	char command[128];

	table_free(f->table);
	snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	if (system(command) != 0)
		return -1;
	free(f);
	return 0;
}

int record_folder(const struct record_fixture *f)
{
	return open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

const char *record_name(const struct load *load)
{
	static char name[LOAD_ID_SIZE + sizeof(RECORD_SUFFIX)];

	snprintf(name, sizeof(name), "%s" RECORD_SUFFIX, load->id);
	return name;
}

void record_write_text(const char *path, const char *text, size_t size, mode_t mode)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	assert_int_equal(fchmod(fd, mode), 0);
}
