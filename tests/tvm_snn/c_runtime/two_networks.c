/* Links two networks into one program, and runs the second. */
#include <stdio.h>

#include "second.h"
#include "small.h"

int main(void)
{
    float in[4] = {1, 2, 3, 4}, out[4] = {0};
    second_input input = {in, sizeof in};
    second_output output = {out, sizeof out};
    second_network *network = NULL;
    if (second_create(&network) != SECOND_OK ||
        second_run(network, &input, 1, &output, 1) != SECOND_OK)
        return 1;
    printf("%u inputs, then %g %g %g %g\n", (unsigned)snn_input_count(), out[0], out[1], out[2],
           out[3]);
    second_destroy(network);
    return 0;
}
