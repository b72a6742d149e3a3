/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A part of gate.bpf.c: the pins, and the mounts that they hang in. A bpffs whose last mount goes
 * takes its pins with it.
 */
#pragma once

extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym;

#define PIN_DEPTH 4 /* PIN_ROOT/gate/GENERATION/NAME, from the name up */

static __always_inline bool under_pins(struct dentry *dentry)
{
	struct gate_config *config = config_get();

	if (!config || dentry->d_parent->d_inode->i_sb->s_dev != config->pin_device)
		return false;
	for (int i = 0; i < PIN_DEPTH; i++) {
		struct inode *inode = dentry->d_inode;

		if (inode && inode->i_ino == config->pin_root)
			return true;
		dentry = dentry->d_parent;
	}
	return false;
}

static __always_inline int check_pin(struct dentry *dentry)
{
	if (!under_pins(dentry) || task_current_role() == GATE_ROLE_DAEMON)
		return 0;
	return verdict(GATE_PIN, GATE_NO_COMMAND, 0);
}

SEC("lsm/inode_unlink")
int BPF_PROG(gate_unlink, struct inode *folder, struct dentry *dentry)
{
	return check_pin(dentry);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(gate_rmdir, struct inode *folder, struct dentry *dentry)
{
	return check_pin(dentry);
}

SEC("lsm/inode_rename")
int BPF_PROG(gate_rename, struct inode *folder, struct dentry *dentry, struct inode *new_folder,
	     struct dentry *new_dentry)
{
	return check_pin(dentry) ?: check_pin(new_dentry);
}

/* What is made there, nobody but the daemon makes: a gate of somebody else's would be taken up, and
 * a folder is in the way. BPF_OBJ_PIN is inode_create. */
SEC("lsm/inode_create")
int BPF_PROG(gate_create, struct inode *folder, struct dentry *dentry, unsigned int mode)
{
	return check_pin(dentry);
}

SEC("lsm/inode_mkdir")
int BPF_PROG(gate_mkdir, struct inode *folder, struct dentry *dentry, unsigned int mode)
{
	return check_pin(dentry);
}

SEC("lsm/inode_symlink")
int BPF_PROG(gate_symlink, struct inode *folder, struct dentry *dentry, const char *target)
{
	return check_pin(dentry);
}

SEC("lsm/inode_link")
int BPF_PROG(gate_link, struct dentry *old_dentry, struct inode *folder, struct dentry *dentry)
{
	return check_pin(old_dentry) ?: check_pin(dentry);
}

/* Whom it belongs to, and who may open it; and of a device, that it is root's (gate-file.h). */
SEC("lsm/inode_setattr")
int BPF_PROG(gate_setattr, struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *change)
{
	struct inode *inode = dentry->d_inode;

	if (inode && change->ia_valid & ATTR_UID && is_device_setting(inode->i_sb->s_magic) &&
	    inode->i_uid.val == 0 && task_is_outside())
		return verdict(GATE_DEVICE, GATE_NO_COMMAND, 0);
	return check_pin(dentry);
}

/* ---- mounts ---- */

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	const void *whole = (const void *)mnt - bpf_core_field_offset(struct mount, mnt);

	return bpf_rdonly_cast(whole, bpf_core_type_id_kernel(struct mount));
}

static __always_inline struct mount *mount_at(__u64 address)
{
	return bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct mount));
}

static __always_inline bool is_in_init(struct mount *mount)
{
	struct gate_config *config = config_get();

	return !config || (__u64)mount->mnt_ns == config->init_mounts;
}

#define WALK_STEPS (1u << 18) /* two for each mount: more than the default of fs.mount-max */

/*
 * The three mounts of PID 1 that matter: its root, /sys, and the bpffs that the pins are in. Copies
 * of them, fresh ones of the same file systems and mounts elsewhere are everybody's. Addresses of
 * struct mount; .found: all three are where they are expected. Else every mount of these file
 * systems is taken for one of them, where it is PID 1's or passes on what is done to it.
 */
struct places {
	__u64 root, sys, pins;
	bool found;
};

struct search {
	__u64 end, at, found; /* a list's head, and where it is; struct mount */
	__u64 folder;	      /* inode of what the mountpoint is in */
	__u32 device;
	bool sys; /* is /sys searched, or the bpffs? */
};

static __always_inline __u64 mount_of_child(__u64 list_head)
{
	return list_head - bpf_core_field_offset(struct mount, mnt_child);
}

static __always_inline bool is_at(struct mount *mount, __u64 folder, bool sys)
{
	struct dentry *point = mount->mnt_mountpoint;

	if (point->d_parent->d_inode->i_ino != folder)
		return false;
	return sys ? IS_CALLED(point, "sys") : IS_CALLED(point, "bpf");
}

static long search_step(__u32 step, struct search *search)
{
	struct mount *mount;

	if (search->at == search->end)
		return 1;
	mount = mount_at(mount_of_child(search->at));
	if (mount->mnt.mnt_sb->s_dev == search->device &&
	    is_at(mount, search->folder, search->sys)) {
		search->found = (__u64)mount;
		return 1;
	}
	search->at = (__u64)mount->mnt_child.next;
	return 0;
}

static __always_inline __u64 search_on(__u64 parent, __u64 folder, __u32 device, bool sys)
{
	struct search search = {.folder = folder, .device = device, .sys = sys};

	search.end = parent + bpf_core_field_offset(struct mount, mnt_mounts);
	search.at = (__u64)mount_at(parent)->mnt_mounts.next;
	bpf_loop(WALK_STEPS, search_step, &search, 0);
	return search.found;
}

static __noinline int find_places(struct places *places)
{
	struct gate_config *config = config_get();
	struct init_root root = {};

	if (!places || !config || !init_root_find(&root))
		return 0;
	places->root = root.mnt - bpf_core_field_offset(struct mount, mnt);
	places->sys = search_on(places->root, root.inode, config->sys_device, true);
	if (places->sys)
		places->pins = search_on(places->sys, config->sys_fs, config->pin_device, false);
	places->found = places->pins != 0;
	return 0;
}

#define MASTERS_MAX 8

/* Is what is mounted on @from, or unmounted there, so on @to as well? */
static __always_inline bool passes_to(struct mount *from, __u64 to)
{
	struct mount *mount = mount_at(to);
	int group = from->mnt_group_id;

	if ((__u64)from == to)
		return true;
	if (!group)
		return false;
	for (int i = 0; i < MASTERS_MAX; i++) {
		if (mount->mnt_group_id == group)
			return true;
		mount = mount->mnt_master;
		if (!mount)
			return false;
	}
	return true;
}

/* Where the places are not known: one of PID 1's, or one that passes on what is done to it? */
static __always_inline bool may_concern_init(struct mount *mount)
{
	return is_in_init(mount) || mount->mnt_group_id || mount->mnt_parent->mnt_group_id;
}

/* Does the bpffs of the pins, or /sys, go with @mount? What is below it is not looked at. */
static __always_inline bool carries_pins(struct mount *mount, const struct places *places)
{
	struct gate_config *config = config_get();
	__u32 device = mount->mnt.mnt_sb->s_dev, on;

	if (!config)
		return true;
	if (!places->found)
		return (device == config->pin_device || device == config->sys_device ||
			mount->mnt_parent == mount) &&
		       may_concern_init(mount);
	if ((__u64)mount == places->pins || (__u64)mount == places->sys ||
	    (__u64)mount == places->root)
		return true;
	on = mount->mnt_parent->mnt.mnt_sb->s_dev;
	if (on == config->sys_device && is_at(mount, config->sys_fs, false))
		return passes_to(mount->mnt_parent, places->sys);
	return mount_at(places->sys)->mnt_mountpoint == mount->mnt_mountpoint &&
	       passes_to(mount->mnt_parent, places->root);
}

/* Is what is mounted on @mnt in the bpffs of the pins? */
static __always_inline bool is_in_pins(struct vfsmount *mnt, const struct places *places)
{
	struct gate_config *config = config_get();

	if (!config || mnt->mnt_sb->s_dev != config->pin_device)
		return !config;
	return places->found ? passes_to(mount_of(mnt), places->pins)
			     : may_concern_init(mount_of(mnt));
}

/* Is a mount at @path one over /sys or /sys/fs, behind which the pins are hidden? */
static __always_inline bool covers_pins(struct path *path, const struct places *places)
{
	struct gate_config *config = config_get();
	struct vfsmount *mnt = path->mnt;
	__u64 inode;

	if (!config || mnt->mnt_sb->s_dev != config->sys_device)
		return !config;
	inode = path->dentry->d_inode->i_ino;
	if (inode != config->sys_root && inode != config->sys_fs)
		return false;
	return places->found ? passes_to(mount_of(mnt), places->sys)
			     : may_concern_init(mount_of(mnt));
}

/* ---- what hangs below a mount that is detached: it goes as well, and each is passed on ---- */

struct walk {
	__u64 root, at; /* struct mount */
	struct places places;
	bool upwards; /* what is below .at has been seen */
	bool found, finished;
};

/* Without the kernel's lock: what changes meanwhile can make it miss something, or its way. */
static long walk_step(__u32 step, struct walk *walk)
{
	struct mount *mount = mount_at(walk->at);
	__u64 children = walk->at + bpf_core_field_offset(struct mount, mnt_mounts);
	__u64 next;

	if (!walk->upwards) {
		walk->found = carries_pins(mount, &walk->places);
		next = (__u64)mount->mnt_mounts.next;
		if (!walk->found && next != children) {
			walk->at = mount_of_child(next);
			return 0;
		}
	}
	walk->finished = walk->at == walk->root;
	if (walk->found || walk->finished)
		return 1;
	next = (__u64)mount->mnt_child.next;
	walk->at = (__u64)mount->mnt_parent;
	children = walk->at + bpf_core_field_offset(struct mount, mnt_mounts);
	walk->upwards = next == children;
	if (!walk->upwards)
		walk->at = mount_of_child(next);
	return 0;
}

/* Or in @mnt itself. */
static __always_inline bool has_pins_below(struct vfsmount *mnt, const struct places *places)
{
	__u64 root = (__u64)mnt - bpf_core_field_offset(struct mount, mnt);
	struct walk walk = {.root = root, .at = root, .places = *places};

	bpf_loop(WALK_STEPS, walk_step, &walk, 0);
	return walk.found || !walk.finished;
}

static __always_inline int refuse_mount(void)
{
	__u32 role = task_current_role();

	/* PID 1, and what is forked to set a service's mounts up */
	if (task_is_init() || role == GATE_ROLE_INIT || role == GATE_ROLE_HELPER ||
	    role == GATE_ROLE_DAEMON)
		return 0;
	return verdict(GATE_MOUNT, GATE_NO_COMMAND, 0);
}

SEC("lsm/sb_umount")
int BPF_PROG(gate_umount, struct vfsmount *mnt, int flags)
{
	struct places places = {};

	find_places(&places);
	if (carries_pins(mount_of(mnt), &places) ||
	    (flags & MNT_DETACH && has_pins_below(mnt, &places)))
		return refuse_mount();
	return 0;
}

/* mount(2): the source of a move is a name in user memory, so none is moved in this way where it
 * concerns PID 1. */
SEC("lsm/sb_mount")
int BPF_PROG(gate_mount, const char *source, struct path *path, const char *type,
	     unsigned long flags, void *data)
{
	/* the kernel asks for these in this order */
	bool mounts = !(flags & MS_REMOUNT) && (flags & MS_BIND || !(flags & MS_PROPAGATION));
	struct vfsmount *mnt = path->mnt;
	struct places places = {};

	find_places(&places);
	if (is_in_pins(mnt, &places) || (mounts && covers_pins(path, &places)) ||
	    (flags & MS_MOVE && is_in_init(mount_of(mnt))))
		return refuse_mount();
	return 0;
}

/* What is moved from elsewhere, or was made a moment ago and is nowhere yet, takes nothing away. A
 * mount whose parent passes it on is not moved by the kernel. */
SEC("lsm/move_mount")
int BPF_PROG(gate_move_mount, struct path *from, struct path *to)
{
	struct places places = {};

	find_places(&places);
	if (is_in_pins(to->mnt, &places) || covers_pins(to, &places) ||
	    (is_in_init(mount_of(from->mnt)) && has_pins_below(from->mnt, &places)))
		return refuse_mount();
	return 0;
}

/* Another root for a whole mount namespace, which is passed on to none. */
SEC("lsm/sb_pivotroot")
int BPF_PROG(gate_pivot_root, struct path *old_path, struct path *new_path)
{
	return is_in_init(mount_of(new_path->mnt)) ? refuse_mount() : 0;
}

SEC("lsm/sb_remount")
int BPF_PROG(gate_remount, struct super_block *super, void *options)
{
	struct gate_config *config = config_get();

	/* its options can name a program for the kernel to start */
	if (super->s_magic == CGROUP_MAGIC && task_is_outside())
		return verdict(GATE_HELPER, GATE_NO_COMMAND, 0);
	return config && super->s_dev == config->pin_device ? refuse_mount() : 0;
}
