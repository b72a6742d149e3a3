/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files to probe that must not even be opened. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "attach-kinds.h"
#include "mount.h"
#include "owned.h"

static char folder[] = "/tmp/bpfgate-probe-XXXXXX";

static int set_up(void **state)
{
	strcpy(folder, "/tmp/bpfgate-probe-XXXXXX");
	return mkdtemp(folder) && chmod(folder, 0755) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/file", folder);
	unlink(path);
	return rmdir(folder);
}

static int probe(const char *path, struct error *error)
{
	struct target target = {.path = (char *)path, .text = (char *)path};
	int fd, r;

	r = probe_file_open(&target, &fd, error);
	if (r == 0)
		close(fd);
	return r;
}

static bool opened;

static void *write_to_fifo(void *userdata)
{
	int fd = open(userdata, O_WRONLY | O_CLOEXEC);

	__atomic_store_n(&opened, true, __ATOMIC_SEQ_CST);
	close(fd);
	return NULL;
}

/* Whoever waits for a reader of a FIFO would see one. */
static void test_looked_at_first(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	pthread_t thread;
	char path[64];
	bool too_early;
	int fd, r;

	if (getuid() != 0)
		skip_as("needs a file of root's");
	snprintf(path, sizeof(path), "%s/file", folder);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_to_fifo, path), 0);
	/* it is in open(2), or soon will be: asked again and again until then */
	for (unsigned i = 0; i < 50; i++) {
		r = probe(path, &error);
		usleep(10000);
	}
	too_early = __atomic_load_n(&opened, __ATOMIC_SEQ_CST);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	pthread_join(thread, NULL);
	close(fd);
	assert_true(r < 0);
	check_error(&error, ERROR_BAD_TARGET, "not a regular file");
	assert_false(too_early);
}

static void test_a_link(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	char path[64];

	if (getuid() != 0)
		skip_as("needs a file of root's");
	snprintf(path, sizeof(path), "%s/file", folder);
	assert_int_equal(symlink("/bin/true", path), 0);
	assert_true(probe(path, &error) < 0);
	check_error(&error, ERROR_BAD_TARGET, "is a symbolic link");
}

/* Nobody answers there, so whatever is asked of it hangs until the alarm; and what would be
 * answered is what its user likes. */
static void test_file_system_of_a_user(void **state)
{
	_cleanup_error_ struct error in = ERROR_INIT, at = ERROR_INIT;
	char options[128], path[64];
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC), fd, r_in, r_at, r_path, r_folder;

	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=12345,group_id=12345,allow_other", device);
	if (device < 0 || mount("users", folder, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		safe_close(device);
		skip_as("no FUSE can be mounted here");
	}
	alarm(30);
	snprintf(path, sizeof(path), "%s/bin/program", folder);
	r_in = probe(path, &in);
	snprintf(path, sizeof(path), "%s/program", folder);
	r_at = probe(path, &at);
	r_path = mount_check_path(path);
	r_folder = owned_open_folder(folder, 0, &fd, NULL);
	umount2(folder, MNT_DETACH);
	close(device);
	alarm(0);
	assert_int_equal(r_in, -EREMOTE);
	check_error(&in, ERROR_BAD_TARGET, "that a user serves");
	assert_int_equal(r_at, -EREMOTE);
	assert_int_equal(r_path, -EREMOTE);
	assert_int_equal(r_folder, -EREMOTE);
	/* and now it is the folder itself again */
	assert_int_equal(mount_check_path(folder), 0);
	assert_int_equal(mount_check_path("/proc/self/nothing/there"), 0);
}

static void test_good(void **state)
{
	if (getuid() != 0)
		skip_as("needs a file of root's");
	assert_int_equal(probe("/bin/true", NULL) == 0 || probe("/usr/bin/true", NULL) == 0, 1);
}

#define PROBE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* What comes before the options of the file system is in the hands of whoever mounts it. */
static void test_mount_lines(void **state)
{
	static const char *const users[] = {
		"40 1 0:9 / /mnt rw - fuse.sshfs a@b:/ rw,user_id=1000,group_id=1000\n",
		"40 1 0:9 / /mnt rw - fuse user_id=0 rw,user_id=1000,group_id=1000\n",
		"40 1 0:9 / /mnt rw - fuse ,user_id=0 rw,user_id=1000,group_id=1000\n",
		"40 1 0:9 / /mnt rw - fuse.,user_id=0 x rw,user_id=1000,group_id=1000\n",
		"40 1 0:9 / /mnt,user_id=0 rw - fuse  rw,user_id=1000,group_id=1000\n",
		"40 1 0:9 / /mnt rw - fuseblk /dev/user_id=0 rw,user_id=1000\n",
		"40 1 0:9 / /mnt rw - fuse user_id=0 rw\n",
		"40 1 0:9 / /mnt rw - fuse user_id=0\n",
		"40 1 0:9 / /mnt rw - fuse\n",
	};
	static const char *const roots[] = {
		"40 1 0:9 / /mnt rw - fuse x rw,user_id=0,group_id=0\n",
		"40 1 0:9 / /mnt rw - fuse user_id=5 rw,user_id=0,group_id=0\n",
		"40 1 0:9 / /user_id=5 rw - ext4 /dev/sda rw,user_id=5\n",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(users); i++)
		if (!mount_line_is_users(users[i]))
			fail_msg("taken for root's: %s", users[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(roots); i++)
		if (mount_line_is_users(roots[i]))
			fail_msg("taken for a user's: %s", roots[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mount_lines),
		PROBE_TEST(test_looked_at_first),
		PROBE_TEST(test_a_link),
		PROBE_TEST(test_file_system_of_a_user),
		PROBE_TEST(test_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
