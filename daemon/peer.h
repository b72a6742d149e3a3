/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is at the other end of an accepted socket, as the kernel says (SO_PEERCRED, SO_PEERGROUPS,
 * SO_PEERPIDFD), never as a message says. A look-up that fails is a refusal.
 */
#pragma once

#include <sys/types.h>

#include "error.h"
#include "unit.h"

#define PEER_GROUPS_MAX 65536 /* NGROUPS_MAX */

struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;	   /* for messages only: never trusted */
	unsigned n_groups; /* supplementary and primary */
	gid_t *groups;
	bool same_netns; /* the socket was made in the daemon's own network namespace */
	/* The system unit that the process which connected runs in, when it makes its first call,
	 * or
	 * "". Cannot be told on kernels before 6.5, nor of a process that has ended. */
	char unit[UNIT_NAME_SIZE];
	bool unit_known;
};

/* uid, gid and pid, which cost next to nothing; the rest is as good as unknown. */
int peer_read_credentials(int fd, struct peer *ret, struct error *error);
/* And the rest. On failure @peer is as it was. */
int peer_complete(int fd, struct peer *peer, struct error *error);
/* Both. */
int peer_read(int fd, struct peer *ret, struct error *error);
int peer_copy(const struct peer *peer, struct peer *ret);
void peer_done(struct peer *peer);
bool peer_in_group(const struct peer *peer, gid_t gid);
