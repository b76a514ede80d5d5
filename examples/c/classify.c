/* Classifies an image, given as binary PPM (colour) or PGM (grey) of the network's own size:
 *     tvm-snn compile model.onnx -o net.so --runtime c
 *     cc -std=c99 -O2 classify.c net.a -lm -o classify && ./classify image.ppm
 * Its values become 0 to 1; a network trained on others wants its mean and deviation here. */
#include <stdio.h>
#include <stdlib.h>

#include "net.h"

/* Returns the values of an image channel by channel, or NULL. */
static float *read_image(const char *path, const snn_tensor *wanted)
{
    int channels = (int)wanted->shape[1], pixels = (int)(wanted->shape[2] * wanted->shape[3]);
    int width = 0, height = 0, largest = 0, value = 0, pixel, channel;
    char kind = 0;
    float *image = malloc(wanted->bytes);
    FILE *file = fopen(path, "rb");
    int good = file != NULL && image != NULL &&
               fscanf(file, "P%c %d %d %d", &kind, &width, &height, &largest) == 4 &&
               kind == (channels == 1 ? '5' : '6') && largest == 255 && fgetc(file) != EOF &&
               height == wanted->shape[2] && width == wanted->shape[3];
    for (pixel = 0; good && pixel < pixels; pixel++)
        for (channel = 0; channel < channels && (value = fgetc(file)) != EOF; channel++)
            image[channel * pixels + pixel] = (float)value / 255;
    if (file != NULL)
        fclose(file);
    if (good && value != EOF)
        return image;
    free(image);
    return NULL;
}

int main(int argc, char **argv)
{
    const snn_tensor *wanted = snn_input_info(0), *answer = snn_output_info(0);
    float *image = argc == 2 ? read_image(argv[1], wanted) : NULL;
    float *scores = malloc(answer->bytes);
    snn_input input = {image, wanted->bytes};
    snn_output output = {scores, answer->bytes};
    snn_network *network = NULL;
    size_t index, best = 0;
    int status = snn_create(&network);
    if (status == SNN_OK)
        status = snn_run(network, &input, 1, &output, 1);
    if (status == SNN_OK) {
        for (index = 1; index < answer->bytes / sizeof *scores; index++)
            best = scores[index] > scores[best] ? index : best;
        printf("class %lu, score %g\n", (unsigned long)best, scores[best]);
    } else if (image == NULL) {
        fprintf(stderr, "usage: classify IMAGE, a PPM or PGM of the network's size\n");
    } else {
        fprintf(stderr, "%s: %s\n", snn_status_text(status), snn_last_error(network));
    }
    snn_destroy(network);
    free(scores);
    free(image);
    return status == SNN_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
