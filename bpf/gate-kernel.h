/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of kernel types that the gate reads; CO-RE finds where they are. Linux 6.12 with
 * bpfgate's patches, and 6.18 to 7.3. Read without helpers, so that it works under lockdown.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#ifndef NULL
#define NULL ((void *)0)
#endif

struct bpf_token;

#define KERNEL __attribute__((preserve_access_index))

#define NAME_SIZE 24 /* of what is compared: all of its homes have more */

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
	unsigned char s_id[NAME_SIZE]; /* without a device: the file system's name */
} KERNEL;

struct inode {
	unsigned short i_mode;
	struct {
		__u32 val;
	} i_uid;
	struct super_block *i_sb;
	unsigned long i_ino;
} KERNEL;

struct qstr {
	union {
		struct {
			__u32 hash;
			__u32 len;
		};
		__u64 hash_len;
	};
} KERNEL;

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	union {
		unsigned char string[NAME_SIZE];
	} d_shortname; /* since Linux 6.15 */
} KERNEL;

struct dentry___before_6_15 {
	unsigned char d_iname[NAME_SIZE];
} KERNEL;

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
} KERNEL;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} KERNEL;

struct mnt_namespace;
struct mnt_idmap;

struct iattr {
	unsigned int ia_valid;
} KERNEL;

struct list_head {
	struct list_head *next;
} KERNEL;

/* fs/mount.h: what a vfsmount is a part of. */
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct list_head mnt_mounts; /* those on it, by their .mnt_child */
	struct list_head mnt_child;
	struct mount *mnt_master; /* what is done to that is done to this one as well */
	int mnt_group_id; /* other than 0: what is done to it is done to all that have the same */
	struct mnt_namespace *mnt_ns;
} KERNEL;

struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_mode;
} KERNEL;

struct linux_binprm {
	struct file *file;
} KERNEL;

struct mm_struct {
	struct file *exe_file;
} KERNEL;

struct nsproxy {
	struct mnt_namespace *mnt_ns;
} KERNEL;

struct fs_struct {
	struct path root;
} KERNEL;

struct user_namespace {
	int level; /* 0: the first one */
} KERNEL;

struct cred {
	struct {
		__u64 val;
	} cap_effective;
	struct user_namespace *user_ns;
} KERNEL;

struct task_struct {
	int pid;
	int tgid;
	unsigned int ptrace;
	struct mm_struct *mm;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	const struct cred *cred;
	struct nsproxy *nsproxy;
	struct fs_struct *fs;
} KERNEL;

struct bpf_prog_aux {
	struct {
		__s32 keyring_serial;
		__u8 keyring_type;
		__u8 verdict;
	} sig; /* since Linux 7.2, and in 6.12 with bpfgate's patches */
} KERNEL;

struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
} KERNEL;

struct bpf_map {
	enum bpf_map_type map_type;
} KERNEL;

/* include/linux/bpf.h */
enum {
	SIG_KEYRING_BUILTIN = 1, /* secondary and platform follow, as in the order of their ids */
	SIG_KEYRING_USER = 4,
	SIG_VERIFIED = 1,
	KEYRING_PLATFORM = 2, /* the highest id that is not a serial */
};

#define CAP_SYS_PTRACE	   19
#define FMODE_WRITE	   0x2
#define ATTR_UID	   (1 << 1)
#define MS_REMOUNT	   32
#define MS_BIND		   4096
#define MS_MOVE		   8192
#define MS_PROPAGATION	   (15u << 17) /* MS_UNBINDABLE, _PRIVATE, _SLAVE, _SHARED */
#define PROC_MAGIC	   0x9fa0
#define SYSFS_MAGIC	   0x62656572
#define DEBUGFS_MAGIC	   0x64626720
#define CONFIGFS_MAGIC	   0x62656570
#define EFIVARFS_MAGIC	   0xde5e81e4
#define BINFMTFS_MAGIC	   0x42494e4d
#define CGROUP_MAGIC	   0x27e0eb /* version 1 */
#define MNT_DETACH	   2
#define PTRACE_MODE_ATTACH 0x02
#define WRITABLE_BY_OTHERS 022
#define EPERM		   1
