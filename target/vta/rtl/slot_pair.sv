// The two slots between an engine that fills them and one that empties them.
// With BYPASS, a slot may be taken in the cycle in which it is emptied.
module slot_pair #(
    parameter bit BYPASS = 1'b0
) (
    input  logic clock,
    input  logic reset,
    input  logic taken,    // a free slot begins to be filled
    input  logic filled,
    input  logic emptied,
    output logic free,     // a slot may be taken
    output logic some      // a slot is full
);
  slot_counter some_counter (.clock, .reset, .enter(filled), .leave(emptied), .some);
  slot_counter #(.INITIAL(2), .BYPASS(BYPASS)) free_counter (
      .clock, .reset, .enter(emptied), .leave(taken), .some(free)
  );
endmodule
