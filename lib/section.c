/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the ELF section of a program to its target. The names are libbpf's (its documentation,
 * "Program Types and ELF Sections").
 */
#include "target.h"

/* How the part of a section name behind its prefix becomes a target. */
enum section_form {
	FORM_EXACT,  /* "xdp": nothing follows, the target is named at load time */
	FORM_NAME,   /* "fentry/NAME", or "fentry" alone */
	FORM_OFFSET, /* "kprobe/NAME[+OFFSET]", C notation */
};

static const struct {
	const char *prefix;
	enum target_kind kind;
	enum section_form form;
} sections[] = {
	{"tp", TARGET_TRACEPOINT, FORM_NAME},
	{"tracepoint", TARGET_TRACEPOINT, FORM_NAME},
	{"raw_tp", TARGET_RAW_TP, FORM_NAME},
	{"raw_tracepoint", TARGET_RAW_TP, FORM_NAME},
	{"tp_btf", TARGET_TP_BTF, FORM_NAME},
	{"fentry", TARGET_FENTRY, FORM_NAME},
	{"fentry.s", TARGET_FENTRY, FORM_NAME},
	{"fexit", TARGET_FEXIT, FORM_NAME},
	{"fexit.s", TARGET_FEXIT, FORM_NAME},
	{"kprobe", TARGET_KPROBE, FORM_OFFSET},
	{"kretprobe", TARGET_KRETPROBE, FORM_NAME},
	{"uprobe", TARGET_UPROBE, FORM_OFFSET},
	{"uprobe.s", TARGET_UPROBE, FORM_OFFSET},
	{"uretprobe", TARGET_URETPROBE, FORM_NAME},
	{"uretprobe.s", TARGET_URETPROBE, FORM_NAME},
	{"perf_event", TARGET_PERF_EVENT, FORM_EXACT},
	{"xdp", TARGET_XDP, FORM_EXACT},
	{"xdp.frags", TARGET_XDP, FORM_EXACT},
	{"tc", TARGET_TCX, FORM_EXACT},
	{"tc/ingress", TARGET_TCX, FORM_EXACT},
	{"tc/egress", TARGET_TCX, FORM_EXACT},
	{"tcx/ingress", TARGET_TCX, FORM_EXACT},
	{"tcx/egress", TARGET_TCX, FORM_EXACT},
	{"classifier", TARGET_TCX, FORM_EXACT},
	{"cgroup_skb/ingress", TARGET_CGROUP, FORM_EXACT},
	{"cgroup_skb/egress", TARGET_CGROUP, FORM_EXACT},
	{"cgroup/skb", TARGET_CGROUP, FORM_EXACT},
	{"cgroup/sock", TARGET_CGROUP, FORM_EXACT},
	{"cgroup/sock_create", TARGET_CGROUP, FORM_EXACT},
	{"cgroup/sock_release", TARGET_CGROUP, FORM_EXACT},
	{"cgroup/dev", TARGET_CGROUP, FORM_EXACT},
	{"lsm", TARGET_LSM, FORM_NAME},
	{"lsm.s", TARGET_LSM, FORM_NAME},
	{"iter", TARGET_ITER, FORM_NAME},
	{"iter.s", TARGET_ITER, FORM_NAME},
};

/*
 * "NAME+16" or "NAME+0x10" as libbpf reads it, to our "NAME+0x10"; anything without an offset stays
 * as it is. *ret is malloced.
 */
static int convert_offset(const char *rest, char **ret)
{
	const char *plus = strrchr(rest, '+');
	unsigned long long offset;
	char *end;

	if (!plus) {
		*ret = strdup(rest);
		return *ret ? 0 : -ENOMEM;
	}
	if (plus[1] < '0' || plus[1] > '9')
		return -EOPNOTSUPP;
	errno = 0;
	offset = strtoull(plus + 1, &end, 0);
	if (errno != 0 || *end != '\0')
		return -EOPNOTSUPP;
	return asprintf(ret, "%.*s+0x%llx", (int)(plus - rest), rest, offset) < 0 ? -ENOMEM : 0;
}

/* The whole target, only if it is one: whatever target_parse() refuses cannot be attached. */
static int make_target(enum target_kind kind, const char *rest, char **ret)
{
	_cleanup_target_ struct target target = {};
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "%s:%s", target_kind_name(kind), rest) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	if (target_parse(text, &target, NULL) < 0)
		return -EOPNOTSUPP;
	*ret = TAKE_PTR(target.text);
	return 0;
}

int target_from_section(const char *section, enum target_kind *ret_kind, char **ret_text)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		_cleanup_free_ char *rest = NULL;
		size_t n = strlen(sections[i].prefix);
		char *text = NULL;
		int r;

		if (strncmp(section, sections[i].prefix, n) != 0)
			continue;
		if (section[n] == '\0') {
			*ret_kind = sections[i].kind;
			*ret_text = NULL;
			return 0;
		}
		if (section[n] != '/' || sections[i].form == FORM_EXACT)
			continue;

		if (sections[i].form == FORM_OFFSET)
			r = convert_offset(section + n + 1, &rest);
		else
			r = (rest = strdup(section + n + 1)) ? 0 : -ENOMEM;
		if (r == 0)
			r = make_target(sections[i].kind, rest, &text);
		if (r < 0)
			return r;
		*ret_kind = sections[i].kind;
		*ret_text = text;
		return 0;
	}
	return -EOPNOTSUPP;
}
