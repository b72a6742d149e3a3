/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "effect-context.h"

#define CODE_LD_IMM64 (BPF_LD | BPF_DW | BPF_IMM)

/*
 * Helpers with effects. Those that a type for deciding alone can call (bpf_redirect(),
 * bpf_skb_store_bytes()) are no effects, nor are those that change maps of the program's own, or
 * write where only root reads (bpf_trace_printk()) or who reads an iterator (bpf_seq_write()).
 */
static const struct {
	int32_t helper;
	enum effect effect;
} helpers[] = {
	{BPF_FUNC_override_return, EFFECT_RETURN_VALUES},
	{BPF_FUNC_probe_write_user, EFFECT_USER_MEMORY},
	{BPF_FUNC_send_signal, EFFECT_SIGNALS},
	{BPF_FUNC_send_signal_thread, EFFECT_SIGNALS},
	{BPF_FUNC_setsockopt, EFFECT_KERNEL_OBJECTS},
	{BPF_FUNC_bind, EFFECT_KERNEL_OBJECTS},
	{BPF_FUNC_sock_ops_cb_flags_set, EFFECT_KERNEL_OBJECTS},
	{BPF_FUNC_rc_repeat, EFFECT_KERNEL_OBJECTS},
	{BPF_FUNC_rc_keydown, EFFECT_KERNEL_OBJECTS},
	{BPF_FUNC_rc_pointer_rel, EFFECT_KERNEL_OBJECTS},
	{BPF_FUNC_sysctl_set_new_value, EFFECT_KERNEL_OBJECTS},
	{BPF_FUNC_bprm_opts_set, EFFECT_KERNEL_OBJECTS},
	{BPF_FUNC_sys_bpf, EFFECT_KERNEL_OBJECTS},
	{BPF_FUNC_sys_close, EFFECT_KERNEL_OBJECTS},
};

/* Types whose programs are there to change packets, or to decide. */
static bool type_decides(enum bpf_prog_type type)
{
	switch (type) {
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_LSM:
		return true;
	default:
		return false;
	}
}

static void found(struct effects *effects, enum effect effect, size_t at)
{
	if (effects->found & 1u << effect)
		return;
	effects->found |= 1u << effect;
	effects->at[effect] = at;
}

static void look_at_call(const struct bpf_insn *insn, size_t at, bool decides,
			 struct effects *effects)
{
	bool known = insn->code == (BPF_JMP | BPF_CALL);

	/* A function of its own, whose instructions are here, or a kernel function. */
	if (known && (insn->src_reg == BPF_PSEUDO_CALL || insn->src_reg == BPF_PSEUDO_KFUNC_CALL))
		return;
	known &= insn->src_reg == 0 && insn->imm > 0 && insn->imm < __BPF_FUNC_MAX_ID;
	for (unsigned i = 0; !known && i < _EFFECT_MAX; i++)
		found(effects, i, at);
	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
		if (insn->imm == helpers[i].helper)
			found(effects, helpers[i].effect, at);
	if (insn->imm == BPF_FUNC_set_retval && !decides)
		found(effects, EFFECT_RETURN_VALUES, at);
}

int effects_find(const struct bpf_insn *insns, size_t n, enum bpf_prog_type type,
		 const bool *relocated, struct effects *ret)
{
	bool decides = type_decides(type);
	struct effects effects = {};
	size_t at;
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t class = BPF_CLASS(insns[i].code);

		if ((class == BPF_JMP || class == BPF_JMP32) && BPF_OP(insns[i].code) == BPF_CALL)
			look_at_call(&insns[i], i, decides, &effects);
		if (insns[i].code == CODE_LD_IMM64)
			i++;
	}
	if (!decides)
		r = context_is_written(insns, n, relocated, &at);
	if (r < 0)
		return r;
	if (r > 0)
		found(&effects, EFFECT_REGISTERS, at);
	*ret = effects;
	return 0;
}
