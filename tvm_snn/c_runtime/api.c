/* The functions of the header, over what `plan.h` says of one network. */

#include "network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#define SNN_API __attribute__((visibility("default")))
#define SNN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct snn_network {
    unsigned char *prepared;
    unsigned char *workspace;
    int busy;
    char error[200];
};

SNN_API size_t snn_input_count(void) { return SNN_COUNT(snn_inputs); }

SNN_API size_t snn_output_count(void) { return SNN_COUNT(snn_outputs); }

SNN_API const snn_tensor *snn_input_info(size_t index)
{
    return index < SNN_COUNT(snn_inputs) ? &snn_inputs[index] : NULL;
}

SNN_API const snn_tensor *snn_output_info(size_t index)
{
    return index < SNN_COUNT(snn_outputs) ? &snn_outputs[index] : NULL;
}

SNN_API const char *snn_status_text(int status)
{
    switch (status) {
    case SNN_OK:
        return "all went well";
    case SNN_NULL_POINTER:
        return "a pointer is NULL";
    case SNN_WRONG_COUNT:
        return "the network has another number of inputs or outputs";
    case SNN_WRONG_SIZE:
        return "an input or output of the network has another size";
    case SNN_OUT_OF_MEMORY:
        return "out of memory: a network takes " SNN_MEMORY_TEXT " bytes";
    case SNN_WRONG_PROCESSOR:
        return "the network was compiled for a processor with " SNN_EXTENSIONS_TEXT;
    case SNN_DAMAGED:
        return "the library is damaged: a weight is outside of its subset";
    case SNN_BUSY:
        return "another thread is running this network";
    default:
        return "no status of this library";
    }
}

SNN_API int snn_create(snn_network **network)
{
    snn_network *created;
    uintptr_t memory;
    int status;
    if (network == NULL)
        return SNN_NULL_POINTER;
    *network = NULL;
    if (!snn_processor_fits())
        return SNN_WRONG_PROCESSOR;
    created = malloc(sizeof *created + SNN_ALIGNMENT + SNN_PREPARED + SNN_WORKSPACE);
    if (created == NULL)
        return SNN_OUT_OF_MEMORY;
    memory = (uintptr_t)(created + 1);
    memory += (SNN_ALIGNMENT - memory % SNN_ALIGNMENT) % SNN_ALIGNMENT;
    created->prepared = (unsigned char *)memory;
    created->workspace = created->prepared + SNN_PREPARED;
    created->busy = 0;
    created->error[0] = '\0';
    status = snn_prepare(created->prepared, created->workspace);
    if (status != SNN_OK) {
        free(created);
        return status;
    }
    *network = created;
    return SNN_OK;
}

/* Returns SNN_OK when a buffer of the caller is what the network has at `index`. */
static int snn_check(char error[200], const char *kind, size_t index, const snn_tensor *expected,
                     const void *data, size_t bytes)
{
    if (data == NULL) {
        snprintf(error, 200, "the data of %s %zu is NULL", kind, index);
        return SNN_NULL_POINTER;
    }
    if (bytes != expected->bytes) {
        snprintf(error, 200, "%s %zu has %zu bytes, the network's has %zu", kind, index, bytes,
                 expected->bytes);
        return SNN_WRONG_SIZE;
    }
    return SNN_OK;
}

static int snn_check_all(char error[200], const snn_input *inputs, size_t input_count,
                         const snn_output *outputs, size_t output_count)
{
    size_t index;
    int status = SNN_OK;
    if (inputs == NULL || outputs == NULL) {
        snprintf(error, 200, "the list of %s is NULL", inputs == NULL ? "inputs" : "outputs");
        return SNN_NULL_POINTER;
    }
    if (input_count != SNN_COUNT(snn_inputs) || output_count != SNN_COUNT(snn_outputs)) {
        snprintf(error, 200, "given are %zu inputs and %zu outputs, the network has %zu and %zu",
                 input_count, output_count, SNN_COUNT(snn_inputs), SNN_COUNT(snn_outputs));
        return SNN_WRONG_COUNT;
    }
    for (index = 0; index < input_count && status == SNN_OK; index++)
        status = snn_check(error, "input", index, &snn_inputs[index], inputs[index].data,
                           inputs[index].bytes);
    for (index = 0; index < output_count && status == SNN_OK; index++)
        status = snn_check(error, "output", index, &snn_outputs[index], outputs[index].data,
                           outputs[index].bytes);
    return status;
}

SNN_API int snn_run(snn_network *network, const snn_input *inputs, size_t input_count,
                    const snn_output *outputs, size_t output_count)
{
    int status;
    if (network == NULL)
        return SNN_NULL_POINTER;
    if (__atomic_exchange_n(&network->busy, 1, __ATOMIC_ACQUIRE))
        return SNN_BUSY;
    network->error[0] = '\0';
    status = snn_check_all(network->error, inputs, input_count, outputs, output_count);
    if (status == SNN_OK)
        snn_compute(inputs, outputs, network->prepared, network->workspace);
    __atomic_store_n(&network->busy, 0, __ATOMIC_RELEASE);
    return status;
}

SNN_API const char *snn_last_error(const snn_network *network)
{
    return network == NULL ? "the network is NULL: it was not created" : network->error;
}

SNN_API void snn_destroy(snn_network *network) { free(network); }
