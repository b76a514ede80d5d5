// The response of one window but for its sign: nine activations, each added or subtracted. It is
// there one cycle after window and kernel.
//
// Of two numbers with signs, the first sign is left out and the second one is relative to it; what
// is left out in the end is the sign of tap 0. So a change of sign costs no adder of its own.
module tap_tree #(
    parameter int ACTIVATION_BITS = 8,
    parameter int RESPONSE_BITS = 13
) (
    input  logic                            clock,
    input  logic [9*ACTIVATION_BITS-1:0]    window,
    input  logic [8:0]                      kernel,
    output logic signed [RESPONSE_BITS-1:0] response  // to be negated where kernel[0] is 0
);
  localparam int BITS = ACTIVATION_BITS;

  logic signed [BITS-1:0] activation[9];
  for (genvar tap = 0; tap < 9; tap++) begin : slice
    assign activation[tap] = window[tap*BITS+:BITS];
  end

  logic signed [BITS:0] pair[4];
  for (genvar i = 0; i < 4; i++) begin : pairs
    signed_sum #(.BITS(BITS)) adder (
        .a(activation[2*i]), .b(activation[2*i+1]), .negate(kernel[2*i] ^ kernel[2*i+1]),
        .sum(pair[i])
    );
  end
  logic signed [BITS+1:0] four[2], four_q[2];
  for (genvar i = 0; i < 2; i++) begin : fours
    signed_sum #(.BITS(BITS + 1)) adder (
        .a(pair[2*i]), .b(pair[2*i+1]), .negate(kernel[4*i] ^ kernel[4*i+2]), .sum(four[i])
    );
  end

  // Half of the way.
  logic signed [BITS-1:0] ninth_q;
  logic negate_second_q, negate_ninth_q;
  always_ff @(posedge clock) begin
    for (int i = 0; i < 2; i++) four_q[i] <= four[i];
    ninth_q <= activation[8];
    negate_second_q <= kernel[0] ^ kernel[4];
    negate_ninth_q <= kernel[0] ^ kernel[8];
  end

  logic signed [BITS+2:0] eight;
  signed_sum #(.BITS(BITS + 2)) sum_of_eight (
      .a(four_q[0]), .b(four_q[1]), .negate(negate_second_q), .sum(eight)
  );
  logic signed [BITS+3:0] nine;
  signed_sum #(.BITS(BITS + 3)) sum_of_nine (
      .a(eight), .b((BITS + 3)'(ninth_q)), .negate(negate_ninth_q), .sum(nine)
  );
  assign response = RESPONSE_BITS'(nine);
endmodule
