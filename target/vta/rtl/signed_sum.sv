// a + b, or a - b.
module signed_sum #(
    parameter int BITS = 8
) (
    input  logic signed [BITS-1:0] a,
    input  logic signed [BITS-1:0] b,
    input  logic                   negate,
    output logic signed [BITS:0]   sum
);
  // The bit below makes `negate` the carry into the lowest bit: one adder does for both.
  logic [BITS+1:0] carried;
  assign carried = {a[BITS-1], a, 1'b1} + {{b[BITS-1], b} ^ {(BITS + 1){negate}}, negate};
  assign sum = carried[BITS+1:1];
endmodule
