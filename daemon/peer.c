/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include <sys/socket.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static bool is_lack(int errnum)
{
	return errnum == EMFILE || errnum == ENFILE;
}

static int fail(struct error *error, const char *what)
{
	if (is_lack(errno))
		return error_set(
			error, -errno, ERROR_BUSY, STEP_REQUEST,
			"The daemon has too many files open to ask who the client is (%s): "
			"unload what is not needed, or its administrator raises "
			"LimitNOFILE= of bpfgated.service.",
			what);
	return error_set(error, -errno, ERROR_FAILED, STEP_REQUEST,
			 "The kernel does not say who the client is (%s): %m.", what);
}

/* SO_PEERGROUPS tells the size it needs when it gets too little. */
static int read_groups(int fd, struct peer *peer)
{
	socklen_t size = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) < 0 && errno != ERANGE)
		return -1;
	if (size > PEER_GROUPS_MAX * sizeof(gid_t)) {
		errno = E2BIG;
		return -1;
	}
	peer->groups = malloc(size + sizeof(gid_t));
	if (!peer->groups)
		return -1;
	if (size && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &size) < 0)
		return -1;
	peer->n_groups = (unsigned)(size / sizeof(gid_t));
	if (!peer_in_group(peer, peer->gid))
		peer->groups[peer->n_groups++] = peer->gid;
	return 0;
}

/*
 * An accepted Unix socket belongs to the network namespace of the client's socket
 * (net/unix/af_unix.c, unix_stream_connect); the cookie names it once and for all.
 */
static int read_netns(int fd, bool *ret)
{
	_cleanup_close_ int own = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t ours, theirs;
	socklen_t size = sizeof(ours);

	if (own < 0 || getsockopt(own, SOL_SOCKET, SO_NETNS_COOKIE, &ours, &size) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &theirs, &size) < 0)
		return -1;
	*ret = ours == theirs;
	return 0;
}

/* A client can see to it that its unit cannot be told, by ending: so that is not the same as none.
 * What it cannot see to is that there are no descriptors: then it is to ask again. */
static int read_unit(int fd, struct peer *peer)
{
	_cleanup_close_ int pidfd = -1;
	socklen_t size = sizeof(pidfd);
	int r;

	r = getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0 ? -errno : 0;
	if (r == 0)
		r = unit_of_pidfd(pidfd, peer->unit);
	if (r < 0)
		peer->unit[0] = '\0';
	peer->unit_known = r == 0 || r == -ENOENT;
	errno = -r;
	return is_lack(-r) ? -1 : 0;
}

int peer_read_credentials(int fd, struct peer *ret, struct error *error)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return fail(error, "SO_PEERCRED");
	if (credentials.uid == (uid_t)-1 || credentials.gid == (gid_t)-1) {
		errno = ENODATA;
		return fail(error, "SO_PEERCRED");
	}
	*ret = (struct peer){
		.uid = credentials.uid,
		.gid = credentials.gid,
		.pid = credentials.pid,
	};
	return 0;
}

int peer_complete(int fd, struct peer *peer, struct error *error)
{
	_cleanup_(peer_done) struct peer whole = {
		.uid = peer->uid, .gid = peer->gid, .pid = peer->pid};

	if (read_groups(fd, &whole) < 0)
		return fail(error, "SO_PEERGROUPS");
	if (read_netns(fd, &whole.same_netns) < 0)
		return fail(error, "SO_NETNS_COOKIE");
	if (read_unit(fd, &whole) < 0)
		return fail(error, "SO_PEERPIDFD");
	*peer = whole;
	whole = (struct peer){};
	return 0;
}

int peer_read(int fd, struct peer *ret, struct error *error)
{
	struct peer peer;
	int r;

	r = peer_read_credentials(fd, &peer, error);
	if (r == 0)
		r = peer_complete(fd, &peer, error);
	if (r == 0)
		*ret = peer;
	return r;
}

int peer_copy(const struct peer *peer, struct peer *ret)
{
	gid_t *groups = malloc(peer->n_groups * sizeof(gid_t) + 1);

	if (!groups)
		return -ENOMEM;
	if (peer->n_groups > 0)
		memcpy(groups, peer->groups, peer->n_groups * sizeof(gid_t));
	*ret = *peer;
	ret->groups = groups;
	return 0;
}

void peer_done(struct peer *peer)
{
	free(peer->groups);
	*peer = (struct peer){};
}

bool peer_in_group(const struct peer *peer, gid_t gid)
{
	for (unsigned i = 0; i < peer->n_groups; i++)
		if (peer->groups[i] == gid)
			return true;
	return false;
}
