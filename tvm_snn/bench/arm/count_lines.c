// A plugin of qemu (API version 1) that simulates a cache of data, and counts the lines that it
// lacks. Arguments: cache_bytes=, cache_ways=, line_bytes=.
//
// Sets are chosen by virtual address, the least recently used line makes room, what is written is
// brought in like what is read, and nothing is fetched ahead. When the program ends it prints the
// lines that were lacking.
// qemu's header is in no Debian package, so the few functions are declared here.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t Id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern void qemu_plugin_register_vcpu_tb_trans_cb(Id, void (*)(Id, struct qemu_plugin_tb *));
// The third argument says that the function reads no registers; 3 is for loads and stores.
extern void qemu_plugin_register_vcpu_mem_cb(
    struct qemu_plugin_insn *, void (*)(unsigned, uint32_t, uint64_t, void *), int, int, void *);
extern unsigned qemu_plugin_mem_size_shift(uint32_t);
extern void qemu_plugin_register_atexit_cb(Id, void (*)(Id, void *), void *);
extern void qemu_plugin_outs(const char *);

int qemu_plugin_version = 1;

// Lines of a set are in the order in which they were used, the last one first; 0 is none.
static uint64_t *lines, sets, ways, lacking, line_bytes, last;

static void touch(uint64_t line) {
  if (line == last) return;
  last = line;
  uint64_t *set = lines + line % sets * ways, way = 0;
  while (way < ways - 1 && set[way] != line) ++way;
  lacking += set[way] != line;
  memmove(set + 1, set, way * sizeof *set);
  set[0] = line;
}

static void touched(unsigned cpu, uint32_t info, uint64_t address, void *unused) {
  (void)cpu, (void)unused;
  uint64_t end = address + (1u << qemu_plugin_mem_size_shift(info)) - 1;
  touch(address / line_bytes + 1);
  if (end / line_bytes != address / line_bytes) touch(end / line_bytes + 1);
}

static void translated(Id id, struct qemu_plugin_tb *code) {
  (void)id;
  for (size_t at = 0; at < qemu_plugin_tb_n_insns(code); ++at)
    qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(code, at), touched, 0, 3, NULL);
}

static void ended(Id id, void *unused) {
  (void)id, (void)unused;
  char text[80];
  snprintf(text, sizeof text, "lines %llu\n", (unsigned long long)lacking);
  qemu_plugin_outs(text);
}

int qemu_plugin_install(Id id, const void *info, int count, char **arguments) {
  (void)info;
  uint64_t bytes = 0;
  for (int at = 0; at < count; ++at) {
    const char *value = strchr(arguments[at], '=');
    uint64_t number = value ? strtoull(value + 1, NULL, 10) : 0;
    if (!strncmp(arguments[at], "cache_bytes=", 12)) bytes = number;
    else if (!strncmp(arguments[at], "cache_ways=", 11)) ways = number;
    else if (!strncmp(arguments[at], "line_bytes=", 11)) line_bytes = number;
  }
  if (ways && line_bytes) sets = bytes / line_bytes / ways;
  if (sets) lines = calloc(sets * ways, sizeof *lines);
  if (!lines) {
    fputs("count_lines: the size of a cache is wanted\n", stderr);
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
