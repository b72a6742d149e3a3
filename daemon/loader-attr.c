// SPDX-License-Identifier: LGPL-2.1-or-later
#include "loader-attr.h"

#include "loader-field.h"
#include "target.h"

#define FD_SIZE	  sizeof(int32_t)
#define ATTRS_MAX 4096 /* the smallest page: the kernel takes no more */

void loader_attrs_done(struct loader_attrs *attrs)
{
	free(attrs->writes.items);
	free(attrs->commands);
}

/*
 * What a loader of libbpf knows of the attributes. Behind that is what the kernel tells (how long
 * its log was), and what it would take from others: more addresses.
 */
static int64_t known_size(int32_t command)
{
	switch (command) {
	case BPF_MAP_CREATE:
		return ATTR_SIZE(map_extra);
	case BPF_MAP_UPDATE_ELEM:
		return ATTR_SIZE(flags);
	case BPF_PROG_LOAD:
		return ATTR_SIZE(core_relo_rec_size);
	case BPF_BTF_LOAD:
		return ATTR_SIZE(btf_log_level);
	default: /* BPF_MAP_FREEZE: loader_check() takes no other */
		return ATTR_SIZE(map_fd);
	}
}

int loader_attrs_add(struct loader_attrs *attrs, const struct loader_command *command, int64_t *ret)
{
	int64_t known = known_size(command->number);
	struct loader_command *commands;
	int r = 0;

	if (command->at < 0 || command->size < (int64_t)FD_SIZE ||
	    command->at + command->size > (int64_t)attrs->writes.metadata.size)
		return field_refuse(attrs, command, "with attributes outside of its data");
	if (command->size > known)
		r = loader_writes_add(&attrs->writes, command->at + known, command->size - known,
				      (struct value){VALUE_KERNEL, 0});
	commands = loader_grow(attrs->commands, attrs->n_commands, &attrs->room_commands,
			       sizeof(*commands));
	if (commands)
		attrs->commands = commands;
	if (r < 0 || !commands)
		return error_set(attrs->error, -ENOMEM, ERROR_FAILED, STEP_LOAD, "out of memory");
	*ret = (int64_t)attrs->n_commands;
	commands[attrs->n_commands++] = *command;
	return 0;
}

/* What is behind the attributes that are known is 0, and stays so but for the kernel. */
static int check_rest(const struct loader_attrs *attrs, const struct loader_command *command)
{
	int64_t known = known_size(command->number);
	const struct loader_write *write;
	struct loader_touching writes;

	if (command->size <= known)
		return 0;
	if (command->size > ATTRS_MAX ||
	    !loader_is_zero(&attrs->writes, command->at + known, command->size - known))
		return field_refuse(attrs, command, "with attributes that no loader needs");
	writes = loader_writes_to(&attrs->writes, command->at + known, command->size - known);
	while ((write = loader_writes_next(&writes)))
		if (write->kind != VALUE_KERNEL)
			return field_refuse(attrs, command, "with attributes that no loader needs");
	return 0;
}

/* ---- maps ---- */

static int check_map(const struct loader_attrs *attrs, const struct loader_command *command)
{
	uint32_t type;

	if (!field_read(attrs, command, FIELD(map_type), &type))
		return field_refuse_object(attrs, "map of a type that it writes as it runs");
	if (!map_type_name((enum bpf_map_type)type))
		return field_refuse_object(attrs, "map of type %u", type);
	return 0;
}

/* The BPF_MAP_CREATE that @write keeps the result of, or NULL. */
static const struct loader_command *created_map(const struct loader_attrs *attrs,
						const struct loader_write *write)
{
	const struct loader_command *command;

	if (!write || write->kind != VALUE_RESULT)
		return NULL;
	command = &attrs->commands[write->number];
	return command->number == BPF_MAP_CREATE ? command : NULL;
}

/* The one thing that is ever written over the fd at @start, which is 0 before; else NULL. */
static const struct loader_write *only_write(const struct loader_attrs *attrs, int64_t start)
{
	struct loader_touching writes = loader_writes_to(&attrs->writes, start, FD_SIZE);
	const struct loader_write *write, *only = NULL;

	if (!loader_is_zero(&attrs->writes, start, FD_SIZE))
		return NULL;
	while ((write = loader_writes_next(&writes))) {
		if (!loader_write_is(write, start, FD_SIZE) ||
		    (only && (write->kind != only->kind || write->number != only->number)))
			return NULL;
		only = write;
	}
	return only;
}

/* The BPF_MAP_CREATE of the map that @update fills, or NULL. A loader keeps the fd elsewhere. */
static const struct loader_command *find_map(const struct loader_attrs *attrs,
					     const struct loader_command *update)
{
	const struct loader_write *write = only_write(attrs, update->at + (int64_t)FIELD(map_fd));

	if (write && write->kind == VALUE_SLOT)
		write = only_write(attrs, write->number);
	return created_map(attrs, write);
}

static int check_content(const struct loader_attrs *attrs, const struct loader_command *command,
			 int64_t target, int64_t size)
{
	struct loader_touching writes = loader_writes_to(&attrs->writes, target, size);
	const struct loader_write *write;

	while ((write = loader_writes_next(&writes)))
		if (write->kind != VALUE_COPY)
			return field_refuse(attrs, command,
					    "that puts into a map what it has computed");
	return 0;
}

static int check_update(const struct loader_attrs *attrs, const struct loader_command *command)
{
	const struct loader_command *map = find_map(attrs, command);
	uint32_t type, key_size, value_size;
	struct field_pointer pointers[] = {
		{.name = "key", .field = FIELD(key), .check = check_content},
		{.name = "value", .field = FIELD(value), .check = check_content},
	};
	int r;

	if (!map)
		return field_refuse(attrs, command, "that fills a map which cannot be told");
	/* Values of an array only are as long as they are said to be. */
	if (!field_read(attrs, map, FIELD(map_type), &type) || type != BPF_MAP_TYPE_ARRAY)
		return field_refuse(attrs, command, "that fills a map which is no array");
	r = field_number(attrs, map, "key size", FIELD(key_size), &key_size);
	if (r == 0)
		r = field_number(attrs, map, "value size", FIELD(value_size), &value_size);
	if (r < 0)
		return r;
	pointers[0].size = key_size;
	pointers[1].size = value_size;
	for (unsigned i = 0; r == 0 && i < ARRAY_SIZE(pointers); i++)
		r = field_pointer(attrs, command, &pointers[i]);
	return r;
}

/* ---- BTF, and all ---- */

static int check_btf(const struct loader_attrs *attrs, const struct loader_command *command)
{
	static const struct field_log log = {FIELD(btf_log_level), FIELD(btf_log_size),
					     FIELD(btf_log_buf)};
	struct field_pointer btf = {.name = "BTF", .field = FIELD(btf)};
	uint32_t size = 0;
	int r;

	r = field_number(attrs, command, "size of BTF", FIELD(btf_size), &size);
	btf.size = size;
	if (r == 0)
		r = field_pointer(attrs, command, &btf);
	return r < 0 ? r : field_log(attrs, command, &log);
}

static int check_command(const struct loader_attrs *attrs, const struct loader_command *command)
{
	int r;

	switch (command->number) {
	case BPF_MAP_CREATE:
		r = check_map(attrs, command);
		break;
	case BPF_MAP_UPDATE_ELEM:
		r = check_update(attrs, command);
		break;
	case BPF_BTF_LOAD:
		r = check_btf(attrs, command);
		break;
	case BPF_PROG_LOAD:
		r = loader_program_check(attrs, command);
		if (r == 0)
			r = loader_effects_check(attrs, command);
		break;
	default: /* BPF_MAP_FREEZE reads nothing */
		r = 0;
	}
	return r < 0 ? r : check_rest(attrs, command);
}

int loader_attrs_check(struct loader_attrs *attrs)
{
	int r = 0;

	loader_writes_sort(&attrs->writes);
	for (size_t i = 0; r == 0 && i < attrs->n_commands; i++)
		r = check_command(attrs, &attrs->commands[i]);
	return r;
}
