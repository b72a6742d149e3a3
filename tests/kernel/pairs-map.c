// SPDX-License-Identifier: LGPL-2.1-or-later
/* Pairs of bad arguments of BPF_MAP_CREATE. */

#include <linux/capability.h>

#include "pairs.h"

static const struct pairs_bad bad[] = {
	BAD("type=unspecified", map_type, 0),
	BAD("type=unknown", map_type, 1000),
	BAD("type=hash", map_type, BPF_MAP_TYPE_HASH),
	BAD("type=percpu-array", map_type, BPF_MAP_TYPE_PERCPU_ARRAY),
	BAD("type=prog-array", map_type, BPF_MAP_TYPE_PROG_ARRAY),
	BAD("type=lpm-trie", map_type, BPF_MAP_TYPE_LPM_TRIE),
	BAD("type=array-of-maps", map_type, BPF_MAP_TYPE_ARRAY_OF_MAPS),
	BAD("type=struct-ops", map_type, BPF_MAP_TYPE_STRUCT_OPS),
	BAD("type=ringbuf", map_type, BPF_MAP_TYPE_RINGBUF),
	BAD("type=queue", map_type, BPF_MAP_TYPE_QUEUE),
	BAD("type=bloom-filter", map_type, BPF_MAP_TYPE_BLOOM_FILTER),
	BAD("type=task-storage", map_type, BPF_MAP_TYPE_TASK_STORAGE),
	BAD("type=arena", map_type, BPF_MAP_TYPE_ARENA),
	BAD("key-size=0", key_size, 0),
	BAD("key-size=3", key_size, 3),
	BAD("key-size=8", key_size, 8),
	BAD("key-size=max", key_size, UINT32_MAX),
	BAD("value-size=0", value_size, 0),
	BAD("value-size=3", value_size, 3),
	BAD("value-size=2^31", value_size, 1u << 31),
	BAD("value-size=max", value_size, UINT32_MAX),
	BAD("max-entries=0", max_entries, 0),
	BAD("max-entries=3", max_entries, 3),
	BAD("max-entries=max", max_entries, UINT32_MAX),
	BAD("flags=unknown", map_flags, 1u << 31),
	BAD("flags=no-prealloc", map_flags, BPF_F_NO_PREALLOC),
	BAD("flags=numa-node", map_flags, BPF_F_NUMA_NODE),
	BAD("flags=rdonly,wronly", map_flags, BPF_F_RDONLY | BPF_F_WRONLY),
	BAD("flags=rdonly-prog,wronly-prog", map_flags, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG),
	BAD("flags=rdonly-prog", map_flags, BPF_F_RDONLY_PROG),
	BAD("flags=build-id", map_flags, BPF_F_STACK_BUILD_ID),
	BAD("flags=zero-seed", map_flags, BPF_F_ZERO_SEED),
	BAD("flags=clone", map_flags, BPF_F_CLONE),
	BAD("flags=mmapable", map_flags, BPF_F_MMAPABLE),
	BAD("flags=preserve", map_flags, BPF_F_PRESERVE_ELEMS),
	BAD("flags=inner", map_flags, BPF_F_INNER_MAP),
	BAD("flags=link", map_flags, BPF_F_LINK),
	BAD("flags=btf-object", map_flags, BPF_F_VTYPE_BTF_OBJ_FD),
	BAD("flags=token", map_flags, BPF_F_TOKEN_FD),
	BAD_AT("inner=closed", inner_map_fd, FD_CLOSED),
	BAD_AT("inner=file", inner_map_fd, FD_FILE),
	BAD_AT("inner=map", inner_map_fd, FD_MAP),
	BAD_AT("inner=exclusive", inner_map_fd, FD_MAP_EXCLUSIVE),
	BAD_AT("inner=program", inner_map_fd, FD_PROGRAM),
	BAD("numa-node=1000", numa_node, 1000),
	{"name=no-end", {CHANGE(attr.map_name, BYTES, 'n')}},
	{"name=bad-byte", {CHANGE(attr.map_name[0], NUMBER, '/')}},
	{"name=behind-the-end", {CHANGE(attr.map_name[8], NUMBER, 'n')}},
	BAD("ifindex=none", map_ifindex, 1u << 30),
	BAD_AT("btf=closed", btf_fd, FD_CLOSED),
	BAD_AT("btf=file", btf_fd, FD_FILE),
	BAD_AT("btf=map", btf_fd, FD_MAP),
	BAD_AT("btf=good", btf_fd, FD_BTF),
	BAD("key-type=1", btf_key_type_id, 1),
	BAD("key-type=unknown", btf_key_type_id, 1000),
	BAD("value-type=2", btf_value_type_id, 2),
	BAD("value-type=function", btf_value_type_id, 3),
	BAD("value-type=unknown", btf_value_type_id, 1000),
	{"types=good",
	 {CHANGE(attr.btf_fd, FD_BTF, 0), CHANGE(attr.btf_key_type_id, NUMBER, 1),
	  CHANGE(attr.btf_value_type_id, NUMBER, 2)}},
	BAD("kernel-type=1", btf_vmlinux_value_type_id, 1),
	BAD("kernel-type=max", btf_vmlinux_value_type_id, UINT32_MAX),
	BAD("extra=1", map_extra, 1),
	BAD("extra=max", map_extra, UINT64_MAX),
	BAD_AT("type-object=closed", value_type_btf_obj_fd, FD_CLOSED),
	BAD_AT("type-object=btf", value_type_btf_obj_fd, FD_BTF),
	BAD_AT("token=closed", map_token_fd, FD_CLOSED),
	BAD("token=minus-1", map_token_fd, UINT32_MAX),
	BAD("digest=null", excl_prog_hash, 0),
	BAD_AT("digest=unmapped", excl_prog_hash, AT_NOTHING),
	BAD_AT("digest=kernel", excl_prog_hash, AT_KERNEL),
	BAD_AT("digest=edge", excl_prog_hash, AT_EDGE_FDS),
	BAD_AT("digest=good", excl_prog_hash, AT_ZEROS),
	BAD("digest-size=0", excl_prog_hash_size, 0),
	BAD("digest-size=1", excl_prog_hash_size, 1),
	BAD("digest-size=31", excl_prog_hash_size, 31),
	BAD("digest-size=32", excl_prog_hash_size, 32),
	BAD("digest-size=33", excl_prog_hash_size, 33),
	BAD("digest-size=max", excl_prog_hash_size, UINT32_MAX),
	{"attr-size=0", {CHANGE(attr_size, NUMBER, 0)}},
	{"attr-size=20", {CHANGE(attr_size, NUMBER, 20)}},
	{"attr-size=72", {CHANGE(attr_size, NUMBER, 72)}},
	{"attr-size=80", {CHANGE(attr_size, NUMBER, 80)}},
	{"attr-size=88", {CHANGE(attr_size, NUMBER, 88)}},
	{"attr-size=90", {CHANGE(attr_size, NUMBER, 90)}},
	{"attr-size=4097", {CHANGE(attr_size, NUMBER, 4097)}},
	{"attr-behind-the-command=1",
	 {CHANGE(attr_size, NUMBER, 120), CHANGE(attr_bytes[100], NUMBER, 1)}},
	{"attr-pad=1", {CHANGE(attr_size, NUMBER, 96), CHANGE(attr_bytes[92], NUMBER, 1)}},
	{"attr-tail=1", {CHANGE(attr_size, NUMBER, 184), CHANGE(attr_bytes[180], NUMBER, 1)}},
};

static void base_plain(struct pairs_request *q)
{
	map_attr(&(struct map_spec){}, &q->attr);
	q->attr_size = ATTR_SIZE(excl_prog_hash_size);
}

static void base_exclusive(struct pairs_request *q)
{
	base_plain(q);
	q->attr.excl_prog_hash = pairs_place(AT_ONES);
	q->attr.excl_prog_hash_size = 32;
}

static int ask(struct pairs_request *q)
{
	int fd = sys_bpf(BPF_MAP_CREATE, &q->attr, q->attr_size);

	safe_close(fd);
	return fd < 0 ? fd : 0;
}

#define PAIRS(name, base)                                          \
	{                                                          \
		"pairs-map/" name, base, ask, bad, ARRAY_SIZE(bad) \
	}

void pairs_map(void)
{
	static const struct pairs plain = PAIRS("plain", base_plain),
				  exclusive = PAIRS("exclusive", base_exclusive),
				  one = PAIRS("cap-bpf", base_exclusive),
				  none = PAIRS("no-capability", base_plain);

	pairs_open();
	pairs_run(&plain);
	pairs_run(&exclusive);
	pairs_run_as(&one, 1ull << CAP_BPF);
	pairs_run_as(&none, 0);
}
