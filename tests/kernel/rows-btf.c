// SPDX-License-Identifier: LGPL-2.1-or-later
/* BTF beside and inside a program: a signed one has none. */

#include <bpf/btf.h>

#include "kernel.h"
#include "keys.h"
#include "others.h"
#include "row.h"

static const struct bpf_func_info func_info = {.insn_off = 0, .type_id = 4};
static const struct bpf_line_info line_info = {.insn_off = 0};

enum {
	FUNC_INFO = 1,
	LINE_INFO = 2,
};

static void with(const char *name, const char *expected, int btf_fd, unsigned what, bool do_sign,
		 bool bind)
{
	_cleanup_request_ struct request q = {};
	struct map map = {.fd = -1};

	request_init(&q, RETURN_0);
	if (bind) {
		map_make(&map, RETURN_0, 8, 1);
		request_bind(&q, &map);
	}
	if (do_sign)
		request_sign(&q);
	q.attr.prog_btf_fd = (uint32_t)btf_fd;
	if (what & FUNC_INFO) {
		q.attr.func_info = ptr(&func_info);
		q.attr.func_info_cnt = 1;
		q.attr.func_info_rec_size = sizeof(func_info);
	}
	if (what & LINE_INFO) {
		q.attr.line_info = ptr(&line_info);
		q.attr.line_info_cnt = 1;
		q.attr.line_info_rec_size = sizeof(line_info);
	}
	row_load(name, expected, &q);
	map_drop(&map);
}

static void rows_program_btf(void)
{
	_cleanup_close_ int btf = btf_make();

	with("btf/unsigned-fd-alone", NULL, btf, 0, false, false);
	with("btf/unsigned-func-info", "ok", btf, FUNC_INFO, false, false);
	with("btf/unsigned-line-info", NULL, btf, LINE_INFO, false, false);
	with("btf/signed-fd-alone", NULL, btf, 0, true, false);
	with("btf/signed-func-info", NULL, btf, FUNC_INFO, true, false);
	with("btf/signed-line-info", NULL, btf, LINE_INFO, true, false);
	with("btf/signed-bound-fd-alone", NULL, btf, 0, true, true);
	with("btf/signed-bound-func-info", NULL, btf, FUNC_INFO, true, true);
	with("btf/unsigned-closed-fd", NULL, 1000, 0, false, false);
	with("btf/signed-closed-fd", NULL, 1000, 0, true, false);
	with("btf/signed-closed-func-info", NULL, 1000, FUNC_INFO, true, false);
}

/*
 * Unsigned, signed over the instructions, and signed with a map. @fd_1: what is fd_array[1], or -1;
 * @expected: of all of them, or NULL.
 */
static void three(const char *what, const char *expected, struct code code, int fd_1)
{
	_cleanup_request_ struct request plain = {}, alone = {}, bound = {};
	int fds[2] = {-1, fd_1};
	struct map map;
	char name[64];

	snprintf(name, sizeof(name), "btf/unsigned-%s", what);
	request_init(&plain, code);
	if (fd_1 >= 0)
		plain.attr.fd_array = ptr(fds);
	row_load(name, expected, &plain);
	if (fd_1 >= 0) {
		fds[0] = fd_1;
		plain.attr.fd_array_cnt = 2;
		snprintf(name, sizeof(name), "btf/unsigned-bound-%s", what);
		row_load(name, expected, &plain);
	}

	snprintf(name, sizeof(name), "btf/signed-%s", what);
	request_init(&alone, code);
	request_sign(&alone);
	if (fd_1 >= 0)
		alone.attr.fd_array = ptr(fds);
	row_load(name, expected, &alone);

	map_make(&map, code, 8, 1);
	snprintf(name, sizeof(name), "btf/signed-bound-%s", what);
	request_init(&bound, code);
	request_bind(&bound, &map);
	request_sign(&bound);
	bound.fds[1] = fd_1;
	row_load(name, expected, &bound);
	if (fd_1 >= 0) {
		bound.attr.fd_array_cnt = 2;
		snprintf(name, sizeof(name), "btf/signed-bound-too-%s", what);
		row_load(name, expected, &bound);
	}
	map_drop(&map);
}

/* The same rows, of which none can run. */
static void skip(const char *what, const char *reason, bool with_fd)
{
	static const char *const how[] = {"unsigned", "signed", "signed-bound", "unsigned-bound",
					  "signed-bound-too"};
	char name[64];

	for (unsigned i = 0; i < (with_fd ? 5 : 3); i++) {
		snprintf(name, sizeof(name), "btf/%s-%s", how[i], what);
		row_skip(name, reason);
	}
}

static void rows_kernel_btf(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	_cleanup_close_ int vmlinux = must("BTF of vmlinux", btf_by_name("vmlinux"));
	_cleanup_close_ int module = btf_of_a_module();
	int lock, unlock, variable;

	must("BTF of vmlinux", btf ? 0 : -ENOENT);
	lock = btf__find_by_name_kind(btf, "bpf_rcu_read_lock", BTF_KIND_FUNC);
	unlock = btf__find_by_name_kind(btf, "bpf_rcu_read_unlock", BTF_KIND_FUNC);
	variable = btf__find_by_name_kind(btf, "runqueues", BTF_KIND_VAR);
	must("kfuncs", lock);
	must("kfuncs", unlock);
	three("kfunc", NULL, CODE(CALL_KFUNC(lock, 0), CALL_KFUNC(unlock, 0), MOV(0, 0), EXIT), -1);
	three("kfunc-by-index", NULL,
	      CODE(CALL_KFUNC(lock, 1), CALL_KFUNC(unlock, 1), MOV(0, 0), EXIT), vmlinux);
	if (module >= 0)
		three("kfunc-of-a-module", "EACCES", CODE(CALL_KFUNC(lock, 1), MOV(0, 0), EXIT),
		      module);
	else
		skip("kfunc-of-a-module", "no module with BTF is loaded", true);
	if (variable > 0)
		three("variable", NULL,
		      CODE(LD64(1, BPF_PSEUDO_BTF_ID, variable, 0), MOV(0, 0), EXIT), -1);
	else
		skip("variable", "no runqueues in this kernel's BTF", false);
	if (variable > 0)
		three("variable-by-fd", NULL,
		      CODE(LD64(1, BPF_PSEUDO_BTF_ID, variable, vmlinux), MOV(0, 0), EXIT), -1);
	else
		skip("variable-by-fd", "no runqueues in this kernel's BTF", false);
	btf__free(btf);
}

void rows_btf(void)
{
	rows_program_btf();
	rows_kernel_btf();
}
