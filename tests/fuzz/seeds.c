/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes the first inputs of the targets: seeds DIR BUNDLE... writes DIR/TARGET/NAME, from bundles
 * that `bpfctl build` made, and from what the unit tests write by hand.
 */
#include <openssl/evp.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "loader-asm.h"
#include "manifest.h"
#include "testkeys.h"
#include "varlink.h"

static const char *top;

static void put(const char *target, const char *name, unsigned n, const void *data, size_t size)
{
	_cleanup_free_ char *dir = NULL, *path = NULL;
	FILE *f;

	fuzz_require(asprintf(&dir, "%s/%s", top, target) > 0);
	fuzz_require(asprintf(&path, "%s/%s-%u", dir, name, n) > 0);
	fuzz_require(mkdir(dir, 0755) == 0 || errno == EEXIST);
	f = fopen(path, "we");
	fuzz_require(f && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

static void put_text(const char *target, const char *name, unsigned n, const char *text)
{
	put(target, name, n, text, strlen(text));
}

/* ---- bundles, manifests, loaders ---- */

static void put_loader(const char *name, unsigned n, unsigned n_maps, struct blob loader,
		       struct blob metadata)
{
	size_t insns = loader.size / sizeof(struct bpf_insn);
	_cleanup_free_ uint8_t *input = malloc(FUZZ_LOADER_HEADER + loader.size + metadata.size);

	fuzz_require(input && insns <= UINT16_MAX);
	input[0] = (uint8_t)n_maps;
	input[1] = 0xff;
	input[2] = (uint8_t)insns;
	input[3] = (uint8_t)(insns >> 8);
	memcpy(input + FUZZ_LOADER_HEADER, loader.data, loader.size);
	memcpy(input + FUZZ_LOADER_HEADER + loader.size, metadata.data, metadata.size);
	put("inspect", name, n, input, FUZZ_LOADER_HEADER + loader.size + metadata.size);
}

static void put_parts(unsigned n, const struct bundle *b)
{
	const struct bundle_section *text = bundle_find(b, BUNDLE_MANIFEST, 0);
	_cleanup_manifest_ struct manifest *manifest = NULL;

	put("manifest", "built", n, text->content.data, text->content.size);
	fuzz_require(manifest_parse((const char *)text->content.data, text->content.size, &manifest,
				    NULL) == 0);
	for (unsigned i = 0; i < b->n_payloads; i++)
		put_loader("built", n * BUNDLE_PAYLOADS_MAX + i, manifest_part(manifest, i).n_maps,
			   bundle_find(b, BUNDLE_LOADER, i)->content,
			   bundle_find(b, BUNDLE_METADATA, i)->content);
}

static void put_bundle(unsigned n, const char *path)
{
	_cleanup_bundle_ struct bundle b = {};
	_cleanup_free_ uint8_t *data = malloc(BUNDLE_SIZE_MAX);
	FILE *f = fopen(path, "re");
	size_t size;

	fuzz_require(data && f);
	size = fread(data, 1, BUNDLE_SIZE_MAX, f);
	fuzz_require(fclose(f) == 0 && bundle_open(data, size, &b, NULL) == 0);
	put("bundle", "built", n, data, size);
	put_parts(n, &b);
}

static void put_signed(void)
{
	static const enum test_key kinds[] = {TEST_RSA_2048, TEST_RSA_PSS, TEST_P256, TEST_P384,
					      TEST_ED25519};
	_cleanup_free_ uint8_t *bundle = NULL;
	size_t size;

	put_text("manifest", "small", 0, test_manifest);
	test_bundle_new(NULL, &bundle, &size);
	put("bundle", "small", 0, bundle, size);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		EVP_PKEY *key = test_key_new(kinds[i]);

		test_bundle_sign(&bundle, &size, key, i % 2);
		put("bundle", "small", i + 1, bundle, size);
		EVP_PKEY_free(key);
	}
}

static void put_asm(const struct loader_asm *a, unsigned n)
{
	put_loader("asm", n, a->n_maps,
		   (struct blob){(const void *)a->insns, a->n * sizeof(a->insns[0])},
		   (struct blob){a->data, a->size ?: 8});
}

/* One of each thing that a loader does. */
static void put_loaders(void)
{
	static struct loader_asm a;
	uint32_t key = 0;
	uint64_t value = 7;
	size_t at_key, at_value;

	asm_start(&a, 1);
	asm_make_map(&a, "made");
	asm_check(&a);
	asm_give_map(&a, 0, BPF_REG_7);
	at_key = asm_data(&a, &key, sizeof(key));
	at_value = asm_data(&a, &value, sizeof(value));
	asm_opening(&a, BPF_REG_3, 0);
	asm_copy(&a, BPF_FUNC_copy_from_user, at_value, sizeof(value));
	asm_insn(&a, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_8, BPF_REG_7, 0, 0);
	asm_sys_bpf(&a, BPF_MAP_UPDATE_ELEM, asm_update(&a, BPF_REG_8, at_key, at_value), 32);
	asm_check(&a);
	asm_return(&a, 0);
	put_asm(&a, 0);

	asm_start(&a, 0);
	asm_find_type(&a, "task_struct", 4);
	asm_make_program(&a, "made");
	asm_check(&a);
	asm_give_program(&a, 0, BPF_REG_7);
	asm_close(&a, BPF_REG_7);
	asm_return(&a, 0);
	put_asm(&a, 1);

	asm_start(&a, 0);
	at_value = asm_data(&a, &value, sizeof(value));
	asm_find_symbol(&a, "jiffies", at_value);
	asm_return(&a, 0);
	put_asm(&a, 2);
}

/* ---- texts ---- */

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void put_policies(void)
{
	static const char *const texts[] = {
		"{\"rules\": []}",
		"{\"rules\": [{\"name\": \"r\", \"effect\": \"deny\", \"subjects\": {\"users\": "
		"[\"root\", 7],"
		" \"groups\": [\"root\", 100], \"uids\": [\"0-99\", \"1000\"], \"units\": "
		"[\"ci@*.service\"]},"
		" \"bundles\": [\"exec*\"], \"programs\": {\"types\": [\"kprobe\", \"tracing\"], "
		"\"attach\": "
		"[\"kprobe:vfs_*\", \"tracepoint:sched/*\"], \"kfuncs\": [\"bpf_task_work_*\"]},"
		" \"grant\": [\"read-write\"], \"tunables\": [\"min_*\"], \"lifetime\": "
		"[\"persistent\"]}]}",
		"{\"$schema\": \"x\", \"description\": \"y\", \"rules\": [{\"name\": \"a\", "
		"\"effect\": "
		"\"allow\", \"description\": \"z\", \"subjects\": {\"uids\": [\"0-65533\"]}, "
		"\"bundles\": "
		"[\"*\"], \"signatures\": {\"groups\": [{\"required\": 1, \"signers\": "
		"[\"release.pem\"]}, "
		"{\"signers\": [\"" DIGEST
		"\"]}]}, \"programs\": {\"helpers\": [\"bpf_get_*\"], \"attach\": "
		"[\"uprobe:/usr/bin/*:*\", \"xdp:eth*\", \"cgroup:/sys/fs/cgroup/*/egress\"]}, "
		"\"grant\": [\"events\", \"read\", \"none\"], \"tunables\": [\"*\"], \"limits\": "
		"{\"loads\": 4, "
		"\"mapMemory\": \"16M\", \"instructions\": 100000, \"rate\": \"10/min\", "
		"\"total\": "
		"{\"loads\": 9, \"rate\": \"1/h\"}}, \"lifetime\": [\"session\", \"persistent\"], "
		"\"onRevocation\": \"keep\"}, {\"name\": \"b\", \"effect\": \"allow\", "
		"\"subjects\": {\"users\": "
		"[1000]}, \"signatures\": {\"required\": 1, \"signers\": [\"release.pem\"]}}]}",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		put_text("policy", "written", i, texts[i]);
	put_text("revocations", "written", 0, "{\"revocations\": []}");
	put_text(
		"revocations", "written", 1,
		"{\"$schema\": \"x\", \"description\": \"y\", \"revocations\": [{\"key\": \"" DIGEST
		"\", \"reason\": \"lost\"}, {\"bundle\": \"" DIGEST "\"}, {\"name\": \"tool\", "
		"\"signer\": \"" DIGEST
		"\", \"sequence\": 7}, {\"name\": \"tool\", \"signer\": \"" DIGEST
		"\", \"sequence\": 9}]}");
}

/* ---- messages ---- */

/* A piece as fuzz-calls.c and fuzz-varlink.c read it. */
static void add_piece(FILE *f, uint8_t fds, const char *text, size_t size)
{
	const uint8_t head[] = {fds, (uint8_t)size, (uint8_t)(size >> 8)};

	fwrite(head, 1, sizeof(head), f);
	fwrite(text, 1, size, f);
}

/* @fds: number + 6 * kind of the first. */
static void put_call(const char *target, unsigned n, uint8_t fds, const char *text)
{
	_cleanup_free_ char *input = NULL;
	size_t size, half = strlen(text) / 2;
	FILE *f = open_memstream(&input, &size);

	fuzz_require(f);
	add_piece(f, fds, text, strlen(text) + 1);
	/* once more, in two pieces */
	add_piece(f, fds, text, half);
	add_piece(f, 0, text + half, strlen(text) + 1 - half);
	fuzz_require(fclose(f) == 0);
	put(target, "call", n, input, size);
}

static void put_calls(void)
{
#define GATE "{\"method\":\"org.bpfgate.Gate."
#define LOAD                                                                                 \
	"\"bundleFileDescriptor\":0,\"lifetime\":\"session\",\"attach\":[{\"program\":\"on_" \
	"exec\","                                                                            \
	"\"target\":\"tracepoint:sched/sched_process_exec\"}]"
	static const struct {
		uint8_t fds;
		const char *text;
	} calls[] = {
		{7, GATE "Load\",\"parameters\":{" LOAD "},\"more\":true}"},
		{19, GATE "Load\",\"parameters\":{" LOAD
			  ",\"set\":[{\"name\":\"a\",\"value\":\"1\"}]}}"},
		{1, GATE "Load\",\"parameters\":{\"bundleFileDescriptor\":0}}"},
		{25, GATE "Load\",\"parameters\":{\"bundleFileDescriptor\":0}}"},
		{31, GATE "Explain\",\"parameters\":{\"bundleFileDescriptor\":0}}"},
		{7, GATE "Explain\",\"parameters\":{" LOAD ",\"uid\":1000}}"},
		{0, GATE
		 "Unload\",\"parameters\":{\"id\":\"0123456789abcdef\",\"withDependents\":true}}"},
		{0, GATE "List\",\"oneway\":true}"},
		{0,
		 GATE "Describe\",\"parameters\":{\"id\":\"0123456789abcdef\",\"openMaps\":true}}"},
		{0, GATE "Status\",\"parameters\":{}}"},
		{0, GATE "Reload\"}"},
		{0, GATE "ListFloors\"}"},
		{0, GATE "SetFloor\",\"parameters\":{\"name\":\"tool\",\"signer\":\"" DIGEST
			 "\",\"sequence\":3}}"},
		{0, GATE "Gate\",\"parameters\":{\"mode\":\"audit\"}}"},
		{0, "{\"method\":\"org.varlink.service.GetInfo\",\"x.y\":{}}"},
		{0, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
		    "{\"interface\":\"org.bpfgate.Gate\"}}"},
		{5,
		 "{\"error\":\"org.bpfgate.Gate.Denied\",\"parameters\":{\"step\":\"authorise\"}}"},
		{0, "{\"parameters\":{},\"continues\":true}"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		put_call("calls", i, calls[i].fds, calls[i].text);
		put_call("varlink", i, calls[i].fds, calls[i].text);
	}
}

int main(int argc, char **argv)
{
	fuzz_require(argc > 1);
	top = argv[1];
	for (int i = 2; i < argc; i++)
		put_bundle((unsigned)i, argv[i]);
	put_signed();
	put_loaders();
	put_policies();
	put_calls();
	return 0;
}
