// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nested.h"

#include "row.h"

static void emit(struct loader *loader, struct code code)
{
	must("room for instructions", loader->n + code.n > ARRAY_SIZE(loader->insns) ? -E2BIG : 0);
	memcpy(loader->insns + loader->n, code.insns, code.n * sizeof(*code.insns));
	loader->n += code.n;
}

void loader_init(struct loader *loader, enum bpf_cmd cmd, size_t attr_size)
{
	memset(loader, 0, sizeof(*loader));
	loader->cmd = cmd;
	loader->attr_size = (uint32_t)attr_size;
	loader->attr = (union bpf_attr *)loader->value;
	loader->used = sizeof(union bpf_attr);
	emit(loader, CODE(MAP_IDX_VALUE(2, 0, 0)));
}

void loader_point(struct loader *loader, size_t offset, const void *data, size_t size)
{
	must("room for data", loader->used + size > sizeof(loader->value) ? -E2BIG : 0);
	memcpy(loader->value + loader->used, data, size);
	emit(loader, CODE(MAP_IDX_VALUE(3, 0, loader->used), STORE64(2, (int16_t)offset, 3)));
	loader->used += (uint32_t)(size + 7) / 8 * 8;
}

int loader_run(struct loader *loader)
{
	struct code code;
	_cleanup_request_ struct request q = {};
	_cleanup_map_ struct map map = {};
	uint8_t digest[32];
	uint32_t value;
	int fd, r;

	emit(loader, CODE(MOV(1, loader->cmd), MOV(3, loader->attr_size), CALL(BPF_FUNC_sys_bpf),
			  MOV_REG(6, 0), I(BPF_JMP | BPF_JSLT | BPF_K, 6, 0, 3, 0), MOV_REG(1, 6),
			  CALL(BPF_FUNC_sys_close), MOV(6, 0), MOV_REG(0, 6), EXIT));
	code = (struct code){loader->insns, loader->n};
	program_digest(code, digest);
	map_make_open(&map,
		      &(struct map_spec){.value_size = sizeof(loader->value), .digest = digest}, 1);
	memcpy(map.content, loader->value, sizeof(loader->value));
	must("content", map_update(map.fd, 0, map.content));
	must("freeze", map_freeze(map.fd));
	request_init(&q, code);
	request_bind(&q, &map);
	request_sign(&q);
	fd = request_load(&q);
	if (fd < 0)
		note("%s", verifier_log);
	must("loader", fd);
	r = must("loader's run", prog_run(fd, &value));
	close(fd);
	return r < 0 ? r : (int)value;
}
