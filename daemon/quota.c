/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quota.h"

#include <inttypes.h>
#include <json-c/json.h>

/* A sum that nobody knows is as large as a number of the wire can be. */
static struct json_object *number(uint64_t value)
{
	return json_object_new_int64(value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void add_limit(const struct quota *quota, const char *limit, uint64_t allowed, uint64_t used,
		      struct error *error)
{
	char name[32];

	snprintf(name, sizeof(name), "%s%s", quota->total ? "total." : "", limit);
	error_field_string(error, "rule", quota->rule);
	error_field_string(error, "ruleSource", quota->source);
	error_field_string(error, "limit", name);
	error_field(error, "allowed", number(allowed));
	error_field(error, "used", number(used));
}

static void add_fields(const struct quota *quota, const char *limit, uint64_t allowed,
		       uint64_t used, uint64_t asked, struct error *error)
{
	add_limit(quota, limit, allowed, used, error);
	error_field(error, "asked", number(asked));
}

/* "uid 1000" or "all its users together". */
static const char *whose(const struct quota *quota, char buffer[static 32])
{
	if (quota->total)
		return "all its users together";
	snprintf(buffer, 32, "uid %u", quota->uid);
	return buffer;
}

int quota_loads(const struct quota *quota, unsigned max, unsigned used, struct error *error)
{
	char buffer[32];

	if (max == 0 || used < max)
		return 0;
	error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
		  "the rule '%s' (%s) allows %s %u loads at a time, and there are %u; unload one "
		  "first",
		  quota->rule, quota->source, whose(quota, buffer), max, used);
	add_fields(quota, "loads", max, used, 1, error);
	return -EACCES;
}

static const char *period_name(uint32_t seconds)
{
	switch (seconds) {
	case 1:
		return "a second";
	case 60:
		return "a minute";
	case 3600:
		return "an hour";
	default:
		return "a day";
	}
}

int quota_rate_exceeded(const struct quota *quota, const struct policy_rate *rate, uint64_t wait,
			struct error *error)
{
	char buffer[32];

	error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
		  "the rule '%s' (%s) allows %s %u loads in %s, and so many have begun; try again "
		  "in %" PRIu64 " seconds",
		  quota->rule, quota->source, whose(quota, buffer), rate->loads,
		  period_name(rate->seconds), wait);
	add_fields(quota, "rate", rate->loads, rate->loads, 1, error);
	return -EACCES;
}

/* One sum against its limit. UINT64_MAX is what cannot be told, and more than any limit. */
static int check_sum(const struct quota *quota, const char *limit, const char *unit, uint64_t max,
		     uint64_t used, uint64_t asked, struct error *error)
{
	char buffer[32];

	if (max == 0 || (asked <= max && used <= max - asked))
		return 0;
	if (asked == UINT64_MAX || used == UINT64_MAX)
		error_set(error, -EACCES, ERROR_DENIED, STEP_ATTEST,
			  "the rule '%s' (%s) allows %s %" PRIu64 " %s, and %s cannot be bounded",
			  quota->rule, quota->source, whose(quota, buffer), max, unit,
			  asked == UINT64_MAX ? "what this load takes"
					      : "what a load that is there takes");
	else
		error_set(error, -EACCES, ERROR_DENIED, STEP_ATTEST,
			  "the rule '%s' (%s) allows %s %" PRIu64 " %s, %" PRIu64
			  " are used and this load takes %" PRIu64 "%s",
			  quota->rule, quota->source, whose(quota, buffer), max, unit, used, asked,
			  asked <= max ? "; unload one first" : "");
	add_fields(quota, limit, max, used, asked, error);
	return -EACCES;
}

int quota_memory(const struct quota *quota, uint64_t max, uint64_t used, struct error *error)
{
	char buffer[32];

	error_set(error, -EACCES, ERROR_DENIED, STEP_LOAD,
		  "the rule '%s' (%s) allows %s %" PRIu64
		  " bytes of map memory, and this load does "
		  "not fit beside the %" PRIu64 " bytes that are in use, by maps as well that are "
		  "open although their load has ended; unload, or close, what is not needed",
		  quota->rule, quota->source, whose(quota, buffer), max, used);
	add_limit(quota, "mapMemory", max, used, error);
	return -EACCES;
}

int quota_usage(const struct quota *quota, const struct policy_limits *limits,
		const struct usage *used, const struct usage *asked, struct error *error)
{
	int r;

	r = check_sum(quota, "mapMemory", "bytes of map memory", limits->map_memory,
		      used->map_memory, asked->map_memory, error);
	return r < 0 ? r
		     : check_sum(quota, "instructions", "instructions", limits->instructions,
				 used->instructions, asked->instructions, error);
}
