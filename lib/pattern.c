/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Patterns over targets and names: '*' for any run of characters without '/'. */
#include "target.h"
#include "text.h"

#define CGROUP_PREFIX "/sys/fs/cgroup/"
#define PATTERN_MAX   4096 /* as a path */

static unsigned count_slashes(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '/';
	return n;
}

/* '*' does not match '/', so a pattern with the wrong slashes is a rule that never holds. */
static const char *check_slashes(enum target_kind kind, const char *rest)
{
	switch (kind) {
	case TARGET_TRACEPOINT:
		return count_slashes(rest) == 1 ? NULL
						: "'*' does not match '/': write GROUP/NAME, as in "
						  "tracepoint:sched/*";
	case TARGET_TCX:
		return count_slashes(rest) == 1 ? NULL
						: "'*' does not match '/': write INTERFACE/HOOK, "
						  "as in tcx:*/ingress";
	case TARGET_UPROBE:
	case TARGET_URETPROBE:
		return rest[0] == '/' ? NULL : "it must begin with an absolute path";
	case TARGET_CGROUP:
		return strncmp(rest, CGROUP_PREFIX, strlen(CGROUP_PREFIX)) == 0
			       ? NULL
			       : "it must begin with " CGROUP_PREFIX;
	default:
		return count_slashes(rest) == 0 ? NULL : "targets of its kind hold no '/'";
	}
}

static const char *check_pattern(const char *pattern)
{
	const char *colon = strchr(pattern, ':');
	enum target_kind kind;

	if (!colon)
		return "a pattern is written kind:pattern, as in fentry:vfs_*";
	if (target_kind_from_name(pattern, colon - pattern, &kind) < 0)
		return "unknown kind; known are tracepoint, raw_tp, tp_btf, fentry, fexit, kprobe, "
		       "kretprobe, uprobe, uretprobe, perf_event, xdp, tcx, cgroup, lsm, iter";
	if (colon[1] == '\0')
		return "nothing follows its kind";
	if (strlen(pattern) > PATTERN_MAX || !text_printable(pattern, strlen(pattern)))
		return "it is too long or holds characters that cannot be printed";
	if (strstr(colon, "**"))
		return "\"**\" has no meaning: '*' matches any run of characters without '/'";
	return check_slashes(kind, colon + 1);
}

int target_pattern_check(const char *pattern, struct error *error)
{
	_cleanup_target_ struct target target = {};
	const char *wrong;
	int r;

	if (!strchr(pattern, '*')) {
		r = target_parse(pattern, &target, error);
		if (r < 0)
			return r;
		if (streq(target.text, pattern))
			return 0;
		/* Compared as text, so only the canonical form would ever match. */
		return error_set(error, -EINVAL, ERROR_BAD_TARGET, STEP_NONE,
				 "pattern \"%.256s\" must be written \"%s\"", pattern, target.text);
	}

	wrong = check_pattern(pattern);
	if (wrong)
		return error_set(error, -EINVAL, ERROR_BAD_TARGET, STEP_NONE,
				 "pattern \"%.256s\" is not usable: %s", pattern, wrong);
	return 0;
}

/*
 * Only the last '*' ever needs another try: between two of them stands literal text, and since none
 * of them crosses a '/', taking the first place where that text fits loses nothing. So the time is
 * bounded by the product of both lengths, whatever the pattern.
 */
static bool match(const char *pattern, const char *pattern_end, const char *text,
		  const char *text_end)
{
	const char *star = NULL, *tried = NULL;

	while (text < text_end) {
		if (pattern < pattern_end && *pattern == '*') {
			star = pattern++;
			tried = text;
		} else if (pattern < pattern_end && *pattern == *text) {
			pattern++;
			text++;
		} else if (star && *tried != '/') {
			pattern = star + 1;
			text = ++tried;
		} else {
			return false;
		}
	}
	while (pattern < pattern_end && *pattern == '*')
		pattern++;
	return pattern == pattern_end;
}

bool pattern_match(const char *pattern, const char *text)
{
	return match(pattern, pattern + strlen(pattern), text, text + strlen(text));
}

bool target_match(const char *pattern, const char *text)
{
	const char *colon = strchr(text, ':');

	if (!colon || strncmp(pattern, text, colon + 1 - text) != 0)
		return false;
	return pattern_match(pattern + (colon + 1 - text), colon + 1);
}

/* FILE:0xOFFSET, without a symbol that it is counted from. */
static bool is_number(const struct target *target)
{
	return target->kind == TARGET_UPROBE && !target->name;
}

bool target_covered(const char *pattern, const struct target *target)
{
	const char *place;

	if (!target_match(pattern, target->text))
		return false;
	if (!is_number(target) && target->offset == 0)
		return true;
	place = strrchr(pattern, ':') + 1;
	/* The pattern of a path alone: its '*' is what covers the place. */
	if (strchr(place, '/'))
		return false;
	return is_number(target) ? strncmp(place, "0x", 2) == 0 : strchr(place, '+') != NULL;
}

bool target_touched(const char *pattern, const struct target *target)
{
	if (target_match(pattern, target->text))
		return true;
	if (!is_number(target) && target->offset == 0)
		return false;
	return match(pattern, strrchr(pattern, ':'), target->text, strrchr(target->text, ':'));
}
