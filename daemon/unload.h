/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking down loads whose client has gone. */
#pragma once

#include "front.h"

/* In a thread, with what follows them; what is gone already is fine. @ids (malloced) is taken over.
 */
void unload_sessions(struct front *front, uid_t uid, char (*ids)[LOAD_ID_SIZE], unsigned n);

/* Ends the sessions of all that is gone, see connections_end_session(). */
void unload_tell(struct front *front, const struct removal *removal);
