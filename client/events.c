/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events.h"

#include <bpf/libbpf.h>

#include "btf-print.h"
#include "output.h"

struct source {
	struct events *events;
	const struct load_map *map;
	const struct btf *btf;
	bool typed;
	uint32_t type;
};

struct events {
	const struct context *ctx;
	const struct bundle_types *types;
	struct ring_buffer *ring;
	unsigned n;
	struct source sources[MANIFEST_MAPS_MAX];
};

static bool is_source(const struct load_map *map)
{
	return map->fd >= 0 && map->grant == GRANT_EVENTS && map->type == BPF_MAP_TYPE_RINGBUF;
}

bool events_granted(const struct load_maps *maps)
{
	for (unsigned i = 0; i < maps->n; i++)
		if (is_source(&maps->maps[i]))
			return true;
	return false;
}

static int print_text(const struct source *source, struct blob record)
{
	_cleanup_free_ char *bytes = NULL;

	if (source->events->n > 1) {
		output_text(stdout, source->map->name);
		fputs(": ", stdout);
	}
	if (!source->typed || btf_print(stdout, source->btf, source->type, record) < 0) {
		bytes = malloc(record.size * 2 + 1);
		if (!bytes)
			return -ENOMEM;
		hex_encode(record.data, record.size, bytes);
		printf("bytes=%s", bytes);
	}
	putchar('\n');
	return 0;
}

static struct json_object *untyped_json(struct blob record)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();
	_cleanup_free_ char *bytes = malloc(record.size * 2 + 1);

	if (!object || !bytes)
		return NULL;
	hex_encode(record.data, record.size, bytes);
	if (json_add(object, "bytes", json_object_new_string(bytes)) < 0)
		return NULL;
	return TAKE_PTR(object);
}

static int print_json(const struct source *source, struct blob record)
{
	_cleanup_json_ struct json_object *object = NULL, *event = NULL;

	if (!source->typed || btf_json(source->btf, source->type, record, &event) < 0)
		event = untyped_json(record);
	if (!event)
		return -ENOMEM;
	if (source->events->n == 1) {
		output_json(source->events->ctx, event);
		return 0;
	}
	object = json_object_new_object();
	if (!object || json_add(object, "map", json_object_new_string(source->map->name)) < 0 ||
	    json_add(object, "event", TAKE_PTR(event)) < 0)
		return -ENOMEM;
	output_json(source->events->ctx, object);
	return 0;
}

static int on_record(void *userdata, void *data, size_t size)
{
	struct source *source = userdata;
	struct blob record = {.data = data, .size = size};

	if (source->events->ctx->json == JSON_MODE_OFF)
		return print_text(source, record);
	return print_json(source, record);
}

static int add_source(struct events *events, const struct load_map *map, struct error *error)
{
	struct source *source = &events->sources[events->n];
	int r = 0;

	*source = (struct source){
		.events = events,
		.map = map,
		.btf = bundle_types_of(events->types, map),
	};
	source->typed =
		source->btf && map->event && btf_find(source->btf, map->event, &source->type) == 0;
	if (map->event && !source->typed)
		output_note("the bundle does not say what a %s of map %s is: its bytes are shown",
			    map->event, map->name);

	if (!events->ring) {
		events->ring = ring_buffer__new(map->fd, on_record, source, NULL);
		r = events->ring ? 0 : -errno;
	} else {
		r = ring_buffer__add(events->ring, map->fd, on_record, source);
	}
	if (r < 0)
		return error_set(error, r, ERROR_FAILED, STEP_NONE,
				 "cannot read the events of map %s: %s", map->name, strerror(-r));
	events->n++;
	return 0;
}

int events_open(const struct context *ctx, const struct load_maps *maps,
		const struct bundle_types *types, struct events **ret, struct error *error)
{
	_cleanup_events_ struct events *events = calloc(1, sizeof(*events));

	if (!events)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	events->ctx = ctx;
	events->types = types;
	for (unsigned i = 0; i < maps->n; i++) {
		int r = is_source(&maps->maps[i]) ? add_source(events, &maps->maps[i], error) : 0;

		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(events);
	return 0;
}

void events_close(struct events *events)
{
	if (!events)
		return;
	ring_buffer__free(events->ring);
	free(events);
}

int events_fd(const struct events *events)
{
	return ring_buffer__epoll_fd(events->ring);
}

int events_drain(struct events *events, unsigned max)
{
	return ring_buffer__consume_n(events->ring, max);
}
