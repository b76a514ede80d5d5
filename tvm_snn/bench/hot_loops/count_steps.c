// Counts how often each instruction of a kernel starts, by the processor's single-step flag: while
// it is set, every instruction ends with a signal, which tells the address of the next one.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

typedef int (*Kernel)(void *, const void *, int, void *);

static uint64_t first, bytes;
static uint32_t *runs;

static void stepped(int signal, siginfo_t *info, void *state) {
  (void)signal, (void)info;
  uint64_t place = ((ucontext_t *)state)->uc_mcontext.gregs[REG_RIP] - first;
  if (place < bytes) ++runs[place];
}

// What lies below the stack pointer belongs to the code around (the red zone), so step over it.
static inline void step(int on) {
  if (on)
    __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::: "memory", "cc");
  else
    __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::: "memory", "cc");
}

// Calls a kernel once; counts[i] is how often an instruction started at byte i of the `size` bytes
// from `start`. Other threads are not counted. Returns what the kernel does, or -1.
int count_steps(Kernel kernel, const void *arguments, int count, uint64_t start, uint64_t size,
                uint32_t *counts) {
  struct sigaction own, before;
  memset(&own, 0, sizeof own);
  own.sa_sigaction = stepped;
  own.sa_flags = SA_SIGINFO;
  first = start, bytes = size, runs = counts;
  if (sigaction(SIGTRAP, &own, &before)) return -1;
  struct { int32_t type, zero; int64_t value; } result = {0, 0, 0};
  step(1);
  int status = kernel(0, arguments, count, &result);
  step(0);
  sigaction(SIGTRAP, &before, 0);
  return status;
}
