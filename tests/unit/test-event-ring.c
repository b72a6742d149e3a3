/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a ring buffer, as the kernel would have written it; here in memory of one's own. */
#include "check.h"

#include <linux/bpf.h>
#include <unistd.h>

#include "event-ring.h"

#define SIZE 256u

static uint64_t consumer;
static uint8_t *pages; /* the producer's, and the data twice */
static struct event_ring ring;
static uint64_t seen[16];
static unsigned n_seen;

static uint64_t *producer(void)
{
	return (uint64_t *)pages;
}

static int setup(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	pages = aligned_alloc(64, page + 2 * SIZE);
	assert_non_null(pages);
	memset(pages, 0, page + 2 * SIZE);
	consumer = 0;
	n_seen = 0;
	ring = (struct event_ring){&consumer, producer(), SIZE};
	return 0;
}

static int tear_down(void **state)
{
	free(pages);
	return 0;
}

/* At @at, in both places where it shows. */
static void put(uint64_t at, const void *data, size_t size)
{
	uint8_t *start = pages + sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < size; i++)
		start[(at + i) % SIZE] = start[(at + i) % SIZE + SIZE] = ((const uint8_t *)data)[i];
}

static void write_record(uint64_t value, uint32_t flags)
{
	const uint32_t header = sizeof(value) | flags;

	put(*producer(), &header, sizeof(header));
	put(*producer() + 8, &value, sizeof(value));
	*producer() += 16;
}

static void take(const void *data, size_t size, void *userdata)
{
	assert_ptr_equal(userdata, &ring);
	assert_int_equal(size, sizeof(seen[0]));
	memcpy(&seen[n_seen++], data, size);
}

static unsigned read_some(unsigned max)
{
	return event_ring_read(&ring, max, take, &ring);
}

static void test_order(void **state)
{
	assert_int_equal(read_some(10), 0);
	for (uint64_t i = 1; i <= 5; i++)
		write_record(i, 0);
	assert_int_equal(read_some(3), 3);
	assert_int_equal(consumer, 48);
	assert_int_equal(read_some(10), 2);
	assert_int_equal(consumer, *producer());
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(seen[i], i + 1);
}

static void test_discarded(void **state)
{
	write_record(1, BPF_RINGBUF_DISCARD_BIT);
	write_record(2, 0);
	assert_int_equal(read_some(1), 1);
	assert_int_equal(seen[0], 2);
	assert_int_equal(consumer, 32);
}

/* Somebody writes it just now. */
static void test_busy(void **state)
{
	const uint32_t done = sizeof(uint64_t);

	write_record(1, 0);
	write_record(2, BPF_RINGBUF_BUSY_BIT);
	write_record(3, 0);
	assert_int_equal(read_some(10), 1);
	assert_int_equal(consumer, 16);
	assert_int_equal(read_some(10), 0);
	put(16, &done, sizeof(done));
	assert_int_equal(read_some(10), 2);
	assert_int_equal(seen[2], 3);
}

static void test_around_the_end(void **state)
{
	for (uint64_t i = 0; i < 100; i++) {
		write_record(i, 0);
		n_seen = 0;
		assert_int_equal(read_some(10), 1);
		assert_int_equal(seen[0], i);
	}
	assert_int_equal(consumer, 1600);
}

/* No kernel writes that; nothing is read beyond the ring, and nothing spins. */
static void test_impossible_length(void **state)
{
	const uint32_t header = SIZE;

	put(0, &header, sizeof(header));
	*producer() = 16;
	assert_int_equal(read_some(10), 0);
	assert_int_equal(consumer, 0);
}

static void test_not_a_ring(void **state)
{
	assert_true(event_ring_open(STDIN_FILENO, &ring) < 0);
	assert_true(event_ring_open(-1, &ring) < 0);
	assert_ptr_equal(ring.consumer, &consumer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, tear_down),
		cmocka_unit_test_setup_teardown(test_discarded, setup, tear_down),
		cmocka_unit_test_setup_teardown(test_busy, setup, tear_down),
		cmocka_unit_test_setup_teardown(test_around_the_end, setup, tear_down),
		cmocka_unit_test_setup_teardown(test_impossible_length, setup, tear_down),
		cmocka_unit_test_setup_teardown(test_not_a_ring, setup, tear_down),
	};

	return cmocka_run_group_tests_name("event-ring", tests, NULL, NULL);
}
