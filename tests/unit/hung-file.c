/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hung-file.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/poll.h>
#include <sys/stat.h>

#define FILE_INO  2
#define FILE_SIZE 4096

struct hung_file {
	int device, stop;
	unsigned on;
	bool opened; /* attributes are asked for at look-up as well */
	pthread_t thread;
	char folder[64];
};

static void answer(struct hung_file *f, const struct fuse_in_header *in, int error,
		   const void *data, size_t size)
{
	char buffer[sizeof(struct fuse_out_header) + 256] = {};
	struct fuse_out_header *out = (struct fuse_out_header *)buffer;

	*out = (struct fuse_out_header){
		.len = (uint32_t)(sizeof(*out) + size),
		.error = -error,
		.unique = in->unique,
	};
	if (size)
		memcpy(out + 1, data, size);
	if (write(f->device, buffer, out->len) < 0)
		return;
}

static struct fuse_attr attributes(uint64_t inode)
{
	return (struct fuse_attr){
		.ino = inode,
		.size = inode == FILE_INO ? FILE_SIZE : 0,
		.mode = inode == FILE_INO ? S_IFREG | 0644 : S_IFDIR | 0755,
		.nlink = 1,
		.blksize = 4096,
	};
}

static void answer_init(struct hung_file *f, const struct fuse_in_header *in)
{
	const struct fuse_init_out out = {.major = 7, .minor = 31, .max_write = 4096};

	answer(f, in, 0, &out, sizeof(out));
}

static void answer_lookup(struct hung_file *f, const struct fuse_in_header *in)
{
	const struct fuse_entry_out out = {.nodeid = FILE_INO, .attr = attributes(FILE_INO)};

	answer(f, in, 0, &out, sizeof(out));
}

static void answer_getattr(struct hung_file *f, const struct fuse_in_header *in)
{
	const struct fuse_attr_out out = {.attr = attributes(in->nodeid)};

	if (!(f->on & HUNG_GETATTR) || !f->opened || in->nodeid != FILE_INO)
		answer(f, in, 0, &out, sizeof(out));
}

static void answer_open(struct hung_file *f, const struct fuse_in_header *in)
{
	const struct fuse_open_out out = {.fh = 1, .open_flags = FOPEN_DIRECT_IO};

	f->opened = true;
	answer(f, in, 0, &out, sizeof(out));
}

static void serve_one(struct hung_file *f, const struct fuse_in_header *in)
{
	switch (in->opcode) {
	case FUSE_INIT:
		answer_init(f, in);
		break;
	case FUSE_LOOKUP:
		answer_lookup(f, in);
		break;
	case FUSE_GETATTR:
		answer_getattr(f, in);
		break;
	case FUSE_OPEN:
		answer_open(f, in);
		break;
	case FUSE_READ:
		if (!(f->on & HUNG_READ))
			answer(f, in, 0, NULL, 0);
		break;
	case FUSE_FLUSH:
		if (!(f->on & HUNG_FLUSH))
			answer(f, in, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(f, in, in->opcode == FUSE_RELEASE ? 0 : ENOSYS, NULL, 0);
	}
}

static void *serve(void *userdata)
{
	static char buffer[FUSE_MIN_READ_BUFFER + 4096];
	struct hung_file *f = userdata;
	struct pollfd fds[] = {{.fd = f->device, .events = POLLIN},
			       {.fd = f->stop, .events = POLLIN}};

	while (poll(fds, 2, -1) >= 0 && !fds[1].revents && !(fds[0].revents & POLLERR))
		if (read(f->device, buffer, sizeof(buffer)) > 0)
			serve_one(f, (struct fuse_in_header *)buffer);
	return NULL;
}

int hung_file_new(unsigned on, struct hung_file **ret)
{
	struct hung_file *f = calloc(1, sizeof(*f));
	char options[128];

	f->on = on;
	f->device = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	f->stop = eventfd(0, EFD_CLOEXEC);
	strcpy(f->folder, "/tmp/bpfgate-hung-XXXXXX");
	if (f->device < 0 || f->stop < 0 || !mkdtemp(f->folder))
		goto fail;
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other", f->device, getuid(),
		 getgid());
	if (mount("hung", f->folder, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		rmdir(f->folder);
		goto fail;
	}
	if (pthread_create(&f->thread, NULL, serve, f) != 0)
		abort();
	*ret = f;
	return 0;
fail:
	safe_close(f->device);
	safe_close(f->stop);
	free(f);
	return -EOPNOTSUPP;
}

int hung_file_open(struct hung_file *f)
{
	char path[96];

	f->opened = false;
	snprintf(path, sizeof(path), "%s/file", f->folder);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void hung_file_free(struct hung_file *f)
{
	const uint64_t one = 1;

	umount2(f->folder, MNT_DETACH);
	if (write(f->stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(f->thread, NULL);
	/* the last fd of the device: the kernel aborts the connection */
	close(f->device);
	close(f->stop);
	rmdir(f->folder);
	free(f);
}
