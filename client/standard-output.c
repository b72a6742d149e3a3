/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Standard output that remembers why it could not be written. stdio says that a stream has failed,
 * and not with which errno: that is gone when the program looks, as the write(2) that failed was
 * anywhere between two calls of printf().
 */
#include "output.h"

static int failed; /* the first errno, or 0 */

static ssize_t write_all(void *cookie, const char *data, size_t size)
{
	size_t done = 0;

	while (done < size && failed == 0) {
		ssize_t n = write(STDOUT_FILENO, data + done, size - done);

		if (n < 0 && errno != EINTR)
			failed = errno;
		else if (n > 0)
			done += (size_t)n;
	}
	return (ssize_t)done;
}

void output_setup(void)
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_all});

	/* without memory it stays as it is: see output_errno() */
	if (!f)
		return;
	setvbuf(f, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
	stdout = f;
}

int output_errno(void)
{
	if (fflush(stdout) != 0 && failed == 0)
		failed = errno;
	if (failed == 0 && ferror(stdout))
		failed = EIO;
	return failed;
}

int output_finish(int status)
{
	int errnum = output_errno();

	/* "bpfctl show ID | head -1": whoever reads has what it wants */
	if (errnum == 0 || errnum == EPIPE)
		return status;
	output_note("cannot write the output: %s", strerror(errnum));
	return status ? status : EXIT_FAILURE;
}
