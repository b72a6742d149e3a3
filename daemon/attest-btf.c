// SPDX-License-Identifier: LGPL-2.1-or-later
#include "attest-btf.h"

#include <bpf/btf.h>
#include <linux/btf.h>
#include <pthread.h>
#include <stdatomic.h>

#include "errno-text.h"
#include "sys-bpf.h"

#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"
/* A tracepoint that every kernel has. */
#define REFERENCE_TYPE "btf_trace_sched_switch"

static void btf_freep(struct btf **btf)
{
	btf__free(*btf);
}

/* How the kernel names what a target of that kind is bound to (libbpf: btf_get_kernel_prefix_kind).
 */
static const struct {
	enum target_kind kind;
	unsigned btf_kind;
	const char *prefix;
} bindings[] = {
	{TARGET_FENTRY, BTF_KIND_FUNC, ""},
	{TARGET_FEXIT, BTF_KIND_FUNC, ""},
	{TARGET_TP_BTF, BTF_KIND_TYPEDEF, "btf_trace_"},
	{TARGET_LSM, BTF_KIND_FUNC, "bpf_lsm_"},
	{TARGET_ITER, BTF_KIND_FUNC, "bpf_iter_"},
};

static int kind_of(const char *target, enum target_kind *ret)
{
	const char *colon = strchr(target, ':');

	if (!colon)
		return -EINVAL;
	return target_kind_from_name(target, (size_t)(colon - target), ret);
}

bool program_is_bound(const struct manifest_program *program)
{
	return program->type == BPF_PROG_TYPE_TRACING || program->type == BPF_PROG_TYPE_LSM;
}

bool btf_type_is_target(const struct btf *btf, uint32_t type, const char *target)
{
	const struct btf_type *t = btf__type_by_id(btf, type);
	enum target_kind kind;
	const char *name;

	if (!t || type == 0 || kind_of(target, &kind) < 0)
		return false;
	name = btf__name_by_offset(btf, t->name_off);
	for (size_t i = 0; name && i < ARRAY_SIZE(bindings); i++) {
		size_t length = strlen(bindings[i].prefix);

		if (bindings[i].kind == kind && btf_kind(t) == bindings[i].btf_kind)
			return strncmp(name, bindings[i].prefix, length) == 0 &&
			       streq(name + length, strchr(target, ':') + 1);
	}
	return false;
}

/* 0: not known yet. Does not change before the next boot. */
static _Atomic uint32_t vmlinux_id;

/*
 * The id of the kernel's own BTF. Only CAP_SYS_ADMIN may ask for it; but a program that is bound to
 * a type of it shows it, and which type that is does not matter.
 */
static int vmlinux_btf_id(const struct btf *btf, uint32_t *ret)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	_cleanup_close_ int fd = -1;
	struct bpf_prog_info info;
	union bpf_attr attr;
	int type, r;

	*ret = atomic_load(&vmlinux_id);
	if (*ret != 0)
		return 0;
	type = btf__find_by_name_kind(btf, REFERENCE_TYPE, BTF_KIND_TYPEDEF);
	if (type < 0)
		return type;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_TRACING;
	attr.expected_attach_type = BPF_TRACE_RAW_TP;
	attr.attach_btf_id = (uint32_t)type;
	attr.insns = sys_ptr(program);
	attr.insn_cnt = ARRAY_SIZE(program);
	attr.license = sys_ptr("GPL");
	memcpy(attr.prog_name, "bpfgate_ref", sizeof("bpfgate_ref"));
	fd = sys_bpf(BPF_PROG_LOAD, &attr, ATTR_SIZE(attach_btf_id));
	if (fd < 0)
		return fd;
	memset(&info, 0, sizeof(info));
	r = sys_bpf_info(fd, &info, sizeof(info));
	if (r < 0)
		return r;
	if (info.attach_btf_obj_id == 0)
		return -ENODATA;
	*ret = info.attach_btf_obj_id;
	atomic_store(&vmlinux_id, *ret);
	return 0;
}

static int refuse(const struct manifest_program *program, const struct btf *btf, uint32_t type,
		  struct error *error)
{
	const struct btf_type *t = btf__type_by_id(btf, type);
	const char *name = t ? btf__name_by_offset(btf, t->name_off) : NULL;

	return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
			 "program \"%s\" is bound to %.120s, which its manifest does not name",
			 program->name, name && name[0] ? name : "something unknown");
}

/*
 * What has been found so far: reading the kernel's types takes longer than loading a program, and
 * they do not change before the next boot. The newest takes the place of the oldest.
 */
#define KNOWN_MAX 64
static struct {
	pthread_mutex_t lock;
	unsigned next;
	struct {
		uint32_t type;
		char *target;
	} items[KNOWN_MAX];
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool known_find(uint32_t type, const char *target)
{
	bool found = false;

	pthread_mutex_lock(&known.lock);
	for (unsigned i = 0; !found && i < KNOWN_MAX; i++)
		found = known.items[i].target && known.items[i].type == type &&
			streq(known.items[i].target, target);
	pthread_mutex_unlock(&known.lock);
	return found;
}

static void known_add(uint32_t type, const char *target)
{
	char *copy = strdup(target), *old;
	unsigned i;

	if (!copy)
		return;
	pthread_mutex_lock(&known.lock);
	i = known.next++ % KNOWN_MAX;
	old = known.items[i].target;
	known.items[i].type = type;
	known.items[i].target = copy;
	pthread_mutex_unlock(&known.lock);
	free(old);
}

static int module_refused(const struct manifest_program *program, struct error *error)
{
	return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
			 "program \"%s\" is bound to a function of a kernel module, which this "
			 "version of bpfgate does not allow",
			 program->name);
}

/* Reads the kernel's types, compares, and remembers. */
static int attest_type(const struct manifest_program *program, uint32_t object, uint32_t type,
		       struct error *error)
{
	_cleanup_(btf_freep) struct btf *btf = NULL;
	char buffer[ERRNO_TEXT_SIZE];
	uint32_t vmlinux = 0;
	int r;

	btf = btf__parse(VMLINUX_BTF, NULL);
	r = btf ? vmlinux_btf_id(btf, &vmlinux) : -errno;
	if (r < 0)
		return error_set(
			error, r, ERROR_FAILED, STEP_ATTEST,
			"cannot tell what program \"%s\" is bound to: the kernel's types (%s) "
			"cannot be used: %s",
			program->name, VMLINUX_BTF, errno_text(-r, buffer));
	if (object != vmlinux)
		return module_refused(program, error);
	for (unsigned i = 0; i < program->n_attach; i++)
		if (btf_type_is_target(btf, type, program->attach[i])) {
			known_add(type, program->attach[i]);
			return 0;
		}
	return refuse(program, btf, type, error);
}

int attest_bound(const struct manifest_program *program, uint32_t object, uint32_t type,
		 struct error *error)
{
	uint32_t vmlinux = atomic_load(&vmlinux_id);

	if (vmlinux != 0 && object == vmlinux)
		for (unsigned i = 0; i < program->n_attach; i++)
			if (known_find(type, program->attach[i]))
				return 0;
	return attest_type(program, object, type, error);
}
