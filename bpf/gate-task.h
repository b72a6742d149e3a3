/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A part of gate.bpf.c: who is who.
 *
 * The daemon is known by where it comes from. PID 1 forks it, and until it is the daemon it runs
 * nothing but PID 1's own image and, in newer versions of systemd, the systemd-executor that lies
 * beside PID 1's executable. So it was PID 1, with a unit of root's, that chose its environment,
 * and no process can make itself one: a process that is handed to PID 1 because its parent has
 * ended was not forked by it. Its executable is known by folder and name, not by its inode, which
 * an upgrade changes.
 */
#pragma once

static __always_inline struct gate_task *task_role(struct task_struct *task, __u64 flags)
{
	return bpf_task_storage_get(&gate_tasks, task, NULL, flags);
}

/* Of the thread group that is running; NULL: nothing is known of it. */
static __always_inline struct gate_task *task_current(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return bpf_task_storage_get(&gate_tasks, task->group_leader, NULL, 0);
}

static __always_inline __u32 task_current_role(void)
{
	struct gate_task *task = task_current();

	return task ? task->role : GATE_ROLE_NONE;
}

static __always_inline bool task_holds_objects(void)
{
	__u32 role = task_current_role();

	return role == GATE_ROLE_DAEMON || role == GATE_ROLE_CHILD;
}

/* PID 1 of the first pid namespace: tgid is the number there. */
static __always_inline bool task_is_init(void)
{
	return bpf_get_current_pid_tgid() >> 32 == 1;
}

/* Could it look into the daemon anyhow? Then it is no attacker: root's tools may list things. */
static __always_inline bool task_may_trace(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct cred *cred = task->cred;

	return cred->user_ns->level == 0 && cred->cap_effective.val & 1ULL << CAP_SYS_PTRACE;
}

/* ---- PID 1's root directory ---- */

extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;

struct init_root {
	__u64 mnt, dentry, inode; /* addresses, and the inode's number */
};

/* Looked up each time: it is another one after a switch of root. */
static __always_inline bool init_root_find(struct init_root *ret)
{
	struct task_struct *init = bpf_task_from_pid(1);
	struct fs_struct *fs;

	if (!init)
		return false;
	fs = init->fs;
	ret->mnt = (__u64)fs->root.mnt;
	ret->dentry = (__u64)fs->root.dentry;
	ret->inode = fs->root.dentry->d_inode->i_ino;
	bpf_task_release(init);
	return ret->mnt && ret->dentry;
}

/* Has it a root directory of its own, as in a container? */
static __always_inline bool task_is_outside(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct init_root root = {};

	return !init_root_find(&root) || (__u64)task->fs->root.dentry != root.dentry;
}

static __always_inline bool task_is_in_user_namespace(void)
{
	return bpf_get_current_task_btf()->cred->user_ns->level > 0;
}

/* ---- what the daemon has and makes ---- */

/* By whoever is running, if that is the daemon or one of its children. */
static __always_inline int guard(__u64 address)
{
	struct gate_config *config = config_get();
	__u32 owner = GATE_OWNER_LOAD;

	if (!task_holds_objects())
		return 0;
	if (config && config->making && config->making == (__u32)bpf_get_current_pid_tgid())
		owner = GATE_OWNER_GATE;
	return bpf_map_update_elem(&gate_guarded, &address, &owner, BPF_ANY) ? -EPERM : 0;
}

static __always_inline void unguard(__u64 address)
{
	bpf_map_delete_elem(&gate_guarded, &address);
}

static __always_inline bool is_guarded(__u64 address)
{
	return bpf_map_lookup_elem(&gate_guarded, &address);
}

/* Is it one of the gate's own? */
static __always_inline bool is_own(__u64 address)
{
	__u32 *owner = bpf_map_lookup_elem(&gate_guarded, &address);

	return owner && *owner == GATE_OWNER_GATE;
}

/* ---- files ---- */

/* Of these file systems all files set up devices, or the kernel. */
static __always_inline bool is_device_setting(unsigned long magic)
{
	return magic == SYSFS_MAGIC || magic == DEBUGFS_MAGIC || magic == EFIVARFS_MAGIC ||
	       magic == CONFIGFS_MAGIC;
}

#define DAEMON_NAME   "bpfgated"
#define EXECUTOR_NAME "systemd-executor"
#define FTRACE_NAME   "ftrace_enabled"

/* How @field (an array of characters) differs from @name, its NUL included. The verifier wants
 * each character by itself: no loop is left of this. */
#define NAME_DIFFERENCE(field, name)                                                            \
	({                                                                                      \
		unsigned char difference = 0;                                                   \
                                                                                                \
		_Pragma("unroll") for (unsigned int i = 0; i < sizeof(name); i++) difference |= \
			(field)[i] ^ (unsigned char)(name)[i];                                  \
		difference;                                                                     \
	})

#define IS_CALLED(dentry, name)                                                   \
	({                                                                        \
		struct dentry___before_6_15 *before = (void *)(dentry);           \
                                                                                  \
		!(bpf_core_field_exists(before->d_iname)                          \
			  ? NAME_DIFFERENCE(before->d_iname, name)                \
			  : NAME_DIFFERENCE((dentry)->d_shortname.string, name)); \
	})

/* Nobody but root can have written it. */
static __always_inline bool is_roots_alone(struct inode *inode)
{
	return inode->i_uid.val == 0 && !(inode->i_mode & WRITABLE_BY_OTHERS);
}

static __always_inline bool is_daemon(struct file *file)
{
	struct gate_config *config = config_get();
	struct dentry *dentry = file->f_path.dentry;

	return config && config->daemon_folder &&
	       dentry->d_parent->d_inode->i_ino == config->daemon_folder &&
	       file->f_inode->i_sb->s_dev == config->daemon_device &&
	       IS_CALLED(dentry, DAEMON_NAME) && is_roots_alone(file->f_inode);
}

/* The folder and the device that @task's executable is in. */
static __always_inline bool find_folder(struct task_struct *task, __u64 *ret_folder,
					__u32 *ret_device)
{
	struct mm_struct *mm = task->mm;
	struct file *file;

	if (!mm)
		return false;
	file = mm->exe_file;
	if (!file)
		return false;
	*ret_folder = file->f_path.dentry->d_parent->d_inode->i_ino;
	*ret_device = file->f_inode->i_sb->s_dev;
	return true;
}

static __always_inline bool is_executor(struct file *file, struct task_struct *init)
{
	struct dentry *dentry = file->f_path.dentry;
	__u64 folder;
	__u32 device;

	return find_folder(init, &folder, &device) && dentry->d_parent->d_inode->i_ino == folder &&
	       file->f_inode->i_sb->s_dev == device && IS_CALLED(dentry, EXECUTOR_NAME) &&
	       is_roots_alone(file->f_inode);
}

/* The daemon that puts the gate up says by what it is where its successors are, and where PID 1's
 * mounts are. Once. */
static __always_inline void task_learn(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct gate_config *config = config_get();
	struct task_struct *parent;
	__u64 folder;
	__u32 device;

	if (!config || config->daemon_folder)
		return;
	parent = task->group_leader->real_parent;
	if (parent->tgid != 1 || !find_folder(task, &folder, &device))
		return;
	config->init_mounts = (__u64)parent->nsproxy->mnt_ns;
	config->daemon_device = device;
	config->daemon_folder = folder;
}

/* ---- life of a task ---- */

/*
 * systemd forks once more to set a service's credentials up. Such a helper runs what forked it, and
 * may change mounts as that may; its role is another one, for when it is handed to PID 1 it could
 * not be told from what PID 1 has forked, and would be the daemon by an exec.
 */

SEC("lsm/task_alloc")
int BPF_PROG(gate_task_alloc, struct task_struct *task, unsigned long clone_flags)
{
	__u32 role = task_current_role();
	struct gate_task *new;

	if (task_is_init())
		role = GATE_ROLE_INIT;
	else if (role == GATE_ROLE_INIT || role == GATE_ROLE_HELPER)
		role = GATE_ROLE_HELPER;
	else
		return 0;
	/* Where there is no memory for it, it will not be the daemon. */
	new = task_role(task, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (new)
		new->role = role;
	return 0;
}

/* The point from which on the new image runs. An image that is none of these has no role. */
SEC("lsm/bprm_committed_creds")
void BPF_PROG(gate_exec, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct gate_task *role = task_role(task, 0);
	struct task_struct *parent;

	if (!role)
		return;
	parent = task->real_parent;
	if (role->role == GATE_ROLE_INIT && parent->tgid == 1 && !task->ptrace) {
		if (is_daemon(bprm->file)) {
			role->role = GATE_ROLE_DAEMON;
			return;
		}
		if (is_executor(bprm->file, parent))
			return;
	}
	role->role = GATE_ROLE_NONE;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(gate_ptrace, struct task_struct *child, unsigned int mode)
{
	struct gate_task *role;

	if (!(mode & PTRACE_MODE_ATTACH))
		return 0;
	role = bpf_task_storage_get(&gate_tasks, child->group_leader, NULL, 0);
	if (!role || role->role == GATE_ROLE_NONE || task_may_trace())
		return 0;
	return verdict(GATE_TRACE, GATE_NO_COMMAND, 0);
}
