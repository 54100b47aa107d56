/* SPDX-License-Identifier: ISC
 * sandbox: see sandbox.h. The default is ENOSYS and not EPERM: the C library
 * tries newer calls first and falls back to the older one on ENOSYS only. */
#include "base/sandbox.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifdef HAVE_SECCOMP

#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

#include "base/defs.h"

static const int allowed[] = {
	/* files */
	SCMP_SYS(access),
	SCMP_SYS(chdir),
	SCMP_SYS(chmod),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(fadvise64),
	SCMP_SYS(fallocate),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(fcntl),
	SCMP_SYS(fcntl64),
	SCMP_SYS(fdatasync),
	SCMP_SYS(flock),
	SCMP_SYS(fstat),
	SCMP_SYS(fstat64),
	SCMP_SYS(fstatat64),
	SCMP_SYS(fstatfs),
	SCMP_SYS(fstatfs64),
	SCMP_SYS(fsync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(ftruncate64),
	SCMP_SYS(getcwd),
	SCMP_SYS(getdents),
	SCMP_SYS(getdents64),
	SCMP_SYS(inotify_add_watch),
	SCMP_SYS(inotify_init1),
	SCMP_SYS(inotify_rm_watch),
	SCMP_SYS(ioctl),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(lseek),
	SCMP_SYS(_llseek),
	SCMP_SYS(lstat),
	SCMP_SYS(lstat64),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(msync),
	SCMP_SYS(newfstatat),
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(preadv2),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(pwritev2),
	SCMP_SYS(read),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(readv),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(rmdir),
	SCMP_SYS(sendfile),
	SCMP_SYS(sendfile64),
	SCMP_SYS(splice),
	SCMP_SYS(stat),
	SCMP_SYS(stat64),
	SCMP_SYS(statfs),
	SCMP_SYS(statfs64),
	SCMP_SYS(statx),
	SCMP_SYS(sync_file_range),
	SCMP_SYS(umask),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(utimensat),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(mincore),
	SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
	SCMP_SYS(mmap),
	SCMP_SYS(mmap2),
	SCMP_SYS(mprotect),
	SCMP_SYS(mremap),
	SCMP_SYS(munlock),
	SCMP_SYS(munmap),
	/* threads; clone is below */
	SCMP_SYS(arch_prctl),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(futex),
	SCMP_SYS(futex_time64),
	SCMP_SYS(get_robust_list),
	SCMP_SYS(getcpu),
	SCMP_SYS(gettid),
	SCMP_SYS(membarrier),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(set_tid_address),
	/* network, and waiting for it; socket is below */
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(epoll_create),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(eventfd),
	SCMP_SYS(eventfd2),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(listen),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(ppoll_time64),
	SCMP_SYS(pselect6),
	SCMP_SYS(pselect6_time64),
	SCMP_SYS(recv),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(recvmmsg_time64),
	SCMP_SYS(recvmsg),
	SCMP_SYS(select),
	SCMP_SYS(_newselect),
	SCMP_SYS(send),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(socketpair),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_settime64),
	/* time */
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_getres_time64),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_nanosleep_time64),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(nanosleep),
	SCMP_SYS(time),
	SCMP_SYS(times),
	/* signals; tgkill is below */
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigsuspend),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(rt_sigtimedwait_time64),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sigreturn),
	/* the process itself; prctl and prlimit64 are below */
	SCMP_SYS(getegid),
	SCMP_SYS(getegid32),
	SCMP_SYS(geteuid),
	SCMP_SYS(geteuid32),
	SCMP_SYS(getgid),
	SCMP_SYS(getgid32),
	SCMP_SYS(getgroups),
	SCMP_SYS(getgroups32),
	SCMP_SYS(getpgrp),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getrandom),
	SCMP_SYS(getresgid),
	SCMP_SYS(getresuid),
	SCMP_SYS(getrlimit),
	SCMP_SYS(getrusage),
	SCMP_SYS(getuid),
	SCMP_SYS(getuid32),
	SCMP_SYS(sysinfo),
	SCMP_SYS(ugetrlimit),
	SCMP_SYS(uname),
	SCMP_SYS(wait4),
};

/* Calls that are allowed with one of these values of one argument. */
static const struct {
	int call;
	struct scmp_arg_cmp arg;
} narrow[] = {
	/* Threads, but not processes. The flags of clone3 are in memory, where
	 * a filter cannot look, so it is not allowed, and the C library falls
	 * back to this one. */
	{ SCMP_SYS(clone),
	    { 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD } },
	{ SCMP_SYS(socket), { 0, SCMP_CMP_EQ, AF_UNIX, 0 } },
	{ SCMP_SYS(socket), { 0, SCMP_CMP_EQ, AF_INET, 0 } },
	{ SCMP_SYS(socket), { 0, SCMP_CMP_EQ, AF_INET6, 0 } },
	{ SCMP_SYS(socket), { 0, SCMP_CMP_EQ, AF_NETLINK, 0 } },
	{ SCMP_SYS(prctl), { 0, SCMP_CMP_EQ, PR_SET_NAME, 0 } },
	{ SCMP_SYS(prctl), { 0, SCMP_CMP_EQ, PR_GET_NAME, 0 } },
	{ SCMP_SYS(prctl), { 0, SCMP_CMP_EQ, PR_GET_DUMPABLE, 0 } },
	/* To query only. */
	{ SCMP_SYS(prlimit64), { 2, SCMP_CMP_EQ, 0, 0 } },
};

bool
sandbox_built(void)
{
	return true;
}

static int
add_rules(scmp_filter_ctx ctx)
{
	/* abort() and raise(): only our own threads. */
	struct scmp_arg_cmp us = SCMP_A0_64(SCMP_CMP_EQ, (uint64_t)getpid(), 0);
	int rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill),
	    1, &us);

	for (size_t i = 0; rc == 0 && i < MX_COUNT(allowed); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; rc == 0 && i < MX_COUNT(narrow); i++)
		rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, narrow[i].call,
		    1, &narrow[i].arg);
	return rc;
}

int
sandbox_enter(struct mx_errbuf *eb)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = ctx == NULL ? -ENOMEM : 0;

	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = add_rules(ctx);
	if (rc == 0)
		rc = seccomp_load(ctx);
	if (ctx != NULL)
		seccomp_release(ctx);
	if (rc != 0)
		return mx_fail(eb, MX_ESYS, "cannot filter system calls: %s",
		    strerror(rc < 0 ? -rc : rc));
	return 0;
}

#else

bool
sandbox_built(void)
{
	return false;
}

int
sandbox_enter(struct mx_errbuf *eb)
{
	return mx_fail(eb, MX_ESYS, "built without libseccomp");
}

#endif
