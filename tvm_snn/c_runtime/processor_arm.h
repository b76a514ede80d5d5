/* Asks Linux whether an ARM processor has what SNN_REQUIRED lists. */

#include <sys/auxv.h>

static const struct {
    unsigned long entry, bits;
} snn_required[] = {SNN_REQUIRED};

static int snn_processor_fits(void)
{
    size_t index;
    for (index = 0; index < sizeof snn_required / sizeof snn_required[0]; index++)
        if (~getauxval(snn_required[index].entry) & snn_required[index].bits)
            return 0;
    return 1;
}
