// Tokens on their way from one engine to another.
module token_channel #(
    parameter int LIMIT = 15
) (
    input  logic clock,
    input  logic reset,
    input  logic put,
    input  logic take,
    output logic present,
    output logic room
);
  localparam int COUNT_BITS = $clog2(LIMIT + 1);
  logic [COUNT_BITS-1:0] count;
  assign present = count != '0;
  assign room = count != COUNT_BITS'(LIMIT);
  always_ff @(posedge clock) begin
    count <= count + COUNT_BITS'(put) - COUNT_BITS'(take);
    if (reset) count <= '0;
  end
endmodule
