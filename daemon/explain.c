/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "explain.h"

#include <grp.h>
#include <pwd.h>
#include <time.h>

#include "explain-refusals.h"
#include "json.h"
#include "load-json.h"
#include "tuning-json.h"
#include "wanted.h"

#define LOOKUP_BUFFER_MAX (1024u * 1024)

/* What is asked about, from its bundle to the request that the policy gets. */
struct question {
	struct snapshot *snapshot;
	struct sealed sealed;
	struct authentic authentic;
	struct error revoked; /* of the bundle, or all of its keys; else none */
	struct peer subject;
	unsigned n_attachments;
	struct attachment *attachments;
	struct tuning tuning;
	const struct trusted_key *signers[BUNDLE_SIGNERS_MAX];
	struct request request;
};

static void question_done(struct question *q)
{
	tuning_done(&q->tuning);
	attachments_free(q->attachments, q->n_attachments);
	peer_done(&q->subject);
	error_done(&q->revoked);
	authentic_done(&q->authentic);
	sealed_done(&q->sealed);
	snapshot_unref(q->snapshot);
}

static int no_memory(struct error *error)
{
	return error_set(error, -ENOMEM, ERROR_FAILED, STEP_REQUEST, "Out of memory.");
}

/* ---- the subject ---- */

/* All groups of @name, of which @gid is the primary one. */
static int read_groups(const char *name, gid_t gid, struct peer *peer)
{
	int n = 64;

	while (n <= PEER_GROUPS_MAX) {
		int room = n;

		free(peer->groups);
		peer->groups = calloc((size_t)n, sizeof(*peer->groups));
		if (!peer->groups)
			return -ENOMEM;
		if (getgrouplist(name, gid, peer->groups, &n) >= 0) {
			peer->n_groups = (unsigned)n;
			return 0;
		}
		/* it says how many there are; but not for sure */
		n = n > room ? n : room * 2;
	}
	return -E2BIG;
}

/* A uid that the database does not know is one without groups. */
static int look_up(struct peer *peer)
{
	for (size_t size = 4096; size <= LOOKUP_BUFFER_MAX; size *= 4) {
		_cleanup_free_ char *buffer = malloc(size);
		struct passwd entry, *found = NULL;
		int r;

		if (!buffer)
			return -ENOMEM;
		r = getpwuid_r(peer->uid, &entry, buffer, size, &found);
		if (found) {
			peer->gid = found->pw_gid;
			return read_groups(found->pw_name, found->pw_gid, peer);
		}
		if (r != ERANGE)
			return r == 0 || r == ENOENT || r == ESRCH ? 0 : -r;
	}
	return -ERANGE;
}

static int find_subject(const struct peer *asker, uid_t uid, struct peer *ret, struct error *error)
{
	_cleanup_(peer_done) struct peer peer = {
		.uid = uid,
		.gid = (gid_t)-1,
		.same_netns = asker->same_netns,
		.unit_known = true, /* none */
	};
	int r;

	if (uid == asker->uid)
		return peer_copy(asker, ret) < 0 ? no_memory(error) : 0;
	if (asker->uid != 0)
		return error_set(error, -EACCES, ERROR_DENIED, STEP_REQUEST,
				 "Only root may ask what the policy says of another user.");
	r = look_up(&peer);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_REQUEST,
				 "The groups of uid %u cannot be looked up: %s.", uid,
				 strerror(-r));
	*ret = peer;
	peer = (struct peer){};
	return 0;
}

/* ---- the way to the policy ---- */

/* What is revoked is refused here already; the rest is said nevertheless, as if it was not. */
static int authenticate_bundle(struct question *q, struct error *error)
{
	struct authority by = {q->snapshot->trust, q->snapshot->revocations};
	_cleanup_error_ struct error why = ERROR_INIT;
	int r;

	r = authenticate(q->sealed.data, q->sealed.size, &by, time(NULL), &q->authentic, &why);
	if (r < 0 && why.code == ERROR_REVOKED) {
		by.revocations = NULL;
		if (authenticate(q->sealed.data, q->sealed.size, &by, time(NULL), &q->authentic,
				 NULL) == 0) {
			q->revoked = why;
			why = ERROR_INIT;
			return 0;
		}
	}
	if (r < 0 && error) {
		*error = why;
		why = ERROR_INIT;
	}
	return r;
}

static int read_bundle(struct question *q, struct road_request *request, struct error *error)
{
	int r;

	r = seal_bundle(request->fd, request->peer.uid, request->deadline_usec, &q->sealed, error);
	close_async(TAKE_FD(request->fd), request->peer.uid);
	if (r < 0)
		return r;
	r = revocations_check(q->snapshot->revocations, request->peer.uid, STEP_AUTHENTICATE,
			      error);
	if (r == 0)
		r = authenticate_bundle(q, error);
	if (r < 0)
		return r;
	r = wanted_resolve(q->authentic.manifest, &request->peer, request->wanted,
			   request->n_wanted, &q->attachments, &q->n_attachments, error);
	return r < 0 ? r
		     : tuning_resolve(q->authentic.manifest, request->settings, request->n_settings,
				      &q->tuning, error);
}

/* As if he had no loads: that limit is for explain_refusals(). */
static void fill_request(struct question *q, enum lifetime lifetime)
{
	for (unsigned i = 0; i < q->authentic.n_signers; i++)
		q->signers[i] = q->authentic.signers[i].key;
	q->request = (struct request){
		.peer = &q->subject,
		.manifest = q->authentic.manifest,
		.n_signers = q->authentic.n_signers,
		.signers = q->signers,
		.n_attachments = q->n_attachments,
		.attachments = q->attachments,
		.tunables_set = q->tuning.set,
		.lifetime = lifetime,
	};
}

/* ---- the answer ---- */

/* Of a rule that is not about him a user learns nothing, not even that there is one. */
struct listing {
	bool all;
	int r;
	struct json_object *rules;
};

static int verdict_to_json(const struct verdict *verdict, struct json_object *object)
{
	int r;

	r = json_add_string(object, "rule", verdict->rule);
	if (r == 0)
		r = json_add_string(object, "ruleSource", verdict->source);
	if (r == 0)
		r = json_add_string(object, "effect", verdict->deny ? "deny" : "allow");
	if (r == 0)
		r = json_add(object, "matches", json_object_new_boolean(!verdict->reason));
	if (r == 0 && verdict->reason)
		r = json_add_string(object, "reason", verdict->reason);
	return r;
}

/* Takes @value over. */
static int append(struct json_object *array, struct json_object *value)
{
	if (array && value && json_object_array_add(array, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static void list_verdict(const struct verdict *verdict, void *userdata)
{
	struct listing *listing = userdata;
	struct json_object *object;

	if (listing->r < 0 || (!verdict->names && !listing->all))
		return;
	object = json_object_new_object();
	listing->r = append(listing->rules, object);
	if (listing->r == 0)
		listing->r = verdict_to_json(verdict, object);
}

static int add_rules(struct json_object *reply, const struct question *q, bool all)
{
	struct listing listing = {.all = all, .rules = json_object_new_array()};

	listing.r = json_add(reply, "rules", listing.rules);
	policy_explain(q->snapshot->policy, &q->request, list_verdict, &listing);
	return listing.r;
}

static int add_signers(struct json_object *reply, const struct question *q)
{
	struct json_object *array = json_object_new_array();
	char digest[DIGEST_TEXT_SIZE];
	int r = json_add(reply, "signers", array);

	for (unsigned i = 0; i < q->request.n_signers && r == 0; i++) {
		digest_format(q->signers[i]->digest, digest);
		r = append(array, json_object_new_string(digest));
	}
	return r;
}

static int add_attachments(struct json_object *reply, const struct question *q)
{
	struct json_object *array = json_object_new_array(), *object;
	int r = json_add(reply, "attachments", array);

	for (unsigned i = 0; i < q->n_attachments && r == 0; i++) {
		const struct attachment *a = &q->attachments[i];

		object = json_object_new_object();
		r = append(array, object);
		if (r == 0)
			r = json_add_string(object, "program",
					    q->request.manifest->programs[a->program].name);
		if (r == 0)
			r = json_add_string(object, "target", a->target.text);
	}
	return r;
}

static int add_tunables(struct json_object *reply, const struct question *q)
{
	struct json_object *array = NULL;
	int r = tuning_to_json(q->request.manifest, &q->tuning, &array);

	return r < 0 ? r : json_add(reply, "tunables", array);
}

static int add_bundle(struct json_object *reply, const struct question *q)
{
	char digest[DIGEST_TEXT_SIZE];
	int r;

	digest_format(q->authentic.bundle.digest, digest);
	r = json_add_u64(reply, "uid", q->subject.uid);
	if (r == 0)
		r = json_add_string(reply, "name", q->request.manifest->name);
	if (r == 0)
		r = json_add_string(reply, "version", q->request.manifest->version);
	if (r == 0)
		r = json_add_string(reply, "digest", digest);
	if (r == 0)
		r = json_add_string(reply, "lifetime", lifetime_name(q->request.lifetime));
	if (r == 0)
		r = add_signers(reply, q);
	if (r == 0)
		r = add_attachments(reply, q);
	if (r == 0)
		r = add_tunables(reply, q);
	return r < 0 ? r : load_add_effects(reply, q->request.manifest);
}

/* One limit that there is; what is used and cannot be told is more than any. */
static int add_limit(struct json_object *array, bool total, const char *name, uint64_t allowed,
		     uint64_t used)
{
	struct json_object *object;
	char full[32];
	int r;

	if (allowed == 0)
		return 0;
	snprintf(full, sizeof(full), "%s%s", total ? "total." : "", name);
	object = json_object_new_object();
	r = append(array, object);
	if (r == 0)
		r = json_add_string(object, "limit", full);
	if (r == 0)
		r = json_add_u64(object, "allowed", allowed);
	if (r == 0)
		r = json_add_u64(object, "used", used > INT64_MAX ? INT64_MAX : used);
	return r;
}

static int add_limits_of(struct json_object *array, bool total, const struct policy_limits *limits,
			 const struct holdings *has)
{
	int r;

	r = add_limit(array, total, "loads", limits->loads, has->loads);
	if (r == 0)
		r = add_limit(array, total, "mapMemory", limits->map_memory, has->usage.map_memory);
	if (r == 0)
		r = add_limit(array, total, "instructions", limits->instructions,
			      has->usage.instructions);
	return r < 0 ? r : add_limit(array, total, "rate", limits->rate.loads, has->begun);
}

static int add_limits(struct json_object *reply, const struct question *q, struct table *table,
		      const struct decision *decision)
{
	struct json_object *array = json_object_new_array();
	struct holdings has;
	int r = json_add(reply, "limits", array);

	if (r < 0 || !decision->rule)
		return r;
	has = table_holdings(table, q->subject.uid, decision->rule, decision->source, false);
	r = add_limits_of(array, false, &decision->limits, &has);
	if (r < 0)
		return r;
	has = table_holdings(table, q->subject.uid, decision->rule, decision->source, true);
	return add_limits_of(array, true, &decision->total, &has);
}

/* @tell_all: see explain-refusals.h. */
static int add_refusals(struct json_object *reply, const struct question *q, struct gate *gate,
			const struct decision *decision, bool tell_all, bool *ret_any)
{
	const struct refusal_question question = {
		.gate = gate,
		.snapshot = q->snapshot,
		.authentic = &q->authentic,
		.revoked = &q->revoked,
		.decision = decision->rule ? decision : NULL,
		.subject = q->subject.uid,
		.tell_all = tell_all,
	};
	struct json_object *array = json_object_new_array();
	int r = json_add(reply, "refusals", array);

	if (r == 0)
		r = explain_refusals(&question, array);
	if (r == 0)
		*ret_any = json_object_array_length(array) > 0;
	return r;
}

static char *allowed_text(const struct decision *d, bool refused)
{
	char *text;
	int n;

	if (refused)
		n = asprintf(&text, "the rule '%s' (%s) allows it, but it would be refused",
			     d->rule, d->source);
	else
		n = asprintf(&text, "allowed by the rule '%s' (%s)", d->rule, d->source);
	return n < 0 ? NULL : text;
}

/* What policy_authorise() itself says; -ENOMEM aside, a refusal is the answer and no error. */
static int add_decision(struct json_object *reply, const struct question *q, struct gate *gate,
			uid_t asker)
{
	_cleanup_decision_ struct decision decision = {};
	_cleanup_error_ struct error why = ERROR_INIT;
	_cleanup_free_ char *message = NULL;
	bool matches, refused = false;
	int r;

	r = policy_authorise(q->snapshot->policy, &q->request, &decision, &why);
	if (r < 0 && r != -EACCES)
		return r;
	matches = decision.rule;
	r = add_refusals(reply, q, gate, &decision, matches || asker == 0, &refused);
	message = matches ? allowed_text(&decision, refused) : strdup(error_message(&why));
	if (r < 0 || !message)
		return -ENOMEM;
	r = json_add(reply, "allowed", json_object_new_boolean(matches && !refused));
	if (r == 0)
		r = json_add(reply, "ruleAllows", json_object_new_boolean(matches));
	if (r == 0)
		r = json_add_string(reply, "message", message);
	return r < 0 ? r : add_limits(reply, q, gate->table, &decision);
}

int explain(struct gate *gate, struct road_request *request, uid_t uid, struct json_object **ret,
	    struct error *error)
{
	_cleanup_(question_done) struct question q = {
		.snapshot = gate_snapshot(gate),
		.sealed = SEALED_INIT,
	};
	_cleanup_json_ struct json_object *reply = NULL;
	int r;

	r = find_subject(&request->peer, uid, &q.subject, error);
	if (r == 0)
		r = read_bundle(&q, request, error);
	if (r < 0)
		return r;
	fill_request(&q, request->lifetime);
	reply = json_object_new_object();
	if (!reply || add_decision(reply, &q, gate, request->peer.uid) < 0 ||
	    add_bundle(reply, &q) < 0 || add_rules(reply, &q, request->peer.uid == 0) < 0)
		return no_memory(error);
	*ret = TAKE_PTR(reply);
	return 0;
}
