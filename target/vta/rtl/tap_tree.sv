// The response of one window: nine activations, each added or subtracted.
//
// What is subtracted is inverted, and `negations`, how many those are, added in the end.
module tap_tree #(
    parameter int ACTIVATION_BITS = 8,
    parameter int RESPONSE_BITS = 13
) (
    input  logic [9*ACTIVATION_BITS-1:0]    window,
    input  logic [8:0]                      kernel,
    input  logic [3:0]                      negations,  // zeros in `kernel`
    output logic signed [RESPONSE_BITS-1:0] response
);
  for (genvar tap = 0; tap < 9; tap++) begin : term
    wire signed [ACTIVATION_BITS-1:0] activation =
        window[tap*ACTIVATION_BITS+:ACTIVATION_BITS] ^ {ACTIVATION_BITS{!kernel[tap]}};
    wire signed [RESPONSE_BITS-1:0] value =
        {{(RESPONSE_BITS-ACTIVATION_BITS){activation[ACTIVATION_BITS-1]}}, activation};
  end
  wire signed [RESPONSE_BITS-1:0] count = {{(RESPONSE_BITS-4){1'b0}}, negations};
  assign response = ((term[0].value + term[1].value) + (term[2].value + term[3].value))
      + ((term[4].value + term[5].value) + (term[6].value + term[7].value))
      + (term[8].value + count);
endmodule
