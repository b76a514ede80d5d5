// The windows of two blocks (ping and pong) and the adder trees over them.
//
// Pixel p = s * TREES + t takes turn s at tree t of its channel. A tree's window memory holds, for
// each tap, the activation of every slot, part (channel of a paired unit) and turn.
module lanes #(
    parameter int PIXELS = 14,
    parameter int CHANNELS = 32,
    parameter int SHARING = 4,
    parameter int ACTIVATION_BITS = 8,
    parameter int RESPONSE_BITS = 13,
    parameter int TREES = (PIXELS + SHARING - 1) / SHARING,
    parameter int LANE_BITS = $clog2(PIXELS + 1),
    parameter int TURN_BITS = SHARING > 1 ? $clog2(SHARING) : 1,
    parameter int VECTOR_BITS = CHANNELS * ACTIVATION_BITS
) (
    input logic clock,

    input logic [8:0]               tap_enable,
    input logic [9*LANE_BITS-1:0]   tap_lane,
    input logic [9*VECTOR_BITS-1:0] tap_data,
    input logic                     tap_slot,
    input logic                     tap_part,

    input  logic                                    slot,
    input  logic                                    part,
    input  logic [TURN_BITS-1:0]                    turn,
    input  logic [9*CHANNELS-1:0]                   kernels,
    // Of channel c and tree t: response c * TREES + t, in the next cycle; to be negated where tap 0
    // of the kernel is 0.
    output logic [CHANNELS*TREES*RESPONSE_BITS-1:0] responses
);
  localparam int DEPTH_BITS = 2 + TURN_BITS;

  for (genvar t = 0; t < TREES; t++) begin : tree
    logic [9*VECTOR_BITS-1:0] window;

    for (genvar tap = 0; tap < 9; tap++) begin : window_memory
      logic hit;
      logic [TURN_BITS-1:0] write_turn;
      always_comb begin
        hit = 1'b0;
        write_turn = '0;
        for (int s = 0; s < SHARING; s++)
          if (s * TREES + t < PIXELS
              && tap_lane[tap*LANE_BITS+:LANE_BITS] == LANE_BITS'(s * TREES + t)) begin
            hit = tap_enable[tap];
            write_turn = TURN_BITS'(s);
          end
      end
      lookup_ram #(
          .DEPTH(1 << DEPTH_BITS),
          .BITS (VECTOR_BITS)
      ) memory (
          .clock,
          .write_enable(hit),
          .write_address({tap_slot, tap_part, write_turn}),
          .write_data(tap_data[tap*VECTOR_BITS+:VECTOR_BITS]),
          .read_address({slot, part, turn}),
          .read_data(window[tap*VECTOR_BITS+:VECTOR_BITS])
      );
    end

    for (genvar c = 0; c < CHANNELS; c++) begin : channel
      logic [9*ACTIVATION_BITS-1:0] channel_window;
      for (genvar tap = 0; tap < 9; tap++) begin : slice
        assign channel_window[tap*ACTIVATION_BITS+:ACTIVATION_BITS] =
            window[tap*VECTOR_BITS+c*ACTIVATION_BITS+:ACTIVATION_BITS];
      end
      tap_tree #(
          .ACTIVATION_BITS(ACTIVATION_BITS),
          .RESPONSE_BITS  (RESPONSE_BITS)
      ) sum (
          .clock,
          .window(channel_window),
          .kernel(kernels[c*9+:9]),
          .response(responses[(c*TREES+t)*RESPONSE_BITS+:RESPONSE_BITS])
      );
    end
  end
endmodule
