/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which kernel functions a program calls, and whether it may: all but asking the kernel. */
#include "check.h"

#include "kfunc.h"

#define BASE   0xffffffff81200000ULL
#define RESUME 0xffffffff815c9080ULL
#define SIGNAL 0xffffffff811c9050ULL /* before the base: the distance is negative */

/* As /proc/kallsyms has them; a BPF program or module may be called what it likes. */
static const char kallsyms[] = "ffffffff815c7410 t bpf_task_work_schedule.isra.0\n"
			       "ffffffff815c9070 T __pfx_bpf_task_work_schedule_resume\n"
			       "ffffffff81200000 T __bpf_call_base\n"
			       "ffffffff811c9050 T bpf_task_work_schedule_signal\n"
			       "ffffffff815c9080 T bpf_task_work_schedule_resume\n"
			       "ffffffffc0000000 t bpf_task_work_schedule_resume\t[evil]\n"
			       "ffffffffc0001000 t __bpf_call_base\t[bpf]\n"
			       "ffffffff815d0000 T bpf_obj_new_impl\n";

static int read_symbols(const char *text, struct kfunc_symbols *ret)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int r;

	assert_non_null(file);
	r = kfunc_symbols_read(file, ret);
	fclose(file);
	return r;
}

static void test_symbols(void **state)
{
	struct kfunc_symbols symbols = {};

	assert_int_equal(read_symbols(kallsyms, &symbols), 0);
	assert_int_equal(symbols.base, BASE);
	assert_int_equal(symbols.n, 2);
	assert_string_equal(symbols.items[0].name, "bpf_task_work_schedule_signal");
	assert_int_equal(symbols.items[0].address, SIGNAL);
	assert_string_equal(symbols.items[1].name, "bpf_task_work_schedule_resume");
	assert_int_equal(symbols.items[1].address, RESUME);
}

/* Linux 6.18's name is the same function's. */
static void test_old_names(void **state)
{
	struct kfunc_symbols symbols = {};

	assert_int_equal(read_symbols("ffffffff81200000 T __bpf_call_base\n"
				      "ffffffff815c9080 T bpf_task_work_schedule_resume_impl\n"
				      "ffffffff815c9090 T bpf_task_work_schedule_resume_implied\n",
				      &symbols),
			 0);
	assert_int_equal(symbols.n, 1);
	assert_string_equal(symbols.items[0].name, "bpf_task_work_schedule_resume");
}

/* What is shown to those without CAP_SYSLOG. */
static void test_hidden(void **state)
{
	struct kfunc_symbols symbols = {};

	assert_int_equal(read_symbols("0000000000000000 T __bpf_call_base\n"
				      "0000000000000000 T bpf_task_work_schedule_resume\n",
				      &symbols),
			 -ENODATA);
	assert_int_equal(read_symbols("nonsense\n", &symbols), -ENODATA);
}

struct question {
	int32_t distance;
	int16_t module;
	const char *requires, *granted;
	const char *reason; /* part of it; NULL: it may */
};

#define TO_RESUME ((int32_t)(RESUME - BASE))
#define TO_SIGNAL ((int32_t)(SIGNAL - BASE))

static const struct question questions[] = {
	{TO_RESUME, 0, "task_work", "bpf_task_work_schedule_*", NULL},
	{TO_RESUME, 0, "task_work", "bpf_task_work_schedule_resume", NULL},
	{TO_SIGNAL, 0, "task_work", "*", NULL},
	{TO_RESUME, 0, NULL, "*",
	 "bpf_task_work_schedule_resume(), but its manifest does not require \"task_work\""},
	{TO_RESUME, 0, "other", "*", "does not require \"task_work\""},
	{TO_RESUME, 0, "task_work", NULL,
	 "bpf_task_work_schedule_resume(), which the rule does not name in its kfuncs"},
	{TO_RESUME, 0, "task_work", "bpf_task_work_schedule_signal*",
	 "bpf_task_work_schedule_resume(), which the rule does not name"},
	{TO_SIGNAL, 0, "task_work", "bpf_task_work_schedule_resume",
	 "bpf_task_work_schedule_signal(), which the rule does not name"},
	/* a module's, however it is called and granted */
	{TO_RESUME, 1, "task_work", "*", "of a module"},
	{TO_RESUME, -1, "task_work", "*", "of a module"},
	{0, 0, "task_work", "*", "the kernel does not show which"},
	/* one byte beside; another kfunc; a BTF id, as where the JIT calls far */
	{TO_RESUME + 1, 0, "task_work", "*", "belongs to no feature"},
	{0x3d0000, 0, "task_work", "*", "belongs to no feature"},
	{71909, 0, "task_work", "*", "belongs to no feature"},
};

static void test_judge(void **state)
{
	struct kfunc_symbols symbols = {};

	assert_int_equal(read_symbols(kallsyms, &symbols), 0);
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		const struct question *q = &questions[i];
		char *requires = (char *)(uintptr_t)q->requires;
		char *granted = (char *)(uintptr_t)q->granted;
		const struct manifest manifest = {.n_requires = !!requires, .requires = &requires};
		const struct kfunc_grant grant = {.n = !!granted, .patterns = &granted};
		const struct kfunc_call call = {q->distance, q->module, false};
		char buffer[KFUNC_REASON_MAX];
		const char *reason = kfunc_judge(&symbols, &call, &manifest, &grant, buffer);

		if (!reason != !q->reason || (reason && !strstr(reason, q->reason)))
			fail_msg("question %zu: %s, not %s", i, reason ?: "may",
				 q->reason ?: "may");
	}
}

static int note(const struct kfunc_call *call, void *userdata)
{
	struct kfunc_call *last = userdata;

	*last = *call;
	return call->module;
}

static void test_each(void **state)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_ns},
		{.code = BPF_LD | BPF_DW | BPF_IMM},
		/* the second half of a constant may look like anything */
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = 1},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = -7},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .off = 3, .imm = 9},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = 11},
	};
	struct kfunc_call last = {};

	assert_int_equal(kfunc_each(insns, 3 * sizeof(*insns), note, &last), 0);
	assert_int_equal(last.distance, 0);
	assert_int_equal(kfunc_each(insns, 4 * sizeof(*insns), note, &last), 0);
	assert_int_equal(last.distance, -7);
	/* ends with the first that says so */
	assert_int_equal(kfunc_each(insns, sizeof(insns), note, &last), 3);
	assert_int_equal(last.distance, 9);
}

static const struct {
	struct bpf_insn insn;
	enum call_form form;
} forms[] = {
	{{.code = BPF_ALU64 | BPF_MOV | BPF_K}, CALL_NONE},
	{{.code = BPF_JMP | BPF_EXIT, .src_reg = 3}, CALL_NONE},
	{{.code = BPF_ALU64 | BPF_CALL}, CALL_NONE},
	{{.code = BPF_JMP | BPF_CALL, .imm = 5}, CALL_HELPER},
	{{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL}, CALL_OWN},
	{{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL}, CALL_KFUNC},
	/* none that there is */
	{{.code = BPF_JMP | BPF_CALL, .src_reg = 3}, CALL_UNKNOWN},
	{{.code = BPF_JMP | BPF_CALL, .src_reg = 15}, CALL_UNKNOWN},
	{{.code = BPF_JMP | BPF_CALL | BPF_X}, CALL_UNKNOWN},
	{{.code = BPF_JMP | BPF_CALL | BPF_X, .src_reg = BPF_PSEUDO_CALL}, CALL_UNKNOWN},
	{{.code = BPF_JMP32 | BPF_CALL}, CALL_UNKNOWN},
	{{.code = BPF_JMP32 | BPF_CALL | BPF_X}, CALL_UNKNOWN},
};

/* A form of call that is not known is refused, whatever is required and granted. */
static void test_forms(void **state)
{
	char *all = (char[]){"*"}, *feature = (char[]){"task_work"};
	const struct manifest manifest = {.n_requires = 1, .requires = &feature};
	const struct kfunc_grant grant = {.n = 1, .patterns = &all};
	struct kfunc_symbols symbols = {};
	char buffer[KFUNC_REASON_MAX];

	assert_int_equal(read_symbols(kallsyms, &symbols), 0);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct bpf_insn insn = forms[i].insn;
		struct kfunc_call call = {};
		const char *reason;

		if (call_form(&insn) != forms[i].form)
			fail_msg("row %zu: %d", i, call_form(&insn));
		insn.imm = TO_RESUME;
		kfunc_each(&insn, sizeof(insn), note, &call);
		assert_int_equal(call.distance,
				 forms[i].form == CALL_KFUNC || forms[i].form == CALL_UNKNOWN
					 ? TO_RESUME
					 : 0);
		if (call.distance == 0)
			continue;
		reason = kfunc_judge(&symbols, &call, &manifest, &grant, buffer);
		if (forms[i].form == CALL_KFUNC)
			assert_null(reason);
		else
			assert_non_null(strstr(reason, "that bpfgated does not know"));
	}
}

static void test_feature(void **state)
{
	enum feature feature = _FEATURE_MAX;

	assert_int_equal(feature_from_name("task_work", &feature), 0);
	assert_int_equal(feature, FEATURE_TASK_WORK);
	assert_string_equal(feature_name(feature), "task_work");
	assert_int_equal(feature_from_name("task_wor", &feature), -ENOENT);
	assert_int_equal(feature_from_name("", &feature), -ENOENT);
	assert_null(feature_name(_FEATURE_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbols), cmocka_unit_test(test_old_names),
		cmocka_unit_test(test_hidden),	cmocka_unit_test(test_judge),
		cmocka_unit_test(test_each),	cmocka_unit_test(test_forms),
		cmocka_unit_test(test_feature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
