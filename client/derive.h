/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a BPF object file to what a bundle holds: libbpf's gen_loader makes the loader and its
 * metadata, the ELF sections and the BTF say what is in it. Nothing depends on the machine, the
 * kernel or the user that it runs on; object files for which libbpf would look at those (values of
 * the kernel's configuration, addresses of its symbols, maps sized by the number of CPUs) are
 * refused.
 */
#pragma once

#include "bundle.h"
#include "manifest.h"

#define OBJECT_SIZE_MAX (64u * 1024 * 1024) /* with DWARF */

/* The initial value of a map of read-only data. */
struct derived_image {
	unsigned map;	  /* number in the manifest, also in that of derive_combine() */
	uint32_t section; /* its DATASEC in the BTF */
	uint8_t *value;	  /* owned */
	size_t size;
};

/* All owned: derived_done(). */
struct derived {
	uint8_t *loader, *metadata, *btf;
	size_t loader_size, metadata_size, btf_size;
	struct manifest *manifest;
	unsigned n_images;
	struct derived_image images[MANIFEST_MAPS_MAX];
};

/*
 * @data is the object file, @file its name for messages, @name the bundle's name, which the kernel
 * shows of the object, too. The manifest has everything but a publisher; nothing is granted.
 * ERROR_FAILED says what in the object cannot be in a bundle and what to do.
 */
int derive(const char *file, const void *data, size_t size, const char *name, struct derived *ret,
	   struct error *error);
void derived_done(struct derived *derived);
#define _cleanup_derived_ _cleanup_(derived_done)

/* ---- derive-externs.c ---- */

/* Does it refer to symbols of the kernel without a type? @types: its BTF as the compiler wrote it.
 */
int derive_check_externs(const char *file, struct blob types, struct error *error);

/* ---- derive-manifest.c ---- */

struct bpf_object;
struct elf_info;

/* Is there anything in @object that a bundle cannot hold? To be asked before libbpf generates. */
int derive_check(const char *file, const struct bpf_object *object, struct error *error);

/* Programs and maps as the loader numbers them, to be asked after libbpf generated. */
int derive_manifest(const char *file, const char *name, const struct bpf_object *object,
		    const struct elf_info *info, struct manifest **ret, struct error *error);

/* Types that the maps of @payload name must be in its BTF, an event's record type have a size. */
int derive_check_types(const char *file, const struct manifest *manifest, unsigned payload,
		       struct blob btf, struct error *error);

/* ---- combine.c ---- */

/*
 * One manifest of the @n object files @files for the bundle @name, whose payloads they become in
 * this order: takes the manifests in @derived. @license is what the publisher says, or NULL.
 * ERROR_FAILED: two programs or maps of one name, more of them than a bundle holds, licences that
 * differ.
 */
int derive_combine(const char *const *files, struct derived *derived, unsigned n, const char *name,
		   const char *license, struct manifest **ret, struct error *error);
