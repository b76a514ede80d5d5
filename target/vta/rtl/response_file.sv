// The responses of two blocks (ping and pong): one memory for each channel, adder and turn.
//
// All pixels of a channel are picked by the same index, so one word holds those of a turn.
module response_file #(
    parameter int PIXELS = 14,
    parameter int CHANNELS = 32,
    parameter int ADDERS = 1,
    parameter int SHARING = 4,
    parameter int RESPONSE_BITS = 13,
    parameter int RESPONSES = 64,
    parameter int TREES = (PIXELS + SHARING - 1) / SHARING,
    parameter int TURN_BITS = SHARING > 1 ? $clog2(SHARING) : 1,
    parameter int KERNEL_BITS = $clog2(RESPONSES)
) (
    input logic clock,

    input logic                                    write_enable,
    input logic                                    write_slot,
    input logic [TURN_BITS-1:0]                    write_turn,
    input logic [KERNEL_BITS-1:0]                  write_kernel,
    input logic [CHANNELS*TREES*RESPONSE_BITS-1:0] write_data,

    input  logic                                            read_slot,
    input  logic [ADDERS*CHANNELS*KERNEL_BITS-1:0]          read_kernels,
    output logic [ADDERS*CHANNELS*PIXELS*RESPONSE_BITS-1:0] read_data
);
  for (genvar a = 0; a < ADDERS; a++) begin : adder
    for (genvar c = 0; c < CHANNELS; c++) begin : channel
      for (genvar s = 0; s < SHARING; s++) begin : turn
        localparam int FIRST = s * TREES;
        localparam int COUNT = FIRST + TREES <= PIXELS ? TREES : PIXELS - FIRST;
        if (COUNT > 0) begin : used
          lookup_ram #(
              .DEPTH(2 * RESPONSES),
              .BITS (COUNT * RESPONSE_BITS)
          ) memory (
              .clock,
              .write_enable(write_enable && write_turn == TURN_BITS'(s)),
              .write_address({write_slot, write_kernel}),
              .write_data(write_data[c*TREES*RESPONSE_BITS+:COUNT*RESPONSE_BITS]),
              .read_address({
                read_slot, read_kernels[(a*CHANNELS+c)*KERNEL_BITS+:KERNEL_BITS]
              }),
              .read_data(
                  read_data[((a*CHANNELS+c)*PIXELS+FIRST)*RESPONSE_BITS+:COUNT*RESPONSE_BITS])
          );
        end
      end
    end
  end
endmodule
