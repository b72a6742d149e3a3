// SPDX-License-Identifier: LGPL-2.1-or-later
#include "loader-field.h"

#include <stdarg.h>

#include "loader-abi.h"
#include "loader-insn.h"

#define ADDRESS_SIZE sizeof(uint64_t)

int field_refuse(const struct loader_attrs *attrs, const struct loader_command *command,
		 const char *format, ...)
{
	char what[128];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return loader_refuse(attrs->error, command->index, "a bpf(2) command %s", what);
}

int field_refuse_object(const struct loader_attrs *attrs, const char *format, ...)
{
	char what[128];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return error_set(attrs->error, -EPERM, ERROR_ATTESTATION, STEP_LOAD,
			 "the loader makes a %s, which no loader made by 'bpfctl build' does",
			 what);
}

bool field_read(const struct loader_attrs *attrs, const struct loader_command *command,
		size_t field, uint32_t *ret)
{
	*ret = 0;
	if (command->size < (int64_t)(field + sizeof(*ret)))
		return command->size <= (int64_t)field;
	if (loader_is_written(&attrs->writes, command->at + (int64_t)field, sizeof(*ret)))
		return false;
	memcpy(ret, attrs->writes.metadata.data + command->at + field, sizeof(*ret));
	return true;
}

int field_number(const struct loader_attrs *attrs, const struct loader_command *command,
		 const char *name, size_t field, uint32_t *ret)
{
	if (!field_read(attrs, command, field, ret))
		return field_refuse(attrs, command, "whose %s it writes as it runs", name);
	return 0;
}

static int refuse_place(const struct loader_attrs *attrs, const struct loader_command *command,
			const struct field_pointer *pointer)
{
	return field_refuse(attrs, command, "that reads its %s from a place that cannot be told",
			    pointer->name);
}

/* 0 is allowed, for at 0 there is nothing that the kernel could read. One address and no other, so
 * that what is there is looked at once. */
int field_pointer(const struct loader_attrs *attrs, const struct loader_command *command,
		  const struct field_pointer *pointer)
{
	int64_t start = command->at + (int64_t)pointer->field;
	const struct blob *metadata = &attrs->writes.metadata;
	const struct loader_write *write;
	struct loader_touching writes;
	int32_t target = -1;

	if (pointer->ret_target)
		*pointer->ret_target = -1;
	if (command->size <= (int64_t)pointer->field)
		return 0;
	if (command->size < (int64_t)(pointer->field + ADDRESS_SIZE) ||
	    !loader_is_zero(&attrs->writes, start, ADDRESS_SIZE))
		return refuse_place(attrs, command, pointer);
	writes = loader_writes_to(&attrs->writes, start, ADDRESS_SIZE);
	while ((write = loader_writes_next(&writes))) {
		if (write->kind != VALUE_DATA || !loader_write_is(write, start, ADDRESS_SIZE) ||
		    (target >= 0 && write->number != target))
			return refuse_place(attrs, command, pointer);
		target = write->number;
		if (target < 0 || (size_t)target > metadata->size ||
		    pointer->size > metadata->size - (size_t)target)
			return field_refuse(attrs, command,
					    "that reads its %s from outside of its data",
					    pointer->name);
	}
	if (pointer->ret_target)
		*pointer->ret_target = target;
	if (target < 0 || !pointer->check)
		return 0;
	return pointer->check(attrs, command, target, (int64_t)pointer->size);
}

/* Is @field 0, or whenever it is written, what the daemon's context has at @offset? */
static bool is_from_context(const struct loader_attrs *attrs, const struct loader_command *command,
			    size_t field, size_t size, size_t offset)
{
	int64_t start = command->at + (int64_t)field;
	const struct loader_write *write;
	struct loader_touching writes;

	if (command->size <= (int64_t)field)
		return true;
	if (command->size < (int64_t)(field + size) ||
	    !loader_is_zero(&attrs->writes, start, (int64_t)size))
		return false;
	writes = loader_writes_to(&attrs->writes, start, (int64_t)size);
	while ((write = loader_writes_next(&writes)))
		if (write->kind != VALUE_LOG || write->number != (int32_t)offset ||
		    !loader_write_is(write, start, size))
			return false;
	return true;
}

int field_log(const struct loader_attrs *attrs, const struct loader_command *command,
	      const struct field_log *log)
{
	if (is_from_context(attrs, command, log->level, sizeof(uint32_t),
			    offsetof(struct loader_context, log_level)) &&
	    is_from_context(attrs, command, log->size, sizeof(uint32_t),
			    offsetof(struct loader_context, log_size)) &&
	    is_from_context(attrs, command, log->buffer, ADDRESS_SIZE,
			    offsetof(struct loader_context, log_buf)))
		return 0;
	return field_refuse(attrs, command, "with a log of its own");
}
