/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A part of gate.bpf.c: files by which the kernel is told what to do. Asked at each open for
 * writing: what matters is told by the file system first, and only then by more.
 *
 * Whoever has PID 1's root directory has the host's files at hand, and needs none of this. Whoever
 * has another one, as in a container, must not get out by way of the kernel: by a program that it
 * starts for him with all there is, or by a device. SECURITY.md says what that does not stop.
 */
#pragma once

/* Settings in /proc/sys that hold a program, or what it may do; and what a gate needs when it is
 * put up. By the length first, which is one look instead of one for each character. */
static __always_inline bool is_helper_setting(struct dentry *dentry)
{
	switch (dentry->d_name.len) {
	case sizeof("bset") - 1:
		return IS_CALLED(dentry->d_parent, "usermodehelper");
	case sizeof("hotplug") - 1:
		return IS_CALLED(dentry, "hotplug");
	case sizeof("modprobe") - 1:
		return IS_CALLED(dentry, "modprobe");
	case sizeof("hb_ctl_path") - 1: /* inheritable as well */
		return IS_CALLED(dentry, "hb_ctl_path") ||
		       IS_CALLED(dentry->d_parent, "usermodehelper");
	case sizeof("core_pattern") - 1: /* poweroff_cmd as well */
		return IS_CALLED(dentry, "core_pattern") || IS_CALLED(dentry, "poweroff_cmd");
	case sizeof("bpf_jit_enable") - 1:
		return IS_CALLED(dentry, "bpf_jit_enable");
	default:
		return false;
	}
}

/* How deep a file can lie in proc: PID/task/TID/net/stat/NAME and some more. */
#define PROC_DEPTH 12

static __always_inline unsigned char first_character(struct dentry *dentry)
{
	struct dentry___before_6_15 *before = (void *)dentry;

	return bpf_core_field_exists(before->d_iname) ? before->d_iname[0]
						      : dentry->d_shortname.string[0];
}

enum proc_part {
	PROC_OTHER,
	PROC_PROCESS,
	PROC_SETTING, /* /proc/sys */
};

/*
 * By what it lies under in proc's own root, wherever that is mounted. Processes have numbers, and
 * nothing else there begins with one. By /proc/pressure nothing is changed: who writes there asks
 * to be told of something.
 */
static __always_inline enum proc_part find_proc_part(struct dentry *dentry)
{
	struct dentry *parent = dentry->d_parent;
	unsigned char first;

	for (int i = 0; i < PROC_DEPTH && parent != parent->d_parent; i++) {
		dentry = parent;
		parent = dentry->d_parent;
	}
	if (parent != parent->d_parent)
		return PROC_OTHER;
	first = first_character(dentry);
	if ((first >= '0' && first <= '9') || IS_CALLED(dentry, "pressure"))
		return PROC_PROCESS;
	return IS_CALLED(dentry, "sys") ? PROC_SETTING : PROC_OTHER;
}

/*
 * With kernel.ftrace_enabled at 0 no program is called that is attached to a function or a hook:
 * nobody writes that. Not even 1, for what he writes can change after a hook has looked.
 */
static __always_inline int check_proc(struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;

	if (dentry->d_name.len == sizeof(FTRACE_NAME) - 1 && IS_CALLED(dentry, FTRACE_NAME))
		return verdict(GATE_FTRACE, GATE_NO_COMMAND, 0);
	if (!task_is_outside())
		return 0;
	if (is_helper_setting(dentry))
		return verdict(GATE_HELPER, GATE_NO_COMMAND, 0);
	if (find_proc_part(dentry) == PROC_OTHER)
		return verdict(GATE_DEVICE, GATE_NO_COMMAND, 0);
	return 0;
}

/*
 * What does not belong to root in sysfs is of the network of somebody's own user namespace; he goes
 * on from there. Others do not: whoever has CAP_CHOWN could have given it away. That is refused as
 * well (gate_setattr), or he would make himself a user namespace. The other file systems have no
 * such files, but options by which all of their files are somebody's.
 */
static __always_inline int check_device(struct file *file)
{
	struct inode *inode = file->f_inode;

	if (!task_is_outside() || (inode->i_sb->s_magic == SYSFS_MAGIC && inode->i_uid.val != 0 &&
				   task_is_in_user_namespace()))
		return 0;
	return verdict(GATE_DEVICE, GATE_NO_COMMAND, 0);
}

static __always_inline int check_helper(void)
{
	return task_is_outside() ? verdict(GATE_HELPER, GATE_NO_COMMAND, 0) : 0;
}

SEC("lsm/file_open")
int BPF_PROG(gate_file_open, struct file *file)
{
	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	if (is_device_setting(file->f_inode->i_sb->s_magic))
		return check_device(file);
	switch (file->f_inode->i_sb->s_magic) {
	case PROC_MAGIC:
		return check_proc(file);
	case BINFMTFS_MAGIC:
		return check_helper();
	case CGROUP_MAGIC:
		return IS_CALLED(file->f_path.dentry, "release_agent") ? check_helper() : 0;
	default:
		return 0;
	}
}

#define IS_FILE_SYSTEM(super, name) (!NAME_DIFFERENCE((super)->s_id, name))

/* Whenever a file system is mounted, or made for that, by the old calls or the new: device nodes
 * for all there is, and the file systems in whose options a program can be named. */
SEC("lsm/sb_set_mnt_opts")
int BPF_PROG(gate_new_mount, struct super_block *super, void *options, unsigned long flags,
	     unsigned long *set_flags)
{
	if (super->s_magic == CGROUP_MAGIC)
		return check_helper();
	if (!IS_FILE_SYSTEM(super, "devtmpfs") || !task_is_outside())
		return 0;
	return verdict(GATE_DEVICE, GATE_NO_COMMAND, 0);
}
