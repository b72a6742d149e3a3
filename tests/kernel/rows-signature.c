// SPDX-License-Identifier: LGPL-2.1-or-later
/* The signature as such: its size, its pointer, its encoding, and what it covers. */

#include <sys/mman.h>

#include "kernel.h"
#include "keys.h"
#include "row.h"

/* A good request; @alter spoils it. */
static void with(const char *name, const char *expected, void (*alter)(struct request *q))
{
	_cleanup_request_ struct request q = {};

	request_init(&q, RETURN_0);
	request_sign(&q);
	alter(&q);
	row_load(name, expected, &q);
}

static void none(struct request *q)
{
}

static void size_0(struct request *q)
{
	q->attr.signature_size = 0;
}

static void size_1(struct request *q)
{
	q->attr.signature_size = 1;
}

static void null_0(struct request *q)
{
	q->attr.signature = 0;
	q->attr.signature_size = 0;
}

static void null_16(struct request *q)
{
	q->attr.signature = 0;
	q->attr.signature_size = 16;
}

static void null_8193(struct request *q)
{
	q->attr.signature = 0;
	q->attr.signature_size = SIGNATURE_MAX + 1;
}

static void null_no_ring(struct request *q)
{
	q->attr.signature = 0;
	q->attr.keyring_id = 0x7ffffff0;
}

static void size_max(struct request *q)
{
	q->attr.signature_size = UINT32_MAX;
}

static void bad_pointer(struct request *q)
{
	q->attr.signature = 4096;
}

static void kernel_pointer(struct request *q)
{
	q->attr.signature = 0xffff888000000000ull;
}

static void bad_pointer_size_0(struct request *q)
{
	q->attr.signature = 4096;
	q->attr.signature_size = 0;
}

/* The last byte of it in a page that is not there. */
static void page_border(struct request *q)
{
	uint8_t *pages =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *start = pages + 4096 - q->signature.size + 1;

	memcpy(start, q->signature.data, q->signature.size - 1);
	munmap(pages + 4096, 4096);
	q->attr.signature = ptr(start);
}

static void garbage(struct request *q)
{
	memset(q->signature.data, 'g', q->signature.size);
}

static void zeros(struct request *q)
{
	memset(q->signature.data, 0, q->signature.size);
}

static void truncated(struct request *q)
{
	q->attr.signature_size--;
}

static void trailing_zero(struct request *q)
{
	bytes_add(&q->signature, "", 1);
	q->attr.signature = ptr(q->signature.data);
	q->attr.signature_size++;
}

static void padded(struct request *q, size_t size)
{
	while (q->signature.size < size)
		bytes_add(&q->signature, "", 1);
	q->attr.signature = ptr(q->signature.data);
	q->attr.signature_size = (uint32_t)size;
}

static void padded_8192(struct request *q)
{
	padded(q, SIGNATURE_MAX);
}

static void padded_8193(struct request *q)
{
	padded(q, SIGNATURE_MAX + 1);
}

static void altered_signature(struct request *q)
{
	q->signature.data[q->signature.size - 1] ^= 1;
}

static void altered_insn(struct request *q)
{
	static const struct bpf_insn other[] = {MOV(0, 1), EXIT};

	q->attr.insns = ptr(other);
}

static void one_insn_more(struct request *q)
{
	static const struct bpf_insn other[] = {MOV(0, 0), EXIT, EXIT};

	q->attr.insns = ptr(other);
	q->attr.insn_cnt = 3;
}

/* What the signature does not cover. */
static void other_license(struct request *q)
{
	q->attr.license = ptr("Proprietary");
}

static void other_name(struct request *q)
{
	memcpy(q->attr.prog_name, "other", 6);
}

/* A valid signature of exactly @size bytes: one with a certificate of the right length in it. */
static void row_valid_of(const char *name, const char *expected, size_t size)
{
	_cleanup_request_ struct request q = {};
	struct certificate_how how = {.comment = 6000};

	request_init(&q, RETURN_0);
	for (int i = 0; i < 4; i++) {
		const struct signer *big = signer_make("big", keys.unknown->key, &how);

		request_sign_how(&q, keys.trusted, &(struct sign_how){.with_certificate = big});
		if (q.signature.size == size)
			break;
		how.comment += (unsigned)(size - q.signature.size);
	}
	must("a signature of that size", q.signature.size == size ? 0 : -ERANGE);
	row_load(name, expected, &q);
}

static void rows_covered(void)
{
	struct code code = READS_MAP(0);
	_cleanup_map_ struct map map = {}, other = {};
	_cleanup_request_ struct request q = {};
	_cleanup_bytes_ struct bytes swapped = {};

	map_make(&map, code, 16, 1);
	map_make(&other, code, 16, 2);
	request_init(&q, code);
	request_bind(&q, &map);
	request_sign(&q);
	row_load_run("covered/instructions-then-map", "ok, returns 0x160f0801", &q);
	q.fds[0] = other.fd;
	row_load("covered/other-content", "EKEYREJECTED", &q);
	q.fds[0] = map.fd;

	q.covered.size = code.n * sizeof(struct bpf_insn);
	request_sign(&q);
	row_load("covered/instructions-alone-with-a-map", "EKEYREJECTED", &q);
	bytes_add(&swapped, map.content, map.size);
	bytes_add(&swapped, code.insns, code.n * sizeof(struct bpf_insn));
	q.signature = sign(keys.trusted, swapped.data, swapped.size, NULL);
	q.attr.signature = ptr(q.signature.data);
	row_load("covered/map-then-instructions", "EKEYREJECTED", &q);
	q.signature = sign(keys.trusted, map.content, map.size, NULL);
	q.attr.signature = ptr(q.signature.data);
	row_load("covered/map-alone", "EKEYREJECTED", &q);
	q.signature = sign(keys.trusted, "other", 5, NULL);
	q.attr.signature = ptr(q.signature.data);
	row_load("covered/other-bytes", "EKEYREJECTED", &q);
	q.signature = sign(keys.trusted, "", 0, NULL);
	q.attr.signature = ptr(q.signature.data);
	row_load("covered/no-bytes", "EKEYREJECTED", &q);
}

/* The map's own count of 0 for a program that was signed with one. */
static void rows_count_changed(void)
{
	struct code code = READS_MAP(0);
	_cleanup_map_ struct map map = {};
	_cleanup_request_ struct request q = {};

	map_make(&map, code, 16, 1);
	request_init(&q, code);
	request_bind(&q, &map);
	request_sign(&q);
	q.attr.fd_array_cnt = 0;
	row_load("covered/map-signed-but-not-bound", "EKEYREJECTED", &q);
	q.attr.fd_array_cnt = 2;
	q.fds[1] = map.fd;
	row_load("covered/map-twice-in-fd-array", NULL, &q);
}

/* A long program. */
static void row_instructions(const char *name, unsigned n)
{
	struct bpf_insn *insns = calloc(n, sizeof(*insns));
	_cleanup_request_ struct request q = {};
	int fd;

	for (unsigned i = 0; i < n; i++)
		insns[i] = (struct bpf_insn)MOV(0, i & 0xff);
	insns[n - 1] = (struct bpf_insn)EXIT;
	request_init(&q, (struct code){insns, n});
	request_sign(&q);
	/* Without the verifier's log, which is longer than verifier_log[]. */
	fd = sys_bpf(BPF_PROG_LOAD, &q.attr, q.attr_size);
	row_result(name, "ok", fd);
	safe_close(fd);
	insns[n / 2].imm ^= 1;
	row_load("covered/many-instructions-one-altered", "EKEYREJECTED", &q);
	free(insns);
}

/* What programs look for in the log, mainline's tests among them. */
static void row_log(const char *name, const char *text, void (*change)(struct request *q))
{
	_cleanup_request_ struct request q = {};
	int fd;

	request_init(&q, RETURN_0);
	request_sign(&q);
	change(&q);
	fd = request_load(&q);
	row(name, NULL, "%s, log %s \"%s\"", answer_name(fd), log_has(text) ? "has" : "lacks",
	    text);
	safe_close(fd);
}

void rows_signature(void)
{
	with("signature/good", "ok", none);
	with("signature/null-size-0", "ok", null_0);
	with("signature/null-size-16", "ok", null_16);
	with("signature/null-size-8193", "ok", null_8193);
	with("signature/null-keyring-that-is-none", "ok", null_no_ring);
	with("signature/size-0", "EINVAL", size_0);
	with("signature/size-0-bad-pointer", "EINVAL", bad_pointer_size_0);
	with("signature/size-1", "EBADMSG", size_1);
	with("signature/size-max", "EINVAL", size_max);
	with("signature/padded-to-8192", NULL, padded_8192);
	with("signature/padded-to-8193", "EINVAL", padded_8193);
	row_valid_of("signature/valid-of-8191", "ok", SIGNATURE_MAX - 1);
	row_valid_of("signature/valid-of-8192", "ok", SIGNATURE_MAX);
	row_valid_of("signature/valid-of-8193", "EINVAL", SIGNATURE_MAX + 1);
	with("signature/bad-pointer", "EFAULT", bad_pointer);
	with("signature/kernel-pointer", "EFAULT", kernel_pointer);
	with("signature/into-a-missing-page", "EFAULT", page_border);
	with("signature/garbage", "EBADMSG", garbage);
	with("signature/zeros", "EBADMSG", zeros);
	with("signature/truncated", "EBADMSG", truncated);
	with("signature/a-byte-more", NULL, trailing_zero);
	with("signature/altered", "EKEYREJECTED", altered_signature);
	with("signature/altered-instruction", "EKEYREJECTED", altered_insn);
	with("signature/one-instruction-more", "EKEYREJECTED", one_insn_more);
	with("signature/other-license", NULL, other_license);
	with("signature/other-name", "ok", other_name);
	rows_covered();
	rows_count_changed();
	row_log("signature/log-of-garbage", "signature verification failed", garbage);
	row_log("signature/log-of-altered-instruction", "signature verification failed",
		altered_insn);
	row_log("signature/log-of-size-0", "signature verification failed", size_0);
	row_instructions("covered/many-instructions", 100000);
}
