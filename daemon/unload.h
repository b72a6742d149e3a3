/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking down loads whose client has gone. */
#pragma once

#include "front.h"

/* In a thread; what is gone already is fine. @ids (malloced) is taken over. */
void unload_sessions(struct front *front, uid_t uid, char (*ids)[LOAD_ID_SIZE], unsigned n);
