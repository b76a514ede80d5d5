// The sum of one response from each channel but for its sign; `negate` says which are subtracted.
//
// As in tap_tree, signs are relative: what is left out in the end is the sign of channel 0.
module channel_tree #(
    parameter int CHANNELS = 32,
    parameter int RESPONSE_BITS = 13,
    parameter int SUM_BITS = RESPONSE_BITS + $clog2(CHANNELS) + 1
) (
    input  logic [CHANNELS*RESPONSE_BITS-1:0] responses,
    input  logic [CHANNELS-1:0]               negate,
    output logic signed [SUM_BITS-1:0]        sum  // to be negated where negate[0] is 1
);
  localparam int LEVELS = $clog2(CHANNELS);

  // Node i adds nodes 2i and 2i + 1; the leaves are nodes CHANNELS to 2 * CHANNELS - 1.
  logic signed [SUM_BITS-1:0] node[2*CHANNELS];
  logic [2*CHANNELS-1:0] sign;

  for (genvar c = 0; c < CHANNELS; c++) begin : leaf
    assign node[CHANNELS+c] = SUM_BITS'($signed(responses[c*RESPONSE_BITS+:RESPONSE_BITS]));
    assign sign[CHANNELS+c] = negate[c];
  end
  for (genvar i = 1; i < CHANNELS; i++) begin : inner
    localparam int DEPTH = $clog2(i + 1) - 1;
    localparam int BITS = RESPONSE_BITS + LEVELS - 1 - DEPTH;
    logic signed [BITS:0] total;
    signed_sum #(.BITS(BITS)) adder (
        .a(node[2*i][BITS-1:0]), .b(node[2*i+1][BITS-1:0]), .negate(sign[2*i] ^ sign[2*i+1]),
        .sum(total)
    );
    assign node[i] = SUM_BITS'(total);
    assign sign[i] = sign[2*i];
  end
  assign node[0] = '0;
  assign sign[0] = 1'b0;
  assign sum = node[1];
endmodule
