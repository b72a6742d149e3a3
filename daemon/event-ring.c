/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "event-ring.h"

#include <bpf/bpf.h>
#include <sys/mman.h>

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static int map_pages(int fd, size_t size, int protection, size_t offset, void **ret)
{
	void *p = mmap(NULL, size, protection, MAP_SHARED, fd, (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	if (madvise(p, size, MADV_DONTFORK) < 0) {
		int r = -errno;

		munmap(p, size);
		return r;
	}
	*ret = p;
	return 0;
}

int event_ring_open(int map_fd, struct event_ring *ret)
{
	struct event_ring ring = {};
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	void *p;
	int r;

	r = bpf_map_get_info_by_fd(map_fd, &info, &size);
	if (r < 0)
		return r;
	if (info.type != BPF_MAP_TYPE_RINGBUF)
		return -EINVAL;
	ring.size = info.max_entries;
	r = map_pages(map_fd, page_size(), PROT_READ | PROT_WRITE, 0, &p);
	if (r < 0)
		return r;
	ring.consumer = p;
	r = map_pages(map_fd, page_size() + 2 * ring.size, PROT_READ, page_size(), &p);
	if (r < 0) {
		event_ring_close(&ring);
		return r;
	}
	ring.producer = p;
	*ret = ring;
	return 0;
}

void event_ring_close(struct event_ring *ring)
{
	if (ring->consumer)
		munmap(ring->consumer, page_size());
	if (ring->producer)
		munmap((void *)ring->producer, page_size() + 2 * ring->size);
	*ring = (struct event_ring){};
}

unsigned event_ring_read(struct event_ring *ring, unsigned max,
			 void (*take)(const void *data, size_t size, void *userdata),
			 void *userdata)
{
	const uint8_t *data = (const uint8_t *)ring->producer + page_size();
	uint64_t at = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
	unsigned n = 0;

	while (n < max && at < __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE)) {
		const uint8_t *record = data + (at & (ring->size - 1));
		uint32_t header = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		uint32_t length = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (header & BPF_RINGBUF_BUSY_BIT)
			break;
		if (length > ring->size - BPF_RINGBUF_HDR_SZ)
			break; /* the kernel makes none */
		if (!(header & BPF_RINGBUF_DISCARD_BIT)) {
			take(record + BPF_RINGBUF_HDR_SZ, length, userdata);
			n++;
		}
		at += (length + BPF_RINGBUF_HDR_SZ + 7) & ~UINT64_C(7);
		__atomic_store_n(ring->consumer, at, __ATOMIC_SEQ_CST);
	}
	return n;
}
