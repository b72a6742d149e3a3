/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Framing: bytes and file descriptors in any pieces. An input is a list of pieces: one byte for how
 * many descriptors go with it (0 to 5), two for its size, then the bytes.
 */
#include <fcntl.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "varlink.h"

#define MESSAGE_MAX 4096
#define PIECES_MAX  64

static int null_fd;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_confine();
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	fuzz_require(null_fd >= 0);
	return 0;
}

static void close_checked(int fd, void *userdata)
{
	fuzz_require(fd >= 0 && close(fd) == 0);
}

static void check_call(struct json_object *message)
{
	struct varlink_call call;
	_cleanup_free_ char *text = NULL;
	size_t size;

	if (varlink_call_parse(message, &call) < 0)
		return;
	fuzz_require(call.method);
	fuzz_require(call.oneway + call.more + call.upgrade <= 1);
	fuzz_require(varlink_format_call(call.method, call.parameters, call.more, &text, &size) ==
		     0);
	fuzz_require(size > 0 && text[size - 1] == '\0' && strlen(text) == size - 1);
	fuzz_require(utf8_valid(text, size - 1));
}

static void check_reply(struct json_object *message)
{
	struct varlink_reply reply;

	if (varlink_reply_parse(message, &reply) == 0)
		fuzz_require(!(reply.error && reply.continues));
}

/* Takes what is whole; false: drop the connection. */
static bool take(struct varlink_reader *r)
{
	struct json_object *message;
	struct fd_set_owned fds;
	int result;

	while ((result = varlink_reader_next(r, &message, &fds)) == 1) {
		fuzz_require(json_object_is_type(message, json_type_object));
		fuzz_require(fds.n <= VARLINK_FDS_IN_MAX);
		for (unsigned i = 0; i < fds.n; i++)
			fuzz_require(close(fds.fds[i]) == 0);
		/* each takes out the header's extensions */
		check_call(message);
		check_reply(message);
		json_object_put(message);
	}
	fuzz_require(result == 0 || result == -EBADMSG);
	return result == 0;
}

static bool receive(struct varlink_reader *r, int fd)
{
	int result;

	do {
		result = varlink_reader_fill(r, fd);
		fuzz_require(r->fill <= r->size && r->start <= r->fill &&
			     r->size <= MESSAGE_MAX + 1);
		if (!take(r))
			return false;
	} while (result == 1 || result == -ENOBUFS);
	fuzz_require(result == 0 || result == -EAGAIN || result == -EBADMSG ||
		     result == -EMSGSIZE || result == -ECONNRESET);
	return result == -EAGAIN;
}

/* One piece of the input; false at its end, or where the reader has had enough. */
static bool send_piece(struct varlink_reader *r, const int ends[2], const uint8_t **data,
		       size_t *size)
{
	int fds[5] = {null_fd, null_fd, null_fd, null_fd, null_fd};
	size_t n, n_fds;

	if (*size < 4)
		return false;
	n_fds = (*data)[0] % 6;
	n = MIN((size_t)((*data)[1] | (*data)[2] << 8), *size - 3);
	if (!n)
		return false;
	fuzz_require(varlink_send(ends[0], (const char *)*data + 3, n, fds, (unsigned)n_fds) ==
		     (ssize_t)n);
	*data += 3 + n;
	*size -= 3 + n;
	return receive(r, ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct varlink_reader reader;
	int ends[2], lowest;

	/* what the socket takes at once */
	if (size > 60000)
		return 0;
	lowest = fuzz_lowest_fd();
	fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	varlink_reader_init(&reader, MESSAGE_MAX, VARLINK_FDS_IN_MAX);
	reader.close_fd = close_checked;
	for (unsigned i = 0; i < PIECES_MAX && send_piece(&reader, ends, &data, &size); i++)
		;
	close(ends[0]);
	close(ends[1]);
	varlink_reader_done(&reader);
	/* all that came were closed again */
	fuzz_require(fuzz_lowest_fd() == lowest);
	return 0;
}
