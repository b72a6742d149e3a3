/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xdp and tcx, on interfaces of the daemon's own network namespace. */
#include <bpf/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "attach-kinds.h"

static int find_interface(const struct target *target, unsigned *ret, struct error *error)
{
	unsigned index = if_nametoindex(target->name);
	char name[IF_NAMESIZE];

	if (index == 0 || !if_indextoname(index, name))
		return attach_bad_target(error, -ENODEV,
					 "no network interface %s; ip link lists them",
					 target->name);
	/* Rules are matched with names, and an interface has others besides (altname). */
	if (!streq(name, target->name))
		return attach_bad_target(error, -EXDEV,
					 "network interface %s is really %s: name "
					 "that",
					 target->name, name);
	*ret = index;
	return 0;
}

static int link_xdp(int prog_fd, unsigned index)
{
	LIBBPF_OPTS(bpf_link_create_opts, options);
	int fd;

	/* Without flags the kernel takes the driver's own mode where the driver has one. */
	fd = bpf_link_create(prog_fd, (int)index, BPF_XDP, &options);
	if (fd != -EOPNOTSUPP)
		return fd;
	/* It has one, but not as the interface is set up now: the generic mode works everywhere. */
	options.flags = XDP_FLAGS_SKB_MODE;
	return bpf_link_create(prog_fd, (int)index, BPF_XDP, &options);
}

static int link_tcx(int prog_fd, unsigned index, const struct target *target)
{
	LIBBPF_OPTS(bpf_link_create_opts, options);
	enum bpf_attach_type type;
	int r;

	r = target_attach_type(target, &type);
	return r < 0 ? r : bpf_link_create(prog_fd, (int)index, type, &options);
}

int net_attach(int prog_fd, const struct target *target, unsigned attachment, struct links *links,
	       struct error *error)
{
	unsigned index = 0;
	int r;

	r = find_interface(target, &index, error);
	if (r < 0)
		return r;
	r = target->kind == TARGET_XDP ? link_xdp(prog_fd, index)
				       : link_tcx(prog_fd, index, target);
	if (r == -ENODEV)
		return attach_bad_target(error, r, "network interface %s has just gone",
					 target->name);
	if (r == -EBUSY && target->kind == TARGET_XDP)
		return error_set(error, r, ERROR_KERNEL, STEP_ATTACH,
				 "interface %s has an XDP program already, and it takes one only: "
				 "ip link show %s names it",
				 target->name, target->name);
	return r < 0 ? attach_refused(target, r, error) : links_add(links, r, attachment);
}

int net_resolve(const struct target *target, struct error *error)
{
	unsigned index = 0;

	return find_interface(target, &index, error);
}
