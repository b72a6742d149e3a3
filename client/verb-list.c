/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfctl list: the loads that the caller may see, a line each. */
#include <time.h>

#include "load.h"
#include "verbs.h"

#define COLUMNS 6

struct row {
	char *cells[COLUMNS]; /* escaped */
};

struct rows {
	size_t n;
	struct row *rows;
};

static void rows_done(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		for (unsigned c = 0; c < COLUMNS; c++)
			free(rows->rows[i].cells[c]);
	free(rows->rows);
}

static char *cell(const char *text)
{
	text = text && *text ? text : "-";
	return output_escape(text, strlen(text));
}

static char *time_cell(uint64_t usec)
{
	time_t seconds = usec / 1000000;
	char text[64] = "-";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%F %T", &tm);
	return strdup(text);
}

static char *number_cell(uint64_t number)
{
	char *text;

	return asprintf(&text, "%llu", (unsigned long long)number) < 0 ? NULL : text;
}

/* "xdpcount=xdp:eth0 ..." */
static char *attachments_cell(struct json_object *load)
{
	struct json_object *array = member_array(load, "attachments");
	_cleanup_free_ char *buffer = NULL;
	size_t size;
	FILE *f = open_memstream(&buffer, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; array && i < json_object_array_length(array); i++) {
		struct json_object *a = json_object_array_get_idx(array, i);

		fprintf(f, "%s%s=%s", i ? " " : "", member_string(a, "program") ?: "-",
			member_string(a, "target") ?: "-");
	}
	if (fclose(f) != 0)
		return NULL;
	return cell(size ? buffer : NULL);
}

static void fill_row(struct row *row, struct json_object *load)
{
	row->cells[0] = cell(member_string(load, "id"));
	row->cells[1] = cell(member_string(load, "name"));
	row->cells[2] =
		cell(member_string(load, "unknown") ? "unknown" : member_string(load, "lifetime"));
	row->cells[3] = json_object_object_get_ex(load, "uid", NULL)
				? number_cell(member_u64(load, "uid"))
				: strdup("-");
	row->cells[4] = member_u64(load, "loadedAtUSec")
				? time_cell(member_u64(load, "loadedAtUSec"))
				: strdup("-");
	row->cells[5] = attachments_cell(load);
}

static void print_rows(const struct rows *rows)
{
	static const char *const heads[COLUMNS] = {"ID",  "NAME",   "LIFETIME",
						   "UID", "LOADED", "ATTACHED"};
	int widths[COLUMNS];

	for (unsigned c = 0; c < COLUMNS; c++) {
		widths[c] = (int)strlen(heads[c]);
		for (size_t i = 0; i < rows->n; i++) {
			int width = (int)strlen(rows->rows[i].cells[c] ?: "");

			widths[c] = width > widths[c] ? width : widths[c];
		}
	}
	for (unsigned c = 0; c < COLUMNS; c++)
		printf("%-*s%s", c + 1 < COLUMNS ? widths[c] : 0, heads[c],
		       c + 1 < COLUMNS ? "  " : "\n");
	for (size_t i = 0; i < rows->n; i++)
		for (unsigned c = 0; c < COLUMNS; c++)
			printf("%-*s%s", c + 1 < COLUMNS ? widths[c] : 0,
			       rows->rows[i].cells[c] ?: "", c + 1 < COLUMNS ? "  " : "\n");
}

static int print_list(struct json_object *reply, struct error *error)
{
	struct json_object *loads = member_array(reply, "loads");
	size_t n = loads ? json_object_array_length(loads) : 0;
	_cleanup_(rows_done) struct rows rows = {.rows = calloc(n ?: 1, sizeof(struct row))};

	if (!rows.rows)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	if (n == 0) {
		output_note("no loads");
		return 0;
	}
	for (rows.n = 0; rows.n < n; rows.n++)
		fill_row(&rows.rows[rows.n], json_object_array_get_idx(loads, rows.n));
	print_rows(&rows);
	return 0;
}

int verb_list(struct context *ctx, int argc, char **argv)
{
	return verb_ask(ctx, argc, argv, "List", print_list);
}
