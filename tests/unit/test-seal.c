/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "hung-file.h"
#include "seal.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define UID	  12345
#define SECOND	  (1000 * 1000)

static unsigned count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec / 1000;
}

static unsigned n_fds;

static int set_up(void **state)
{
	n_fds = count_entries("/proc/self/fd");
	return 0;
}

/* Nothing may be left: no fd, no child, no thread. */
static int tear_down(void **state)
{
	for (unsigned i = 0; i < 200 && stuck_count(UID); i++)
		usleep(10000);
	if (stuck_count(UID) || count_entries("/proc/self/fd") != n_fds) {
		print_error("%u stuck, %u fds, not %u\n", stuck_count(UID),
			    count_entries("/proc/self/fd"), n_fds);
		return -1;
	}
	return 0;
}

static int file_with(const void *data, size_t size)
{
	char path[] = "/tmp/bpfgate-seal-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	unlink(path);
	if (size)
		assert_int_equal(write(fd, data, size), size);
	return fd;
}

/* Takes @fd over. */
static void check_refused(int fd, const char *part)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct sealed sealed = SEALED_INIT;

	assert_true(fd >= 0);
	assert_true(seal_bundle(fd, UID, 2 * SECOND, &sealed, &error) < 0);
	check_error(&error, ERROR_UNREADABLE, part);
	assert_int_equal(error.step, STEP_SEAL);
	assert_null(sealed.data);
	close_async(fd, UID);
}

/* Takes @fd over. */
static void check_sealed(int fd, const void *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_sealed_ struct sealed sealed = SEALED_INIT;

	if (seal_bundle(fd, UID, 2 * SECOND, &sealed, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(sealed.size, size);
	assert_memory_equal(sealed.data, data, size);
	assert_true(fd_is_sealed(sealed.fd));
	assert_int_equal(write(sealed.fd, "x", 1), -1);
	assert_int_equal(ftruncate(sealed.fd, 0), -1);
	close_async(fd, UID);
}

static void test_regular_file(void **state)
{
	char data[200000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
	check_sealed(file_with(data, sizeof(data)), data, sizeof(data));
	check_sealed(file_with("x", 1), "x", 1);
}

static void test_position_does_not_matter(void **state)
{
	int fd = file_with("0123456789", 10);

	assert_int_equal(lseek(fd, 5, SEEK_SET), 5);
	check_sealed(fd, "0123456789", 10);
}

static void test_largest(void **state)
{
	char *data = calloc(1, BUNDLE_SIZE_MAX);
	int fd = file_with(NULL, 0);

	assert_int_equal(ftruncate(fd, BUNDLE_SIZE_MAX), 0);
	check_sealed(fd, data, BUNDLE_SIZE_MAX);
	free(data);
}

static void test_not_regular(void **state)
{
	int pipe_fds[2], sockets[2];

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	check_refused(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "directory");
	check_refused(pipe_fds[0], "pipe");
	check_refused(pipe_fds[1], "pipe");
	check_refused(sockets[0], "socket");
	check_refused(sockets[1], "socket");
	check_refused(open("/dev/zero", O_RDONLY | O_CLOEXEC), "device");
	check_refused(open("/dev/null", O_RDWR | O_CLOEXEC), "device");
	check_refused(open("/tmp", O_PATH | O_CLOEXEC), "directory");
}

static void test_fifo(void **state)
{
	char path[] = "/tmp/bpfgate-seal-fifo-XXXXXX", fifo[64];
	int fd;

	assert_non_null(mkdtemp(path));
	snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDWR | O_CLOEXEC);
	unlink(fifo);
	rmdir(path);
	check_refused(fd, "pipe");
}

static void test_sizes(void **state)
{
	int fd = file_with(NULL, 0), memfd = memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	check_refused(file_with(NULL, 0), "empty");
	assert_int_equal(ftruncate(fd, (off_t)BUNDLE_SIZE_MAX + 1), 0);
	check_refused(fcntl(fd, F_DUPFD_CLOEXEC, 3), "larger than 16 MiB");
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	check_refused(fd, "larger than 16 MiB");
	assert_int_equal(fcntl(memfd, F_ADD_SEALS, ALL_SEALS), 0);
	check_refused(memfd, "empty");
	memfd = memfd_create("large", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(memfd, (off_t)BUNDLE_SIZE_MAX + 1), 0);
	assert_int_equal(fcntl(memfd, F_ADD_SEALS, ALL_SEALS), 0);
	check_refused(memfd, "larger than 16 MiB");
	/* says it is empty, and is not */
	check_refused(open("/proc/self/status", O_RDONLY | O_CLOEXEC), "changed");
}

static void test_not_readable(void **state)
{
	char path[] = "/tmp/bpfgate-seal-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC), write_only = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(write(fd, "abc", 3), 3);
	unlink(path);
	close(fd);
	check_refused(write_only, "Bad file descriptor");
}

static int memfd_with(const char *data, int seals)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, data, strlen(data)), strlen(data));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static bool is_same_file(int a, int b)
{
	struct stat sa, sb;

	assert_int_equal(fstat(a, &sa), 0);
	assert_int_equal(fstat(b, &sb), 0);
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* Whatever is sealed, and however well: the pages stay the client's, so they are copied. */
static void test_memfds(void **state)
{
	static const int seals[] = {
		ALL_SEALS,
		ALL_SEALS & ~F_SEAL_SEAL,
		ALL_SEALS & ~F_SEAL_WRITE,
		ALL_SEALS & ~F_SEAL_SHRINK,
		ALL_SEALS & ~F_SEAL_GROW,
		(ALL_SEALS & ~F_SEAL_WRITE) | F_SEAL_FUTURE_WRITE,
		0,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(seals); i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		struct sealed sealed = SEALED_INIT;
		int fd = memfd_with("content", seals[i]);

		assert_int_equal(fd_is_sealed(fd), seals[i] == ALL_SEALS);
		assert_int_equal(seal_bundle(fd, UID, SECOND, &sealed, &error), 0);
		assert_false(is_same_file(fd, sealed.fd));
		assert_memory_equal(sealed.data, "content", 7);
		sealed_done(&sealed);
		check_sealed(fd, "content", 7);
	}
}

/* A hole is read as zeros, and stays one. */
static void test_holes(void **state)
{
	static const off_t places[] = {0, 65536}, size = 131072; /* what is not written is a hole */

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		struct sealed sealed = SEALED_INIT;
		int fd = memfd_create("holes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		struct stat before, after;

		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(pwrite(fd, "content", 7, places[i]), 7);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, ALL_SEALS), 0);
		assert_int_equal(fstat(fd, &before), 0);
		assert_int_equal(seal_bundle(fd, UID, SECOND, &sealed, &error), 0);
		assert_int_equal(fstat(fd, &after), 0);
		assert_int_equal(before.st_blocks, after.st_blocks);
		assert_int_equal(sealed.size, size);
		assert_memory_equal((const char *)sealed.data + places[i], "content", 7);
		sealed_done(&sealed);
		close(fd);
	}
}

/* Whoever keeps a writable memfd cannot change what was taken of it. */
static void test_copy_is_ours(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct sealed sealed = SEALED_INIT;
	int fd = memfd_with("content", 0);

	assert_int_equal(seal_bundle(fd, UID, SECOND, &sealed, &error), 0);
	assert_int_equal(pwrite(fd, "CHANGED", 7, 0), 7);
	assert_memory_equal(sealed.data, "content", 7);
	sealed_done(&sealed);
	close(fd);
}

struct writer {
	int fd;
	bool stop;
};

static void *keep_writing(void *userdata)
{
	struct writer *w = userdata;
	uint8_t byte = 0;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		byte++;
		if (pwrite(w->fd, &byte, 1, byte) != 1)
			break;
	}
	return NULL;
}

static void test_changed_while_read(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct writer writer = {.fd = file_with(NULL, 0)};
	pthread_t thread;
	int r = 0;

	assert_int_equal(ftruncate(writer.fd, BUNDLE_SIZE_MAX), 0);
	assert_int_equal(pthread_create(&thread, NULL, keep_writing, &writer), 0);
	/* The writer may sleep while the file is read, and times of files are coarse. */
	for (unsigned i = 0; i < 100 && r == 0; i++) {
		struct sealed sealed = SEALED_INIT;

		r = seal_bundle(writer.fd, UID, 5 * SECOND, &sealed, &error);
		sealed_done(&sealed);
	}
	assert_true(r < 0);
	check_error(&error, ERROR_UNREADABLE, "changed");
	__atomic_store_n(&writer.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	close(writer.fd);
}

static void *seal_many(void *userdata)
{
	for (unsigned i = 0; i < 100; i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		_cleanup_sealed_ struct sealed sealed = SEALED_INIT;
		const char *text = userdata;
		int fd = memfd_with(text, 0);

		/* not cmocka's asserts: they are for the test's own thread */
		if (seal_bundle(fd, UID, 10 * SECOND, &sealed, &error) < 0 ||
		    sealed.size != strlen(text) || memcmp(sealed.data, text, sealed.size) != 0)
			abort();
		close(fd);
	}
	return NULL;
}

/* Each gets his own file, however many seal at once. */
static void test_many_at_once(void **state)
{
	static char texts[8][32];
	pthread_t threads[8];

	for (unsigned i = 0; i < 8; i++) {
		snprintf(texts[i], sizeof(texts[i]), "text of thread %u", i);
		assert_int_equal(pthread_create(&threads[i], NULL, seal_many, texts[i]), 0);
	}
	for (unsigned i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}

/* ---- file systems that do not answer ---- */

static void check_hangs(unsigned on)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct sealed sealed = SEALED_INIT;
	struct hung_file *file;
	uint64_t start;
	int fd;

	if (hung_file_new(on, &file) < 0)
		skip_as("no FUSE can be mounted here");
	fd = hung_file_open(file);
	assert_true(fd >= 0);
	start = now_usec();
	assert_int_equal(seal_bundle(fd, UID, SECOND / 2, &sealed, &error), -ETIMEDOUT);
	check_error(&error, ERROR_UNREADABLE, "did not answer in time");
	assert_true(now_usec() - start < 2 * SECOND);
	start = now_usec();
	close_async(fd, UID);
	assert_true(now_usec() - start < SECOND / 2);
	hung_file_free(file);
}

static void test_hung_read(void **state)
{
	check_hangs(HUNG_READ);
}

static void test_hung_attributes(void **state)
{
	check_hangs(HUNG_GETATTR);
}

static void test_hung_everything(void **state)
{
	check_hangs(HUNG_READ | HUNG_GETATTR | HUNG_FLUSH);
}

/* The content has come; that the child cannot end is no reason to wait. The size is wrong, though.
 */
static void test_hung_close(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct sealed sealed = SEALED_INIT;
	struct hung_file *file;
	uint64_t start;
	int fd;

	if (hung_file_new(HUNG_FLUSH, &file) < 0)
		skip_as("no FUSE can be mounted here");
	fd = hung_file_open(file);
	start = now_usec();
	assert_true(seal_bundle(fd, UID, 5 * SECOND, &sealed, &error) < 0);
	check_error(&error, ERROR_UNREADABLE, "changed");
	close_async(fd, UID);
	assert_true(now_usec() - start < 2 * SECOND);
	usleep(50000);
	assert_true(stuck_count(UID) > 0);
	assert_int_equal(stuck_count(UID + 1), 0);
	hung_file_free(file);
}

static void test_hung_too_often(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT, other = ERROR_INIT;
	struct sealed sealed = SEALED_INIT;
	struct hung_file *file;
	int fd;

	if (hung_file_new(HUNG_FLUSH, &file) < 0)
		skip_as("no FUSE can be mounted here");
	for (unsigned i = 0; i < STUCK_MAX; i++)
		close_async(hung_file_open(file), UID);
	usleep(50000);
	assert_int_equal(stuck_count(UID), STUCK_MAX);
	fd = file_with("abc", 3);
	assert_int_equal(seal_bundle(fd, UID, SECOND, &sealed, &error), -EUSERS);
	check_error(&error, ERROR_BUSY, "hang");
	/* others are served */
	assert_int_equal(seal_bundle(fd, UID + 1, SECOND, &sealed, &other), 0);
	sealed_done(&sealed);
	close(fd);
	hung_file_free(file);
}

/* A child that hangs for ever must not hold what the daemon has open. */
static void test_hung_child_holds_nothing(void **state)
{
	struct hung_file *file;
	struct sealed sealed = SEALED_INIT;
	int fd, pipe_fds[2];
	char byte;

	if (hung_file_new(HUNG_READ | HUNG_GETATTR | HUNG_FLUSH, &file) < 0)
		skip_as("no FUSE can be mounted here");
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	fd = hung_file_open(file);
	assert_true(seal_bundle(fd, UID, SECOND / 10, &sealed, NULL) < 0);
	assert_true(stuck_count(UID) > 0);
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 0); /* not EAGAIN: no writer is left */
	close(pipe_fds[0]);
	close_async(fd, UID);
	hung_file_free(file);
}

#define SEAL_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* A child that has reported may be gone before its report is looked at. */
static void test_ended_after_its_report(void **state)
{
	for (unsigned i = 0; i < 1000; i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		struct sealed sealed = SEALED_INIT;
		int fd = file_with("abc", 3), r;

		r = seal_bundle(fd, UID, 60 * SECOND, &sealed, &error);
		close(fd);
		if (r < 0)
			fail_msg("number %u: %s", i, error_message(&error));
		sealed_done(&sealed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEAL_TEST(test_ended_after_its_report),
		SEAL_TEST(test_regular_file),
		SEAL_TEST(test_position_does_not_matter),
		SEAL_TEST(test_largest),
		SEAL_TEST(test_not_regular),
		SEAL_TEST(test_fifo),
		SEAL_TEST(test_sizes),
		SEAL_TEST(test_not_readable),
		SEAL_TEST(test_memfds),
		SEAL_TEST(test_holes),
		SEAL_TEST(test_copy_is_ours),
		SEAL_TEST(test_changed_while_read),
		SEAL_TEST(test_many_at_once),
		SEAL_TEST(test_hung_read),
		SEAL_TEST(test_hung_attributes),
		SEAL_TEST(test_hung_everything),
		SEAL_TEST(test_hung_close),
		SEAL_TEST(test_hung_too_often),
		SEAL_TEST(test_hung_child_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
