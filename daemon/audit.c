/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syslog.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define FIELDS_MAX 16

/* Drawn at random, for bpfgate: journalctl MESSAGE_ID=... */
#define MESSAGE_LOADED	 "MESSAGE_ID=7d0c1f3a5b9e4c7d8a26e0b14f95c2d1"
#define MESSAGE_UNLOADED "MESSAGE_ID=3e86b0d94a1f4f0c9c57d2a8b6e1f073"
#define MESSAGE_REFUSED	 "MESSAGE_ID=b51d7e2f08c34d6ea93f6c04d87b1a95"

struct entry {
	unsigned n;
	struct iovec fields[FIELDS_MAX];
};

/* Does what we write to stderr end up in the journal? Then it can have the fields as well. */
static bool under_journald(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%lu:%lu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static void add(struct entry *entry, const char *format, ...) _printf_(2, 3);
static void add(struct entry *entry, const char *format, ...)
{
	va_list ap;
	char *text;
	int size;

	va_start(ap, format);
	size = vasprintf(&text, format, ap);
	va_end(ap);
	if (size >= 0)
		entry->fields[entry->n++] = (struct iovec){text, (size_t)size};
}

/* The first field is the message. */
static void send_entry(struct entry *entry, int priority)
{
	if (entry->n && under_journald())
		sd_journal_sendv(entry->fields, (int)entry->n);
	else if (entry->n)
		fprintf(stderr, "<%d>%s\n", priority,
			(const char *)entry->fields[0].iov_base + strlen("MESSAGE="));
	for (unsigned i = 0; i < entry->n; i++)
		free(entry->fields[i].iov_base);
}

void audit_started(void)
{
	struct entry entry = {};

	add(&entry, "MESSAGE=bpfgated " BPFGATE_VERSION " is ready.");
	add(&entry, "PRIORITY=%d", LOG_INFO);
	send_entry(&entry, LOG_INFO);
}

void audit_loaded(const struct peer *peer, const struct load *load)
{
	struct entry entry = {};

	add(&entry, "MESSAGE=User %u loaded %s %s as %s, allowed by rule \"%s\" (%s).", peer->uid,
	    load->manifest->name, load->manifest->version, load->id, load->rule, load->rule_source);
	add(&entry, MESSAGE_LOADED);
	add(&entry, "PRIORITY=%d", LOG_INFO);
	add(&entry, "BPFGATE_LOAD_ID=%s", load->id);
	add(&entry, "BPFGATE_BUNDLE=%s", load->manifest->name);
	add(&entry, "BPFGATE_VERSION=%s", load->manifest->version);
	add(&entry, "BPFGATE_DIGEST=%s", load->digest);
	add(&entry, "BPFGATE_RULE=%s", load->rule);
	add(&entry, "BPFGATE_RULE_SOURCE=%s", load->rule_source);
	add(&entry, "BPFGATE_UID=%u", peer->uid);
	add(&entry, "BPFGATE_PID=%d", peer->pid);
	add(&entry, "BPFGATE_LIFETIME=%s", lifetime_name(load->lifetime));
	send_entry(&entry, LOG_INFO);
}

void audit_unloaded(uid_t uid, const char *id, const char *why)
{
	struct entry entry = {};

	add(&entry, "MESSAGE=Load %s of user %u is unloaded: %s.", id, uid, why);
	add(&entry, MESSAGE_UNLOADED);
	add(&entry, "PRIORITY=%d", LOG_INFO);
	add(&entry, "BPFGATE_LOAD_ID=%s", id);
	add(&entry, "BPFGATE_UID=%u", uid);
	send_entry(&entry, LOG_INFO);
}

static void add_error_field(struct entry *entry, const struct error *error, const char *member,
			    const char *field)
{
	struct json_object *value;

	if (error->fields && json_object_object_get_ex(error->fields, member, &value) &&
	    json_object_is_type(value, json_type_string))
		add(entry, "%s=%s", field, json_object_get_string(value));
}

void audit_refused(const struct peer *peer, const char *what, const char *id,
		   const struct error *error)
{
	const char *name = strrchr(error_code_name(error->code), '.');
	struct entry entry = {};

	add(&entry, "MESSAGE=User %u was refused to %s at step \"%s\": %s", peer->uid, what,
	    step_name(error->step), error_message(error));
	add(&entry, MESSAGE_REFUSED);
	add(&entry, "PRIORITY=%d", LOG_NOTICE);
	add(&entry, "BPFGATE_UID=%u", peer->uid);
	add(&entry, "BPFGATE_PID=%d", peer->pid);
	add(&entry, "BPFGATE_ERROR=%s", name ? name + 1 : "");
	add(&entry, "BPFGATE_STEP=%s", step_name(error->step));
	if (error->errnum)
		add(&entry, "ERRNO=%d", error->errnum);
	if (id)
		add(&entry, "BPFGATE_LOAD_ID=%s", id);
	add_error_field(&entry, error, "digest", "BPFGATE_DIGEST");
	add_error_field(&entry, error, "rule", "BPFGATE_RULE");
	add_error_field(&entry, error, "ruleSource", "BPFGATE_RULE_SOURCE");
	add_error_field(&entry, error, "target", "BPFGATE_TARGET");
	send_entry(&entry, LOG_NOTICE);
}
