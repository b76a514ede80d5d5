// Runs a network, which a header describes, on an image from standard input: as often as asked.
#include <stdio.h>
#include <stdlib.h>
#include NETWORK_HEADER

int main(int count, char **arguments) {
  int turns = count > 1 ? atoi(arguments[1]) : 1;
  snn_network *network;
  int status = snn_create(&network);
  const snn_tensor *in = snn_input_info(0), *out = snn_output_info(0);
  snn_input input = {calloc(1, in->bytes), in->bytes};
  snn_output output = {calloc(1, out->bytes), out->bytes};
  if (status || fread((void *)input.data, 1, in->bytes, stdin) != in->bytes) return 1;
  for (int turn = 0; turn < turns && !status; ++turn)
    status = snn_run(network, &input, 1, &output, 1);
  return status;
}
