/* Turns weights of a few bits an element into bytes. */

/* Elements are `bits` bits each, the least significant first. Signs become +1 and -1; an index must
 * stay below `bound`, the size of its subset. Returns SNN_OK or SNN_DAMAGED. */
static int snn_unpack(const unsigned char *packed, size_t count, unsigned bits, unsigned bound,
                      int signs, unsigned char *elements)
{
    unsigned waiting = 0, available = 0;
    size_t index;
    for (index = 0; index < count; index++) {
        unsigned element;
        if (available < bits) {
            waiting |= (unsigned)*packed++ << available;
            available += 8;
        }
        element = waiting & ((1u << bits) - 1);
        waiting >>= bits;
        available -= bits;
        if (element >= bound)
            return SNN_DAMAGED;
        elements[index] = (unsigned char)(signs ? 2 * element - 1 : element);
    }
    return SNN_OK;
}
