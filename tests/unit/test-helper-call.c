/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which helper a call leads to, and whether a rule lets it pass. */
#include "check.h"

#include <linux/bpf.h>

#include "helper-call.h"
#include "helper.h"

static const char *name_of(const char *symbol)
{
	uint32_t helpers[2];

	return helpers_of_symbol(symbol, helpers) == 1 ? helper_name(helpers[0]) : NULL;
}

static void test_names(void **state)
{
	uint32_t id;

	assert_string_equal(helper_name(BPF_FUNC_map_lookup_elem), "bpf_map_lookup_elem");
	assert_string_equal(helper_name(BPF_FUNC_tail_call), "bpf_tail_call");
	assert_null(helper_name(0));
	assert_null(helper_name(__BPF_FUNC_MAX_ID));
	assert_null(helper_name(UINT32_MAX));
	assert_int_equal(helper_from_name("bpf_ktime_get_ns", &id), 0);
	assert_int_equal(id, BPF_FUNC_ktime_get_ns);
	assert_int_equal(helper_from_name("ktime_get_ns", &id), -ENOENT);
	assert_int_equal(helper_from_name("bpf_unspec", &id), -ENOENT);
	assert_true(helper_pattern_matches("bpf_probe_read_*"));
	assert_false(helper_pattern_matches("bpf_probe_reed_*"));
}

static void test_symbols(void **state)
{
	uint32_t helpers[2];

	assert_string_equal(name_of("bpf_get_current_comm"), "bpf_get_current_comm");
	assert_string_equal(name_of("bpf_perf_event_output_raw_tp"), "bpf_perf_event_output");
	assert_string_equal(name_of("bpf_get_stackid_tp"), "bpf_get_stackid");
	assert_string_equal(name_of("bpf_get_current_task_btf"), "bpf_get_current_task_btf");
	assert_string_equal(name_of("bpf_tc_sk_lookup_tcp"), "bpf_sk_lookup_tcp");
	assert_string_equal(name_of("bpf_xdp_fib_lookup"), "bpf_fib_lookup");
	assert_string_equal(name_of("bpf_xdp_adjust_head"), "bpf_xdp_adjust_head");
	assert_string_equal(name_of("bpf_user_rnd_u32"), "bpf_get_prandom_u32");
	assert_string_equal(name_of("htab_map_lookup_elem"), "bpf_map_lookup_elem");
	assert_string_equal(name_of("__htab_map_lookup_elem"), "bpf_map_lookup_elem");
	assert_string_equal(name_of("htab_percpu_map_lookup_percpu_elem"),
			    "bpf_map_lookup_percpu_elem");
	assert_string_equal(name_of("array_map_update_elem"), "bpf_map_update_elem");
	assert_string_equal(name_of("trie_delete_elem"), "bpf_map_delete_elem");
	assert_string_equal(name_of("queue_map_pop_elem"), "bpf_map_pop_elem");
	assert_string_equal(name_of("bpf_for_each_array_elem"), "bpf_for_each_map_elem");
	/* the same function for two of them */
	assert_int_equal(helpers_of_symbol("bpf_skb_event_output", helpers), 2);
	/* what the kernel calls for itself is no helper */
	assert_int_equal(helpers_of_symbol("arch_bpf_timed_may_goto", helpers), 1);
	assert_int_equal(helpers[0], 0);
	/* not known: refused, whatever they are like */
	assert_int_equal(helpers_of_symbol("bpf_get_current_comm2", helpers), 0);
	assert_int_equal(helpers_of_symbol("bpf_get_current_comm_x", helpers), 0);
	assert_int_equal(helpers_of_symbol("bpf_prog_run", helpers), 0);
	assert_int_equal(helpers_of_symbol("_tp", helpers), 0);
	assert_int_equal(helpers_of_symbol("", helpers), 0);
}

static const char kallsyms[] = "ffffffff81000000 T __bpf_call_base\n"
			       "ffffffff81000100 T bpf_get_current_comm\n"
			       "ffffffff81000200 t htab_map_lookup_elem\n"
			       "ffffffff80fff000 T bpf_ktime_get_ns\n"
			       "ffffffff81000300 T bpf_skb_event_output\n"
			       "ffffffff81000400 T arch_bpf_timed_may_goto\n"
			       "ffffffff81000500 T bpf_get_current_uid_gid\n"
			       "ffffffff81000500 T bpf_get_current_pid_tgid\n"
			       "ffffffff81000600 T bpf_prog_run\n"
			       "ffffffffc0000000 t bpf_trace_printk\t[module]\n";

static void read_symbols(const char *text, struct helper_symbols *ret, int expected)
{
	_cleanup_fclose_ FILE *file = fmemopen((char *)(uintptr_t)text, strlen(text), "r");

	assert_int_equal(helper_symbols_read(file, ret), expected);
}

#define CALL ((uint8_t)(BPF_JMP | BPF_CALL))

/* "" for what passes, the helper's name, or "?" where it cannot be told. */
static const char *judge(const struct helper_symbols *symbols, struct bpf_insn insn,
			 const char *pattern)
{
	char *const patterns[] = {(char *)(uintptr_t)pattern};
	const struct kfunc_grant grant = {.n_helpers = 1, .helpers = patterns};
	const char *name;

	if (helper_judge(symbols, &insn, &grant, &name))
		return "";
	return name ?: "?";
}

#define HELPER(distance) ((struct bpf_insn){.code = CALL, .imm = (distance)})

static void test_judge(void **state)
{
	_cleanup_(helper_symbols_done) struct helper_symbols s = {};

	read_symbols(kallsyms, &s, 0);
	assert_string_equal(judge(&s, HELPER(0x100), "bpf_get_current_*"), "");
	assert_string_equal(judge(&s, HELPER(0x100), "bpf_ktime_*"), "bpf_get_current_comm");
	assert_string_equal(judge(&s, HELPER(0x200), "bpf_map_lookup_elem"), "");
	assert_string_equal(judge(&s, HELPER(0x200), "bpf_map_update_elem"), "bpf_map_lookup_elem");
	assert_string_equal(judge(&s, HELPER(-0x1000), "bpf_ktime_*"), "");
	assert_string_equal(judge(&s, HELPER(-0x1000), "bpf_map_*"), "bpf_ktime_get_ns");
	/* either of two */
	assert_string_equal(judge(&s, HELPER(0x300), "bpf_skb_output"), "");
	assert_string_equal(judge(&s, HELPER(0x300), "bpf_perf_event_output"), "");
	assert_string_equal(judge(&s, HELPER(0x500), "bpf_get_current_uid_gid"), "");
	assert_string_equal(judge(&s, HELPER(0x500), "bpf_get_current_pid_tgid"), "");
	assert_string_equal(judge(&s, HELPER(0x400), "bpf_ktime_*"), "");
	/* cannot be told: no helper, a module's, nowhere, not shown */
	assert_string_equal(judge(&s, HELPER(0x600), "*"), "?");
	assert_string_equal(judge(&s, HELPER(0x3f000000), "*"), "?");
	assert_string_equal(judge(&s, HELPER(0), "*"), "?");
	/* by number, where the compiler has replaced it */
	assert_string_equal(judge(&s, HELPER(BPF_FUNC_tail_call), "bpf_tail_call"), "");
	assert_string_equal(judge(&s, HELPER(BPF_FUNC_tail_call), "bpf_ktime_*"), "bpf_tail_call");
}

/* Calls of a program's own functions and of kernel functions are none of helpers. */
static void test_other_calls(void **state)
{
	_cleanup_(helper_symbols_done) struct helper_symbols s = {};
	struct bpf_insn insn = HELPER(0x600);

	read_symbols(kallsyms, &s, 0);
	insn.src_reg = BPF_PSEUDO_CALL;
	assert_string_equal(judge(&s, insn, "bpf_x"), "");
	insn.src_reg = BPF_PSEUDO_KFUNC_CALL;
	assert_string_equal(judge(&s, insn, "bpf_x"), "");
	insn = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	assert_string_equal(judge(&s, insn, "bpf_x"), "");
	/* forms that there are not, whatever is named */
	insn = HELPER(0x100);
	insn.src_reg = BPF_PSEUDO_KFUNC_CALL + 1;
	assert_string_equal(judge(&s, insn, "*"), "?");
	insn = HELPER(0x100);
	insn.code |= BPF_X;
	assert_string_equal(judge(&s, insn, "*"), "?");
}

static void test_hidden(void **state)
{
	_cleanup_(helper_symbols_done) struct helper_symbols s = {};

	read_symbols("0000000000000000 T __bpf_call_base\n0000000000000000 T bpf_ktime_get_ns\n",
		     &s, -ENODATA);
	read_symbols("\n", &s, -ENODATA);
	assert_null(s.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),  cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_judge),  cmocka_unit_test(test_other_calls),
		cmocka_unit_test(test_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
