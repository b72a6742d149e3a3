// SPDX-License-Identifier: LGPL-2.1-or-later
/* Pairs of bad arguments of BPF_OBJ_GET_INFO_BY_FD, of each kind of object. */

#include "others.h"
#include "pairs.h"

/* Of which a request is to be made: the number is the variant. */
enum object { MAP_FROZEN, MAP_OPEN, MAP_EXCLUSIVE, MAP_HASH, PROGRAM, BTF, LINK, N_OBJECTS };

static int objects[N_OBJECTS];

#define INFO(name, member, place, value)             \
	{                                            \
		(name),                              \
		{                                    \
			CHANGE(member, place, value) \
		}                                    \
	}
/* The arguments of all objects. */
#define COMMON                                                                                    \
	BAD_AT("fd=closed", info.bpf_fd, FD_CLOSED), BAD("fd=minus-1", info.bpf_fd, UINT32_MAX),  \
		BAD_AT("fd=file", info.bpf_fd, FD_FILE), BAD("info=null", info.info, 0),          \
		BAD_AT("info=unmapped", info.info, AT_NOTHING),                                   \
		BAD_AT("info=kernel", info.info, AT_KERNEL),                                      \
		BAD_AT("info=edge", info.info, AT_EDGE_FDS), BAD("length=0", info.info_len, 0),   \
		BAD("length=1", info.info_len, 1), BAD("length=20", info.info_len, 20),           \
		BAD("length=max", info.info_len, UINT32_MAX),                                     \
		BAD("length=4096", info.info_len, 4096), BAD("length=4097", info.info_len, 4097), \
		BAD("length=300", info.info_len, 300),                                            \
		INFO("tail=299", info_bytes[299], NUMBER, 1),                                     \
		INFO("attr-size=0", attr_size, NUMBER, 0),                                        \
		INFO("attr-size=8", attr_size, NUMBER, 8),                                        \
		INFO("attr-size=12", attr_size, NUMBER, 12),                                      \
		INFO("attr-size=4097", attr_size, NUMBER, 4097),                                  \
		{"attr-behind-the-command=1",                                                     \
		 {CHANGE(attr_size, NUMBER, 32), CHANGE(attr_bytes[20], NUMBER, 1)}},             \
	{                                                                                         \
		"attr-tail=1",                                                                    \
		{                                                                                 \
			CHANGE(attr_size, NUMBER, 184), CHANGE(attr_bytes[180], NUMBER, 1)        \
		}                                                                                 \
	}

static const struct pairs_bad bad_map[] = {
	COMMON,
	BAD("length=80", info.info_len, 80),
	BAD("length=87", info.info_len, 87),
	BAD("length=88", info.info_len, 88),
	BAD("length=92", info.info_len, 92),
	BAD("length=96", info.info_len, 96),
	BAD("length=98", info.info_len, 98),
	BAD("length=100", info.info_len, 100),
	BAD("length=102", info.info_len, 102),
	BAD("length=104", info.info_len, 104),
	BAD("length=105", info.info_len, 105),
	BAD("length=112", info.info_len, 112),
	INFO("known-members=ones", info_bytes[0], NUMBER, 1),
	INFO("map-extra=1", map.map_extra, NUMBER, 1),
	INFO("hash=good", map.hash, AT_GARBAGE, 0),
	INFO("hash=unmapped", map.hash, AT_NOTHING, 0),
	INFO("hash=kernel", map.hash, AT_KERNEL, 0),
	INFO("hash=edge", map.hash, AT_EDGE_MINUS_1, 0),
	INFO("hash-size=1", map.hash_size, NUMBER, 1),
	INFO("hash-size=31", map.hash_size, NUMBER, 31),
	INFO("hash-size=32", map.hash_size, NUMBER, 32),
	INFO("hash-size=33", map.hash_size, NUMBER, 33),
	INFO("hash-size=max", map.hash_size, NUMBER, UINT32_MAX),
	INFO("byte-100=1", info_bytes[100], NUMBER, 1),
	INFO("byte-103=1", info_bytes[103], NUMBER, 1),
	INFO("byte-104=1", info_bytes[104], NUMBER, 1),
	INFO("byte-111=1", info_bytes[111], NUMBER, 1),
};

static const struct pairs_bad bad_program[] = {
	COMMON,
	BAD("length=72", info.info_len, 72),
	BAD("length=200", info.info_len, 200),
	BAD("length=232", info.info_len, 232),
	INFO("jited-len=16", prog.jited_prog_len, NUMBER, 16),
	INFO("jited=unmapped", prog.jited_prog_insns, AT_NOTHING, 0),
	INFO("jited=good", prog.jited_prog_insns, AT_GARBAGE, 0),
	INFO("xlated-len=16", prog.xlated_prog_len, NUMBER, 16),
	INFO("xlated-len=max", prog.xlated_prog_len, NUMBER, UINT32_MAX),
	INFO("xlated=unmapped", prog.xlated_prog_insns, AT_NOTHING, 0),
	INFO("xlated=good", prog.xlated_prog_insns, AT_GARBAGE, 0),
	INFO("map-ids-cnt=1", prog.nr_map_ids, NUMBER, 1),
	INFO("map-ids-cnt=max", prog.nr_map_ids, NUMBER, UINT32_MAX),
	INFO("map-ids=unmapped", prog.map_ids, AT_NOTHING, 0),
	INFO("ksyms-cnt=1", prog.nr_jited_ksyms, NUMBER, 1),
	INFO("ksyms=unmapped", prog.jited_ksyms, AT_NOTHING, 0),
	INFO("func-lens-cnt=1", prog.nr_jited_func_lens, NUMBER, 1),
	INFO("func-lens=unmapped", prog.jited_func_lens, AT_NOTHING, 0),
	INFO("func-info-size=4", prog.func_info_rec_size, NUMBER, 4),
	INFO("func-info-cnt=1", prog.nr_func_info, NUMBER, 1),
	INFO("func-info=unmapped", prog.func_info, AT_NOTHING, 0),
	INFO("line-info-size=4", prog.line_info_rec_size, NUMBER, 4),
	INFO("line-info-cnt=1", prog.nr_line_info, NUMBER, 1),
	INFO("line-info=unmapped", prog.line_info, AT_NOTHING, 0),
	INFO("jited-line-info-size=4", prog.jited_line_info_rec_size, NUMBER, 4),
	INFO("jited-line-info-cnt=1", prog.nr_jited_line_info, NUMBER, 1),
	INFO("jited-line-info=unmapped", prog.jited_line_info, AT_NOTHING, 0),
	INFO("tags-cnt=1", prog.nr_prog_tags, NUMBER, 1),
	INFO("tags=unmapped", prog.prog_tags, AT_NOTHING, 0),
};

static const struct pairs_bad bad_btf[] = {
	COMMON,
	BAD("length=16", info.info_len, 16),
	BAD("length=32", info.info_len, 32),
	BAD("length=40", info.info_len, 40),
	INFO("btf=unmapped", btf.btf, AT_NOTHING, 0),
	INFO("btf=good", btf.btf, AT_GARBAGE, 0),
	INFO("btf-size=8", btf.btf_size, NUMBER, 8),
	INFO("btf-size=max", btf.btf_size, NUMBER, UINT32_MAX),
	INFO("name=unmapped", btf.name, AT_NOTHING, 0),
	INFO("name=good", btf.name, AT_GARBAGE, 0),
	INFO("name-length=1", btf.name_len, NUMBER, 1),
	INFO("kernel=1", btf.kernel_btf, NUMBER, 1),
};

static const struct pairs_bad bad_link[] = {
	COMMON,
	BAD("length=12", info.info_len, 12),
	BAD("length=32", info.info_len, 32),
	BAD("length=64", info.info_len, 64),
	INFO("name=unmapped", link.raw_tracepoint.tp_name, AT_NOTHING, 0),
	INFO("name=good", link.raw_tracepoint.tp_name, AT_GARBAGE, 0),
	INFO("name-length=1", link.raw_tracepoint.tp_name_len, NUMBER, 1),
	INFO("name-length=100", link.raw_tracepoint.tp_name_len, NUMBER, 100),
};

static void base_of(struct pairs_request *q, enum object object, uint32_t length)
{
	q->attr.info.bpf_fd = (uint32_t)objects[object];
	q->attr.info.info_len = length;
	q->attr.info.info = ptr(q->info_bytes);
	q->attr_size = ATTR_SIZE(info);
}

#define BASE(name, object, length)                \
	static void name(struct pairs_request *q) \
	{                                         \
		base_of(q, object, length);       \
	}
BASE(base_frozen, MAP_FROZEN, sizeof(struct bpf_map_info))
BASE(base_open, MAP_OPEN, sizeof(struct bpf_map_info))
BASE(base_exclusive, MAP_EXCLUSIVE, sizeof(struct bpf_map_info))
BASE(base_hash, MAP_HASH, sizeof(struct bpf_map_info))
BASE(base_program, PROGRAM, sizeof(struct bpf_prog_info))
BASE(base_btf, BTF, sizeof(struct bpf_btf_info))
BASE(base_link, LINK, sizeof(struct bpf_link_info))

static int ask(struct pairs_request *q)
{
	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &q->attr, q->attr_size);
}

static void make_objects(void)
{
	objects[MAP_FROZEN] = must("map", map_create(&(struct map_spec){}));
	must("BPF_MAP_FREEZE", map_freeze(objects[MAP_FROZEN]));
	objects[MAP_OPEN] = (int)pairs_place(FD_MAP);
	objects[MAP_EXCLUSIVE] = (int)pairs_place(FD_MAP_EXCLUSIVE);
	must("BPF_MAP_FREEZE", map_freeze(objects[MAP_EXCLUSIVE]));
	objects[MAP_HASH] = must("hash", map_create(&(struct map_spec){.kind = &map_kinds[1]}));
	must("BPF_MAP_FREEZE", map_freeze(objects[MAP_HASH]));
	objects[PROGRAM] = (int)pairs_place(FD_PROGRAM);
	objects[BTF] = (int)pairs_place(FD_BTF);
	objects[LINK] = must("link", other_open(OTHER_LINK));
}

#define PAIRS(name, base, bad)                                      \
	{                                                           \
		"pairs-info/" name, base, ask, bad, ARRAY_SIZE(bad) \
	}

void pairs_info(void)
{
	static const struct pairs all[] = {
		PAIRS("frozen", base_frozen, bad_map),	     PAIRS("open", base_open, bad_map),
		PAIRS("exclusive", base_exclusive, bad_map), PAIRS("hash", base_hash, bad_map),
		PAIRS("program", base_program, bad_program), PAIRS("btf", base_btf, bad_btf),
		PAIRS("link", base_link, bad_link),
	};

	pairs_open();
	make_objects();
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		pairs_run(&all[i]);
}
