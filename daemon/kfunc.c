/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kfunc.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>

#include "attest.h"
#include "capability.h"
#include "errno-text.h"
#include "feature.h"
#include "loader-insn.h"
#include "pin.h"
#include "sys-bpf.h"

#define KALLSYMS  "/proc/kallsyms"
#define CALL_BASE "__bpf_call_base"

enum call_form call_form(const struct bpf_insn *insn)
{
	if (!insn_is_jump_class(insn) || BPF_OP(insn->code) != BPF_CALL)
		return CALL_NONE;
	if (insn->code != CODE_CALL)
		return CALL_UNKNOWN;
	switch (insn->src_reg) {
	case 0:
		return CALL_HELPER;
	case BPF_PSEUDO_CALL:
		return CALL_OWN;
	case BPF_PSEUDO_KFUNC_CALL:
		return CALL_KFUNC;
	default:
		return CALL_UNKNOWN;
	}
}

int kfunc_each(const void *insns, size_t size,
	       int (*each)(const struct kfunc_call *call, void *userdata), void *userdata)
{
	struct kfunc_call call;
	struct bpf_insn insn;
	int r = 0;

	for (size_t at = 0; r == 0 && at + sizeof(insn) <= size; at += sizeof(insn)) {
		memcpy(&insn, (const char *)insns + at, sizeof(insn));
		if (insn.code == (BPF_LD | BPF_DW | BPF_IMM)) {
			at += sizeof(insn);
			continue;
		}
		if (call_form(&insn) != CALL_KFUNC && call_form(&insn) != CALL_UNKNOWN)
			continue;
		call = (struct kfunc_call){
			.distance = insn.imm,
			.module = insn.off,
			.unknown = call_form(&insn) == CALL_UNKNOWN,
		};
		r = each(&call, userdata);
	}
	return r;
}

/* ---- symbols ---- */

/* The name as it stands in the tables of lib/feature.c, or NULL. */
static const char *feature_kfunc(const char *name)
{
	char old[KFUNC_NAME_MAX];

	for (enum feature f = 0; f < _FEATURE_MAX; f++)
		for (const char *const *kfunc = feature_kfuncs(f); *kfunc; kfunc++)
			if (streq(*kfunc, name) || streq(kfunc_old_name(*kfunc, old), name))
				return *kfunc;
	return NULL;
}

/* "ADDRESS TYPE NAME", and for a symbol of a module "\t[MODULE]" behind it. */
bool kfunc_parse_symbol(const char *line, uint64_t *ret_address, char ret_name[static 128])
{
	char type;

	return !strchr(line, '[') &&
	       sscanf(line, "%" SCNx64 " %c %127s", ret_address, &type, ret_name) == 3;
}

int kfunc_symbols_read(FILE *file, struct kfunc_symbols *ret)
{
	struct kfunc_symbols symbols = {};
	char line[512], name[128];
	const char *known;
	uint64_t address;

	while (fgets(line, sizeof(line), file)) {
		if (!kfunc_parse_symbol(line, &address, name))
			continue;
		known = feature_kfunc(name);
		if (streq(name, CALL_BASE))
			symbols.base = address;
		else if (known && address != 0 && symbols.n < KFUNC_SYMBOLS_MAX)
			symbols.items[symbols.n++] = (struct kfunc_symbol){known, address};
	}
	if (ferror(file))
		return -EIO;
	if (symbols.base == 0)
		return -ENODATA;
	*ret = symbols;
	return 0;
}

int kfunc_open_symbols(FILE **ret)
{
	bool raised = capability_raise(CAPABILITY_SYMBOLS, true) == 0;
	FILE *file = fopen(KALLSYMS, "re");
	int r = file ? 0 : -errno;

	/* a thread that could not be lowered again must not go on */
	if (raised && capability_raise(CAPABILITY_SYMBOLS, false) < 0)
		abort();
	if (r == 0)
		*ret = file;
	return r;
}

static struct {
	pthread_mutex_t lock;
	bool known;
	struct kfunc_symbols symbols;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int symbols_get(struct kfunc_symbols *ret)
{
	_cleanup_fclose_ FILE *file = NULL;
	int r = 0;

	pthread_mutex_lock(&cache.lock);
	if (!cache.known) {
		r = kfunc_open_symbols(&file);
		if (r == 0)
			r = kfunc_symbols_read(file, &cache.symbols);
		cache.known = r == 0;
	}
	if (r == 0)
		*ret = cache.symbols;
	pthread_mutex_unlock(&cache.lock);
	return r;
}

/* ---- judging ---- */

static const char *say(char buffer[static KFUNC_REASON_MAX], const char *format, ...)
	_printf_(2, 3);
static const char *say(char buffer[static KFUNC_REASON_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(buffer, KFUNC_REASON_MAX, format, args);
	va_end(args);
	return buffer;
}

static bool is_required(const struct manifest *manifest, const char *kfunc, enum feature *ret)
{
	for (enum feature f = 0; f < _FEATURE_MAX; f++)
		for (const char *const *k = feature_kfuncs(f); *k; k++)
			if (streq(*k, kfunc))
				*ret = f;
	for (unsigned i = 0; i < manifest->n_requires; i++)
		if (streq(manifest->requires[i], feature_name(*ret)))
			return true;
	return false;
}

static bool is_granted(const struct kfunc_grant *grant, const char *kfunc)
{
	char old[KFUNC_NAME_MAX];

	kfunc_old_name(kfunc, old);
	for (unsigned i = 0; i < grant->n; i++)
		if (pattern_match(grant->patterns[i], kfunc) ||
		    pattern_match(grant->patterns[i], old))
			return true;
	return false;
}

const char *kfunc_judge(const struct kfunc_symbols *symbols, const struct kfunc_call *call,
			const struct manifest *manifest, const struct kfunc_grant *grant,
			char buffer[static KFUNC_REASON_MAX])
{
	const char *name = NULL;
	enum feature feature = _FEATURE_MAX;

	if (call->unknown)
		return say(buffer, "something by an instruction that bpfgated does not know: a "
				   "newer version may");
	if (call->module != 0)
		return say(buffer, "a kernel function (kfunc) of a module, which none may call");
	if (call->distance == 0)
		return say(buffer,
			   "a kernel function (kfunc), and the kernel does not show which: see "
			   "CAPABILITIES in bpfgated(8)");
	/* Functions of the same code can have one address: any of their names will do. */
	for (unsigned i = 0; i < symbols->n; i++) {
		if (symbols->items[i].address != symbols->base + (uint64_t)(int64_t)call->distance)
			continue;
		name = symbols->items[i].name;
		if (is_required(manifest, name, &feature) && is_granted(grant, name))
			return NULL;
	}
	if (!name)
		return say(buffer, "a kernel function (kfunc) that belongs to no feature which a "
				   "manifest can require");
	if (!is_required(manifest, name, &feature))
		return say(buffer, "%s(), but its manifest does not require \"%s\"", name,
			   feature_name(feature));
	return say(buffer, "%s(), which the rule does not name in its kfuncs", name);
}

struct judgement {
	const struct kfunc_symbols *symbols;
	const struct manifest *manifest;
	const struct kfunc_grant *grant;
	const char *reason;
	char buffer[KFUNC_REASON_MAX];
};

static int judge(const struct kfunc_call *call, void *userdata)
{
	struct judgement *j = userdata;

	j->reason = kfunc_judge(j->symbols, call, j->manifest, j->grant, j->buffer);
	return j->reason ? -EPERM : 0;
}

int kfunc_cannot_tell(const struct manifest_program *program, const char *calls, const char *what,
		      int r, struct error *error)
{
	char buffer[ERRNO_TEXT_SIZE];

	return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
			 "cannot tell which %s program \"%s\" calls: %s: %s", calls, program->name,
			 what, errno_text(-r, buffer));
}

/* A file of the program's own that belongs to somebody with CAP_SYSLOG. */
static int open_again(const struct manifest_program *program, int fd, const char *calls,
		      int *ret_fd, struct error *error)
{
	const char *what = NULL;
	bool raised;
	int r;

	r = pin_root_check(NULL);
	if (r < 0)
		return kfunc_cannot_tell(program, calls, PIN_ROOT " cannot be used", r, error);
	raised = capability_raise(CAPABILITY_SYMBOLS, true) == 0;
	r = pin_reopen(fd, 0, ret_fd, &what);
	if (raised && capability_raise(CAPABILITY_SYMBOLS, false) < 0)
		abort();
	return r < 0 ? kfunc_cannot_tell(program, calls, what, r, error) : 0;
}

int kfunc_read_calls(const struct manifest_program *program, int fd, uint32_t size,
		     const char *calls, void **ret, struct error *error)
{
	_cleanup_close_ int again = -1;
	int r;

	r = open_again(program, fd, calls, &again, error);
	return r < 0 ? r : attest_read_insns(program, again, size, ret, error);
}

int attest_kfuncs(const struct manifest *manifest, const struct manifest_program *program, int fd,
		  uint32_t size, const struct kfunc_grant *grant, struct error *error)
{
	static const char calls[] = "kernel functions (kfuncs)";
	_cleanup_free_ void *insns = NULL;
	struct kfunc_symbols symbols;
	struct judgement judgement = {&symbols, manifest, grant, NULL, ""};
	int r;

	r = symbols_get(&symbols);
	if (r == -ENODATA)
		return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
				 "cannot tell which kernel functions (kfuncs) program \"%s\" "
				 "calls: " KALLSYMS " shows no addresses: see CAPABILITIES in "
				 "bpfgated(8)",
				 program->name);
	if (r < 0)
		return kfunc_cannot_tell(program, calls, KALLSYMS " cannot be read", r, error);
	r = kfunc_read_calls(program, fd, size, calls, &insns, error);
	if (r < 0)
		return r;
	r = kfunc_each(insns, size, judge, &judgement);
	if (r < 0)
		return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST,
				 "program \"%s\" calls %s", program->name, judgement.reason);
	return 0;
}
