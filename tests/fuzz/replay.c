/* SPDX-License-Identifier: ISC
 * replay: runs a fuzz target over its corpus in the ordinary test run, so
 * that what was once found stays found. The corpus is tests/fuzz/corpus/NAME
 * for a program called fuzz_NAME; files or folders given as arguments are
 * run instead. With --enable-fuzz libFuzzer brings its own main(). */
#ifndef MX_LIBFUZZER

#include <sys/stat.h>

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	static uint8_t data[1 << 20];
	uint8_t *exact;
	size_t n;

	if (f == NULL) {
		perror(path);
		return -1;
	}
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	exact = malloc(n + (n == 0)); /* so that a sanitizer sees the end */
	if (exact == NULL)
		return -1;
	memcpy(exact, data, n);
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 1;
}

static int
replay(const char *path)
{
	char sub[4096];
	struct stat st;
	struct dirent *e;
	DIR *d;
	int n = 0, rc;

	if (stat(path, &st) != 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path);
	if ((d = opendir(path)) == NULL) {
		perror(path);
		return -1;
	}
	while (n >= 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
		rc = replay(sub);
		n = rc < 0 ? -1 : n + rc;
	}
	closedir(d);
	return n;
}

int
main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir"), *name;
	char corpus[4096];
	int i, n = 0, rc;

	for (i = 1; i < argc; i++) {
		if ((rc = replay(argv[i])) < 0)
			return 1;
		n += rc;
	}
	if (argc == 1) {
		name = strrchr(argv[0], '/');
		name = name != NULL ? name + 1 : argv[0];
		if (strncmp(name, "fuzz_", 5) == 0)
			name += 5;
		snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s",
		    srcdir != NULL ? srcdir : ".", name);
		n = replay(corpus);
	}
	printf("%s: %d inputs\n", argv[0], n);
	return n > 0 ? 0 : 1;
}

#endif
