// The response of one window: nine activations, each added or subtracted.
module tap_tree #(
    parameter int ACTIVATION_BITS = 8,
    parameter int RESPONSE_BITS = 13
) (
    input  logic [9*ACTIVATION_BITS-1:0]    window,
    input  logic [8:0]                      kernel,
    output logic signed [RESPONSE_BITS-1:0] response
);
  for (genvar tap = 0; tap < 9; tap++) begin : term
    wire signed [ACTIVATION_BITS-1:0] activation = window[tap*ACTIVATION_BITS+:ACTIVATION_BITS];
    wire signed [RESPONSE_BITS-1:0] extended =
        {{(RESPONSE_BITS-ACTIVATION_BITS){activation[ACTIVATION_BITS-1]}}, activation};
    wire signed [RESPONSE_BITS-1:0] value = kernel[tap] ? extended : -extended;
  end
  assign response = ((term[0].value + term[1].value) + (term[2].value + term[3].value))
      + ((term[4].value + term[5].value) + (term[6].value + term[7].value)) + term[8].value;
endmodule
