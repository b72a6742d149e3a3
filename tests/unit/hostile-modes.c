// SPDX-License-Identifier: LGPL-2.1-or-later
#include <ctype.h>

#include "hostile.h"
#include "sys-bpf.h"

#define NO_SUCH_LOADER ", which no loader made by 'bpfctl build' has"
#define MAKES(what)    "the loader makes a " what ", which no loader made by 'bpfctl build' does"
#define LEFT(object)   "the loader left an object that the manifest does not declare: " object
#define NOT_ITS_OWN    "the loader closed or replaced file descriptors that are not its own"

#define HONEST		   HOSTILE_NEVER, ERROR_NONE, STEP_NONE, ""
#define READ(refusal)	   HOSTILE_READ, ERROR_ATTESTATION, STEP_LOAD, refusal
#define COMMAND(n)	   READ("the loader's instruction # is bpf(2) command " n NO_SUCH_LOADER)
#define INSTRUCTION(what)  READ("the loader's instruction # is " what NO_SUCH_LOADER)
#define RUN(refusal)	   HOSTILE_RUN, ERROR_ATTESTATION, STEP_ATTEST, refusal
#define KERNEL(refusal)	   HOSTILE_RUN, ERROR_KERNEL, STEP_LOAD, refusal
#define ATTEST(refusal)	   HOSTILE_LATER, ERROR_ATTESTATION, STEP_ATTEST, refusal
#define AT_ATTACH(refusal) HOSTILE_LATER, ERROR_BAD_TARGET, STEP_ATTACH, refusal

const struct hostile_mode hostile_modes[] = {
	{"honest", "does nothing wrong", hostile_honest, HONEST, NULL, NULL},
	{"honest-tp_btf", "binds its program to what is declared", hostile_tp_btf, HONEST, NULL,
	 "tp_btf:sched_switch"},
	{"honest-fentry", "the same for a kernel function", hostile_fentry, HONEST, NULL,
	 "fentry:vfs_open"},
	{"map-flags", "makes its map with other flags, of which a manifest says nothing",
	 hostile_map_flags, HONEST, NULL, NULL},

	{"honest-fill", "fills its map with what was signed, or is given", hostile_fill, HONEST,
	 NULL, NULL},

	/* less than it says */
	{"nothing", "makes nothing and says that all is well", hostile_nothing,
	 RUN("the loader gave nothing for program 0 of the manifest"), NULL, NULL},
	{"fewer", "leaves the program out", hostile_fewer,
	 RUN("the loader gave nothing for program 0 of the manifest"), NULL, NULL},
	{"failure", "makes all and returns -ENXIO", hostile_failure,
	 KERNEL("the kernel refuses a program or map of the bundle: ENXIO (No such device or "
		"address)"),
	 NULL, NULL},

	/* more */
	{"extra-map", "leaves a map open that is not declared", hostile_extra_map,
	 RUN(LEFT("anon_inode:bpf-map")), NULL, NULL},
	{"extra-prog", "leaves a program open that is not declared", hostile_extra_program,
	 RUN(LEFT("anon_inode:bpf-prog")), NULL, NULL},
	{"extra-btf", "leaves a BTF open", hostile_extra_btf, RUN(LEFT("anon_inode:btf")), NULL,
	 NULL},
	{"used-map", "lets its program hold a map that is not declared", hostile_used_map,
	 ATTEST("program \"prog\" uses a map (id #) that the manifest does not declare"), NULL,
	 NULL},
	{"prog-array", "keeps one more program in an array", hostile_program_array,
	 READ(MAKES("map of type 3")), "does not declare: anon_inode:bpf-map", NULL},
	{"pin", "pins its program", hostile_pin, COMMAND("6"), "EINVAL", NULL},
	{"struct-ops", "makes a map that holds itself once it is registered", hostile_struct_ops,
	 READ(MAKES("map of type 26")), NULL, NULL},
	{"changed-type", "the same, by a type that it writes as it runs", hostile_changed_type,
	 READ(MAKES("map of a type that it writes as it runs")), NULL, NULL},
	{"hidden-store", "writes to where nobody can tell", hostile_hidden_store,
	 INSTRUCTION("a store to a place that cannot be told"), NULL, NULL},

	/* read, and handed out in the map */
	{"read-kernel", "copies the kernel's memory", hostile_read_kernel,
	 INSTRUCTION("a copy from a place that cannot be told"), NULL, NULL},
	{"read-user", "copies the load child's memory", hostile_read_user,
	 INSTRUCTION("a copy from a place that cannot be told"), NULL, NULL},
	{"read-opening", "says itself where a map's value is to be read", hostile_own_opening,
	 INSTRUCTION("a store over what it is given"), NULL, NULL},
	{"read-stack", "reads what was on the stack before", hostile_stack,
	 INSTRUCTION("a load from its stack before that is cleared"), NULL, NULL},
	{"value-address", "lets the kernel read a map's value from its own memory",
	 hostile_value_address,
	 INSTRUCTION("a bpf(2) command that reads its value from a place that cannot be told"),
	 NULL, NULL},
	{"key-address", "the same for the key", hostile_key_address,
	 INSTRUCTION("a bpf(2) command that reads its key from a place that cannot be told"), NULL,
	 NULL},
	{"computed-value", "puts an address into its map", hostile_computed_value,
	 INSTRUCTION("a bpf(2) command that puts into a map what it has computed"), NULL, NULL},
	{"fd-array", "lets the verifier read behind its data, and write it into the log",
	 hostile_fd_array,
	 INSTRUCTION("a bpf(2) command that reads its fd_array from outside of its data"), NULL,
	 NULL},

	/* attached by itself */
	{"raw-tp-open", "attaches a program by itself", hostile_link_create, COMMAND("17"),
	 "does not declare: anon_inode:bpf_link", NULL},
	{"link-given", "gives a link for the program", hostile_link_given, COMMAND("17"),
	 "another kind of object", NULL},
	{"prog-attach", "attaches to a cgroup in the old way", hostile_prog_attach, COMMAND("8"),
	 "EINVAL", NULL},
	{"iterator", "leaves an iterator open", hostile_iterator, COMMAND("28"), "EINVAL", NULL},

	/* others' */
	{"map-by-id", "looks for the maps of others", hostile_find_map, COMMAND("14"), "EPERM",
	 NULL},
	{"prog-by-id", "gives another's program for its own", hostile_find_program, COMMAND("13"),
	 "EINVAL", NULL},
	{"own-map", "gives the load child's own map", hostile_own_map,
	 RUN("the loader gave nothing for map 0 of the manifest"), NULL, NULL},
	{"close-fds", "closes fds 0 to 1023 first", hostile_close_fds, RUN(NOT_ITS_OWN), NULL,
	 NULL},
	{"replace-fds", "closes the load child's map and puts another there", hostile_replace,
	 RUN(NOT_ITS_OWN), NULL, NULL},

	/* other than it says */
	{"same-fd-twice", "gives the program's fd for the map too", hostile_same_twice,
	 RUN("the loader gave the same object for two of the manifest"), NULL, NULL},
	{"swapped", "gives the map for the program and the other way round", hostile_swapped,
	 RUN("the loader gave another kind of object than the manifest declares as number 0: "
	     "anon_inode:bpf-map"),
	 NULL, NULL},
	{"prog-name", "gives another program", hostile_program_name,
	 ATTEST("program \"prog\" is called \"other\" in the kernel"), NULL, NULL},
	{"prog-type", "makes its program another type", hostile_program_type,
	 ATTEST("program \"prog\" is of type tracepoint, not raw_tracepoint as its manifest says"),
	 NULL, NULL},
	{"prog-target", "binds its program to something else", hostile_tp_btf,
	 ATTEST("program \"prog\" is bound to btf_trace_sched_switch, which its manifest does not "
		"name"),
	 NULL, "tp_btf:sched_wakeup"},
	{"fexit", "looks at results where it was to look at calls", hostile_fexit,
	 AT_ATTACH("the program was not loaded for a target of kind fentry: bundle and manifest do "
		   "not fit"),
	 NULL, "fentry:vfs_open"},
	{"modify-return", "changes results where it was to look on", hostile_modify_return,
	 READ(MAKES("program of type tracing with expected attach type 26")), NULL,
	 "fentry:security_file_open"},
	{"prog-kfunc", "calls a kernel function that its manifest does not require",
	 hostile_program_kfunc,
	 ATTEST("program \"prog\" calls a kernel function (kfunc) that belongs to no feature which "
		"a manifest can require"),
	 NULL, NULL},
	{"prog-helper", "calls a helper that the rule does not name", hostile_program_helper,
	 ATTEST("program \"prog\" calls bpf_ktime_get_ns(), which the rule does not name in its "
		"helpers"),
	 NULL, NULL},
	{"map-type", "makes its map another type", hostile_map_type,
	 ATTEST("map \"map\" is of type hash, not array as its manifest says"), NULL, NULL},
	{"map-size", "makes its map larger", hostile_map_size,
	 ATTEST("map \"map\" has keys of 4 bytes, values of 4096 and 1 entries, not 4, 8 and 1 as "
		"its manifest says"),
	 NULL, NULL},
	{"map-name", "makes another map", hostile_map_name,
	 ATTEST("map \"map\" is called \"other\" in the kernel"), NULL, NULL},

	/* calls */
	{"computed", "computes the number of a bpf(2) command", hostile_computed,
	 INSTRUCTION("a bpf(2) command that is not a constant"), "EINVAL", NULL},
	{"helper", "calls a helper that no loader needs", hostile_helper,
	 INSTRUCTION("a call of helper 5"), NULL, NULL},
	{"kfunc", "calls a kernel function", hostile_kfunc,
	 INSTRUCTION("a call of a kernel function"), NULL, NULL},

	/* for long */
	{"loop", "loads programs for minutes", hostile_loop,
	 KERNEL("the loader did not end in time and was stopped"), NULL, NULL},
	{"endless", "does the same again and again", hostile_endless, INSTRUCTION("part of a loop"),
	 NULL, NULL},
	{"too-many", "gives more commands than any loader needs", hostile_too_many,
	 INSTRUCTION("one bpf(2) command too many"), NULL, NULL},
};
const size_t n_hostile_modes = ARRAY_SIZE(hostile_modes);

const struct hostile_mode *hostile_find(const char *name)
{
	for (size_t i = 0; i < n_hostile_modes; i++)
		if (streq(hostile_modes[i].name, name))
			return &hostile_modes[i];
	return NULL;
}

bool hostile_refusal_fits(const struct hostile_mode *mode, const char *message)
{
	const char *p = mode->refusal;

	for (; *p; p++) {
		if (*p != '#' && *p != *message++)
			return false;
		if (*p != '#')
			continue;
		if (!isdigit((unsigned char)*message))
			return false;
		while (isdigit((unsigned char)*message))
			message++;
	}
	return *message == '\0';
}

const char *hostile_unable(void)
{
	static const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	static const uint8_t digest[32];
	_cleanup_close_ int map = -1, program = -1;
	union bpf_attr attr;

	if (geteuid() != 0)
		return "not root";
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	attr.excl_prog_hash = sys_ptr(digest);
	attr.excl_prog_hash_size = sizeof(digest);
	map = sys_bpf(BPF_MAP_CREATE, &attr, ATTR_SIZE(excl_prog_hash_size));
	if (map < 0)
		return "the kernel makes no exclusive map, or not for us";
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	attr.prog_flags = BPF_F_SLEEPABLE;
	attr.insns = sys_ptr(insns);
	attr.insn_cnt = ARRAY_SIZE(insns);
	attr.license = sys_ptr("GPL");
	program = sys_bpf(BPF_PROG_LOAD, &attr, ATTR_SIZE(prog_flags));
	return program < 0 ? "the kernel loads no SYSCALL program, or not for us" : NULL;
}
