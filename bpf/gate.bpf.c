// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate: a BPF LSM that lets programs into the kernel by way of bpfgated alone, and guards what
 * bpfgated has there. The daemon puts it up and takes it away (daemon/enforce.h); in between it
 * does not need the daemon. What the attacker holds and does not is in SECURITY.md.
 *
 * Rules that this file keeps to: a decision is made from what cannot change under it (the program
 * that is being loaded, the kernel's copy of the attributes), never from a descriptor or a path in
 * user memory; what cannot be told is refused; nobody is known by a name, a uid or a capability
 * alone.
 *
 * Who is who: gate-task.h. Mounts and pins: gate-mount.h. Files of the kernel's: gate-file.h.
 */

#include "gate-kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "gate.h"

char LICENSE[] SEC("license") = "GPL";

#include "gate-state.h"

#include "gate-task.h"

#include "gate-mount.h"

/* ---- loading ---- */

/* Is @prog a loader that the kernel has verified with the keyring of the child that loads it? */
static __always_inline bool is_verified(struct bpf_prog *prog, union bpf_attr *attr,
					const struct gate_task *child)
{
	struct bpf_prog_aux *aux = prog->aux;
	__s32 keyring = child->keyring;

	if (keyring < 0)
		return false;
	/* Linux 6.18 keeps no verdict, but asks nobody before a signature has been verified. */
	if (!bpf_core_field_exists(aux->sig))
		return attr->signature != 0 && attr->keyring_id == keyring;
	if (aux->sig.verdict != SIG_VERIFIED)
		return false;
	if (keyring <= KEYRING_PLATFORM)
		return aux->sig.keyring_type == SIG_KEYRING_BUILTIN + keyring;
	return aux->sig.keyring_type == SIG_KEYRING_USER && aux->sig.keyring_serial == keyring;
}

static __always_inline int check_load(struct bpf_prog *prog, union bpf_attr *attr, bool kernel)
{
	struct gate_task *task = task_current();
	__u32 role = task ? task->role : GATE_ROLE_NONE, type = prog->type;

	if (role == GATE_ROLE_CHILD) {
		/* what the loader loads, or the loader itself */
		if (kernel && type != BPF_PROG_TYPE_SYSCALL)
			return 0;
		if (!kernel && type == BPF_PROG_TYPE_SYSCALL && is_verified(prog, attr, task))
			return 0;
		return verdict(GATE_SIGNATURE, BPF_PROG_LOAD, type);
	}
	if (type == BPF_PROG_TYPE_SYSCALL)
		return verdict(GATE_LOADER, BPF_PROG_LOAD, type);
	if (kernel)
		return verdict(GATE_LOAD, BPF_PROG_LOAD, type);
	if (role == GATE_ROLE_DAEMON)
		return 0;
	if (!task_is_init())
		return verdict(GATE_LOAD, BPF_PROG_LOAD, type);
	return config_allows_init(type) ? 0 : verdict(GATE_INIT_TYPE, BPF_PROG_LOAD, type);
}

SEC("lsm/bpf_prog_load")
int BPF_PROG(gate_prog_load, struct bpf_prog *prog, union bpf_attr *attr, struct bpf_token *token,
	     bool kernel)
{
	int r = check_load(prog, attr, kernel);

	/* From before it has an id: nobody else ever gets hold of it. */
	return r ?: guard((__u64)prog->aux);
}

SEC("lsm/bpf_map_create")
int BPF_PROG(gate_map_create, struct bpf_map *map, union bpf_attr *attr, struct bpf_token *token,
	     bool kernel)
{
	struct gate_task *task = task_current();

	/* Whoever registers one of these puts programs into the kernel's own operations: it
	 * outlives the child. */
	if (task && task->role == GATE_ROLE_CHILD && map->map_type == BPF_MAP_TYPE_STRUCT_OPS) {
		int r = verdict(GATE_COMMAND, BPF_MAP_CREATE, 0);

		if (r)
			return r;
	}
	return guard((__u64)map);
}

SEC("lsm/bpf_prog_free")
void BPF_PROG(gate_prog_free, struct bpf_prog *prog)
{
	unguard((__u64)prog->aux);
}

SEC("lsm/bpf_map_free")
void BPF_PROG(gate_map_free, struct bpf_map *map)
{
	unguard((__u64)map);
}

/* ---- bpf(2) as a whole ---- */

/* What a loader does in the kernel: kernel/bpf/syscall.c, bpf_sys_bpf(), allows more. */
static __always_inline bool is_loader_command(int cmd)
{
	return cmd == BPF_PROG_LOAD || cmd == BPF_MAP_CREATE || cmd == BPF_MAP_UPDATE_ELEM ||
	       cmd == BPF_MAP_FREEZE || cmd == BPF_BTF_LOAD;
}

/*
 * Links have no hook of their own, and a descriptor could be exchanged after this has looked at it.
 * So nobody gets a descriptor of one that is guarded, or that may be: the daemon counts up
 * "attaching" before it makes links, and down when their ids are in the map.
 */
static __always_inline int check_link(__u32 id)
{
	struct gate_config *config = config_get();
	__u32 *owner = bpf_map_lookup_elem(&gate_links, &id);

	if (task_current_role() == GATE_ROLE_DAEMON || task_may_trace())
		return 0;
	if (owner && *owner == GATE_OWNER_GATE)
		return verdict_own(GATE_OBJECT, BPF_LINK_GET_FD_BY_ID);
	if (!owner && config && !config->attaching)
		return 0;
	return verdict(GATE_OBJECT, BPF_LINK_GET_FD_BY_ID, 0);
}

/* A link of whoever got at a pin: whose it is cannot be told. */
static __always_inline int check_link_change(int cmd)
{
	if (task_is_init() || task_current_role() == GATE_ROLE_DAEMON || task_may_trace())
		return 0;
	return verdict(GATE_OBJECT, cmd, 0);
}

SEC("lsm/bpf")
int BPF_PROG(gate_bpf, int cmd, union bpf_attr *attr, unsigned int size, bool kernel)
{
	struct gate_task *task = task_current();
	__u32 role = task ? task->role : GATE_ROLE_NONE;

	if (role == GATE_ROLE_DAEMON)
		task_learn();
	if (role == GATE_ROLE_CHILD && kernel && !is_loader_command(cmd))
		return verdict(GATE_COMMAND, cmd, 0);
	/*
	 * Whatever its type: by the time it is known, the descriptor may be another one's. This is
	 * the only way to run SYSCALL programs, those that were there before the gate as well.
	 */
	if (cmd == BPF_PROG_TEST_RUN)
		return role == GATE_ROLE_CHILD && !kernel ? 0 : verdict(GATE_RUN, cmd, 0);
	if (cmd == BPF_LINK_GET_FD_BY_ID)
		return check_link(attr->link_id);
	if (cmd == BPF_LINK_DETACH || cmd == BPF_LINK_UPDATE)
		return check_link_change(cmd);
	return 0;
}

/* ---- descriptors of what is there: by id, by pin, or of what was made a moment ago ---- */

SEC("lsm/bpf_prog")
int BPF_PROG(gate_prog_fd, struct bpf_prog *prog)
{
	__u64 address = (__u64)prog->aux;

	if (task_holds_objects())
		return guard(address);
	if (!is_guarded(address) || task_may_trace())
		return 0;
	if (is_own(address))
		return verdict_own(GATE_OBJECT, GATE_NO_COMMAND);
	return verdict(GATE_OBJECT, GATE_NO_COMMAND, prog->type);
}

SEC("lsm/bpf_map")
int BPF_PROG(gate_map_fd, struct bpf_map *map, unsigned int mode)
{
	bool own = is_own_map(map);

	if (task_holds_objects())
		return own ? 0 : guard((__u64)map);
	/* Tools that list things ask for writing first: no alarm is raised for root's. */
	if (own && task_may_trace())
		return mode & FMODE_WRITE ? -EPERM : 0;
	if (own)
		return verdict_own(GATE_OBJECT, GATE_NO_COMMAND);
	if (!is_guarded((__u64)map) || task_may_trace())
		return 0;
	return verdict(GATE_OBJECT, GATE_NO_COMMAND, 0);
}

#include "gate-file.h"

/* ---- before there is a gate ---- */

/*
 * Is there alone while a first gate is put up, and goes then: a descriptor of one of its maps that
 * somebody fetched before the gate guards them would be good for ever.
 */
const volatile __s32 shield_tgid;

SEC("lsm/bpf")
int BPF_PROG(gate_shield, int cmd, union bpf_attr *attr, unsigned int size, bool kernel)
{
	bool by_id = cmd == BPF_PROG_GET_FD_BY_ID || cmd == BPF_MAP_GET_FD_BY_ID ||
		     cmd == BPF_LINK_GET_FD_BY_ID;

	return by_id && bpf_get_current_pid_tgid() >> 32 != (__u64)shield_tgid ? -EPERM : 0;
}
