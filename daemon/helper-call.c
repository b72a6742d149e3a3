/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper-call.h"

#include <pthread.h>

#include "helper.h"

#define CALL_BASE	   "__bpf_call_base"
#define HELPER_SYMBOLS_MAX 4096u

/* ---- names ---- */

/* Functions whose names say nothing of their helper. */
static const struct {
	const char *symbol, *helper; /* NULL: none, the kernel calls it for itself */
} specials[] = {
	{"bpf_skb_event_output", "bpf_perf_event_output"},
	{"bpf_skb_event_output", "bpf_skb_output"},
	{"bpf_xdp_event_output", "bpf_perf_event_output"},
	{"bpf_xdp_event_output", "bpf_xdp_output"},
	{"bpf_user_rnd_u32", "bpf_get_prandom_u32"},
	{"bpf_get_raw_cpu_id", "bpf_get_smp_processor_id"},
	{"bpf_for_each_hash_elem", "bpf_for_each_map_elem"},
	{"bpf_for_each_array_elem", "bpf_for_each_map_elem"},
	{"arch_bpf_timed_may_goto", NULL},
	{"bpf_check_timed_may_goto", NULL},
};

/* What stands before or behind the helper's name where types of programs have one of their own. */
static const char *const prefixes[] = {"bpf_tc_", "bpf_xdp_", "bpf_skb_", "bpf_sock_addr_"};
static const char *const suffixes[] = {
	"_tp",	      "_raw_tp",       "_pe",	     "_trace",	"_tracing",
	"_kprobe",    "_kprobe_multi", "_sleepable", "_compat", "_uprobe_multi",
	"_sock_addr", "_sock",	       "_curr",
};

/* Operations of maps: "htab_map_lookup_elem" is what bpf_map_lookup_elem() comes to. */
static const struct {
	const char *end, *helper;
} operations[] = {
	{"_lookup_percpu_elem", "bpf_map_lookup_percpu_elem"},
	{"_lookup_elem", "bpf_map_lookup_elem"},
	{"_update_elem", "bpf_map_update_elem"},
	{"_delete_elem", "bpf_map_delete_elem"},
	{"_push_elem", "bpf_map_push_elem"},
	{"_pop_elem", "bpf_map_pop_elem"},
	{"_peek_elem", "bpf_map_peek_elem"},
};

static unsigned from_specials(const char *symbol, uint32_t ret[static 2])
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(specials) && n < 2; i++) {
		if (!streq(specials[i].symbol, symbol))
			continue;
		ret[n] = 0;
		if (!specials[i].helper || helper_from_name(specials[i].helper, &ret[n]) == 0)
			n++;
	}
	return n;
}

static bool from_prefix(const char *symbol, uint32_t *ret)
{
	char name[128];

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t size = strlen(prefixes[i]);

		if (strncmp(symbol, prefixes[i], size) != 0)
			continue;
		snprintf(name, sizeof(name), "bpf_%s", symbol + size);
		if (helper_from_name(name, ret) == 0)
			return true;
	}
	return false;
}

static bool from_suffix(const char *symbol, uint32_t *ret)
{
	size_t size = strlen(symbol);
	char name[128];

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t tail = strlen(suffixes[i]);

		if (size <= tail || !streq(symbol + size - tail, suffixes[i]))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(size - tail), symbol);
		if (helper_from_name(name, ret) == 0)
			return true;
	}
	return false;
}

static bool from_operation(const char *symbol, uint32_t *ret)
{
	size_t size = strlen(symbol);

	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		size_t tail = strlen(operations[i].end);

		if (size > tail && streq(symbol + size - tail, operations[i].end))
			return helper_from_name(operations[i].helper, ret) == 0;
	}
	return false;
}

unsigned helpers_of_symbol(const char *symbol, uint32_t ret[static 2])
{
	unsigned n = from_specials(symbol, ret);

	if (n)
		return n;
	return helper_from_name(symbol, &ret[0]) == 0 || from_prefix(symbol, &ret[0]) ||
	       from_suffix(symbol, &ret[0]) || from_operation(symbol, &ret[0]);
}

/* ---- symbols ---- */

/* The names of all that can be meant are rare among kernel symbols. */
static bool is_candidate(const char *name)
{
	size_t size = strlen(name);

	return strncmp(name, "bpf_", 4) == 0 || strncmp(name, "arch_bpf_", 9) == 0 ||
	       (size > 5 && streq(name + size - 5, "_elem"));
}

static int add(struct helper_symbols *symbols, uint64_t address, uint32_t helper)
{
	struct helper_symbol *items;

	if (symbols->n == HELPER_SYMBOLS_MAX)
		return -E2BIG;
	items = reallocarray(symbols->items, symbols->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	symbols->items = items;
	items[symbols->n++] = (struct helper_symbol){address, helper};
	return 0;
}

static int add_symbol(struct helper_symbols *symbols, uint64_t address, const char *name)
{
	uint32_t helpers[2];
	unsigned n;
	int r = 0;

	if (address == 0 || !is_candidate(name))
		return 0;
	n = helpers_of_symbol(name, helpers);
	for (unsigned i = 0; i < n && r == 0; i++)
		r = add(symbols, address, helpers[i]);
	return r;
}

int helper_symbols_read(FILE *file, struct helper_symbols *ret)
{
	_cleanup_(helper_symbols_done) struct helper_symbols symbols = {};
	char line[512], name[128];
	uint64_t address;
	int r = 0;

	while (r == 0 && fgets(line, sizeof(line), file)) {
		if (!kfunc_parse_symbol(line, &address, name))
			continue;
		if (streq(name, CALL_BASE))
			symbols.base = address;
		r = add_symbol(&symbols, address, name);
	}
	if (r < 0 || ferror(file))
		return r < 0 ? r : -EIO;
	if (symbols.base == 0)
		return -ENODATA;
	*ret = symbols;
	symbols = (struct helper_symbols){};
	return 0;
}

void helper_symbols_done(struct helper_symbols *symbols)
{
	free(symbols->items);
	*symbols = (struct helper_symbols){};
}

/* Read when first needed; it does not change before the next boot, nor does this once it is known.
 */
static struct {
	pthread_mutex_t lock;
	struct helper_symbols symbols;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int symbols_get(const struct helper_symbols **ret)
{
	_cleanup_fclose_ FILE *file = NULL;
	int r = 0;

	pthread_mutex_lock(&cache.lock);
	if (cache.symbols.base == 0) {
		r = kfunc_open_symbols(&file);
		if (r == 0)
			r = helper_symbols_read(file, &cache.symbols);
	}
	pthread_mutex_unlock(&cache.lock);
	*ret = &cache.symbols;
	return r;
}

/* ---- judging ---- */

static bool is_granted(const struct kfunc_grant *grant, const char *name)
{
	for (unsigned i = 0; i < grant->n_helpers; i++)
		if (pattern_match(grant->helpers[i], name))
			return true;
	return false;
}

bool helper_judge(const struct helper_symbols *symbols, const struct bpf_insn *insn,
		  const struct kfunc_grant *grant, const char **ret_name)
{
	uint64_t address = symbols->base + (uint64_t)(int64_t)insn->imm;

	*ret_name = NULL;
	/* not shown, or nothing that is known */
	if (call_form(insn) != CALL_HELPER || insn->imm == 0)
		return call_form(insn) != CALL_HELPER && call_form(insn) != CALL_UNKNOWN;
	/* Functions of the same code can have one address: any of their names will do. */
	for (unsigned i = 0; i < symbols->n; i++) {
		if (symbols->items[i].address != address)
			continue;
		*ret_name = helper_name(symbols->items[i].helper);
		if (!*ret_name || is_granted(grant, *ret_name))
			return true;
	}
	/* One that the JIT compiler replaces keeps its number, as does a tail call. */
	if (!*ret_name)
		*ret_name = helper_name((uint32_t)insn->imm);
	return *ret_name && is_granted(grant, *ret_name);
}

static int judge(const struct helper_symbols *symbols, const struct manifest_program *program,
		 const void *insns, uint32_t size, const struct kfunc_grant *grant,
		 struct error *error)
{
	struct bpf_insn insn;
	const char *name;

	for (size_t at = 0; at + sizeof(insn) <= size; at += sizeof(insn)) {
		memcpy(&insn, (const char *)insns + at, sizeof(insn));
		if (insn.code == (BPF_LD | BPF_DW | BPF_IMM)) {
			at += sizeof(insn);
			continue;
		}
		if (helper_judge(symbols, &insn, grant, &name))
			continue;
		if (name)
			return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
					 "program \"%s\" calls %s(), which the rule does not name "
					 "in its helpers",
					 program->name, name);
		return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
				 "program \"%s\" calls a helper, and it cannot be told which: the "
				 "rule names helpers, so it is refused; see bpfgate-policy(5)",
				 program->name);
	}
	return 0;
}

int attest_helpers(const struct manifest_program *program, int fd, uint32_t size,
		   const struct kfunc_grant *grant, struct error *error)
{
	const struct helper_symbols *symbols;
	_cleanup_free_ void *insns = NULL;
	int r;

	r = symbols_get(&symbols);
	if (r == -ENODATA)
		return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
				 "cannot tell which helpers program \"%s\" calls: /proc/kallsyms "
				 "shows no addresses: see CAPABILITIES in bpfgated(8)",
				 program->name);
	if (r < 0)
		return kfunc_cannot_tell(program, "helpers", "/proc/kallsyms cannot be read", r,
					 error);
	r = kfunc_read_calls(program, fd, size, "helpers", &insns, error);
	return r < 0 ? r : judge(symbols, program, insns, size, grant, error);
}
