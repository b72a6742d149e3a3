/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last link of the chain: the digest of the metadata, which libbpf's loader compares with the
 * digest that the kernel keeps of the map (kernel-side: map->sha, set when a frozen map's hash is
 * asked for).
 */
#pragma once

#include "bundle.h"

/*
 * Looks for libbpf's check in @loader: four times, in order, "load word i of the map's digest; load
 * an immediate of 64 bits". 0 and the digest that the immediates make, or -ENOENT. Only to be asked
 * of an authentic loader.
 */
int loader_link_find(struct blob loader, uint8_t ret[static DIGEST_SIZE]);
