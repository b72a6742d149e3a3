/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stage.h"

#include "audit.h"

static int refuse(const char *digest, const char *why, struct error *error)
{
	error_set(error, -ENOENT, ERROR_NO_BASE, STEP_AUTHORISE,
		  "The bundle is to be loaded after %s, %s: load that first, as a load of your own "
		  "or as anybody's that lasts until it is unloaded.",
		  digest, why);
	error_field_string(error, "digest", digest);
	return -ENOENT;
}

/* One that is revoked and kept, or whose keys were taken away, is nothing to build on. */
static int check_base(struct gate *gate, const struct snapshot *snapshot, const char *digest,
		      uid_t uid, struct error *error)
{
	_cleanup_free_ struct load **bases = NULL;
	unsigned n = 0, n_good = 0;
	int r;

	r = table_list_bases(gate->table, digest, uid, &bases, &n);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_AUTHORISE, "Out of memory.");
	for (unsigned i = 0; i < n; i++) {
		if (n_good == 0)
			n_good += examine_load(snapshot, bases[i], STEP_AUTHORISE, NULL) == 0;
		load_unref(bases[i]);
	}
	if (n_good > 0)
		return 0;
	return refuse(digest,
		      n > 0 ? "which is loaded and no longer trusted" : "which is not loaded",
		      error);
}

int stage_check(struct gate *gate, const struct snapshot *snapshot, const struct manifest *manifest,
		uid_t uid, struct error *error)
{
	int r = 0;

	for (unsigned i = 0; i < manifest->n_after && r == 0; i++)
		r = check_base(gate, snapshot, manifest->after[i], uid, error);
	return r;
}

int stage_take_down(struct table *table, const char *id, uid_t uid, struct removal *ret,
		    struct error *error)
{
	_cleanup_removal_ struct removal removal = {};
	char why[64];
	int r;

	r = table_remove_all(table, id, uid, &removal, error);
	snprintf(why, sizeof(why), "it follows load %s, which goes", id);
	for (unsigned i = 0; i < removal.n; i++)
		audit_unloaded(removal.items[i].uid, removal.items[i].id, why, NULL);
	if (ret) {
		removal_done(ret);
		*ret = removal;
		removal = (struct removal){};
	}
	return r;
}
