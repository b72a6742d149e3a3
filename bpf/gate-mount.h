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

/* Whom it belongs to, and who may open it. */
SEC("lsm/inode_setattr")
int BPF_PROG(gate_setattr, struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *change)
{
	return check_pin(dentry);
}

/* ---- mounts ---- */

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	const void *whole = (const void *)mnt - bpf_core_field_offset(struct mount, mnt);

	return bpf_rdonly_cast(whole, bpf_core_type_id_kernel(struct mount));
}

/* Is it one of PID 1's, or one of those that pass on to others what is done to them? What is
 * mounted on it is passed on as its own peer group says; that it goes, as that of its parent does.
 * Services and containers may do with copies of their own what they want. */
static __always_inline bool concerns_init(struct mount *mount)
{
	struct gate_config *config = config_get();

	return !config || (__u64)mount->mnt_ns == config->init_mounts || mount->mnt_group_id ||
	       mount->mnt_parent->mnt_group_id;
}

/* With which the pins would go: theirs, that of /sys, and the root of all. */
static __always_inline bool carries_pins(struct vfsmount *mnt)
{
	struct gate_config *config = config_get();
	struct mount *mount = mount_of(mnt);
	__u32 device = mnt->mnt_sb->s_dev;

	if (!config || !concerns_init(mount))
		return !config;
	return device == config->pin_device || device == config->sys_device ||
	       mount->mnt_parent == mount;
}

static __always_inline bool is_in_pins(struct vfsmount *mnt)
{
	struct gate_config *config = config_get();

	return config && mnt->mnt_sb->s_dev == config->pin_device && concerns_init(mount_of(mnt));
}

/* Is a mount at @path one over /sys or /sys/fs, behind which the pins are hidden? */
static __always_inline bool covers_pins(struct path *path)
{
	struct gate_config *config = config_get();
	struct vfsmount *mnt = path->mnt;
	__u64 inode;

	if (!config || mnt->mnt_sb->s_dev != config->sys_device || !concerns_init(mount_of(mnt)))
		return !config;
	inode = path->dentry->d_inode->i_ino;
	return inode == config->sys_root || inode == config->sys_fs;
}

/* ---- what hangs below a mount that is detached: it goes as well, and each is passed on ---- */

#define WALK_STEPS (1u << 18) /* two for each mount: more than the default of fs.mount-max */

struct walk {
	__u64 root, at; /* struct mount */
	bool upwards;	/* what is below .at has been seen */
	bool found, finished;
};

static __always_inline struct mount *mount_at(__u64 address)
{
	return bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct mount));
}

static __always_inline __u64 mount_of_child(__u64 list_head)
{
	return list_head - bpf_core_field_offset(struct mount, mnt_child);
}

/* Without the kernel's lock: what changes meanwhile can make it miss something, or its way. */
static long walk_step(__u32 step, struct walk *walk)
{
	struct mount *mount = mount_at(walk->at);
	__u64 children = walk->at + bpf_core_field_offset(struct mount, mnt_mounts);
	__u64 next;

	if (!walk->upwards) {
		walk->found = is_in_pins(&mount->mnt);
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

static __always_inline bool has_pins_below(struct vfsmount *mnt)
{
	__u64 root = (__u64)mnt - bpf_core_field_offset(struct mount, mnt);
	struct walk walk = {.root = root, .at = root};

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
	return carries_pins(mnt) || (flags & MNT_DETACH && has_pins_below(mnt)) ? refuse_mount()
										: 0;
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

	if (is_in_pins(mnt) || (mounts && covers_pins(path)) ||
	    (flags & MS_MOVE && concerns_init(mount_of(mnt))))
		return refuse_mount();
	return 0;
}

SEC("lsm/move_mount")
int BPF_PROG(gate_move_mount, struct path *from, struct path *to)
{
	return is_in_pins(to->mnt) || covers_pins(to) || carries_pins(from->mnt) ? refuse_mount()
										 : 0;
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(gate_pivot_root, struct path *old_path, struct path *new_path)
{
	return concerns_init(mount_of(new_path->mnt)) ? refuse_mount() : 0;
}

SEC("lsm/sb_remount")
int BPF_PROG(gate_remount, struct super_block *super, void *options)
{
	struct gate_config *config = config_get();

	return config && super->s_dev == config->pin_device ? refuse_mount() : 0;
}
