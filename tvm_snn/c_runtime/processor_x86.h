/* Asks an x86 processor, and the system, for what SNN_REQUIRED lists. */

#include <cpuid.h>

/* Bits of XCR0: the state that the system saves when it switches between threads. */
#define SNN_REGISTERS_256 0x06u
#define SNN_REGISTERS_512 0xe6u

/* Registers are numbered eax, ebx, ecx, edx. */
static const struct {
    unsigned leaf, subleaf, number, bit;
} snn_required[] = {SNN_REQUIRED};

static int snn_processor_fits(void)
{
    unsigned registers[4];
    unsigned saved = 0;
    size_t index;
    for (index = 0; index < sizeof snn_required / sizeof snn_required[0]; index++) {
        if (!__get_cpuid_count(snn_required[index].leaf, snn_required[index].subleaf,
                               &registers[0], &registers[1], &registers[2], &registers[3]))
            return 0;
        if (!(registers[snn_required[index].number] >> snn_required[index].bit & 1))
            return 0;
    }
    if (!SNN_REGISTERS)
        return 1;
    __get_cpuid(1, &registers[0], &registers[1], &registers[2], &registers[3]);
    if (!(registers[2] >> 27 & 1)) /* the system saves nothing, and has no XCR0 */
        return 0;
    __asm__("xgetbv" : "=a"(saved) : "c"(0) : "edx");
    return (saved & SNN_REGISTERS) == SNN_REGISTERS;
}
