// A plugin of qemu (API version 1) that counts how often each block of translated code runs.
//
// When the program ends it prints a line for each: address, instructions, and how often it ran.
// qemu's header is in no Debian package, so the few functions are declared here.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef uint64_t Id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(Id, void (*)(Id, struct qemu_plugin_tb *));
// The second argument is the operation: 0 adds the last one to what the third points to.
extern void qemu_plugin_register_vcpu_tb_exec_inline(
    struct qemu_plugin_tb *, int, void *, uint64_t);
extern void qemu_plugin_register_atexit_cb(Id, void (*)(Id, void *), void *);
extern void qemu_plugin_outs(const char *);

int qemu_plugin_version = 1;

// A block is translated again when qemu's cache of code is full: it has several entries then.
typedef struct Block {
  uint64_t address, runs;
  size_t instructions;
  struct Block *next;
} Block;
static Block *blocks;

static void translated(Id id, struct qemu_plugin_tb *code) {
  (void)id;
  Block *block = calloc(1, sizeof *block);
  block->address = qemu_plugin_tb_vaddr(code);
  block->instructions = qemu_plugin_tb_n_insns(code);
  block->next = blocks;
  blocks = block;
  qemu_plugin_register_vcpu_tb_exec_inline(code, 0, &block->runs, 1);
}

static void ended(Id id, void *unused) {
  (void)id, (void)unused;
  for (Block *block = blocks; block; block = block->next) {
    char line[80];
    snprintf(line, sizeof line, "block %llx %zu %llu\n", (unsigned long long)block->address,
             block->instructions, (unsigned long long)block->runs);
    qemu_plugin_outs(line);
  }
}

int qemu_plugin_install(Id id, const void *info, int count, char **arguments) {
  (void)info, (void)count, (void)arguments;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
