/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "break-glass.h"

#include "audit.h"
#include "pin.h"

/* With its pins hidden there is no way to it, and "there was none" would be a lie. */
static int check_gone(struct error *error)
{
	if (!enforce_is_felt())
		return 0;
	return error_set(error, -EBUSY, ERROR_FAILED, STEP_NONE,
			 "a gate is in force, but it cannot be found in " PIN_ROOT "/gate: "
			 "unmount what is mounted over /sys, /sys/fs or /sys/fs/bpf and start "
			 "bpfgate-break-glass.service again, or reboot without --gate");
}

int break_glass(struct error *error)
{
	enum gate_mode mode;
	int r;

	r = enforce_find(&mode, error);
	if (r == 0 && mode == GATE_OFF)
		r = check_gone(error);
	if (r < 0)
		return r;
	r = audit_break_glass();
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE,
				 "the gate is left as it is, for the journal cannot be told (%s): "
				 "start systemd-journald, or reboot without --gate",
				 strerror(-r));
	r = enforce_remove(error);
	if (r == 0)
		r = check_gone(error);
	if (r < 0)
		return r;
	if (mode == GATE_OFF)
		printf("There was no gate.\n");
	else
		printf("The gate (%s) has been taken away.\n", gate_mode_name(mode));
	return 0;
}
