/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>

#include "attach-kinds.h"
#include "enforce.h"

/* Closes all but the first @n. */
static void links_cut(struct links *links, unsigned n)
{
	/* The last made goes first, as everywhere where things are undone. */
	while (links->n > n)
		enforce_link_close(links->items[--links->n].fd);
}

void links_done(struct links *links)
{
	links_cut(links, 0);
	free(links->items);
	*links = LINKS_INIT;
}

int links_add(struct links *links, int fd, unsigned attachment)
{
	struct load_link *items = NULL;
	int r = links->n == LINKS_MAX ? -E2BIG : 0;

	if (r == 0 && fd >= 0)
		r = enforce_link_add(fd);
	if (r == 0) {
		items = reallocarray(links->items, links->n + 1, sizeof(*items));
		r = items ? 0 : -ENOMEM;
	}
	if (r < 0) {
		enforce_link_close(fd);
		return r;
	}
	items[links->n++] = (struct load_link){.fd = fd, .attachment = attachment};
	links->items = items;
	return 0;
}

static const struct {
	attach_fn attach;
	resolve_fn resolve; /* NULL: only the kernel can tell, when it loads or attaches */
} kinds[_TARGET_KIND_MAX] = {
	[TARGET_TRACEPOINT] = {trace_attach_tracepoint, trace_resolve_tracepoint},
	[TARGET_RAW_TP] = {trace_attach_raw, NULL},
	[TARGET_TP_BTF] = {trace_attach_baked, NULL},
	[TARGET_FENTRY] = {trace_attach_baked, NULL},
	[TARGET_FEXIT] = {trace_attach_baked, NULL},
	[TARGET_LSM] = {trace_attach_baked, NULL},
	[TARGET_ITER] = {trace_attach_baked, NULL},
	[TARGET_KPROBE] = {probe_attach_kernel, NULL},
	[TARGET_KRETPROBE] = {probe_attach_kernel, NULL},
	[TARGET_UPROBE] = {probe_attach_user, probe_resolve_user},
	[TARGET_URETPROBE] = {probe_attach_user, probe_resolve_user},
	[TARGET_PERF_EVENT] = {perf_attach, perf_resolve},
	[TARGET_XDP] = {net_attach, net_resolve},
	[TARGET_TCX] = {net_attach, net_resolve},
	[TARGET_CGROUP] = {cgroup_attach, cgroup_resolve},
};

int attach_refused(const struct target *target, int r, struct error *error)
{
	const char *hint = "";

	switch (r) {
	case -EINVAL:
		hint = "; was the program built for this kind of target?";
		break;
	case -EPERM:
	case -EACCES:
		hint = "; bpfgated needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, and no security "
		       "module against it";
		break;
	case -EBUSY:
	case -EEXIST:
		hint = "; something else is attached there already";
		break;
	}
	return error_set(error, r, ERROR_KERNEL, STEP_ATTACH,
			 "the kernel refused to attach to %s: %s%s", target->text, strerror(-r),
			 hint);
}

int attach_check_path(int fd, const struct target *target, struct error *error)
{
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(fd)], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_ATTACH, "cannot resolve %s: %s",
				 target->path, strerror(errno));
	path[n] = '\0';
	if (!streq(path, target->path))
		return attach_bad_target(error, -EXDEV, "%s is really %s: name that", target->path,
					 path);
	return 0;
}

/* Whatever went wrong, @error says at @step and about which target. */
static int finish(int r, const struct target *target, enum step step, struct error *error)
{
	error_set(error, r, ERROR_FAILED, step, "cannot attach to %s: %s", target->text,
		  strerror(-r));
	if (error) {
		error->step = step;
		error->errnum = -r;
		error_field_string(error, "target", target->text);
	}
	return r;
}

int attach(int prog_fd, enum bpf_prog_type type, const struct target *target, unsigned attachment,
	   struct links *links, struct error *error)
{
	unsigned before = links->n;
	int r;

	if (!program_type_fits(type, target->kind)) {
		attach_bad_target(
			error, -EINVAL, "a program of type %s cannot be attached to a %s target",
			program_type_name(type) ?: "(unknown)", target_kind_name(target->kind));
		return finish(-EINVAL, target, STEP_ATTACH, error);
	}
	enforce_links_begin();
	r = kinds[target->kind].attach(prog_fd, target, attachment, links, error);
	enforce_links_end();
	if (r < 0) {
		links_cut(links, before);
		return finish(r, target, STEP_ATTACH, error);
	}
	return 0;
}

int attach_resolve(const struct target *target, struct error *error)
{
	int r;

	if (!kinds[target->kind].resolve)
		return 0;
	r = kinds[target->kind].resolve(target, error);
	return r < 0 ? finish(r, target, STEP_AUTHORISE, error) : 0;
}
