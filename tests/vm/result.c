// SPDX-License-Identifier: LGPL-2.1-or-later
#include "result.h"

#include <stdarg.h>
#include <sys/capability.h>

static const char *area;
static unsigned n_failed;

static int no_output(enum libbpf_print_level level, const char *format, va_list ap)
{
	return getenv("VERBOSE") ? vfprintf(stderr, format, ap) : 0;
}

void result_area(const char *name)
{
	area = name;
	libbpf_set_print(no_output);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

void result(const char *name, bool ok, const char *format, ...)
{
	va_list ap;

	printf("%s - %s: %s\n", ok ? "ok" : "not ok", area, name);
	if (ok)
		return;
	n_failed++;
	printf("#   ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
}

unsigned result_failed(void)
{
	return n_failed;
}

void die(const char *what)
{
	printf("not ok - %s: set-up\n#   %s: %s\n", area, what, strerror(errno));
	exit(1);
}

void drop_capabilities(void)
{
	static const cap_value_t keep[] = {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN};
	cap_t caps = cap_init();

	if (!caps || cap_set_flag(caps, CAP_PERMITTED, ARRAY_SIZE(keep), keep, CAP_SET) < 0 ||
	    cap_set_flag(caps, CAP_EFFECTIVE, ARRAY_SIZE(keep), keep, CAP_SET) < 0 ||
	    cap_set_proc(caps) < 0)
		die("capabilities");
	cap_free(caps);
}

struct bpf_object *open_for(const char *path, const char *name)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;

	if (!object)
		die(path);
	bpf_object__for_each_program (program, object)
		bpf_program__set_autoload(program, streq(bpf_program__name(program), name));
	return object;
}
