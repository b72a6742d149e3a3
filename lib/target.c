/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "target.h"

#include <limits.h>
#include <net/if.h>

#include "text.h"

#define CGROUP_ROOT   "/sys/fs/cgroup"
#define FREQUENCY_MAX 10000
#define NAME_MAX_SIZE                                                              \
	128 /* of a function, hook, event; KSYM_NAME_LEN is 512, but those are C++ \
	     */
#define SYMBOL_MAX_SIZE 512

#define LETTERS		 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS		 "0123456789"
#define CHARS_NAME	 LETTERS DIGITS "_"
#define CHARS_FUNCTION	 CHARS_NAME "." /* foo.isra.0 */
#define CHARS_TRACEPOINT CHARS_NAME "-"
#define CHARS_SYMBOL	 CHARS_NAME ".@$"
#define CHARS_EVENT	 "abcdefghijklmnopqrstuvwxyz0123456789-"

/* Fills @t (kind is set) from @rest, what stands behind "kind:". NULL, or what is wrong. */
typedef const char *(*parse_fn)(const char *rest, struct target *t);

static const char out_of_memory[] = "out of memory";

static bool only(const char *text, const char *chars, size_t max)
{
	size_t n = strspn(text, chars);

	return n > 0 && n <= max && text[n] == '\0';
}

static const char *take(char **ret, const char *text, size_t size)
{
	*ret = strndup(text, size);
	return *ret ? NULL : out_of_memory;
}

/* "0x10": lower- or upper-case digits, nothing else. */
static bool parse_hex(const char *text, uint64_t *ret)
{
	const char *digits = text + 2;
	size_t n;

	if (strncmp(text, "0x", 2) != 0)
		return false;
	n = strspn(digits, "0123456789abcdefABCDEF");
	if (n < 1 || n > 16 || digits[n] != '\0')
		return false;
	*ret = strtoull(digits, NULL, 16);
	return true;
}

/* Absolute and normalised, so that two texts of one file are equal. */
static bool path_valid(const char *path)
{
	size_t size = strlen(path);

	if (path[0] != '/' || size < 2 || size >= PATH_MAX || path[size - 1] == '/')
		return false;
	if (!text_printable(path, size))
		return false;
	for (const char *p = path; p; p = strchr(p + 1, '/')) {
		size_t n = strcspn(p + 1, "/");

		if (n == 0 || n > NAME_MAX || (n == 1 && p[1] == '.') ||
		    (n == 2 && p[1] == '.' && p[2] == '.'))
			return false;
	}
	return true;
}

static const char *parse_tracepoint(const char *rest, struct target *t)
{
	size_t group = strspn(rest, CHARS_TRACEPOINT);

	if (group == 0 || group > NAME_MAX_SIZE || rest[group] != '/' ||
	    !only(rest + group + 1, CHARS_TRACEPOINT, NAME_MAX_SIZE))
		return "a tracepoint is written GROUP/NAME, as in tracepoint:sched/sched_switch";
	return take(&t->name, rest, strlen(rest));
}

static const char *parse_name(const char *rest, struct target *t)
{
	if (!only(rest, CHARS_NAME, NAME_MAX_SIZE))
		return "its name must be 1 to 128 letters, digits and underscores";
	return take(&t->name, rest, strlen(rest));
}

static const char *parse_function(const char *rest, struct target *t)
{
	if (!only(rest, CHARS_FUNCTION, NAME_MAX_SIZE))
		return "a function's name must be 1 to 128 letters, digits, underscores and dots";
	return take(&t->name, rest, strlen(rest));
}

/* NAME[+0xOFFSET] */
static const char *parse_place(const char *rest, const char *chars, size_t max, struct target *t)
{
	const char *plus = strchr(rest, '+');

	if (plus && !parse_hex(plus + 1, &t->offset))
		return "an offset is written +0x and hexadecimal digits";
	if (take(&t->name, rest, plus ? (size_t)(plus - rest) : strlen(rest)))
		return out_of_memory;
	if (!only(t->name, chars, max))
		return "the name of its function or symbol is empty, too long or has characters "
		       "that none can have";
	return NULL;
}

static const char *parse_kprobe(const char *rest, struct target *t)
{
	return parse_place(rest, CHARS_FUNCTION, NAME_MAX_SIZE, t);
}

/* /PATH:SYMBOL[+0xOFFSET] or /PATH:0xOFFSET; a path may hold colons, a symbol not. */
static const char *parse_uprobe(const char *rest, struct target *t)
{
	const char *colon = strrchr(rest, ':');

	if (rest[0] != '/' || !colon)
		return "a uprobe is written /PATH:SYMBOL, as in uprobe:/usr/bin/bash:readline";
	if (take(&t->path, rest, colon - rest))
		return out_of_memory;
	if (!path_valid(t->path))
		return "its path must be absolute and normalised (no \"//\", \".\" or \"..\")";
	if (t->kind == TARGET_UPROBE && parse_hex(colon + 1, &t->offset))
		return NULL;
	if (t->kind == TARGET_URETPROBE && strchr(colon, '+'))
		return "a uretprobe has no offset";
	return parse_place(colon + 1, CHARS_SYMBOL, SYMBOL_MAX_SIZE, t);
}

static const char *parse_perf_event(const char *rest, struct target *t)
{
	size_t event = strspn(rest, CHARS_EVENT), n;

	n = rest[event] == '@' ? strspn(rest + event + 1, DIGITS) : 0;
	if (event == 0 || event > NAME_MAX_SIZE || n < 1 || n > 5 || rest[event + 1 + n] != '\0')
		return "a perf event is written EVENT@FREQUENCY, as in perf_event:cpu-clock@99";
	t->frequency = strtoull(rest + event + 1, NULL, 10);
	if (t->frequency < 1 || t->frequency > FREQUENCY_MAX)
		return "its frequency must be 1 to 10000 samples a second";
	return take(&t->name, rest, event);
}

/* What the kernel's dev_valid_name() takes, less what is not printable ASCII. */
static bool interface_valid(const char *name)
{
	size_t size = strlen(name);

	if (size < 1 || size >= IFNAMSIZ || streq(name, ".") || streq(name, ".."))
		return false;
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || *p == '/' || *p == ':')
			return false;
	return true;
}

static const char *parse_xdp(const char *rest, struct target *t)
{
	if (!interface_valid(rest))
		return "the name of its network interface must be 1 to 15 printable characters "
		       "without space, slash and colon";
	return take(&t->name, rest, strlen(rest));
}

/* Splits at the last slash: what is before it, and a hook of the kind behind it. */
static const char *split_hook(const char *rest, char **ret_before, struct target *t)
{
	const char *slash = strrchr(rest, '/');

	if (!slash || !target_hook_valid(t->kind, slash + 1))
		return t->kind == TARGET_TCX
			       ? "it must end in /ingress or /egress"
			       : "it must end in /ingress, /egress, /sock_create, /sock_release or "
				 "/device";
	if (take(ret_before, rest, slash - rest) || take(&t->hook, slash + 1, strlen(slash + 1)))
		return out_of_memory;
	return NULL;
}

static const char *parse_tcx(const char *rest, struct target *t)
{
	const char *wrong = split_hook(rest, &t->name, t);

	if (wrong)
		return wrong;
	if (!interface_valid(t->name))
		return "the name of its network interface must be 1 to 15 printable characters "
		       "without space, slash and colon";
	return NULL;
}

static const char *parse_cgroup(const char *rest, struct target *t)
{
	const char *wrong = split_hook(rest, &t->path, t);
	size_t root = strlen(CGROUP_ROOT);

	if (wrong)
		return wrong;
	if (!path_valid(t->path) || strncmp(t->path, CGROUP_ROOT, root) != 0 ||
	    (t->path[root] != '\0' && t->path[root] != '/'))
		return "its folder must be written as an absolute and normalised path "
		       "in " CGROUP_ROOT;
	return NULL;
}

static const struct {
	const char *name;
	parse_fn parse;
	bool baked, network;
} kinds[_TARGET_KIND_MAX] = {
	[TARGET_TRACEPOINT] = {"tracepoint", parse_tracepoint, false, false},
	[TARGET_RAW_TP] = {"raw_tp", parse_name, false, false},
	[TARGET_TP_BTF] = {"tp_btf", parse_name, true, false},
	[TARGET_FENTRY] = {"fentry", parse_function, true, false},
	[TARGET_FEXIT] = {"fexit", parse_function, true, false},
	[TARGET_KPROBE] = {"kprobe", parse_kprobe, false, false},
	[TARGET_KRETPROBE] = {"kretprobe", parse_function, false, false},
	[TARGET_UPROBE] = {"uprobe", parse_uprobe, false, false},
	[TARGET_URETPROBE] = {"uretprobe", parse_uprobe, false, false},
	[TARGET_PERF_EVENT] = {"perf_event", parse_perf_event, false, false},
	[TARGET_XDP] = {"xdp", parse_xdp, false, true},
	[TARGET_TCX] = {"tcx", parse_tcx, false, true},
	[TARGET_CGROUP] = {"cgroup", parse_cgroup, false, false},
	[TARGET_LSM] = {"lsm", parse_name, true, false},
	[TARGET_ITER] = {"iter", parse_name, true, false},
};

const char *target_kind_name(enum target_kind kind)
{
	return (unsigned)kind < _TARGET_KIND_MAX ? kinds[kind].name : NULL;
}

int target_kind_from_name(const char *name, size_t size, enum target_kind *ret)
{
	for (unsigned kind = 0; kind < _TARGET_KIND_MAX; kind++) {
		if (strlen(kinds[kind].name) == size && memcmp(kinds[kind].name, name, size) == 0) {
			*ret = kind;
			return 0;
		}
	}
	return -EINVAL;
}

bool target_kind_is_baked(enum target_kind kind)
{
	return (unsigned)kind < _TARGET_KIND_MAX && kinds[kind].baked;
}

bool target_kind_is_network(enum target_kind kind)
{
	return (unsigned)kind < _TARGET_KIND_MAX && kinds[kind].network;
}

/* The one way to write @t, from its parts. */
static char *format_target(const struct target *t)
{
	const char *kind = kinds[t->kind].name;
	unsigned long long offset = t->offset, frequency = t->frequency;
	char *text = NULL;
	int n;

	if (t->kind == TARGET_PERF_EVENT)
		n = asprintf(&text, "%s:%s@%llu", kind, t->name, frequency);
	else if (t->kind == TARGET_CGROUP)
		n = asprintf(&text, "%s:%s/%s", kind, t->path, t->hook);
	else if (t->kind == TARGET_TCX)
		n = asprintf(&text, "%s:%s/%s", kind, t->name, t->hook);
	else if (t->path && !t->name)
		n = asprintf(&text, "%s:%s:0x%llx", kind, t->path, offset);
	else if (t->offset)
		n = asprintf(&text, "%s:%s%s%s+0x%llx", kind, t->path ?: "", t->path ? ":" : "",
			     t->name, offset);
	else
		n = asprintf(&text, "%s:%s%s%s", kind, t->path ?: "", t->path ? ":" : "", t->name);
	return n < 0 ? NULL : text;
}

static int bad_target(const char *text, const char *wrong, struct error *error)
{
	if (wrong == out_of_memory)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	error_set(error, -EINVAL, ERROR_BAD_TARGET, STEP_NONE,
		  "target \"%.256s\" is not usable: %s", text, wrong);
	if (text_printable(text, strlen(text)))
		error_field_string(error, "target", text);
	return -EINVAL;
}

/* Splits "kind:rest". NULL, or what is wrong. */
static const char *split_kind(const char *text, enum target_kind *ret_kind, const char **ret_rest)
{
	const char *colon = strchr(text, ':');

	if (!colon)
		return "a target is written kind:target, as in fentry:do_unlinkat";
	if (target_kind_from_name(text, colon - text, ret_kind) < 0)
		return "unknown kind; known are tracepoint, raw_tp, tp_btf, fentry, fexit, kprobe, "
		       "kretprobe, uprobe, uretprobe, perf_event, xdp, tcx, cgroup, lsm, iter";
	*ret_rest = colon + 1;
	return NULL;
}

int target_parse(const char *text, struct target *ret, struct error *error)
{
	_cleanup_target_ struct target t = {};
	const char *wrong, *rest = NULL;

	wrong = split_kind(text, &t.kind, &rest);
	if (!wrong && strchr(rest, '*'))
		wrong = "'*' is for patterns, this must be one exact target";
	if (!wrong)
		wrong = kinds[t.kind].parse(rest, &t);
	if (!wrong) {
		t.text = format_target(&t);
		wrong = t.text ? NULL : out_of_memory;
	}
	if (wrong)
		return bad_target(text, wrong, error);

	*ret = t;
	t = (struct target){};
	return 0;
}

void target_done(struct target *target)
{
	free(target->text);
	free(target->name);
	free(target->path);
	free(target->hook);
	*target = (struct target){};
}
