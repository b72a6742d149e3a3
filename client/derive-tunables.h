/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tunables of a manifest written by hand, completed from the object file: where a variable
 * lies, its type and its default come from the BTF and the initial value of .rodata.
 */
#pragma once

#include "derive.h"
#include "hand.h"

/*
 * Fills the tunables of @manifest, which derive_combine() made of the @n object files @derived.
 * ERROR_BAD_MANIFEST with the place in the hand's file: no such variable or map, or several, a
 * variable that the compiler may have folded, a type or a default other than the object's, bounds
 * that do not hold.
 */
int derive_tunables(const struct hand *hand, const struct derived *derived, unsigned n,
		    struct manifest *manifest, struct error *error);

/*
 * The images of those maps of one object file that hold variables among the tunables, as contents
 * of sections. *ret is an array of *ret_n blobs, images_free().
 */
int derive_image_sections(const struct derived *derived, const struct manifest *manifest,
			  struct blob **ret, unsigned *ret_n, struct error *error);
void images_free(struct blob *images, unsigned n);
