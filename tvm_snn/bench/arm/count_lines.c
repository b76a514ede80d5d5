// A plugin of qemu (API version 1) that simulates two caches of data, and counts the lines that
// they lack. Arguments: near_bytes=, near_ways=, far_bytes=, far_ways=, line_bytes=.
//
// Sets are chosen by virtual address, the least recently used line makes room, what is written is
// brought in like what is read, and nothing is fetched ahead. When the program ends it prints the
// lines that the near cache lacked, and those of them that the far one lacked, too.
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
typedef struct Cache {
  uint64_t *lines, sets, ways, lacked;
} Cache;
static Cache near, far;
static uint64_t line_bytes = 64, last;

static int has(Cache *cache, uint64_t line) {
  uint64_t *set = cache->lines + line % cache->sets * cache->ways, way = 0;
  while (way < cache->ways - 1 && set[way] != line) ++way;
  int found = set[way] == line;
  memmove(set + 1, set, way * sizeof *set);
  set[0] = line;
  cache->lacked += !found;
  return found;
}

static void touch(uint64_t line) {
  if (line == last) return;
  last = line;
  if (!has(&near, line)) has(&far, line);
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
  snprintf(text, sizeof text, "lines %llu %llu\n", (unsigned long long)near.lacked,
           (unsigned long long)far.lacked);
  qemu_plugin_outs(text);
}

static int make(Cache *cache, uint64_t bytes) {
  if (!cache->ways || bytes < cache->ways * line_bytes) return 1;
  cache->sets = bytes / line_bytes / cache->ways;
  cache->lines = calloc(cache->sets * cache->ways, sizeof *cache->lines);
  return cache->lines == NULL;
}

int qemu_plugin_install(Id id, const void *info, int count, char **arguments) {
  (void)info;
  uint64_t near_bytes = 0, far_bytes = 0;
  for (int at = 0; at < count; ++at) {
    const char *value = strchr(arguments[at], '=');
    uint64_t number = value ? strtoull(value + 1, NULL, 10) : 0;
    if (!strncmp(arguments[at], "near_bytes=", 11)) near_bytes = number;
    else if (!strncmp(arguments[at], "near_ways=", 10)) near.ways = number;
    else if (!strncmp(arguments[at], "far_bytes=", 10)) far_bytes = number;
    else if (!strncmp(arguments[at], "far_ways=", 9)) far.ways = number;
    else if (!strncmp(arguments[at], "line_bytes=", 11)) line_bytes = number;
  }
  if (!line_bytes || make(&near, near_bytes) || make(&far, far_bytes)) {
    fputs("count_lines: sizes of two caches are wanted\n", stderr);
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
