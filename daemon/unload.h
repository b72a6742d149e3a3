/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking down loads whose client has gone. */
#pragma once

#include "front.h"

/* In a thread, with what follows them; what is gone already is fine. @ids (malloced) is taken over.
 */
void unload_sessions(struct front *front, uid_t uid, char (*ids)[LOAD_ID_SIZE], unsigned n);

/* Connections need not take down what is gone: for the thread that serves them. */
void unload_forget(struct front *front, const char *id);
void unload_forget_all(struct front *front, const struct removal *removal);
