// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Bundles with loaders written by hand, which do what no loader may (tests/unit/hostile.h), and
 * honest ones. For each mode it writes MODE.bpfb, unsigned, and MODE.expect: the exit status of
 * bpfctl and the whole message, in which '#' stands for a number; nothing for an honest one.
 *
 *   hostile-loader DIR [MODE...]
 */

#include <fcntl.h>

#include "bundle.h"
#include "hostile.h"
#include "manifest.h"

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "hostile-loader: %s: %s\n", what, why);
	exit(1);
}

/* What a publisher with the best intentions would say of these loaders. */
static void make_manifest(const struct hostile_mode *mode, char **ret, size_t *ret_size)
{
	char name[MANIFEST_NAME_MAX], section[64],
		*target = (char *)mode->target ?: (char[]){"raw_tp:sched_switch"};
	struct manifest_program program = {
		.name = (char[]){"prog"},
		.section = (char[]){"raw_tp/sched_switch"},
		.type = BPF_PROG_TYPE_RAW_TRACEPOINT,
		.n_attach = 1,
		.attach = &target,
		.n_defaults = 1,
		.defaults = &target,
	};
	struct manifest_map map = {
		.name = (char[]){"map"},
		.type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 8,
		.max_entries = 1,
		.grant = GRANT_NONE,
	};
	struct manifest manifest = {
		.name = name,
		.version = (char[]){"1"},
		.description = (char[]){"a loader written by hand"},
		.license = (char[]){"GPL"},
		.sequence = 1,
		.n_programs = 1,
		.programs = &program,
		.n_maps = 1,
		.maps = &map,
	};

	if (mode->target) {
		program.type = BPF_PROG_TYPE_TRACING;
		program.section = section;
		snprintf(section, sizeof(section), "%s", target);
		*strchr(section, ':') = '/';
	}
	snprintf(name, sizeof(name), "hostile-%s", mode->name);
	if (manifest_format(&manifest, ret, ret_size) < 0)
		die(mode->name, "cannot format the manifest");
}

static void write_file(const char *dir, const char *name, const char *suffix, const void *data,
		       size_t size)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "%s/%s%s", dir, name, suffix) < 0)
		die(name, strerror(ENOMEM));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		die(path, strerror(errno));
}

static void write_mode(const char *dir, const struct hostile_mode *mode)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ uint8_t *file = NULL;
	_cleanup_free_ char *manifest = NULL;
	static struct loader_asm loader;
	struct bundle_payload payload;
	size_t size, manifest_size;
	char expect[512];
	int n;

	asm_start(&loader, 1);
	mode->write(&loader);
	payload = (struct bundle_payload){
		.loader = {(const void *)loader.insns, loader.n * sizeof(loader.insns[0])},
		.metadata = {loader.data, loader.size},
	};
	make_manifest(mode, &manifest, &manifest_size);
	if (bundle_make((struct blob){(const void *)manifest, manifest_size}, (struct blob){},
			&payload, 1, &file, &size, &error) < 0)
		die(mode->name, error_message(&error));
	if (mode->when == HOSTILE_NEVER)
		n = snprintf(expect, sizeof(expect), "0\n");
	else
		n = snprintf(expect, sizeof(expect), "%d bpfctl: refused at step %s: %s\n",
			     error_exit_status(mode->code), step_name(mode->step), mode->refusal);
	write_file(dir, mode->name, ".bpfb", file, size);
	write_file(dir, mode->name, ".expect", expect, (size_t)n);
}

int main(int argc, char **argv)
{
	const struct hostile_mode *mode;

	if (argc < 2 || argv[1][0] == '-') {
		fprintf(stderr, "Usage: hostile-loader DIR [MODE...]\n\n");
		for (size_t i = 0; i < n_hostile_modes; i++)
			fprintf(stderr, "  %-14s %s\n", hostile_modes[i].name,
				hostile_modes[i].what);
		return 2;
	}
	for (size_t i = 0; argc == 2 && i < n_hostile_modes; i++)
		write_mode(argv[1], &hostile_modes[i]);
	for (int i = 2; i < argc; i++) {
		mode = hostile_find(argv[i]);
		if (!mode)
			die(argv[i], "no such mode");
		write_mode(argv[1], mode);
	}
	return 0;
}
