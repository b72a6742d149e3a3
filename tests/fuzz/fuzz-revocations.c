/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of revocations: it revokes what it says, or everything. */
#include <fcntl.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "revocation.h"

static char folder[] = "/dev/shm/bpfgate-fuzz-XXXXXX";
static int file_fd;

static void remove_folder(void)
{
	char path[sizeof(folder) + 16];

	snprintf(path, sizeof(path), "%s/50.json", folder);
	unlink(path);
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[sizeof(folder) + 16];

	fuzz_confine();
	fuzz_require(mkdtemp(folder) && chmod(folder, 0755) == 0);
	snprintf(path, sizeof(path), "%s/50.json", folder);
	file_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	fuzz_require(file_fd >= 0 && fchmod(file_fd, 0644) == 0);
	atexit(remove_folder);
	return 0;
}

static void check_found(const struct revocations *r, const struct revocation *item)
{
	const struct revocation *found = NULL;

	fuzz_require(item->source);
	if (item->kind == REVOKED_KEY)
		found = revocations_find_key(r, item->digest);
	else if (item->kind == REVOKED_BUNDLE)
		found = revocations_find_bundle(r, item->digest);
	else
		found = revocations_find_release(r, item->digest, item->name, item->sequence);
	fuzz_require(found && revocation_compare(found, item) == 0);
	fuzz_require(revocations_have(r, item));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_revocations_ struct revocations *r = NULL;
	char text[REVOCATION_TEXT_SIZE];

	fuzz_require(ftruncate(file_fd, 0) == 0);
	fuzz_require(pwrite(file_fd, data, size, 0) == (ssize_t)size);
	fuzz_require(revocations_read(folder, getuid(), &r, &error) == 0);
	if (r->deny_all) {
		fuzz_require(r->n == 0 && r->reason && *r->reason);
		return 0;
	}
	for (unsigned i = 0; i < r->n; i++) {
		check_found(r, &r->items[i]);
		revocation_format(&r->items[i], text);
	}
	return 0;
}
