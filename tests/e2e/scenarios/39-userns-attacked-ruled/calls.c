/* What root in a Pod may try against its node by system calls that no shell makes. Each line that it prints is "done: NAME" or
   "refused: NAME: what the kernel says". Nothing that succeeds harms the node. "leave" also puts a key there, to be found. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/kexec.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void told(const char *name, long outcome)
{
	if (outcome >= 0)
		printf("done: %s\n", name);
	else
		printf("refused: %s: %s\n", name, strerror(errno));
}

/* Counting what all processes of the node do on a processor. */
static long count_all(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CONTEXT_SWITCHES};
	return syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
}

/* A program for the kernel: return 0. */
static long load_program(int type)
{
	struct bpf_insn program[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {.prog_type = type, .insns = (unsigned long)program, .insn_cnt = 2, .license = (unsigned long)"GPL"};
	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
}

/* A file of the node by its number in the file system that a mount of it is on: all of the disk is reachable so. */
static long by_handle(void)
{
	struct {
		unsigned int bytes;
		int type;
		unsigned int inode, generation;
	} root = {.bytes = 8, .type = 1, .inode = 2};
	int mount = open("/etc/hosts", O_RDONLY), directory = syscall(SYS_open_by_handle_at, mount, &root, O_RDONLY | O_DIRECTORY);
	return directory < 0 ? directory : openat(directory, "etc/shadow", O_RDONLY);
}

/* Opens a file by a ring, which filters of system calls do not see. */
static long by_ring(const char *path)
{
	struct io_uring_params params = {0};
	int ring = syscall(SYS_io_uring_setup, 2, &params);
	if (ring < 0)
		return ring;
	char *queue = mmap(0, params.sq_off.array + params.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	char *ends = mmap(0, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
			  IORING_OFF_CQ_RING);
	struct io_uring_sqe *entry = mmap(0, params.sq_entries * sizeof *entry, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (queue == MAP_FAILED || ends == MAP_FAILED || entry == MAP_FAILED)
		return -1;
	*entry = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)path, .open_flags = O_RDONLY};
	*(unsigned int *)(queue + params.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(queue + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	int result = ((struct io_uring_cqe *)(ends + params.cq_off.cqes))->res;
	errno = result < 0 ? -result : 0;
	return result;
}

/* The node's kubelet, if it can be seen. */
static int kubelet(void)
{
	char path[300], name[32];
	DIR *all = opendir("/proc");
	for (struct dirent *entry; (entry = readdir(all));) {
		snprintf(path, sizeof path, "/proc/%s/comm", entry->d_name);
		FILE *file = fopen(path, "r");
		int found = file && fgets(name, sizeof name, file) && !strcmp(name, "kubelet\n");
		if (file)
			fclose(file);
		if (found)
			return atoi(entry->d_name);
	}
	errno = ESRCH;
	return -1;
}

/* The first bytes of its memory. */
static long memory_of(int process)
{
	char path[32], bytes[4];
	unsigned long address;
	snprintf(path, sizeof path, "/proc/%d/maps", process);
	FILE *maps = fopen(path, "r");
	if (!maps || fscanf(maps, "%lx", &address) != 1)
		return -1;
	struct iovec here = {bytes, sizeof bytes}, there = {(void *)address, sizeof bytes};
	return process_vm_readv(process, &here, 1, &there, 1, 0);
}

int main(int count, char **arguments)
{
	if (count > 1 && !strcmp(arguments[1], "leave") &&
	    syscall(SYS_add_key, "user", "dind-injector-e2e", "found", 5, KEY_SPEC_USER_KEYRING) < 0)
		perror("add_key");

	told("count what all processes do", count_all());
	told("a program in the kernel, on a probe", load_program(BPF_PROG_TYPE_KPROBE));
	told("a program in the kernel, on sockets", load_program(BPF_PROG_TYPE_SOCKET_FILTER));
	told("a key of the node's root", syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", "dind-injector-e2e", 0));
	told("a file of the disk by its number", by_handle());
	told("/proc/kcore by a ring", by_ring("/proc/kcore"));
	/* Neither is one, which a kernel says only to who may bring one. */
	long module = syscall(SYS_init_module, "none", 4, "");
	told("a module", module < 0 && errno == ENOEXEC ? 0 : module);
	long kernel = syscall(SYS_kexec_load, 0, 17, NULL, KEXEC_ARCH_DEFAULT);
	told("another kernel", kernel < 0 && errno == EINVAL ? 0 : kernel);
	/* It is not stopped, and is let go when this ends. */
	int process = kubelet();
	told("trace the kubelet", process < 0 ? process : ptrace(PTRACE_SEIZE, process, 0, 0));
	told("memory of the kubelet", process < 0 ? process : memory_of(process));
	puts("all called");
	return 0;
}
