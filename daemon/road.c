/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "road.h"

#include <time.h>

#include "descriptors.h"
#include "quota.h"
#include "requires.h"
#include "signature.h"
#include "stage.h"
#include "test-hooks.h"
#include "wanted.h"

/* All that a load has gathered on its way; what the last step does not take goes with it. */
struct journey {
	struct gate *gate;
	struct road_request *request;
	struct snapshot *snapshot;
	struct sealed sealed;
	struct authentic authentic;
	struct decision decision;
	struct openings openings;
	struct memory_group memory; /* not there where the rule does not bound it */
	bool reserved;		    /* counted in the table as being made */
	unsigned n_loads;
	struct admission admission;
	struct load *load;
	struct road_reply reply;
};

/* What a load being made holds of the limits. */
static void give_places_back(struct journey *j)
{
	table_leave(j->gate->table, &j->admission);
	if (j->reserved)
		table_release(j->gate->table, j->request->peer.uid);
	j->reserved = false;
}

static void journey_done(struct journey *j)
{
	road_reply_done(&j->reply);
	/* what is loaded and attached so far goes with the last reference */
	if (j->load)
		table_uncharge(j->gate->table, j->load);
	load_unref(j->load);
	give_places_back(j);
	decision_done(&j->decision);
	openings_done(&j->openings);
	memory_group_done(&j->memory);
	authentic_done(&j->authentic);
	sealed_done(&j->sealed);
	snapshot_unref(j->snapshot);
}

static int no_memory(struct error *error, enum step step)
{
	return error_set(error, -ENOMEM, ERROR_FAILED, step, "Out of memory.");
}

/* ---- seal ---- */

static int seal(struct journey *j, struct error *error)
{
	struct road_request *request = j->request;
	int r;

	r = seal_bundle(request->fd, request->peer.uid, request->deadline_usec, &j->sealed, error);
	/* the client's own file is of no use any more */
	close_async(TAKE_FD(request->fd), request->peer.uid);
	return r;
}

/* ---- authenticate ---- */

static int note_identity(struct journey *j)
{
	const struct authentic *a = &j->authentic;
	struct load *load = j->load;

	digest_format(a->bundle.digest, load->digest);
	load->manifest = TAKE_PTR(j->authentic.manifest);
	load->signers = calloc(a->n_signers, sizeof(*load->signers));
	if (!load->signers)
		return -ENOMEM;
	load->n_signers = a->n_signers;
	for (unsigned i = 0; i < a->n_signers; i++)
		digest_format(a->signers[i].key->digest, load->signers[i]);
	return 0;
}

static int authenticate_bundle(struct journey *j, struct error *error)
{
	const struct authority by = {j->snapshot->trust, j->snapshot->revocations};
	int r;

	r = revocations_check(j->snapshot->revocations, j->request->peer.uid, STEP_AUTHENTICATE,
			      error);
	if (r == 0)
		r = authenticate(j->sealed.data, j->sealed.size, &by, time(NULL), &j->authentic,
				 error);
	if (r < 0)
		return r;
	j->load = load_new();
	if (!j->load || note_identity(j) < 0)
		return no_memory(error, STEP_AUTHENTICATE);
	j->load->uid = j->request->peer.uid;
	j->load->lifetime = j->request->lifetime;
	return 0;
}

/* ---- authorise ---- */

static int ask_policy(const struct policy *policy, const struct load *load, const struct peer *peer,
		      const struct trusted_key *const *signers, unsigned n_signers,
		      unsigned n_loads, struct decision *ret, struct error *error)
{
	const struct request request = {
		.peer = peer,
		.manifest = load->manifest,
		.n_signers = n_signers,
		.signers = signers,
		.n_attachments = load->n_attachments,
		.attachments = load->attachments,
		.tunables_set = load->tuning.set,
		.lifetime = load->lifetime,
		.n_loads = n_loads,
	};

	return policy_authorise(policy, &request, ret, error);
}

static int decide(struct journey *j, struct error *error)
{
	const struct trusted_key *signers[BUNDLE_SIGNERS_MAX];
	int r;

	for (unsigned i = 0; i < j->authentic.n_signers; i++)
		signers[i] = j->authentic.signers[i].key;
	r = ask_policy(j->snapshot->policy, j->load, &j->request->peer, signers,
		       j->authentic.n_signers, j->n_loads, &j->decision, error);
	if (r < 0)
		return r;
	j->load->rule = TAKE_PTR(j->decision.rule);
	j->load->rule_source = TAKE_PTR(j->decision.source);
	j->load->required = j->decision.required;
	j->load->counted = j->decision.signers;
	j->load->keep_revoked = j->decision.keep_revoked;
	return 0;
}

static int check_floors(struct journey *j, struct error *error)
{
	struct release release;

	authentic_release(&j->authentic, j->load->manifest, &release);
	return floors_check(j->gate->floors, j->request->peer.uid, &release, error);
}

static int authorise(struct journey *j, struct error *error)
{
	const struct road_request *request = j->request;
	struct load *load = j->load;
	int r;

	r = wanted_resolve(load->manifest, &request->peer, request->wanted, request->n_wanted,
			   &load->attachments, &load->n_attachments, error);
	if (r == 0)
		r = tuning_resolve(load->manifest, request->settings, request->n_settings,
				   &load->tuning, error);
	if (r < 0)
		return r;
	r = table_reserve(j->gate->table, request->peer.uid, &j->n_loads);
	if (r < 0)
		return no_memory(error, STEP_AUTHORISE);
	j->reserved = true;
	r = decide(j, error);
	if (r == 0)
		r = check_floors(j, error);
	if (r == 0)
		r = stage_check(j->gate, j->snapshot, load->manifest, load->uid, error);
	if (r == 0)
		r = descriptors_reserve(load, error);
	if (r == 0)
		r = table_admit(j->gate->table, load, &j->decision.limits, &j->decision.total,
				&j->admission, error);
	/* files and cgroups are looked up for those only who may use them */
	for (unsigned i = 0; i < load->n_attachments && r == 0; i++)
		r = attach_resolve(&load->attachments[i].target, error);
	return r;
}

/* ---- load ---- */

/* Maps that a client keeps when their load has ended count, too; only the kernel knows these. */
static int bound_memory(struct journey *j, struct error *error)
{
	const struct memory_limits limits = {
		.rule = j->load->rule,
		.source = j->load->rule_source,
		.uid = j->load->uid,
		.user = j->decision.limits.map_memory,
		.total = j->decision.total.map_memory,
	};

	if (limits.user == 0 && limits.total == 0)
		return 0;
	return memory_group_open(j->gate->configuration.memory_groups, &limits, &j->memory, error);
}

/* Was it the rule's limit that the load failed of? */
static int name_limit(const struct journey *j, int r, struct error *error)
{
	struct quota quota = {j->load->rule, j->load->rule_source, j->load->uid, false};
	enum memory_hit hit = MEMORY_HIT_NONE;
	struct memory_usage used;

	if (r == -ENOMEM && j->memory.user >= 0)
		hit = memory_group_hit(&j->memory);
	if (hit == MEMORY_HIT_NONE)
		return r;
	error_done(error);
	memory_group_usage(&j->memory, &used);
	if (hit == MEMORY_HIT_USER)
		return quota_memory(&quota, j->decision.limits.map_memory, used.user, error);
	quota.total = true;
	return quota_memory(&quota, j->decision.total.map_memory, used.total, error);
}

static int fill_input(struct journey *j, unsigned payload, struct load_input *ret,
		      struct error *error)
{
	const struct manifest_part part = manifest_part(j->load->manifest, payload);
	const struct bundle *bundle = &j->authentic.bundle;
	int r;

	*ret = (struct load_input){
		.loader = bundle_find(bundle, BUNDLE_LOADER, payload)->content,
		.metadata = bundle_find(bundle, BUNDLE_METADATA, payload)->content,
		.keyring = j->snapshot->keyring,
		.effects = j->load->manifest->effects,
		.n_programs = part.n_programs,
		.n_maps = part.n_maps,
		/* one payload gets no more than it needs because another does */
		.program_types = manifest_types(j->load->manifest, payload),
		.openings = j->openings.maps + part.first_map,
		.memory = j->memory.user < 0 ? NULL : &j->memory,
	};
	r = signature_choose(j->gate, j->snapshot, &j->authentic, payload, &ret->pkcs7, error);
	ret->contract = j->load->contract = j->gate->probe.contract;
	ret->daemon_only = ret->contract == CONTRACT_NONE;
	return r;
}

static int load(struct journey *j, struct error *error)
{
	struct load_input inputs[BUNDLE_PAYLOADS_MAX];
	unsigned n = j->authentic.bundle.n_payloads;
	int r;

	r = requires_check(j->load->manifest, &j->gate->probe, error);
	if (r == 0)
		r = openings_make(j->load->manifest, &j->authentic.bundle, &j->load->tuning,
				  &j->openings, error);
	if (r == 0)
		r = bound_memory(j, error);
	for (unsigned i = 0; i < n && r == 0; i++)
		r = fill_input(j, i, &inputs[i], error);
	if (r < 0)
		return r;
	r = loader_load(inputs, n, test_hook_load_deadline(LOAD_DEADLINE_USEC), &j->load->objects,
			error);
	return name_limit(j, r, error);
}

/* ---- attest ---- */

static int attest_objects(struct journey *j, struct error *error)
{
	const struct decision *d = &j->decision;
	const struct kfunc_grant grant = {d->n_kfuncs, d->kfuncs, d->n_helpers, d->helpers};
	struct load *load = j->load;

	return attest(load->manifest, &load->objects, j->openings.maps, &grant, load->programs,
		      load->maps, error);
}

/* ---- limit ---- */

/* What the rule lets its user have, now that the kernel says what this load takes. */
static int limit(struct journey *j, struct error *error)
{
	measure(&j->load->objects, &j->load->usage);
	return table_charge(j->gate->table, j->load, &j->decision.limits, &j->decision.total,
			    error);
}

/* ---- attach ---- */

static int attach_programs(struct journey *j, struct error *error)
{
	struct load *load = j->load;
	int r = 0;

	for (unsigned i = 0; i < load->n_attachments && r == 0; i++) {
		const struct attachment *a = &load->attachments[i];

		r = attach(load->objects.programs[a->program],
			   load->manifest->programs[a->program].type, &a->target, i, &load->links,
			   error);
	}
	if (r == 0)
		descriptors_settle(load);
	return r;
}

/* ---- record ---- */

/* What the manifest grants and the policy has let pass. */
static int open_maps(const struct load *load, struct road_reply *reply, struct error *error)
{
	int r = 0;

	for (unsigned i = 0; i < load->manifest->n_maps && r == 0; i++) {
		const struct manifest_map *map = &load->manifest->maps[i];

		if (map->grant != GRANT_NONE)
			r = map_grant_open(load->objects.maps[i], map->type, map->grant,
					   &reply->map_fds[i], error);
	}
	return r;
}

/* The last thing that can fail: a floor is raised by what has been loaded, and by nothing else. */
static int raise_floors(struct journey *j, struct error *error)
{
	struct release release;
	int r;

	authentic_release(&j->authentic, j->load->manifest, &release);
	r = floors_raise(j->gate->floors, j->request->peer.uid, &release, error);
	if (r < 0)
		stage_take_down(j->gate->table, j->load->id, 0, NULL, NULL);
	return r;
}

static int record(struct journey *j, struct error *error)
{
	struct timespec now;
	int r;

	clock_gettime(CLOCK_REALTIME, &now);
	j->load->loaded_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	r = open_maps(j->load, &j->reply, error);
	if (r < 0)
		return r;
	r = table_add(j->gate->table, j->load, error);
	/* it counts as one that is there now, and what follows may wait for a disk */
	give_places_back(j);
	if (r == 0)
		r = examine_added(j->gate, j->snapshot, j->load, error);
	if (r == 0)
		r = raise_floors(j, error);
	if (r < 0)
		return r;
	j->reply.load = TAKE_PTR(j->load);
	return 0;
}

/* ---- the road ---- */

static void reply_init(struct road_reply *reply)
{
	reply->load = NULL;
	for (unsigned i = 0; i < MANIFEST_MAPS_MAX; i++)
		reply->map_fds[i] = -1;
}

int road_load(struct gate *gate, struct road_request *request, struct road_reply *ret,
	      struct error *error)
{
	static int (*const steps[])(struct journey *, struct error *) = {
		seal,  authenticate_bundle, authorise, load, attest_objects,
		limit, attach_programs,	    record,
	};
	_cleanup_(journey_done) struct journey journey = {
		.gate = gate,
		.request = request,
		.snapshot = gate_snapshot(gate),
		.sealed = SEALED_INIT,
		.openings = OPENINGS_INIT,
		.memory = MEMORY_GROUP_INIT,
	};
	int r;

	reply_init(&journey.reply);
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		r = steps[i](&journey, error);
		if (r < 0)
			return r;
	}
	*ret = journey.reply;
	reply_init(&journey.reply);
	return 0;
}

/* Those of the load's signers that are still trusted. */
static unsigned find_signers(const struct snapshot *snapshot, const struct load *load,
			     const struct trusted_key **ret)
{
	const struct manifest *m = load->manifest;
	unsigned n = 0;

	for (unsigned i = 0; i < load->n_signers && n < BUNDLE_SIGNERS_MAX; i++) {
		uint8_t digest[DIGEST_SIZE];
		const struct trusted_key *key = NULL;

		if (digest_parse(load->signers[i], digest) == 0)
			key = trust_find(snapshot->trust, digest);
		if (key &&
		    revocations_find_signature(snapshot->revocations, digest, m->name, m->sequence))
			continue;
		if (key && trusted_key_state(key, time(NULL)) == KEY_TRUSTED)
			ret[n++] = key;
	}
	return n;
}

int road_reopen(struct gate *gate, struct load *load, const struct peer *peer,
		struct road_reply *ret, struct error *error)
{
	_cleanup_snapshot_ struct snapshot *snapshot = gate_snapshot(gate);
	_cleanup_(road_reply_done) struct road_reply reply;
	_cleanup_decision_ struct decision decision = {};
	const struct trusted_key *signers[BUNDLE_SIGNERS_MAX];
	unsigned n_signers, n_loads;
	int r;

	reply_init(&reply);
	if (load->unknown)
		return error_set(error, -EIO, ERROR_FAILED, STEP_RECORD,
				 "Load %s is unknown, so that its maps cannot be opened: %s.",
				 load->id, load->unknown);
	r = revocations_check(snapshot->revocations, peer->uid, STEP_AUTHENTICATE, error);
	if (r == 0)
		r = examine_load(snapshot, load, STEP_AUTHENTICATE, error);
	if (r < 0)
		return r;
	n_signers = find_signers(snapshot, load, signers);
	if (n_signers == 0)
		return error_set(error, -EKEYREJECTED, ERROR_NOT_AUTHENTIC, STEP_AUTHENTICATE,
				 "No key that signed this bundle is trusted any more.");
	/* this load is not one more */
	n_loads = table_count(gate->table, peer->uid);
	n_loads -= load->uid == peer->uid && n_loads > 0;
	r = ask_policy(snapshot->policy, load, peer, signers, n_signers, n_loads, &decision, error);
	if (r == 0)
		r = open_maps(load, &reply, error);
	if (r < 0)
		return r;
	reply.load = load_ref(load);
	*ret = reply;
	reply_init(&reply);
	return 0;
}

void road_request_done(struct road_request *request)
{
	close_async(TAKE_FD(request->fd), request->peer.uid);
	for (unsigned i = 0; i < request->n_wanted; i++) {
		free(request->wanted[i].program);
		free(request->wanted[i].target);
	}
	free(request->wanted);
	settings_free(request->settings, request->n_settings);
	peer_done(&request->peer);
	*request = (struct road_request){.fd = -1};
}

void road_reply_done(struct road_reply *reply)
{
	for (unsigned i = 0; i < MANIFEST_MAPS_MAX; i++)
		reply->map_fds[i] = safe_close(reply->map_fds[i]);
	load_unref(TAKE_PTR(reply->load));
}
