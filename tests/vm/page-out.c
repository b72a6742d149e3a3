// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Strings that are not in memory, for the suite that shows how task work reads them.
 *
 *   page-out open FILE TEXT      opens the path TEXT, whose bytes lie in a page of FILE that has
 * just been dropped; at the end of a page, so that the next one counts too page-out spin FILE TEXT
 * SEC  has TEXT as its command line, in such a page, which it drops again and again, and computes
 * in user space for SEC seconds; needs CAP_SYS_RESOURCE
 *
 * mincore(2) must say each time that the page is in no page cache: FILE must not be on a tmpfs.
 * Prints how often it was dropped.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGES	  2
#define TRIES_MAX 100

struct text {
	int fd;
	size_t page;
	char *pages; /* PAGES of them; the first two bytes of the text are in the first */
	char *start;
	size_t size;
};

static void text_write(struct text *text, const char *file, const char *content)
{
	char *whole;

	text->page = (size_t)sysconf(_SC_PAGESIZE);
	text->size = strlen(content) + 1;
	whole = calloc(PAGES, text->page);
	if (!whole || text->size > text->page)
		errx(2, "the text is too long");
	memcpy(whole + text->page - 2, content, text->size);
	text->fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (text->fd < 0 ||
	    write(text->fd, whole, PAGES * text->page) != (ssize_t)(PAGES * text->page) ||
	    fsync(text->fd) < 0)
		err(1, "%s", file);
	free(whole);
	text->pages = mmap(NULL, PAGES * text->page, PROT_READ, MAP_PRIVATE, text->fd, 0);
	if (text->pages == MAP_FAILED)
		err(1, "mmap");
	text->start = text->pages + text->page - 2;
}

/* Is any of it still in the page cache? */
static bool text_cached(const struct text *text)
{
	unsigned char cached[PAGES];

	if (mincore(text->pages, PAGES * text->page, cached) < 0)
		err(1, "mincore");
	return cached[0] & 1 || cached[1] & 1;
}

/* Out of the page tables, then out of the page cache; somebody else may be holding it. */
static void text_drop(const struct text *text)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		if (madvise(text->pages, PAGES * text->page, MADV_DONTNEED) < 0)
			err(1, "madvise");
		if (posix_fadvise(text->fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
			errx(1, "posix_fadvise");
		if (!text_cached(text))
			return;
		usleep(10000);
	}
	errx(3, "its pages stay in the page cache");
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int open_dropped(const struct text *text)
{
	int fd;

	text_drop(text);
	fd = open(text->start, O_RDONLY);
	printf("%s\n", fd < 0 ? strerrorname_np(errno) : "opened");
	return 0;
}

static int spin(const struct text *text, double seconds)
{
	volatile unsigned long count = 0;
	double end = now() + seconds;
	unsigned dropped = 0;

	if (prctl(PR_SET_MM, PR_SET_MM_ARG_START, text->start, 0, 0) < 0 ||
	    prctl(PR_SET_MM, PR_SET_MM_ARG_END, text->start + text->size, 0, 0) < 0)
		err(1, "prctl(PR_SET_MM)");
	while (now() < end) {
		double next = now() + 0.05;

		text_drop(text);
		dropped++;
		/* No system call, and so no way for the page to come back but a sample's. */
		while (now() < next)
			for (int i = 0; i < 100000; i++)
				count = count + 1;
	}
	printf("dropped %u times\n", dropped);
	return 0;
}

int main(int argc, char **argv)
{
	struct text text = {};

	if (argc == 4 && strcmp(argv[1], "open") == 0) {
		text_write(&text, argv[2], argv[3]);
		return open_dropped(&text);
	}
	if (argc == 5 && strcmp(argv[1], "spin") == 0) {
		text_write(&text, argv[2], argv[3]);
		return spin(&text, strtod(argv[4], NULL));
	}
	fprintf(stderr, "Usage: page-out open FILE TEXT | spin FILE TEXT SECONDS\n");
	return 2;
}
