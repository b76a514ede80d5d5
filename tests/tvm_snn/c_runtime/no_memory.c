/* Creates networks while malloc fails the first time, then again when it does not.
 * Linked with -Wl,--wrap=malloc. */
#include <stdio.h>
#include <stdlib.h>

#include "small.h"

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);

static int failing = 1;

void *__wrap_malloc(size_t bytes) { return failing ? NULL : __real_malloc(bytes); }

int main(void)
{
    snn_network *network = (snn_network *)&failing;
    int first = snn_create(&network), was_null = network == NULL, second;
    failing = 0;
    second = snn_create(&network);
    printf("%d %d %d %d %s\n", first == SNN_OUT_OF_MEMORY, was_null, second == SNN_OK,
           network != NULL, snn_status_text(first));
    snn_destroy(network);
    snn_destroy(NULL);
    return 0;
}
