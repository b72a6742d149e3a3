/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The road: seal, authenticate, authorise, load, attest, attach, record. One function, run by a
 * worker thread for one request; a step that fails undoes all before it.
 */
#pragma once

#include "authenticate.h"
#include "gate.h"
#include "record.h"
#include "seal.h"
#include "tuning.h"

/* A request for a target by name: program as in the manifest, target "kind:target". */
struct wanted {
	char *program;
	char *target;
};

struct road_request {
	struct peer peer;
	int fd; /* the bundle; owned, closed by close_async() */
	enum lifetime lifetime;
	unsigned n_wanted;
	struct wanted *wanted;
	unsigned n_settings;
	struct setting *settings; /* owned */
	uint64_t deadline_usec;	  /* for sealing, from its start */
};
void road_request_done(struct road_request *request);

/* What goes back: the load and the fds for the client, by index of the manifest's maps (-1: none).
 */
struct road_reply {
	struct load *load; /* reference */
	int map_fds[MANIFEST_MAPS_MAX];
};
void road_reply_done(struct road_reply *reply);

int road_load(struct gate *gate, struct road_request *request, struct road_reply *ret,
	      struct error *error);

/* Opens the granted maps of @load again, authorised anew by today's policy. */
int road_reopen(struct gate *gate, struct load *load, const struct peer *peer,
		struct road_reply *ret, struct error *error);
