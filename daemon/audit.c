/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit.h"

#include <json-c/json.h>

#include "journal.h"
#include "text.h"

/* Drawn at random, for bpfgate: journalctl MESSAGE_ID=... */
#define MESSAGE_LOADED	   "MESSAGE_ID=7d0c1f3a5b9e4c7d8a26e0b14f95c2d1"
#define MESSAGE_UNLOADED   "MESSAGE_ID=3e86b0d94a1f4f0c9c57d2a8b6e1f073"
#define MESSAGE_REFUSED	   "MESSAGE_ID=b51d7e2f08c34d6ea93f6c04d87b1a95"
#define MESSAGE_REVOKED	   "MESSAGE_ID=c1a94e0d5f5b4b7fa4c8d3e7260b98f1"
#define MESSAGE_EXAMINED   "MESSAGE_ID=58e2c7f16d0a4c3b8a1f90b7d6e4235c"
#define MESSAGE_FLOOR	   "MESSAGE_ID=0f6b3c2a97d14e58b0c7a5e1934d82f6"
#define MESSAGE_GATE_EVENT "MESSAGE_ID=e47b09c2f8d1436ab35c7e9016d4fa28"
#define MESSAGE_GATE	   "MESSAGE_ID=9a4e6d1c35f04b7e8d2b60c9f1a7e583"

void audit_started(void)
{
	struct journal_entry *entry;

	entry = journal_new(LOG_INFO, "bpfgated " BPFGATE_VERSION " is ready.");
	journal_send(entry, JOURNAL_DAEMON);
}

void audit_loaded(const struct peer *peer, const struct load *load)
{
	_cleanup_free_ char *set = NULL;
	struct journal_entry *entry;

	if (load->tuning.set)
		tuning_format(load->manifest, &load->tuning, &set);
	entry = journal_new(LOG_INFO,
			    "User %u loaded %s %s as %s%s%s, allowed by rule \"%s\" (%s).",
			    peer->uid, load->manifest->name, load->manifest->version, load->id,
			    set ? " with " : "", set ?: "", load->rule, load->rule_source);
	journal_add(entry, MESSAGE_LOADED);
	journal_add(entry, "BPFGATE_LOAD_ID=%s", load->id);
	journal_add(entry, "BPFGATE_BUNDLE=%s", load->manifest->name);
	journal_add(entry, "BPFGATE_VERSION=%s", load->manifest->version);
	journal_add(entry, "BPFGATE_DIGEST=%s", load->digest);
	journal_add(entry, "BPFGATE_RULE=%s", load->rule);
	journal_add(entry, "BPFGATE_RULE_SOURCE=%s", load->rule_source);
	journal_add(entry, "BPFGATE_UID=%u", peer->uid);
	journal_add(entry, "BPFGATE_PID=%d", peer->pid);
	journal_add(entry, "BPFGATE_LIFETIME=%s", lifetime_name(load->lifetime));
	if (set)
		journal_add(entry, "BPFGATE_TUNABLES=%s", set);
	journal_send(entry, JOURNAL_LOADS);
}

void audit_unloaded(uid_t uid, const char *id, const char *why, const struct peer *by)
{
	struct journal_entry *entry;

	if (by && by->uid != uid)
		entry = journal_new(LOG_INFO, "Load %s of user %u is unloaded: %s by user %u.", id,
				    uid, why, by->uid);
	else
		entry = journal_new(LOG_INFO, "Load %s of user %u is unloaded: %s.", id, uid, why);
	if (by)
		journal_add(entry, "BPFGATE_ASKED_BY_UID=%u", by->uid);
	journal_add(entry, MESSAGE_UNLOADED);
	journal_add(entry, "BPFGATE_LOAD_ID=%s", id);
	journal_add(entry, "BPFGATE_UID=%u", uid);
	journal_send(entry, JOURNAL_LOADS);
}

static void add_error_field(struct journal_entry *entry, const struct error *error,
			    const char *member, const char *field)
{
	struct json_object *value;

	if (error->fields && json_object_object_get_ex(error->fields, member, &value) &&
	    json_object_is_type(value, json_type_string))
		journal_add(entry, "%s=%s", field, json_object_get_string(value));
}

void audit_refused(const struct peer *peer, const char *what, const char *id,
		   const struct error *error)
{
	const char *name = strrchr(error_code_name(error->code), '.');
	struct journal_entry *entry;

	entry = journal_new(LOG_NOTICE, "User %u was refused to %s at step \"%s\": %s", peer->uid,
			    what, step_name(error->step), error_message(error));
	journal_add(entry, MESSAGE_REFUSED);
	journal_add(entry, "BPFGATE_UID=%u", peer->uid);
	journal_add(entry, "BPFGATE_PID=%d", peer->pid);
	journal_add(entry, "BPFGATE_ERROR=%s", name ? name + 1 : "");
	journal_add(entry, "BPFGATE_STEP=%s", step_name(error->step));
	if (error->errnum)
		journal_add(entry, "ERRNO=%d", error->errnum);
	if (id)
		journal_add(entry, "BPFGATE_LOAD_ID=%s", id);
	add_error_field(entry, error, "digest", "BPFGATE_DIGEST");
	add_error_field(entry, error, "rule", "BPFGATE_RULE");
	add_error_field(entry, error, "ruleSource", "BPFGATE_RULE_SOURCE");
	add_error_field(entry, error, "target", "BPFGATE_TARGET");
	add_error_field(entry, error, "tunable", "BPFGATE_TUNABLE");
	journal_send_refusal(entry, peer->uid);
}

void audit_connection_refused(uid_t uid, const struct error *error)
{
	struct journal_entry *entry;

	entry = journal_new(LOG_NOTICE, "Connection refused: %s", error_message(error));
	if (uid != (uid_t)-1)
		journal_add(entry, "BPFGATE_UID=%u", uid);
	journal_send_refusal(entry, uid);
}

static void send_revoked(struct journal_entry *entry, const char *source)
{
	journal_add(entry, MESSAGE_REVOKED);
	journal_add(entry, "BPFGATE_REVOCATION=%s", source);
	journal_send(entry, JOURNAL_DAEMON);
}

void audit_revocation(const struct revocation *revocation)
{
	char text[REVOCATION_TEXT_SIZE], digest[DIGEST_TEXT_SIZE];
	struct journal_entry *entry;

	revocation_format(revocation, text);
	digest_format(revocation->digest, digest);
	entry = journal_new(LOG_NOTICE, "Revoked: %s (%s)%s%s.", text, revocation->source,
			    revocation->reason ? ": " : "", revocation->reason ?: "");
	if (revocation->kind == REVOKED_BUNDLE)
		journal_add(entry, "BPFGATE_DIGEST=%s", digest);
	else
		journal_add(entry, "BPFGATE_KEY=%s", digest);
	if (revocation->name)
		journal_add(entry, "BPFGATE_BUNDLE=%s", revocation->name);
	send_revoked(entry, revocation->source);
}

void audit_revoked_key(const struct trusted_key *key)
{
	char digest[DIGEST_TEXT_SIZE];
	struct journal_entry *entry;

	digest_format(key->digest, digest);
	entry = journal_new(LOG_NOTICE, "Revoked: the certificate '%s' of the key %s: %s.",
			    key->file, digest, key->reason);
	journal_add(entry, "BPFGATE_KEY=%s", digest);
	send_revoked(entry, key->file);
}

void audit_examined(const struct load *load, const struct error *why, enum audit_outcome outcome)
{
	static const struct {
		const char *name, *sentence;
	} outcomes[] = {
		[AUDIT_UNLOADED] = {"unloaded", "is unloaded"},
		[AUDIT_KEPT] = {"kept", "goes on, as its rule says"},
		[AUDIT_UNTRUSTED] = {"untrusted", "goes on, as nothing is revoked"},
	};
	struct journal_entry *entry;

	entry = journal_new(LOG_NOTICE, "Load %s (%s %s) of user %u %s: %s.", load->id,
			    load->manifest->name, load->manifest->version, load->uid,
			    outcomes[outcome].sentence, error_message(why));
	journal_add(entry, MESSAGE_EXAMINED);
	journal_add(entry, "BPFGATE_LOAD_ID=%s", load->id);
	journal_add(entry, "BPFGATE_BUNDLE=%s", load->manifest->name);
	journal_add(entry, "BPFGATE_DIGEST=%s", load->digest);
	journal_add(entry, "BPFGATE_UID=%u", load->uid);
	journal_add(entry, "BPFGATE_RULE=%s", load->rule);
	journal_add(entry, "BPFGATE_RULE_SOURCE=%s", load->rule_source);
	journal_add(entry, "BPFGATE_OUTCOME=%s", outcomes[outcome].name);
	add_error_field(entry, why, "revocation", "BPFGATE_REVOCATION");
	journal_send(entry, JOURNAL_LOADS);
}

void audit_floor(const struct peer *peer, const struct floor *floor, uint64_t previous)
{
	char digest[DIGEST_TEXT_SIZE];
	struct journal_entry *entry;

	digest_format(floor->signer, digest);
	entry = journal_new(LOG_NOTICE,
			    "User %u set the rollback floor of %s by the key %s from %llu to %llu.",
			    peer->uid, floor->name, digest, (unsigned long long)previous,
			    (unsigned long long)floor->sequence);
	journal_add(entry, MESSAGE_FLOOR);
	journal_add(entry, "BPFGATE_UID=%u", peer->uid);
	journal_add(entry, "BPFGATE_PID=%d", peer->pid);
	journal_add(entry, "BPFGATE_BUNDLE=%s", floor->name);
	journal_add(entry, "BPFGATE_KEY=%s", digest);
	journal_add(entry, "BPFGATE_SEQUENCE=%llu", (unsigned long long)floor->sequence);
	journal_send(entry, JOURNAL_DAEMON);
}

void audit_floors_reset(const struct peer *peer)
{
	struct journal_entry *entry;

	entry = journal_new(LOG_WARNING,
			    "User %u gave up all rollback floors: what could not be read is in "
			    "floors.json.old.",
			    peer->uid);
	journal_add(entry, MESSAGE_FLOOR);
	journal_add(entry, "BPFGATE_UID=%u", peer->uid);
	journal_add(entry, "BPFGATE_PID=%d", peer->pid);
	journal_send(entry, JOURNAL_DAEMON);
}

void audit_reloaded(const struct peer *peer, const struct error *error)
{
	bool failed = error->code != ERROR_NONE;
	int priority = failed ? LOG_ERR : LOG_INFO;
	struct journal_entry *entry;
	char by[64] = "a signal";

	if (peer)
		snprintf(by, sizeof(by), "user %u", peer->uid);
	entry = journal_new(priority, "Reloaded, asked for by %s%s%s", by, failed ? ": " : ".",
			    failed ? error_message(error) : "");
	if (peer)
		journal_add(entry, "BPFGATE_UID=%u", peer->uid);
	journal_send(entry, JOURNAL_DAEMON);
}

void audit_gate(const struct peer *peer, enum gate_mode before, enum gate_mode mode)
{
	int priority = mode < before ? LOG_WARNING : LOG_NOTICE;
	struct journal_entry *entry;

	entry = journal_new(priority, "User %u changed the gate from %s to %s.", peer->uid,
			    gate_mode_name(before), gate_mode_name(mode));
	journal_add(entry, MESSAGE_GATE);
	journal_add(entry, "BPFGATE_UID=%u", peer->uid);
	journal_add(entry, "BPFGATE_PID=%d", peer->pid);
	journal_add(entry, "BPFGATE_GATE=%s", gate_mode_name(mode));
	journal_send(entry, JOURNAL_DAEMON);
}

int audit_break_glass(void)
{
	struct journal_entry *entry;

	/* sd-journal takes a journal that is not there for success */
	if (access("/run/systemd/journal/socket", F_OK) < 0)
		return -errno;
	entry = journal_new(
		LOG_ALERT, "The gate is taken away by bpfgated --break-glass (user %u).", getuid());
	journal_add(entry, MESSAGE_GATE);
	journal_add(entry, "BPFGATE_UID=%u", getuid());
	journal_add(entry, "BPFGATE_PID=%d", getpid());
	journal_add(entry, "BPFGATE_GATE=off");
	return journal_send_now(entry);
}

/* The gate sees which link's descriptor is asked for, but not which link a descriptor is of. */
static const char *describe_object(uint32_t command)
{
	switch (command) {
	case BPF_LINK_UPDATE:
		return "update a link, and whose it is cannot be told";
	case BPF_LINK_DETACH:
		return "detach a link, and whose it is cannot be told";
	case BPF_LINK_GET_FD_BY_ID:
		return "open a link that is, or may be, bpfgated's";
	default:
		return "open a program or map of bpfgated's";
	}
}

/* What somebody was, or would have been, refused to do. */
static void describe_event(const struct gate_event *event, char *ret, size_t size)
{
	const char *type = gate_type_name(event->type);

	switch (event->reason) {
	case GATE_LOAD:
		snprintf(ret, size, "load a program of type %s, which is for bpfgated and PID 1",
			 type ?: "unknown");
		break;
	case GATE_LOADER:
		snprintf(ret, size, "load a loader, which is for bpfgated");
		break;
	case GATE_INIT_TYPE:
		snprintf(ret, size,
			 "load a program of type %s, which is none of those that PID 1 may load",
			 type ?: "unknown");
		break;
	case GATE_SIGNATURE:
		snprintf(ret, size, "load a loader that was not verified with bpfgated's keyring");
		break;
	case GATE_COMMAND:
		snprintf(ret, size,
			 "use command %u of bpf(2) in a loader, which needs it for no "
			 "map or program",
			 event->command);
		break;
	case GATE_RUN:
		snprintf(ret, size, "run a program by BPF_PROG_RUN, which is for bpfgated");
		break;
	case GATE_OBJECT:
		snprintf(ret, size, "%s", describe_object(event->command));
		break;
	case GATE_PIN:
		snprintf(ret, size, "change what is pinned in " PIN_ROOT ", or add to it");
		break;
	case GATE_MOUNT:
		snprintf(ret, size, "change a mount that " PIN_ROOT " is in");
		break;
	case GATE_FTRACE:
		snprintf(ret, size,
			 "write to kernel.ftrace_enabled, which can switch the gate off");
		break;
	case GATE_HELPER:
		snprintf(ret, size,
			 "change, from a root directory of its own, by what the kernel starts "
			 "programs");
		break;
	case GATE_DEVICE:
		snprintf(ret, size,
			 "reach devices, or what sets them up, from a root directory of its own");
		break;
	case GATE_TRACE:
		snprintf(ret, size, "trace bpfgated or a process of it");
		break;
	default:
		snprintf(ret, size, "do what this version of bpfgated has no name for");
	}
}

void audit_gate_event(const struct gate_event *event, const char *unit, uint64_t left_out)
{
	char what[160], comm[GATE_COMM_SIZE + 1] = "", more[64] = "";
	struct journal_entry *entry;

	memcpy(comm, event->comm, GATE_COMM_SIZE);
	text_sanitize(comm);
	describe_event(event, what, sizeof(what));
	if (left_out)
		snprintf(more, sizeof(more), " (and %llu times since the last entry)",
			 (unsigned long long)left_out);
	entry = journal_new(LOG_NOTICE, "The gate %s user %u (process %u, \"%s\") to %s%s.",
			    event->refused ? "refused" : "would have refused", event->uid,
			    event->tgid, comm, what, more);
	journal_add(entry, MESSAGE_GATE_EVENT);
	journal_add(entry, "BPFGATE_UID=%u", event->uid);
	journal_add(entry, "BPFGATE_PID=%u", event->tgid);
	journal_add(entry, "BPFGATE_COMM=%s", comm);
	if (unit)
		journal_add(entry, "BPFGATE_UNIT=%s", unit);
	journal_add(entry, "BPFGATE_REASON=%s", gate_reason_name(event->reason) ?: "");
	journal_add(entry, "BPFGATE_OUTCOME=%s", event->refused ? "refused" : "would");
	if (event->command != GATE_NO_COMMAND)
		journal_add(entry, "BPFGATE_COMMAND=%u", event->command);
	if (left_out)
		journal_add(entry, "BPFGATE_LEFT_OUT=%llu", (unsigned long long)left_out);
	journal_send(entry, JOURNAL_DAEMON);
}
