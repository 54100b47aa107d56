/* SPDX-License-Identifier: ISC
 * raw_disk: what the disk gives to a program that does nothing but write,
 * beside which a store is measured.
 * raw_disk append FILE BYTES N: N times BYTES are appended and made durable.
 * raw_disk write FILE BYTES N: the same, made durable once at the end.
 * raw_disk read FILE BYTES: FILE from its beginning, its pages not in memory.
 * Prints the operations (of BYTES), the seconds and the processor's. */
#include <sys/resource.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
report(unsigned long n, double start)
{
	double seconds = now() - start;
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	printf("operations=%lu seconds=%.6f user=%.6f system=%.6f\n", n,
	    seconds,
	    (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6,
	    (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6);
}

static void
write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0)
			die("write");
		data += n;
		len -= (size_t)n;
	}
}

/* Not zeros: a disk behind a thin one may know them. */
static char *
content(size_t len)
{
	uint32_t x = 2463534242u;
	char *data = malloc(len);

	if (data == NULL)
		die("malloc");
	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		data[i] = (char)x;
	}
	return data;
}

static void
written(const char *path, size_t bytes, unsigned long n, bool each)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	char *data = content(bytes);
	double start = now();

	if (fd < 0)
		die(path);
	for (unsigned long i = 0; i < n; i++) {
		write_all(fd, data, bytes);
		if ((each || i + 1 == n) && fdatasync(fd) != 0)
			die("fdatasync");
	}
	report(n, start);
	(void)close(fd);
	free(data);
}

static void
read_back(const char *path, size_t bytes)
{
	int fd = open(path, O_RDONLY);
	char *data = malloc(bytes);
	double start;
	size_t all = 0;
	ssize_t n;

	if (fd < 0 || data == NULL)
		die(path);
	if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		die("posix_fadvise");
	start = now();
	while ((n = read(fd, data, bytes)) > 0)
		all += (size_t)n;
	if (n < 0)
		die("read");
	report(all / bytes, start);
	(void)close(fd);
	free(data);
}

int
main(int argc, char **argv)
{
	size_t bytes = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	unsigned long n = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;

	if (argc == 5 && bytes > 0 && strcmp(argv[1], "append") == 0)
		written(argv[2], bytes, n, true);
	else if (argc == 5 && bytes > 0 && strcmp(argv[1], "write") == 0)
		written(argv[2], bytes, n, false);
	else if (argc == 4 && bytes > 0 && strcmp(argv[1], "read") == 0)
		read_back(argv[2], bytes);
	else {
		fprintf(stderr,
		    "usage: raw_disk append|write FILE BYTES N\n"
		    "       raw_disk read FILE BYTES\n");
		return 2;
	}
	return 0;
}
