// What compiled kernels need of TVM's runtime, and tensors in memory of their own.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct { int32_t type, id; } Device;
typedef struct { uint8_t code, bits; uint16_t lanes; } Dtype;
// DLPack's DLTensor.
typedef struct {
  void *data; Device device; int32_t ndim; Dtype dtype; int64_t *shape, *strides; uint64_t offset;
} Tensor;
// TVMFFIAny: index 7 is a pointer to a DLTensor.
typedef struct { int32_t type; uint32_t zero; union { int64_t number; void *pointer; } value; } Any;
typedef int (*Kernel)(void *, const Any *, int, Any *);
typedef struct { void *sync; int32_t jobs; } Group;
typedef int (*Job)(int, Group *, void *);

static void fail(const char *message) {
  fprintf(stderr, "%s\n", message);
  exit(1);
}

// Everything lies in one block, as in a network in C (see `tvm_snn.c_runtime.bare_kernels`): tensors
// first, then what kernels allocate, one after the other. An allocator's own places would decide
// which buffers push each other out of a cache: it begins large ones at the same set.
enum { LINE = 64, BLOCK_BYTES = 256 << 20 };
static unsigned char block[BLOCK_BYTES] __attribute__((aligned(LINE)));
static uint64_t used;

static void *take_memory(uint64_t bytes) {
  void *memory = block + used;
  used += (bytes + LINE - 1) / LINE * LINE;
  if (used > BLOCK_BYTES) fail("no memory");
  return memory;
}

static void make(Tensor *tensor, uint64_t bytes) { tensor->data = take_memory(bytes); }

static void take(Tensor *tensor, uint64_t bytes) {
  if (fread(tensor->data, 1, bytes, stdin) != bytes) fail("an input is missing");
}

static void give(Tensor *tensor, uint64_t bytes) {
  if (fwrite(tensor->data, 1, bytes, stdout) != bytes) fail("no result written");
}

static void call(Kernel kernel, const Any *arguments, int count) {
  Any result = {0};
  if (kernel(0, arguments, count, &result)) fail("a kernel failed");
}

void TVMFFIErrorSetRaisedFromCStrParts(const char *kind, const char **parts, int32_t count) {
  fprintf(stderr, "%s: ", kind);
  for (int32_t i = 0; i < count; ++i) fputs(parts[i], stderr);
}

static void *allocate(int type, int id, uint64_t bytes, int code, int bits) {
  (void)type, (void)id, (void)code, (void)bits;
  return take_memory(bytes);
}

static int release(int type, int id, void *memory) {
  (void)type, (void)id;
  // Kernels give back first what they took last.
  used = (uint64_t)((unsigned char *)memory - block);
  return 0;
}

static int launch(Job job, void *data, int jobs) {
  Group group = {0, 1};
  (void)jobs;
  return job(0, &group, data);
}

// Kernels call these through pointers; those of a kernel that has no use for one do not exist.
void *__TVMBackendAllocWorkspace = (void *)allocate;
void *__TVMBackendFreeWorkspace = (void *)release;
void *__TVMBackendParallelLaunch = (void *)launch;
