/* Runs a network on the inputs that stdin has one after the other, and writes the outputs to stdout.
 * Every buffer is misaligned on purpose, and the network runs twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include NETWORK_HEADER

enum { MOST = 8 };

static int fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return EXIT_FAILURE;
}

int main(void)
{
    snn_input inputs[MOST];
    snn_output outputs[MOST], again[MOST];
    snn_network *network = NULL;
    size_t index;
    int status = snn_create(&network);
    if (status != SNN_OK)
        return fail(snn_status_text(status));
    for (index = 0; index < snn_input_count(); index++) {
        size_t bytes = snn_input_info(index)->bytes;
        char *data = (char *)malloc(bytes + 1) + 1;
        if (fread(data, 1, bytes, stdin) != bytes)
            return fail("the input is too short");
        inputs[index].data = data;
        inputs[index].bytes = bytes;
    }
    for (index = 0; index < snn_output_count(); index++) {
        outputs[index].bytes = again[index].bytes = snn_output_info(index)->bytes;
        outputs[index].data = (char *)malloc(outputs[index].bytes + 1) + 1;
        again[index].data = (char *)malloc(outputs[index].bytes + 1) + 1;
    }
    if (snn_run(network, inputs, snn_input_count(), outputs, snn_output_count()) != SNN_OK ||
        snn_run(network, inputs, snn_input_count(), again, snn_output_count()) != SNN_OK)
        return fail(snn_last_error(network));
    for (index = 0; index < snn_output_count(); index++) {
        if (memcmp(outputs[index].data, again[index].data, outputs[index].bytes) != 0)
            return fail("the second run gave something else");
        fwrite(outputs[index].data, 1, outputs[index].bytes, stdout);
    }
    snn_destroy(network);
    return EXIT_SUCCESS;
}
