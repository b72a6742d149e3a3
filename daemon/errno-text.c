// SPDX-License-Identifier: LGPL-2.1-or-later
#include "errno-text.h"

#define ENOTSUPP_KERNEL 524 /* include/linux/errno.h; has no name in user space */

const char *errno_text(int errnum, char buffer[static ERRNO_TEXT_SIZE])
{
	const char *name = strerrorname_np(errnum);

	if (errnum == ENOTSUPP_KERNEL)
		return "ENOTSUPP (Operation is not supported)";
	if (name)
		snprintf(buffer, ERRNO_TEXT_SIZE, "%s (%s)", name, strerrordesc_np(errnum));
	else
		snprintf(buffer, ERRNO_TEXT_SIZE, "error %d", errnum);
	return buffer;
}
