#ifndef SNN_NETWORK_H
#define SNN_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What snn_create and snn_run return. */
enum snn_status {
    SNN_OK = 0,
    SNN_NULL_POINTER,    /* an argument, or the data of an input or output, is NULL */
    SNN_WRONG_COUNT,     /* more or fewer inputs or outputs than the network has */
    SNN_WRONG_SIZE,      /* an input or output of another size than the network's */
    SNN_OUT_OF_MEMORY,   /* malloc returned NULL */
    SNN_WRONG_PROCESSOR, /* the processor lacks instructions that the kernels may use */
    SNN_DAMAGED,         /* the weights inside the library are not what was compiled */
    SNN_BUSY             /* another thread is running this very network */
};

/* A network with its weights unpacked and memory to run in. Any number of them may exist; each may
 * be used by one thread at a time, different ones by different threads at once. */
typedef struct snn_network snn_network;

/* What an input or output is: elements in C order, for example "float32". */
typedef struct snn_tensor {
    const char *name;
    const char *dtype;
    const int64_t *shape;
    size_t dimensions;
    size_t bytes;
} snn_tensor;

/* Memory of the caller. It may be aligned to nothing. */
typedef struct snn_input {
    const void *data;
    size_t bytes;
} snn_input;

typedef struct snn_output {
    void *data;
    size_t bytes;
} snn_output;

/* How many inputs and outputs there are; what each is, or NULL where there is none. */
size_t snn_input_count(void);
size_t snn_output_count(void);
const snn_tensor *snn_input_info(size_t index);
const snn_tensor *snn_output_info(size_t index);

/* Makes a network. Where that fails, *network is NULL. */
int snn_create(snn_network **network);

/* Reads the inputs and writes the outputs, all given in order. Allocates nothing. Where it fails,
 * the outputs are left as they are. */
int snn_run(snn_network *network, const snn_input *inputs, size_t input_count,
            const snn_output *outputs, size_t output_count);

/* Says what was wrong when snn_run last failed for this network; "" when it went well. */
const char *snn_last_error(const snn_network *network);

/* Says what a status means, in general. */
const char *snn_status_text(int status);

/* Frees a network; NULL is nothing to free. */
void snn_destroy(snn_network *network);

#ifdef __cplusplus
}
#endif

#endif
