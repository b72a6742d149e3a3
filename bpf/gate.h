/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * What the gate (gate.bpf.c) and the daemon (daemon/enforce.h) share: the values of its maps. All
 * of them are in the machine's byte order and are never stored anywhere but in the kernel.
 */
#pragma once

#include <linux/types.h>

/* Off is for a gate that is being put up or taken away: it is not attached otherwise. */
enum gate_mode {
	GATE_OFF,
	GATE_AUDIT,   /* counts and reports what would be refused */
	GATE_ENFORCE, /* refuses it */
	_GATE_MODE_MAX,
};

/* What a task is to the gate; kept with the leader of its thread group, gone with it. */
enum gate_role {
	GATE_ROLE_NONE,
	GATE_ROLE_INIT,	  /* forked by PID 1, and has run nothing since but what PID 1 is made of */
	GATE_ROLE_DAEMON, /* bpfgated */
	GATE_ROLE_CHILD,  /* a load child that the daemon has registered */
	GATE_ROLE_HELPER, /* forked by a GATE_ROLE_INIT or by such a one, and has run nothing */
};

struct gate_task {
	__u32 role;    /* enum gate_role */
	__s32 keyring; /* of a load child: what its loader must have been verified with */
};

/* Why something is refused. Append only: they are in the journal and the interface by name. */
enum gate_reason {
	GATE_LOAD,	/* a program that comes neither from a load child nor from PID 1 */
	GATE_LOADER,	/* a SYSCALL program, which is what loaders are, the same */
	GATE_INIT_TYPE, /* PID 1 loads programs of other types */
	GATE_SIGNATURE, /* a load child's loader that was not verified with its keyring */
	GATE_COMMAND,	/* a loader that does more than make maps, programs and BTF */
	GATE_RUN,	/* BPF_PROG_RUN */
	GATE_OBJECT,	/* a program, map or link of the daemon's, by its id or pin */
	GATE_PIN,	/* what is pinned where the daemon's pins are is changed */
	GATE_MOUNT,	/* mounts that the pins are in are removed, moved or covered */
	GATE_TRACE,	/* ptrace(2) of the daemon or a load child */
	GATE_FTRACE, /* kernel.ftrace_enabled, without which BPF security modules are not called */
	GATE_HELPER, /* from another root directory: what the kernel starts programs by */
	GATE_DEVICE, /* from another root directory: devices and what they are set up by */
	_GATE_REASON_MAX,
};

struct gate_count {
	__u64 refused;
	__u64 would; /* have been refused, had it not been for GATE_AUDIT */
};

#define GATE_BUILD_SIZE 32

/* The one element of "gate_config". */
struct gate_config {
	__u32 mode; /* enum gate_mode; set last */
	/* While above 0: the daemon has links whose ids it has not yet put into "gate_links". */
	__u32 attaching;
	__u64 init_types;	     /* bit n: PID 1 may load programs of type n */
	__u64 pin_root;		     /* inode of PIN_ROOT */
	__u32 pin_device;	     /* of its bpffs, as the kernel writes device numbers */
	__u32 sys_device;	     /* the same of /sys, which that is mounted in */
	__u64 sys_root, sys_fs;	     /* inodes of /sys and /sys/fs */
	__u8 build[GATE_BUILD_SIZE]; /* SHA-256 of the object file that this gate is made of */
	/* Written by the gate, at the first bpf(2) of the daemon that puts it up. */
	__u64 daemon_folder; /* inode of the folder that the daemon's executable is in */
	__u32 daemon_device;
	__u32 lost;	   /* events that found no room */
	__u64 init_mounts; /* PID 1's mount namespace: an address */
	__u32 making; /* the thread that puts the gate up, while it does: its programs are these */
	__u32 unlisted; /* what found no room in "gate_programs" */
};

/* Values of "gate_guarded" (by address) and "gate_links" (by id). */
enum gate_owner {
	GATE_OWNER_LOAD = 1, /* a load's */
	GATE_OWNER_GATE,     /* the gate's own: guarded in GATE_AUDIT, too */
};

#define GATE_COMM_SIZE 16

/*
 * Of "gate_programs": how often each program was refused something, or would have been. The kernel
 * counts, so that nothing is lost where the daemon does not read or is not there.
 */
struct gate_program {
	__u64 cgroup; /* its id */
	__u32 reason, type, uid;
	__u32 refused;
	char comm[GATE_COMM_SIZE];
};
#define GATE_PROGRAMS_MAX 1024

/* What "gate_events" holds. */
struct gate_event {
	__u64 cgroup;
	__u32 reason;  /* enum gate_reason */
	__u32 refused; /* 0: it would have been */
	__u32 pid, tgid, uid;
	__u32 command; /* of bpf(2), where it is one: enum bpf_cmd */
	__u32 type;    /* enum bpf_prog_type, for those about loading */
	__u32 reserved;
	char comm[GATE_COMM_SIZE];
};

/* Of bpf(2) nothing, for what is no command of it. */
#define GATE_NO_COMMAND 0xffffffffu
