/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "check.h"
#include "util.h"

static void hex(void **state)
{
	const uint8_t bytes[] = {0x00, 0x7f, 0x80, 0xff, 0xa5};
	uint8_t back[5] = {};
	char text[11];

	hex_encode(bytes, sizeof(bytes), text);
	assert_string_equal(text, "007f80ffa5");
	assert_int_equal(hex_decode(text, back, 5), 0);
	assert_memory_equal(back, bytes, 5);
	assert_int_equal(hex_decode("007F80FfA5", back, 5), 0);
	assert_memory_equal(back, bytes, 5);
	assert_int_equal(hex_decode("09afAF9000", back, 5), 0);
	assert_memory_equal(back, "\x09\xaf\xaf\x90\x00", 5);
	hex_encode(bytes, 0, text);
	assert_string_equal(text, "");
	assert_int_equal(hex_decode("", back, 0), 0);
}

static void hex_refuses(void **state)
{
	static const char *const bad[] = {"",
					  "0",
					  "001",
					  "00112",
					  "0011223",
					  "00g1",
					  "0x11",
					  " 011",
					  "001 ",
					  "00:1",
					  "00/1",
					  "00@1",
					  "00`1",
					  "00G1",
					  "0\x80"
					  "11"};
	uint8_t out[2] = {1, 2};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(hex_decode(bad[i], out, 2), -EINVAL);
	assert_int_equal(out[0], 1);
	assert_int_equal(out[1], 2);
}

static void ownership(void **state)
{
	char *text = strdup("x"), *taken;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), taken_fd;

	taken = TAKE_PTR(text);
	assert_null(text);
	free(taken);
	taken_fd = TAKE_FD(fd);
	assert_int_equal(fd, -1);
	errno = 77;
	assert_int_equal(safe_close(taken_fd), -1);
	assert_int_equal(safe_close(-1), -1);
	assert_int_equal(errno, 77);
	assert_int_equal(fcntl(taken_fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex),
		cmocka_unit_test(hex_refuses),
		cmocka_unit_test(ownership),
	};

	return cmocka_run_group_tests_name("util", tests, NULL, NULL);
}
