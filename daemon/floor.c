/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "floor.h"

#include <pthread.h>
#include <sys/types.h>

#include "floor-file.h"
#include "floor-mark.h"
#include "journal.h"
#include "json.h"
#include "record-file.h"

/*
 * Whoever changes them makes a new array, writes it down, and only then puts it in the old one's
 * place: those who look wait for no disk.
 */
struct floors {
	char *dir, *marks;
	bool allow_missing;
	int folder;		  /* owned, locked; -1: could not be opened */
	pthread_mutex_t changing; /* held for the whole of a change */
	pthread_mutex_t lock;	  /* guards what follows */
	char *broken;		  /* why they cannot be read */
	char *warning;		  /* what happened to them, where that denies nothing */
	struct floor_array array;
};

/* ---- the array ---- */

static int compare(const struct floor *floor, const char *name, const uint8_t *signer)
{
	return strcmp(floor->name, name) ?: memcmp(floor->signer, signer, DIGEST_SIZE);
}

/* Where it is, or belongs. */
static unsigned place(const struct floor_array *array, const char *name, const uint8_t *signer)
{
	unsigned low = 0, high = array->n;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (compare(&array->items[middle], name, signer) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct floor *find(const struct floor_array *array, const char *name, const uint8_t *signer)
{
	unsigned at = place(array, name, signer);

	return at < array->n && compare(&array->items[at], name, signer) == 0 ? &array->items[at]
									      : NULL;
}

static int copy(const struct floor_array *from, unsigned more, struct floor_array *ret)
{
	struct floor *items = calloc(from->n + more + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	if (from->n)
		memcpy(items, from->items, from->n * sizeof(*items));
	*ret = (struct floor_array){from->n, items};
	return 0;
}

/* There is room for one more. */
static void put(struct floor_array *array, const char *name, const uint8_t *signer,
		uint64_t sequence)
{
	struct floor *floor = find(array, name, signer);

	if (!floor) {
		unsigned at = place(array, name, signer);

		floor = &array->items[at];
		memmove(floor + 1, floor, (array->n - at) * sizeof(*floor));
		*floor = (struct floor){};
		snprintf(floor->name, sizeof(floor->name), "%s", name);
		memcpy(floor->signer, signer, DIGEST_SIZE);
		array->n++;
	}
	floor->sequence = sequence;
}

static void take_away(struct floor_array *array, const char *name, const uint8_t *signer)
{
	struct floor *floor = find(array, name, signer);

	if (!floor)
		return;
	array->n--;
	memmove(floor, floor + 1,
		(size_t)(array->items + array->n - floor) * sizeof(*array->items));
}

/* ---- reading ---- */

/* There is no file. Has there been one? *ret_warning is malloced, where that denies nothing. */
static int check_missing(const struct floors *floors, char **ret_warning, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	int r = floors->marks ? floor_mark_exists(floors->marks) : 0, n;

	if (r == 0)
		return 0;
	if (r > 0)
		n = asprintf(&text,
			     "%s/" FLOOR_FILE " is missing, and %s/" FLOOR_MARK
			     " says that there was one",
			     floors->dir, floors->marks);
	else
		n = asprintf(&text,
			     "%s/" FLOOR_FILE " is missing, and whether there was one cannot be "
			     "told: %s: %s",
			     floors->dir, floors->marks, strerror(-r));
	if (n < 0) {
		text = NULL;
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "Out of memory.");
	}
	if (!floors->allow_missing)
		return error_set(error, -ENODATA, ERROR_FAILED, STEP_NONE, "%s", text);
	journal_line(LOG_WARNING, "Old releases can be loaded: %s", text);
	*ret_warning = TAKE_PTR(text);
	return 0;
}

/* Once there is a file: it cannot go unnoticed from now on. */
static void make_mark(const struct floors *floors)
{
	int r = floors->marks ? floor_mark_make(floors->marks) : 0;

	/* no reason to load nothing: the floors themselves are there */
	if (r < 0)
		journal_line(LOG_WARNING,
			     "Cannot keep in %s that there are rollback floors, so that it will "
			     "not be noticed if they get lost: %s",
			     floors->marks, strerror(-r));
}

static int read_all(struct floors *floors, struct floor_array *ret, char **ret_warning,
		    struct error *error)
{
	bool exists = false;
	int r;

	if (floors->folder < 0) {
		r = record_folder_open(floors->dir, &floors->folder, error);
		if (r < 0)
			return r;
	}
	r = floor_file_read(floors->folder, floors->dir, ret, &exists, error);
	if (r < 0 || exists) {
		if (r == 0)
			make_mark(floors);
		return r;
	}
	return check_missing(floors, ret_warning, error);
}

/* .lock is held. */
static void mend(struct floors *floors, const struct floor_array *array, char *warning)
{
	free(TAKE_PTR(floors->broken));
	free(floors->warning);
	free(floors->array.items);
	floors->warning = warning;
	floors->array = *array;
}

int floors_retry(struct floors *floors, struct error *error)
{
	_cleanup_error_ struct error why = ERROR_INIT;
	struct floor_array array = {};
	char *warning = NULL;
	int r = 0;

	pthread_mutex_lock(&floors->changing);
	if (floors->broken)
		r = read_all(floors, &array, &warning, &why);
	pthread_mutex_lock(&floors->lock);
	if (r == 0 && floors->broken) {
		mend(floors, &array, warning);
	} else if (r < 0) {
		char *text = strdup(error_message(&why));

		free(text ? floors->broken : NULL);
		floors->broken = text ?: floors->broken;
	}
	pthread_mutex_unlock(&floors->lock);
	pthread_mutex_unlock(&floors->changing);
	return r < 0 ? error_set(error, r, ERROR_FAILED, STEP_NONE,
				 "The rollback floors cannot be read, all loads are denied: %s",
				 error_message(&why))
		     : 0;
}

int floors_new(const struct floor_places *places, struct floors **ret)
{
	struct floors *floors = calloc(1, sizeof(*floors));

	if (!floors)
		return -ENOMEM;
	floors->folder = -1;
	pthread_mutex_init(&floors->changing, NULL);
	pthread_mutex_init(&floors->lock, NULL);
	floors->dir = strdup(places->dir);
	floors->marks = places->marks ? strdup(places->marks) : NULL;
	floors->allow_missing = places->allow_missing;
	/* broken until it has been read */
	floors->broken = strdup("they have not been read");
	if (!floors->dir || !floors->broken || (places->marks && !floors->marks)) {
		floors_free(floors);
		return -ENOMEM;
	}
	*ret = floors;
	return 0;
}

void floors_free(struct floors *floors)
{
	if (!floors)
		return;
	safe_close(floors->folder);
	pthread_mutex_destroy(&floors->changing);
	pthread_mutex_destroy(&floors->lock);
	free(floors->broken);
	free(floors->warning);
	free(floors->marks);
	free(floors->array.items);
	free(floors->dir);
	free(floors);
}

/* ---- looking; the lock is held ---- */

static int check_usable(const struct floors *floors, uid_t uid, struct error *error)
{
	if (!floors->broken)
		return 0;
	if (uid != 0)
		return error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
				 "the rollback floors cannot be read, so nothing is allowed; an "
				 "administrator finds the reason in the journal of bpfgated");
	return error_set(error, -EACCES, ERROR_DENIED, STEP_AUTHORISE,
			 "the rollback floors cannot be read, so nothing is allowed: %s: restore "
			 "the file and reload, or give them up with 'bpfctl floor reset'",
			 floors->broken);
}

static int refuse_rollback(const struct release *release, unsigned signer,
			   const struct floor *floor, struct error *error)
{
	char digest[DIGEST_TEXT_SIZE];

	digest_format(floor->signer, digest);
	error_set(error, -ESTALE, ERROR_ROLLBACK, STEP_AUTHORISE,
		  "%s has sequence %llu, and the floor for the key '%s' is %llu, as that has been "
		  "loaded before; get a newer release, or an administrator lowers the floor "
		  "('bpfctl floor set')",
		  release->name, (unsigned long long)release->sequence,
		  release->signers[signer].file, (unsigned long long)floor->sequence);
	error_field_string(error, "name", release->name);
	error_field_string(error, "signer", digest);
	error_field(error, "sequence", json_object_new_uint64(release->sequence));
	error_field(error, "floor", json_object_new_uint64(floor->sequence));
	return -ESTALE;
}

/* *ret_new: how many floors it would add. */
static int check(const struct floors *floors, uid_t uid, const struct release *release,
		 unsigned *ret_new, struct error *error)
{
	unsigned n_new = 0;
	int r = check_usable(floors, uid, error);

	for (unsigned i = 0; i < release->n_signers && r == 0; i++) {
		const struct floor *floor =
			find(&floors->array, release->name, release->signers[i].digest);

		n_new += !floor;
		if (floor && release->sequence < floor->sequence)
			r = refuse_rollback(release, i, floor, error);
	}
	if (r < 0)
		return r;
	if (floors->array.n + n_new > FLOORS_MAX)
		return error_set(error, -ENOSPC, ERROR_BUSY, STEP_AUTHORISE,
				 "there are %u rollback floors already; an administrator takes "
				 "away what is of no use ('bpfctl floor list', 'bpfctl floor set "
				 "NAME SIGNER 0')",
				 floors->array.n);
	*ret_new = n_new;
	return 0;
}

int floors_check(struct floors *floors, uid_t uid, const struct release *release,
		 struct error *error)
{
	unsigned n_new;
	int r;

	pthread_mutex_lock(&floors->lock);
	r = check(floors, uid, release, &n_new, error);
	pthread_mutex_unlock(&floors->lock);
	return r;
}

int floors_list(struct floors *floors, struct floor **ret, unsigned *ret_n, struct error *error)
{
	struct floor_array array = {};
	int r;

	pthread_mutex_lock(&floors->lock);
	r = check_usable(floors, 0, error);
	if (r == 0)
		r = copy(&floors->array, 0, &array);
	pthread_mutex_unlock(&floors->lock);
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_REQUEST, "Out of memory.");
	*ret = array.items;
	*ret_n = array.n;
	return 0;
}

int floors_reason(struct floors *floors, bool *ret_denies, char **ret)
{
	const char *text;
	int r = 0;

	pthread_mutex_lock(&floors->lock);
	*ret_denies = floors->broken;
	text = floors->broken ?: floors->warning;
	*ret = text ? strdup(text) : NULL;
	if (text && !*ret)
		r = -ENOMEM;
	pthread_mutex_unlock(&floors->lock);
	return r;
}

/* ---- changing; .changing is held, and the array is read without the lock ---- */

/* @array is taken over. */
static int replace(struct floors *floors, struct floor_array *array, struct error *error)
{
	int r;

	r = floor_file_write(floors->folder, array, error);
	if (r < 0) {
		free(array->items);
		return r;
	}
	make_mark(floors);
	pthread_mutex_lock(&floors->lock);
	free(floors->array.items);
	floors->array = *array;
	pthread_mutex_unlock(&floors->lock);
	return 0;
}

static int raise_all(struct floors *floors, uid_t uid, const struct release *release,
		     struct error *error)
{
	struct floor_array array;
	bool higher = false;
	unsigned n_new;
	int r;

	r = check(floors, uid, release, &n_new, error);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < release->n_signers; i++) {
		const struct floor *floor =
			find(&floors->array, release->name, release->signers[i].digest);

		higher |= !floor || floor->sequence < release->sequence;
	}
	/* as nearly always: nothing to write */
	if (!higher)
		return 0;
	if (copy(&floors->array, n_new, &array) < 0)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_RECORD, "Out of memory.");
	for (unsigned i = 0; i < release->n_signers; i++)
		put(&array, release->name, release->signers[i].digest, release->sequence);
	return replace(floors, &array, error);
}

int floors_raise(struct floors *floors, uid_t uid, const struct release *release,
		 struct error *error)
{
	int r;

	pthread_mutex_lock(&floors->changing);
	r = raise_all(floors, uid, release, error);
	pthread_mutex_unlock(&floors->changing);
	return r;
}

static int set_one(struct floors *floors, const char *name, const uint8_t *signer,
		   uint64_t sequence, uint64_t *ret_previous, struct error *error)
{
	const struct floor *floor = find(&floors->array, name, signer);
	uint64_t previous = floor ? floor->sequence : 0;
	struct floor_array array;
	int r;

	r = check_usable(floors, 0, error);
	if (r < 0)
		return r;
	if (!floor && sequence && floors->array.n >= FLOORS_MAX)
		return error_set(error, -ENOSPC, ERROR_BUSY, STEP_REQUEST,
				 "there are %u rollback floors already", floors->array.n);
	if (copy(&floors->array, 1, &array) < 0)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_REQUEST, "Out of memory.");
	if (sequence)
		put(&array, name, signer, sequence);
	else
		take_away(&array, name, signer);
	r = replace(floors, &array, error);
	if (r == 0)
		*ret_previous = previous;
	return r;
}

int floors_set(struct floors *floors, const char *name, const uint8_t signer[static DIGEST_SIZE],
	       uint64_t sequence, uint64_t *ret_previous, struct error *error)
{
	int r;

	pthread_mutex_lock(&floors->changing);
	r = set_one(floors, name, signer, sequence, ret_previous, error);
	pthread_mutex_unlock(&floors->changing);
	return r;
}

static int reset(struct floors *floors, struct error *error)
{
	const struct floor_array none = {};
	int r = 0;

	if (!floors->broken && !floors->warning)
		return error_set(
			error, -EEXIST, ERROR_FAILED, STEP_REQUEST,
			"the rollback floors can be read: 'bpfctl floor set' changes them");
	if (floors->folder < 0)
		r = record_folder_open(floors->dir, &floors->folder, error);
	if (r < 0)
		return r;
	/* after a warning there can be new ones by now, and they stay */
	if (floors->broken) {
		r = floor_file_put_aside(floors->folder, error);
		if (r == 0)
			r = floor_file_write(floors->folder, &none, error);
	}
	if (r < 0)
		return r;
	make_mark(floors);
	pthread_mutex_lock(&floors->lock);
	if (floors->broken)
		mend(floors, &none, NULL);
	free(TAKE_PTR(floors->warning));
	pthread_mutex_unlock(&floors->lock);
	return 0;
}

int floors_reset(struct floors *floors, struct error *error)
{
	int r;

	pthread_mutex_lock(&floors->changing);
	r = reset(floors, error);
	pthread_mutex_unlock(&floors->changing);
	return r;
}
