// The sum of one response from each channel but for its sign; `negate` says which are subtracted.
// It is there one cycle after the responses.
//
// As in tap_tree, signs are relative: what is left out in the end is the sign of channel 0.
module channel_tree #(
    parameter int CHANNELS = 32,
    parameter int RESPONSE_BITS = 13,
    parameter int SUM_BITS = RESPONSE_BITS + $clog2(CHANNELS) + 1
) (
    input  logic                              clock,
    input  logic [CHANNELS*RESPONSE_BITS-1:0] responses,
    input  logic [CHANNELS-1:0]               negate,
    output logic signed [SUM_BITS-1:0]        sum  // to be negated where negate[0] was 1
);
  localparam int LEVELS = $clog2(CHANNELS);
  // Levels of adders after the registers; before them there are as many, or one more.
  localparam int LATER = LEVELS / 2;
  localparam int HELD = 1 << LATER;  // nodes with a register, from this one on

  // Node i adds nodes 2i and 2i + 1; the leaves are nodes CHANNELS to 2 * CHANNELS - 1.
  logic signed [SUM_BITS-1:0] node[2*CHANNELS];
  logic [2*CHANNELS-1:0] sign;
  logic signed [SUM_BITS-1:0] node_q[HELD];
  logic [HELD-1:0] sign_q;
  always_ff @(posedge clock)
    for (int i = 0; i < HELD; i++) begin
      node_q[i] <= node[HELD+i];
      sign_q[i] <= sign[HELD+i];
    end

  for (genvar c = 0; c < CHANNELS; c++) begin : leaf
    assign node[CHANNELS+c] = SUM_BITS'($signed(responses[c*RESPONSE_BITS+:RESPONSE_BITS]));
    assign sign[CHANNELS+c] = negate[c];
  end
  for (genvar i = 1; i < CHANNELS; i++) begin : inner
    localparam int DEPTH = $clog2(i + 1) - 1;
    localparam int BITS = RESPONSE_BITS + LEVELS - 1 - DEPTH;
    logic signed [BITS-1:0] a, b;
    logic [1:0] signs;
    if (DEPTH + 1 == LATER) begin : after_registers
      assign a = BITS'(node_q[2*i-HELD]);
      assign b = BITS'(node_q[2*i+1-HELD]);
      assign signs = sign_q[2*i-HELD+:2];
    end else begin : not_after_registers
      assign a = BITS'(node[2*i]);
      assign b = BITS'(node[2*i+1]);
      assign signs = sign[2*i+:2];
    end
    logic signed [BITS:0] total;
    signed_sum #(.BITS(BITS)) adder (
        .a, .b, .negate(signs[0] ^ signs[1]), .sum(total)
    );
    assign node[i] = SUM_BITS'(total);
    assign sign[i] = signs[0];
  end
  assign node[0] = '0;
  assign sign[0] = 1'b0;
  assign sum = LATER == 0 ? node_q[0] : node[1];
endmodule
