/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy-table.json, taken apart into rows of (rules, request) and what is decided. Each case is a
 * list of rules and a request that is allowed, and "denied" ones, each of which differs from it in
 * one member: of the request ("uid"), or of the first rule ("rule:programs.types"; null: left out).
 * Behind that stands what is said, in one of these forms:
 *
 *   "nobody"           no rule names the subject
 *   "denied by 'no'"   the first rule of that name denies
 *   "=TEXT"            the whole message
 *   "TEXT"             why the first rule, the nearest, does not match
 *
 * Rules are written one a line from line 2 of a file called FILE.
 */
#pragma once

#include "json.h"
#include "policy-ask.h"
#include "policy-rule.h"

struct table_row {
	const char *title;
	struct json_object *rules;  /* borrowed */
	struct json_object *change; /* to the allowed request, or NULL for that itself */
	struct ask ask;
	const char *rule;   /* that allows; NULL: denied */
	const char *reason; /* as above */
};

/* Calls @fn for each row; returns how many there were. */
unsigned table_each(void (*fn)(const struct table_row *row, void *userdata), void *userdata);

/* The text of a file with these rules; malloced. */
char *table_format(struct json_object *rules);

/* @text as a policy in *ret, without a file; what policy_parse() returns. */
int table_parse(const char *text, struct policy *ret, struct error *error);
void table_policy_done(struct policy *policy);
