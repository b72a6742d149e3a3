// SPDX-License-Identifier: LGPL-2.1-or-later
/* fd_array and its count, with a signature: nothing but folded maps may be bound. */

#include "kernel.h"
#include "keys.h"
#include "others.h"
#include "row.h"

#define N_MAPS 65

static struct map maps[N_MAPS];

/* Maps by number, of @code. */
static void make_maps(struct code code, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		map_make(&maps[i], code, 8, (uint8_t)(i * 16 + 1));
}

static void drop_maps(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		map_drop(&maps[i]);
}

/* "aab": these maps in fd_array, each once in the signature. 'h' is not folded: a plain map. */
static void shape(const char *name, const char *expected, struct code code, const char *letters)
{
	static struct request q;
	int plain = must("map", map_create(&(struct map_spec){}));
	bool seen[26] = {};

	make_maps(code, 4);
	request_init(&q, code);
	for (const char *p = letters; *p; p++) {
		if (*p == 'h')
			request_bind_fd(&q, plain);
		else if (seen[*p - 'a'])
			request_bind_fd(&q, maps[*p - 'a'].fd);
		else
			request_bind(&q, &maps[*p - 'a']);
		seen[*p - 'a'] = true;
	}
	request_sign(&q);
	row_load_maps(name, expected, &q, (const int[]){maps[0].fd, maps[1].fd, maps[2].fd}, 3);
	request_free(&q);
	drop_maps(4);
	close(plain);
}

static void rows_shapes(void)
{
	shape("signed-fd-array/a", "ok, maps: a", RETURN_0, "a");
	shape("signed-fd-array/ab", "ok, maps: ab", RETURN_0, "ab");
	shape("signed-fd-array/ba", "ok, maps: ba", RETURN_0, "ba");
	shape("signed-fd-array/aa", "ok, maps: a", RETURN_0, "aa");
	shape("signed-fd-array/aab", "ok, maps: ab", RETURN_0, "aab");
	shape("signed-fd-array/aba", "ok, maps: ab", RETURN_0, "aba");
	shape("signed-fd-array/baa", "ok, maps: ba", RETURN_0, "baa");
	shape("signed-fd-array/abb", "ok, maps: ab", RETURN_0, "abb");
	shape("signed-fd-array/abcabc", "ok, maps: abc", RETURN_0, "abcabc");
	shape("signed-fd-array/plain-alone", "EPERM", RETURN_0, "h");
	shape("signed-fd-array/plain-after-folded", "EPERM", RETURN_0, "ah");
	shape("signed-fd-array/plain-before-folded", "EPERM", RETURN_0, "ha");
	shape("signed-fd-array/uses-first-of-two", "ok, maps: ab", READS_MAP(0), "ab");
	shape("signed-fd-array/uses-second-of-two", "ok, maps: ab", READS_MAP(1), "ab");
	shape("signed-fd-array/uses-third-of-two", NULL, READS_MAP(2), "ab");
	shape("signed-fd-array/uses-second-of-aa", "ok, maps: a", READS_MAP(1), "aa");
}

static void many(const char *name, const char *expected, unsigned n)
{
	static struct request q;

	make_maps(RETURN_0, n);
	request_init(&q, RETURN_0);
	for (unsigned i = 0; i < n; i++)
		request_bind(&q, &maps[i]);
	request_sign(&q);
	row_load(name, expected, &q);
	request_free(&q);
	drop_maps(n);
}

/* One map, @n times. */
static void repeated(const char *name, const char *expected, unsigned n)
{
	static struct request q;

	make_maps(RETURN_0, 1);
	request_init(&q, RETURN_0);
	request_bind(&q, &maps[0]);
	for (unsigned i = 1; i < n; i++)
		request_bind_fd(&q, maps[0].fd);
	request_sign(&q);
	row_load(name, expected, &q);
	request_free(&q);
	drop_maps(1);
}

/* Signed over the instructions alone, and fd_array as it is here, but with a count of 0. */
static void count_0(const char *name, const char *expected, struct code code, int fd)
{
	_cleanup_request_ struct request q = {};
	int fds[2] = {fd, fd};

	request_init(&q, code);
	request_sign(&q);
	q.attr.fd_array = ptr(fds);
	row_load(name, expected, &q);
}

static void rows_count_0(void)
{
	_cleanup_close_ int plain = must("map", map_create(&(struct map_spec){}));
	struct code index = CODE(MAP_IDX(1, 0), MOV(0, 0), EXIT);
	struct code value = CODE(MAP_IDX_VALUE(1, 0, 0), MOV(0, 0), EXIT);
	struct code by_fd = CODE(MAP_FD(1, plain), MOV(0, 0), EXIT);
	struct code by_fd_value = CODE(MAP_VALUE(1, plain), MOV(0, 0), EXIT);

	count_0("signed-fd-array/count-0-unused", "ok", RETURN_0, plain);
	count_0("signed-fd-array/count-0-index", "EACCES", index, plain);
	count_0("signed-fd-array/count-0-index-value", "EACCES", value, plain);
	count_0("signed-fd-array/count-0-fd", "EINVAL", by_fd, plain);
	count_0("signed-fd-array/count-0-fd-value", "EINVAL", by_fd_value, plain);
	make_maps(index, 1);
	count_0("signed-fd-array/count-0-index-of-exclusive", NULL, index, maps[0].fd);
	drop_maps(1);
	count_0("signed-fd-array/count-0-helper", "ok",
		CODE(CALL(BPF_FUNC_ktime_get_ns), MOV(0, 0), EXIT), plain);
	count_0("signed-fd-array/count-0-subprogram", "ok",
		CODE(CALL_LOCAL(1), EXIT, MOV(0, 0), EXIT), plain);
}

/* A bound map, and @code that refers to a map by its fd. */
static void rows_by_fd(void)
{
	_cleanup_close_ int plain = must("map", map_create(&(struct map_spec){}));
	struct code other = CODE(MAP_FD(1, plain), MOV(0, 0), EXIT);
	_cleanup_request_ struct request q = {}, same = {}, same_value = {};
	/* The digest does not depend on the fd's number. */
	struct bpf_insn insns[] = {MAP_FD(1, 0), MOV(0, 0), EXIT};
	struct bpf_insn value[] = {MAP_VALUE(1, 0), MOV(0, 0), EXIT};

	make_maps(other, 1);
	request_init(&q, other);
	request_bind(&q, &maps[0]);
	request_sign(&q);
	row_load("signed-fd-array/fd-of-another-map", "EINVAL", &q);

	insns[0].imm = maps[0].fd;
	request_init(&same, (struct code){insns, ARRAY_SIZE(insns)});
	request_bind(&same, &maps[0]);
	request_sign(&same);
	row_load("signed-fd-array/fd-of-the-bound-map", "EINVAL", &same);
	drop_maps(1);

	make_maps((struct code){value, ARRAY_SIZE(value)}, 1);
	value[0].imm = maps[0].fd;
	request_init(&same_value, (struct code){value, ARRAY_SIZE(value)});
	request_bind(&same_value, &maps[0]);
	request_sign(&same_value);
	row_load("signed-fd-array/fd-value-of-the-bound-map", "EINVAL", &same_value);
	drop_maps(1);
}

/* Index @i of an fd_array that has a good map there, too, but of which the kernel is told only 1.
 */
static void sparse(const char *name, const char *expected, struct code code, bool second_folded)
{
	_cleanup_close_ int plain = must("map", map_create(&(struct map_spec){}));
	_cleanup_request_ struct request q = {};

	make_maps(code, 2);
	request_init(&q, code);
	request_bind(&q, &maps[0]);
	request_sign(&q);
	q.fds[1] = second_folded ? maps[1].fd : plain;
	row_load(name, expected, &q);
	drop_maps(2);
}

static void rows_other_files(void)
{
	for (unsigned i = 0; i < N_OTHERS; i++) {
		_cleanup_close_ int fd = other_open(i);

		for (unsigned place = 0; place < 3; place++) {
			static const char *const places[] = {"alone", "before-folded",
							     "after-folded"};
			_cleanup_request_ struct request q = {};
			char name[64];

			snprintf(name, sizeof(name), "signed-fd-array/%s-%s", other_name(i),
				 places[place]);
			if (fd == -ENODEV) {
				row_skip(name, "there is none here");
				continue;
			}
			make_maps(RETURN_0, 1);
			request_init(&q, RETURN_0);
			if (place == 2)
				request_bind(&q, &maps[0]);
			request_bind_fd(&q, other_fd(i, fd));
			if (place == 1)
				request_bind(&q, &maps[0]);
			request_sign(&q);
			/* no signature covers BTF; our kernel has no modules to be asked of */
			row_load(name, i == OTHER_BTF_MODULE ? "EACCES" : NULL, &q);
			drop_maps(1);
		}
	}
}

/* BTF before what is worse: it alone decides. */
static void row_btf_and_bad_fd(const char *name, const char *expected, bool signed_)
{
	_cleanup_close_ int btf = btf_make();
	_cleanup_request_ struct request q = {};

	request_init(&q, RETURN_0);
	request_bind_fd(&q, btf);
	request_bind_fd(&q, -1);
	request_array(&q);
	if (signed_)
		request_sign(&q);
	row_load(name, expected, &q);
}

/* Does the hash that user space can ask for matter? Does the keyring? Does a map serve two loads?
 */
static void rows_neutral(void)
{
	_cleanup_request_ struct request q = {};
	struct bpf_map_info info = {};
	struct code code = READS_MAP(0);
	union bpf_attr attr;
	uint8_t hash[32];
	int first, second;

	make_maps(code, 1);
	request_init(&q, code);
	request_bind(&q, &maps[0]);
	request_sign(&q);
	row_load("neutral/hash-not-asked-for", "ok", &q);
	memset(&attr, 0, sizeof(attr));
	info.hash = ptr(hash);
	info.hash_size = sizeof(hash);
	attr.info.bpf_fd = (uint32_t)maps[0].fd;
	attr.info.info = ptr(&info);
	attr.info.info_len = sizeof(info);
	must("the map's hash", sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, ATTR_SIZE(info)));
	row_load("neutral/hash-asked-for", "ok", &q);
	first = request_load(&q);
	second = request_load(&q);
	row("neutral/loaded-twice-at-once", "ok", "%s",
	    first >= 0 ? answer_name(second) : answer_name(first));
	q.attr.keyring_id = KEY_SPEC_SESSION_KEYRING;
	row_load("neutral/session-keyring", "ok", &q);
	q.attr.keyring_id = 0;
	row_load("neutral/builtin-keyring-with-a-map", "ENOKEY", &q);
	safe_close(first);
	safe_close(second);
	drop_maps(1);
}

void rows_fd_array_signed(void)
{
	rows_shapes();
	many("signed-fd-array/63-maps", "ok", 63);
	many("signed-fd-array/64-maps", NULL, 64);
	many("signed-fd-array/65-maps", NULL, 65);
	repeated("signed-fd-array/4096-of-one-map", "ok", FD_ARRAY_MAX);
	repeated("signed-fd-array/4097-of-one-map", NULL, FD_ARRAY_MAX + 1);
	rows_count_0();
	rows_by_fd();
	sparse("signed-fd-array/index-1-of-1-folded", NULL, CODE(MAP_IDX(1, 1), MOV(0, 0), EXIT),
	       true);
	sparse("signed-fd-array/index-1-of-1-plain", NULL, CODE(MAP_IDX(1, 1), MOV(0, 0), EXIT),
	       false);
	sparse("signed-fd-array/value-1-of-1-folded", NULL,
	       CODE(MAP_IDX_VALUE(1, 1, 0), MOV(0, 0), EXIT), true);
	rows_other_files();
	row_btf_and_bad_fd("signed-fd-array/own-btf-then-minus-1", "EACCES", true);
	row_btf_and_bad_fd("signed-fd-array/unsigned-own-btf-then-minus-1", "EBADF", false);
	rows_neutral();
}
