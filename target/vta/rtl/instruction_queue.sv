// The instructions that wait before an engine, first in, first out.
module instruction_queue #(
    parameter int DEPTH = 8,
    parameter int BITS = 128
) (
    input  logic            clock,
    input  logic            reset,
    input  logic            push,
    input  logic [BITS-1:0] in,
    output logic            full,
    input  logic            pop,
    output logic            empty,
    output logic [BITS-1:0] out
);
  localparam int PLACE_BITS = $clog2(DEPTH);
  logic [BITS-1:0] memory[DEPTH];
  logic [PLACE_BITS:0] written, taken;

  assign full = (PLACE_BITS + 1)'(written - taken) == (PLACE_BITS + 1)'(DEPTH);
  assign empty = written == taken;
  assign out = memory[taken[PLACE_BITS-1:0]];

  always_ff @(posedge clock) begin
    if (push) begin
      memory[written[PLACE_BITS-1:0]] <= in;
      written <= written + 1'b1;
    end
    if (pop) taken <= taken + 1'b1;
    if (reset) begin
      written <= '0;
      taken <= '0;
    end
  end
endmodule
