/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The drop-ins of a policy: which files make it up, and the snapshot made of them. */
#include <fcntl.h>
#include <limits.h>

#include "owned.h"
#include "policy-rule.h"

#define POLICY_DIRS_MAX 8

/* A folder, open, with the names of its files. */
struct folder {
	const char *path;
	int fd; /* -1: does not exist */
	char **names;
	unsigned n, at; /* at: the next one to be taken */
};

static void folders_done(struct folder *folders, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		safe_close(folders[i].fd);
		owned_names_free(folders[i].names, folders[i].n);
	}
}

static int folder_open(const char *path, uid_t owner, struct folder *ret, struct error *error)
{
	struct folder folder = {.path = path, .fd = -1};
	int r;

	r = owned_open_folder(path, owner, &folder.fd, error);
	if (r == 0)
		r = owned_list(folder.fd, path, ".json", &folder.names, &folder.n, error);
	if (r < 0 && r != -ENOENT) {
		safe_close(folder.fd);
		return r;
	}
	*ret = folder;
	return 0;
}

/* The name that comes next in the order of all folders, and the first folder that has it; every
 * folder moves past it. NULL at the end. */
static const char *next_name(struct folder *folders, unsigned n, const struct folder **ret)
{
	const char *name = NULL;

	for (unsigned i = 0; i < n; i++) {
		struct folder *f = &folders[i];

		if (f->at < f->n && (!name || strcmp(f->names[f->at], name) < 0)) {
			name = f->names[f->at];
			*ret = f;
		}
	}
	for (unsigned i = 0; i < n && name; i++) {
		struct folder *f = &folders[i];

		if (f->at < f->n && streq(f->names[f->at], name))
			f->at++;
	}
	return name;
}

static int add_file(struct policy *policy, const struct folder *folder, const char *name,
		    char **ret_file)
{
	char **files;

	files = reallocarray(policy->files, policy->n_files + 1, sizeof(*files));
	if (!files)
		return -ENOMEM;
	policy->files = files;
	if (asprintf(&files[policy->n_files], "%s/%s", folder->path, name) < 0)
		return -ENOMEM;
	*ret_file = files[policy->n_files++];
	return 0;
}

static int add_rules(struct policy *policy, struct policy_rule *rules, unsigned n)
{
	struct policy_rule *all;

	all = reallocarray(policy->rules, policy->n_rules + n + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	policy->rules = all;
	memcpy(&all[policy->n_rules], rules, n * sizeof(*rules));
	policy->n_rules += n;
	return 0;
}

static int read_file(struct policy *policy, const struct folder *folder, const char *name,
		     uid_t owner, struct error *error)
{
	_cleanup_free_ char *content = NULL;
	struct policy_rule *rules = NULL;
	unsigned n = 0;
	char *file;
	size_t size;
	int r;

	r = owned_read(folder->fd, folder->path, name, owner, POLICY_FILE_MAX, &content, &size,
		       error);
	if (r != 0)
		return r < 0 ? r : 0;
	r = add_file(policy, folder, name, &file);
	if (r < 0)
		return r;
	r = policy_parse(file, content, size, &rules, &n, error);
	if (r < 0)
		return r;
	r = add_rules(policy, rules, n);
	/* Moved into the policy, but for the array itself. */
	policy_rules_free(rules, r < 0 ? n : 0);
	return r;
}

static int read_files(struct policy *policy, const char *const *dirs, uid_t owner,
		      struct error *error)
{
	struct folder folders[POLICY_DIRS_MAX];
	const struct folder *folder;
	const char *name;
	unsigned n = 0;
	int r = 0;

	while (r == 0 && dirs[n]) {
		if (n == POLICY_DIRS_MAX)
			r = error_set(error, -E2BIG, ERROR_FAILED, STEP_NONE,
				      "more than %d policy folders", POLICY_DIRS_MAX);
		else
			r = folder_open(dirs[n], owner, &folders[n], error);
		n += r == 0;
	}
	while (r == 0 && (name = next_name(folders, n, &folder)))
		r = read_file(policy, folder, name, owner, error);
	folders_done(folders, n);
	return r;
}

/* One file that cannot be used takes all rules with it: among those it hid could be a denial. */
static int deny_all(struct policy *policy, const char *reason)
{
	policy_rules_free(policy->rules, policy->n_rules);
	policy->rules = NULL;
	policy->n_rules = 0;
	policy->deny_all = true;
	policy->reason = strdup(reason);
	return policy->reason ? 0 : -ENOMEM;
}

static struct policy *policy_new(void)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (policy)
		policy->refs = 1;
	return policy;
}

int policy_read(const char *const *dirs, uid_t owner, struct policy **ret, struct error *error)
{
	_cleanup_error_ struct error broken = ERROR_INIT;
	_cleanup_policy_ struct policy *policy = policy_new();
	int r = -ENOMEM;

	if (policy)
		r = read_files(policy, dirs, owner, &broken);
	if (r < 0 && r != -ENOMEM)
		r = deny_all(policy, error_message(&broken));
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE, "cannot read the policy: %s",
				 strerror(-r));
	*ret = TAKE_PTR(policy);
	return 0;
}

static int out_of_memory(int r, struct error *error)
{
	return r == -ENOMEM ? error_set(error, r, ERROR_FAILED, STEP_NONE,
					"cannot read the policy: out of memory")
			    : r;
}

int policy_read_checked(const char *const *dirs, uid_t owner, struct policy **ret,
			struct error *error)
{
	_cleanup_policy_ struct policy *policy = policy_new();
	int r;

	r = policy ? read_files(policy, dirs, owner, error) : -ENOMEM;
	if (r < 0)
		return out_of_memory(r, error);
	*ret = TAKE_PTR(policy);
	return 0;
}

static int read_text(const char *path, char **ret, size_t *ret_size, struct error *error)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	int r;

	r = fd < 0 ? -errno : owned_read_all(fd, POLICY_FILE_MAX, ret, ret_size);
	if (r == -EFBIG)
		error_set(error, r, ERROR_FAILED, STEP_NONE, "%s is larger than %u bytes", path,
			  POLICY_FILE_MAX);
	else if (r < 0)
		error_set(error, r, ERROR_FAILED, STEP_NONE, "%s: %s", path, strerror(-r));
	else
		return 0;
	error_field_string(error, "file", path);
	return r;
}

int policy_read_file(const char *path, struct policy **ret, struct error *error)
{
	_cleanup_policy_ struct policy *policy = policy_new();
	_cleanup_free_ char *content = NULL;
	size_t size;
	int r;

	r = read_text(path, &content, &size, error);
	if (r < 0)
		return r;
	if (!policy)
		return out_of_memory(-ENOMEM, error);
	policy->files = calloc(1, sizeof(*policy->files));
	if (!policy->files || !(policy->files[0] = strdup(path)))
		return out_of_memory(-ENOMEM, error);
	policy->n_files = 1;
	r = policy_parse(path, content, size, &policy->rules, &policy->n_rules, error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(policy);
	return 0;
}
