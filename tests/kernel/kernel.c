// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernel.h"

#include <openssl/evp.h>
#include <sys/syscall.h>

#include "keys.h"
#include "row.h"

char verifier_log[1 << 18];

int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr, size_t size)
{
	long ret = syscall(SYS_bpf, cmd, attr, (unsigned int)size);

	return ret < 0 ? -errno : (int)ret;
}

void sha256(const void *data, size_t size, uint8_t digest[32])
{
	if (EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) != 1)
		must("SHA-256", -EIO);
}

void program_digest(struct code code, uint8_t digest[32])
{
	struct bpf_insn *insns = malloc(code.n * sizeof(*insns));

	memcpy(insns, code.insns, code.n * sizeof(*insns));
	for (unsigned i = 0; i + 1 < code.n; i++) {
		if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE)
			insns[i].imm = insns[i + 1].imm = 0;
		i++;
	}
	sha256(insns, code.n * sizeof(*insns), digest);
	free(insns);
}

void request_init(struct request *q, struct code code)
{
	memset(q, 0, sizeof(*q));
	q->attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	q->attr.prog_flags = BPF_F_SLEEPABLE;
	q->attr.insns = ptr(code.insns);
	q->attr.insn_cnt = code.n;
	q->attr.license = ptr("GPL");
	q->attr_size = ATTR_SIZE(keyring_id);
	bytes_add(&q->covered, code.insns, code.n * sizeof(struct bpf_insn));
}

void request_bind_fd(struct request *q, int fd)
{
	if (q->n_fds == ARRAY_SIZE(q->fds))
		must("fd_array", -E2BIG);
	q->fds[q->n_fds++] = fd;
}

void request_bind(struct request *q, const struct map *map)
{
	request_bind_fd(q, map->fd);
	bytes_add(&q->covered, map->content, map->size);
}

void request_array(struct request *q)
{
	if (q->n_fds == 0)
		return;
	q->attr.fd_array = ptr(q->fds);
	q->attr.fd_array_cnt = q->n_fds;
}

void request_sign_how(struct request *q, const struct signer *signer, const struct sign_how *how)
{
	request_array(q);
	bytes_free(&q->signature);
	q->signature = sign(signer, q->covered.data, q->covered.size, how);
	q->attr.signature = ptr(q->signature.data);
	q->attr.signature_size = (uint32_t)q->signature.size;
	q->attr.keyring_id = keys.ring;
}

void request_sign(struct request *q)
{
	request_sign_how(q, keys.trusted, NULL);
}

int request_load(struct request *q)
{
	verifier_log[0] = 0;
	q->attr.log_buf = ptr(verifier_log);
	q->attr.log_size = sizeof(verifier_log);
	q->attr.log_level = 1;
	return sys_bpf(BPF_PROG_LOAD, &q->attr, q->attr_size);
}

void request_free(struct request *q)
{
	bytes_free(&q->covered);
	bytes_free(&q->signature);
}

bool log_has(const char *text)
{
	return strstr(verifier_log, text);
}

static void note_log(const char *name, int result)
{
	char *line, *save = NULL;

	if (!options.verbose || result >= 0)
		return;
	for (line = strtok_r(verifier_log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (line[0] && strncmp(line, "processed ", 10) != 0)
			note("log of %s: %s", name, line);
}

void row_load(const char *name, const char *expected, struct request *q)
{
	int fd = request_load(q);

	row_result(name, expected, fd);
	note_log(name, fd);
	safe_close(fd);
}

void row_load_digest(const char *name, const char *expected, struct request *q)
{
	int fd = request_load(q);

	if (fd == -EACCES)
		row(name, expected, "EACCES, log: %s",
		    log_has("program's hash doesn't match map's excl_prog_hash") ? "digest"
										 : "other");
	else
		row_result(name, expected, fd);
	note_log(name, fd);
	safe_close(fd);
}

void row_load_run(const char *name, const char *expected, struct request *q)
{
	int fd = request_load(q), r;
	uint32_t value;

	if (fd < 0) {
		row_result(name, expected, fd);
		note_log(name, fd);
		return;
	}
	r = prog_run(fd, &value);
	if (r < 0)
		row(name, expected, "ok, run %s", answer_name(r));
	else
		row(name, expected, "ok, returns 0x%x", value);
	safe_close(fd);
}

void row_load_maps(const char *name, const char *expected, struct request *q, const int *fds,
		   unsigned n)
{
	uint32_t ids[128];
	char letters[ARRAY_SIZE(ids) + 1];
	int fd = request_load(q), n_maps;

	if (fd < 0) {
		row_result(name, expected, fd);
		note_log(name, fd);
		return;
	}
	n_maps = must("the program's maps", prog_maps(fd, ids, ARRAY_SIZE(ids)));
	for (int i = 0; i < n_maps; i++) {
		letters[i] = '?';
		for (unsigned k = 0; k < n; k++)
			if (map_id(fds[k]) == ids[i])
				letters[i] = (char)('a' + (int)k);
	}
	letters[n_maps] = 0;
	row(name, expected, "ok, maps: %s", n_maps ? letters : "none");
	safe_close(fd);
}

int prog_run(int fd, uint32_t *ret_value)
{
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)fd;
	r = sys_bpf(BPF_PROG_RUN, &attr, ATTR_SIZE(test));
	if (r >= 0)
		*ret_value = attr.test.retval;
	return r;
}

int prog_maps(int fd, uint32_t *ids, unsigned n)
{
	struct bpf_prog_info info;
	union bpf_attr attr;
	int r;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	info.nr_map_ids = n;
	info.map_ids = ptr(ids);
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = ptr(&info);
	r = sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, ATTR_SIZE(info));
	if (r < 0)
		return r;
	return info.nr_map_ids <= n ? (int)info.nr_map_ids : -E2BIG;
}
