// The sum of one response from each channel; `negate` says which are subtracted.
//
// What is subtracted is inverted, and `negations`, how many those are, added in the end.
module channel_tree #(
    parameter int CHANNELS = 32,
    parameter int RESPONSE_BITS = 13,
    parameter int COUNT_BITS = $clog2(CHANNELS + 1),
    parameter int SUM_BITS = RESPONSE_BITS + $clog2(CHANNELS) + 1
) (
    input  logic [CHANNELS*RESPONSE_BITS-1:0] responses,
    input  logic [CHANNELS-1:0]               negate,
    input  logic [COUNT_BITS-1:0]             negations,  // ones in `negate`
    output logic signed [SUM_BITS-1:0]        sum
);
  // Node i adds nodes 2i and 2i + 1; the leaves are nodes CHANNELS to 2 * CHANNELS - 1.
  logic signed [SUM_BITS-1:0] node[2*CHANNELS];

  for (genvar c = 0; c < CHANNELS; c++) begin : leaf
    wire signed [RESPONSE_BITS-1:0] response =
        responses[c*RESPONSE_BITS+:RESPONSE_BITS] ^ {RESPONSE_BITS{negate[c]}};
    assign node[CHANNELS+c] =
        {{(SUM_BITS-RESPONSE_BITS){response[RESPONSE_BITS-1]}}, response};
  end
  for (genvar i = 1; i < CHANNELS; i++) begin : inner
    assign node[i] = node[2*i] + node[2*i+1];
  end
  assign node[0] = '0;
  assign sum = node[1] + $signed({{(SUM_BITS-COUNT_BITS){1'b0}}, negations});
endmodule
