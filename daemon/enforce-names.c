/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of what the gate can be and do, in options, the journal and the interface. */
#include <bpf/libbpf.h>

#include "enforce.h"

static const char *const mode_names[_GATE_MODE_MAX] = {
	[GATE_OFF] = "off",
	[GATE_AUDIT] = "audit",
	[GATE_ENFORCE] = "enforce",
};

static const char *const reason_names[_GATE_REASON_MAX] = {
	[GATE_LOAD] = "load",		[GATE_LOADER] = "loader",   [GATE_INIT_TYPE] = "init_type",
	[GATE_SIGNATURE] = "signature", [GATE_COMMAND] = "command", [GATE_RUN] = "run",
	[GATE_OBJECT] = "object",	[GATE_PIN] = "pin",	    [GATE_MOUNT] = "mount",
	[GATE_TRACE] = "trace",		[GATE_FTRACE] = "ftrace",   [GATE_HELPER] = "helper",
	[GATE_DEVICE] = "device",
};

/*
 * IPAddressDeny= and RestrictNetworkInterfaces= (cgroup_skb), DeviceAllow= (cgroup_device),
 * SocketBindDeny= (cgroup_sock_addr), RestrictFileSystems= (lsm); with the first three, systemd and
 * its libbpf find out what the kernel can do.
 */
const uint64_t gate_init_types =
	1ULL << BPF_PROG_TYPE_SOCKET_FILTER | 1ULL << BPF_PROG_TYPE_KPROBE |
	1ULL << BPF_PROG_TYPE_TRACEPOINT | 1ULL << BPF_PROG_TYPE_CGROUP_SKB |
	1ULL << BPF_PROG_TYPE_CGROUP_SOCK | 1ULL << BPF_PROG_TYPE_CGROUP_DEVICE |
	1ULL << BPF_PROG_TYPE_CGROUP_SOCK_ADDR | 1ULL << BPF_PROG_TYPE_LSM;

const char *gate_type_name(uint32_t type)
{
	return libbpf_bpf_prog_type_str((enum bpf_prog_type)type);
}

static int find_type(const char *name, size_t size)
{
	for (uint32_t type = 1; type < 64; type++) {
		const char *known = gate_type_name(type);

		if (known && strlen(known) == size && memcmp(known, name, size) == 0)
			return (int)type;
	}
	return -EINVAL;
}

int gate_types_parse(const char *list, uint64_t *ret, const char **ret_bad, size_t *ret_size)
{
	uint64_t types = 0;

	for (const char *p = list;; p++) {
		size_t size = strcspn(p, ",");
		int type = find_type(p, size);

		if (type < 0) {
			*ret_bad = p;
			*ret_size = size;
			return -EINVAL;
		}
		types |= 1ULL << type;
		p += size;
		if (!*p)
			break;
	}
	*ret = types;
	return 0;
}

int gate_mode_parse(const char *name, enum gate_mode *ret)
{
	for (unsigned i = 0; i < ARRAY_SIZE(mode_names); i++) {
		if (streq(mode_names[i], name)) {
			*ret = (enum gate_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *gate_mode_name(enum gate_mode mode)
{
	return mode_names[mode];
}

const char *gate_reason_name(uint32_t reason)
{
	return reason < ARRAY_SIZE(reason_names) ? reason_names[reason] : NULL;
}
