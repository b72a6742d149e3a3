// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a hook of the security modules answers (hooks.bpf.c) is a permission if it is 0, and else a
 * refusal, whatever number it is. Asked of the patched kernel only.
 */

#include <bpf/libbpf.h>

#include "hooks.h"
#include "kernel.h"
#include "row.h"

static const int answers[] = {0, -EBUSY, 1, 3, INT32_MAX};

static struct hook_answers *hooks;

static int no_output(enum libbpf_print_level level, const char *format, va_list ap)
{
	return options.verbose ? vfprintf(stderr, format, ap) : 0;
}

/* Attaches all; the programs stay until the process ends. 0 or a negative errno. */
static int attach(void)
{
	struct bpf_program *program;
	struct bpf_object *object;
	char path[4200];
	size_t size;

	libbpf_set_print(no_output);
	snprintf(path, sizeof(path), "%s/hooks.bpf.o", options.directory);
	object = bpf_object__open_file(path, NULL);
	must(path, object ? 0 : -errno);
	if (bpf_object__load(object) < 0)
		return -errno;
	hooks = bpf_map__initial_value(bpf_object__find_map_by_name(object, ".bss"), &size);
	must(".bss", hooks && size >= sizeof(*hooks) ? 0 : -ENOENT);
	bpf_object__for_each_program (program, object)
		if (!bpf_program__attach(program))
			return -errno;
	return 0;
}

static int try_load(void)
{
	_cleanup_request_ struct request q = {};

	request_init(&q, RETURN_0);
	return request_load(&q);
}

/* Not one that the verifier would take: it must not come to that. */
static int try_load_bad(void)
{
	_cleanup_request_ struct request q = {};

	request_init(&q, CODE(MOV_REG(0, 5), EXIT));
	return request_load(&q);
}

static int try_create(void)
{
	return map_create(&(struct map_spec){});
}

/* @hook answers @answer to what @try does. A descriptor must be a new one, of the right kind. */
static void row_hook(const char *name, int *hook, int answer, int (*try)(void), const char *link)
{
	char text[64], path[40], target[64] = "";
	const char *expected = answer == 0 ? "ok" : answer < 0 ? answer_name(answer) : "EPERM";
	ssize_t n;
	int r;

	hooks->watched = (uint32_t)getpid();
	*hook = answer;
	r = try();
	hooks->watched = 0;
	*hook = 0;
	snprintf(text, sizeof(text), "hooks/%s-answers-%d", name, answer);
	if (r < 0) {
		row_result(text, expected, r);
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", r);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0 || !streq(target, link)) {
		row(text, expected, "a number that is no descriptor");
		return;
	}
	row_result(text, expected, r);
	close(r);
}

static void rows_of(const char *name, size_t hook, int (*try)(void), const char *link)
{
	for (unsigned i = 0; i < ARRAY_SIZE(answers); i++) {
		if (options.stock) {
			char text[64];

			snprintf(text, sizeof(text), "hooks/%s-answers-%d", name, answers[i]);
			row_skip(text, "asked of the patched kernel only");
			continue;
		}
		row_hook(name, (int *)((char *)hooks + hook), answers[i], try, link);
	}
}

void rows_hooks(void)
{
	int r = options.stock ? 0 : attach();

	if (r < 0) {
		row("hooks/attached", "ok", "%s", answer_name(r));
		return;
	}
	rows_of("prog-load", offsetof(struct hook_answers, prog_load), try_load,
		"anon_inode:bpf-prog");
	rows_of("map-create", offsetof(struct hook_answers, map_create), try_create,
		"anon_inode:bpf-map");
	rows_of("bpf-for-a-program", offsetof(struct hook_answers, bpf), try_load,
		"anon_inode:bpf-prog");
	rows_of("bpf-for-a-map", offsetof(struct hook_answers, bpf), try_create,
		"anon_inode:bpf-map");
	if (options.stock)
		row_skip("hooks/before-the-verifier", "asked of the patched kernel only");
	else {
		hooks->watched = (uint32_t)getpid();
		hooks->prog_load = 1;
		r = try_load_bad();
		hooks->watched = 0;
		hooks->prog_load = 0;
		row_result("hooks/before-the-verifier", "EPERM", r);
	}
}
