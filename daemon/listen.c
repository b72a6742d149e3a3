/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "front.h"

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* Is anybody behind the socket file? */
static bool is_served(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	       errno != ECONNREFUSED;
}

static int bind_to(int fd, const struct sockaddr_un *address)
{
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (is_served(address))
		return -EADDRINUSE;
	/* left behind by a daemon that was killed */
	if (unlink(address->sun_path) < 0 ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	return 0;
}

static int listen_at(const char *path, int *ret_fd, struct error *error)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, -ENAMETOOLONG, ERROR_FAILED, STEP_NONE,
				 "%s: too long for a socket's path.", path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -errno : bind_to(fd, &address);
	/* Everybody may ask: the policy decides. */
	if (r == 0 && (chmod(path, 0666) < 0 || listen(fd, SOMAXCONN) < 0))
		r = -errno;
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "Cannot listen at %s: %s.",
				 path, strerror(-r));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int listen_open(const char *path, int *ret_fd, struct error *error)
{
	int n = sd_listen_fds(1), fd = SD_LISTEN_FDS_START, r;

	if (n == 0)
		return listen_at(path ?: GATE_SOCKET, ret_fd, error);
	if (n != 1 || path || sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0)
		return error_set(error, -EINVAL, ERROR_FAILED, STEP_NONE,
				 "Socket activation must pass one listening Unix stream socket, "
				 "and then --socket cannot be used.");
	r = set_nonblocking(fd);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE,
				 "Cannot use the socket that was passed: %s.", strerror(-r));
	*ret_fd = fd;
	return 0;
}
