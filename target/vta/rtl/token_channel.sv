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
  logic [$clog2(LIMIT+1)-1:0] count;
  assign present = count != '0;
  assign room = count != $bits(count)'(LIMIT);
  always_ff @(posedge clock) begin
    count <= count + $bits(count)'(put) - $bits(count)'(take);
    if (reset) count <= '0;
  end
endmodule
