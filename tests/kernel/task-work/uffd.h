/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory at which a reader waits, in the kernel as well, for as long as we like. */
#pragma once

#include <stdbool.h>

/* A page whose first access waits until page_give(). page_make() answers NULL if there is no
 * userfaultfd. */
void *page_make(void);
/* Somebody waits. */
bool page_wanted(unsigned ms);
/* Every byte is 0x5a. */
void page_give(void);
