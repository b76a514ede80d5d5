// How many of two slots are in a state: one enters, one leaves.
// With BYPASS, one that enters counts in the same cycle.
module slot_counter #(
    parameter int INITIAL = 0,
    parameter bit BYPASS = 1'b0
) (
    input  logic clock,
    input  logic reset,
    input  logic enter,
    input  logic leave,
    output logic some
);
  logic [1:0] count;
  assign some = count != '0 || (BYPASS && enter);
  always_ff @(posedge clock) begin
    count <= count + 2'(enter) - 2'(leave);
    if (reset) count <= 2'(INITIAL);
  end
endmodule
