/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "limits": what a user, and all users of a rule together, may have at a time. */
#include "policy-rule.h"

#define LOADS_MAX	 1000000u
#define INSTRUCTIONS_MAX UINT64_C(1000000000)
#define MEMORY_MAX	 (UINT64_C(1) << 40)

static int parse_loads(const struct policy_text *text, const struct policy_path *path,
		       uint64_t loads, struct policy_limits *limits)
{
	if (loads < 1 || loads > LOADS_MAX)
		return policy_refuse(text, path, "'loads' is 1 to %u", LOADS_MAX);
	limits->loads = (unsigned)loads;
	return 0;
}

static int parse_instructions(const struct policy_text *text, const struct policy_path *path,
			      uint64_t instructions, struct policy_limits *limits)
{
	if (instructions < 1 || instructions > INSTRUCTIONS_MAX)
		return policy_refuse(text, path, "'instructions' is 1 to %llu",
				     (unsigned long long)INSTRUCTIONS_MAX);
	limits->instructions = instructions;
	return 0;
}

/* Digits without a leading zero, up to @max; what follows them in *ret_rest. */
static bool parse_digits(const char *text, uint64_t max, uint64_t *ret, const char **ret_rest)
{
	uint64_t value = 0;

	if (*text < '1' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > max)
			return false;
	}
	*ret = value;
	*ret_rest = text;
	return true;
}

static int parse_memory(const struct policy_text *text, const struct policy_path *path,
			const char *size, struct policy_limits *limits)
{
	static const char units[] = "KMG";
	const char *rest = "", *unit;
	unsigned shift = 0;
	uint64_t value = 0;
	bool good;

	good = parse_digits(size, MEMORY_MAX, &value, &rest);
	unit = good && *rest ? strchr(units, *rest) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		rest++;
	}
	if (!good || *rest || value > MEMORY_MAX >> shift)
		return policy_refuse(text, path,
				     "'%s' is no size: bytes, or as \"64K\", \"16M\", \"1G\", up "
				     "to \"1024G\"",
				     size);
	limits->map_memory = value << shift;
	return 0;
}

static int parse_rate(const struct policy_text *text, const struct policy_path *path,
		      const char *rate, struct policy_limits *limits)
{
	static const struct {
		const char *name;
		uint32_t seconds;
	} units[] = {{"/s", 1}, {"/min", 60}, {"/h", 3600}, {"/d", 86400}};
	const char *rest = "";
	uint64_t loads = 0;

	if (parse_digits(rate, POLICY_RATE_MAX, &loads, &rest)) {
		for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
			if (!streq(rest, units[i].name))
				continue;
			limits->rate = (struct policy_rate){(unsigned)loads, units[i].seconds};
			return 0;
		}
	}
	return policy_refuse(text, path,
			     "'%s' is no rate: 1 to %u loads in a time, as \"10/min\"; there are "
			     "/s, /min, /h and /d",
			     rate, POLICY_RATE_MAX);
}

struct limit_members {
	uint64_t loads, instructions;
	const char *memory, *rate;
	struct json_object *total;
};

static int parse_members(const struct policy_text *text, const struct policy_path *path,
			 struct json_object *object, const struct limit_members *m,
			 struct policy_limits *limits)
{
	struct policy_path loads_at = policy_path_member(path, "loads");
	struct policy_path memory_at = policy_path_member(path, "mapMemory");
	struct policy_path instructions_at = policy_path_member(path, "instructions");
	struct policy_path rate_at = policy_path_member(path, "rate");
	int r = 0;

	if (json_object_object_length(object) == 0)
		return policy_refuse(text, path,
				     "there is no limit here: leave it out, or name one");
	if (json_object_object_get_ex(object, "loads", NULL))
		r = parse_loads(text, &loads_at, m->loads, limits);
	if (r == 0 && m->memory)
		r = parse_memory(text, &memory_at, m->memory, limits);
	if (r == 0 && json_object_object_get_ex(object, "instructions", NULL))
		r = parse_instructions(text, &instructions_at, m->instructions, limits);
	if (r == 0 && m->rate)
		r = parse_rate(text, &rate_at, m->rate, limits);
	return r;
}

/* The limits at @path, and, where there can be such, what is in "total" among them. */
static int parse_object(const struct policy_text *text, const struct policy_path *path,
			struct json_object *object, struct policy_limits *limits,
			struct json_object **ret_total)
{
	struct limit_members m = {};
	const struct json_member members[] = {
		{"loads", JSON_U64, false, &m.loads},
		{"mapMemory", JSON_STRING, false, &m.memory},
		{"instructions", JSON_U64, false, &m.instructions},
		{"rate", JSON_STRING, false, &m.rate},
		{ret_total ? "total" : NULL, JSON_OBJECT, false, &m.total},
		{},
	};
	int r;

	r = policy_dispatch(text, path, object, members);
	if (r == 0)
		r = parse_members(text, path, object, &m, limits);
	if (r == 0 && ret_total)
		*ret_total = m.total;
	return r;
}

int policy_parse_limits(const struct policy_text *text, const struct policy_path *path,
			struct json_object *object, struct policy_rule *rule)
{
	struct policy_path total_at = policy_path_member(path, "total");
	struct json_object *total = NULL;
	int r;

	if (rule->deny)
		return policy_refuse(text, path, "a deny rule has no limits: it allows nothing");
	r = parse_object(text, path, object, &rule->limits, &total);
	if (r == 0 && total)
		r = parse_object(text, &total_at, total, &rule->total, NULL);
	return r;
}
