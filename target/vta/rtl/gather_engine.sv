// Adds to each output's accumulators the responses that its indices pick.
//
// Stage 0 names an index line, stage 1 has it and picks (from the response file, or, in binary
// convolutions, what the adder trees make of the kernels in the line), stage 2 adds up the
// channels, stage 3 adds the sums to the accumulators.
module gather_engine #(
    parameter int PIXELS = 14,
    parameter int CHANNELS = 32,
    parameter int ADDERS = 1,
    parameter int SHARING = 4,
    parameter int INDEX_BITS = 6,
    parameter int RESPONSE_BITS = 13,
    parameter int RESPONSES = 64,
    parameter int INDEX_LINES = 8192,
    parameter int OUTPUTS = 512,
    parameter int ACCUMULATOR_BITS = 24,
    parameter int TREES = (PIXELS + SHARING - 1) / SHARING,
    parameter int TURN_BITS = SHARING > 1 ? $clog2(SHARING) : 1,
    parameter int KERNEL_BITS = $clog2(RESPONSES),
    parameter int LINE_BITS = $clog2(INDEX_LINES),
    parameter int ADDER_BITS = ADDERS > 1 ? $clog2(ADDERS) : 1,
    parameter int GROUP_BITS = $clog2(OUTPUTS / ADDERS)
) (
    input logic clock,
    input logic reset,

    input  logic        start,
    output logic        idle,
    output logic        active,  // an index line is named in this cycle
    output logic        address_fault,
    input  logic        binary,
    input  logic [15:0] line,
    input  logic [ 9:0] groups,
    input  logic [ 7:0] blocks,
    input  logic [15:0] count,  // tiles; in binary convolutions, output pixels
    input  logic [ 3:0] sign,

    output logic                                  index_enable,
    output logic [LINE_BITS-1:0]                  index_address,
    input  logic [INDEX_BITS*ADDERS*CHANNELS-1:0] index_line,  // plane after plane

    // Response slots, and in binary convolutions window slots, as response_engine has them.
    input  logic source_ready,
    input  logic window_head,  // the window slot that is ready first
    output logic source_taken,
    // Accumulator banks.
    input  logic bank_free,
    output logic bank_taken,
    output logic bank_filled,

    // Reading the response file: every adder's kernel of every channel.
    output logic                                          file_slot,
    output logic [ADDERS*CHANNELS*KERNEL_BITS-1:0]        file_kernels,
    input  logic [ADDERS*CHANNELS*PIXELS*RESPONSE_BITS-1:0] file_data,

    // Driving the lanes in binary convolutions.
    output logic                                    drives_lanes,
    output logic                                    window_slot,
    output logic [TURN_BITS-1:0]                    turn,
    output logic [9*CHANNELS-1:0]                   kernels,
    input  logic [CHANNELS*TREES*RESPONSE_BITS-1:0] tree_responses,

    // The accumulators: fields of one adder and the pixels of one turn.
    output logic                                       read_enable,
    output logic                                       bank,
    output logic [GROUP_BITS-1:0]                      read_group,
    input  logic [ADDERS*PIXELS*ACCUMULATOR_BITS-1:0]  read_data,
    output logic [ADDERS*PIXELS-1:0]                   write_enable,
    output logic                                       write_bank,
    output logic [GROUP_BITS-1:0]                      write_group,
    output logic [ADDERS*PIXELS*ACCUMULATOR_BITS-1:0]  write_data
);
  localparam int SUM_BITS = RESPONSE_BITS + $clog2(CHANNELS) + 1;
  // Whole kernels need nine bits; without them, there are no binary convolutions.
  localparam bit BINARY = INDEX_BITS == 9;

  // Stage 0.
  logic running;
  logic [15:0] left;
  logic [7:0] block0;
  logic [9:0] group0;
  logic [ADDER_BITS-1:0] adder0;
  logic [TURN_BITS-1:0] turn0;
  logic [16:0] line0;
  logic file_slot0, bank0, pause;

  wire go = running && source_ready && bank_free && !pause;
  wire [15:0] tile = binary ? 16'(PIXELS) : 16'd1;
  wire last_turn = !binary || turn0 == TURN_BITS'(SHARING - 1);
  wire last_adder = !binary || adder0 == ADDER_BITS'(ADDERS - 1);
  wire last_group = group0 + 10'd1 == groups;
  wire last_of_block = last_turn && last_adder && last_group;
  wire last_of_tile = last_of_block && block0 + 8'd1 == blocks;

  assign active = go;
  assign index_enable = go;
  assign index_address = LINE_BITS'(line0);
  assign address_fault = go && line0 >= 17'(INDEX_LINES);
  assign source_taken = go && last_of_block;
  assign bank_taken = go && last_of_tile;

  always_ff @(posedge clock) begin
    pause <= 1'b0;
    if (start) begin
      running <= 1'b1;
      left <= count;
      block0 <= '0;
      group0 <= '0;
      adder0 <= '0;
      turn0 <= '0;
      line0 <= 17'(line);
    end
    if (go) begin
      turn0 <= last_turn ? '0 : turn0 + 1'b1;
      if (last_turn) adder0 <= last_adder ? '0 : adder0 + 1'b1;
      if (last_turn && last_adder) begin
        group0 <= last_group ? '0 : group0 + 1'b1;
        line0 <= last_of_tile ? 17'(line) : line0 + 1'b1;
      end
      if (last_of_block) begin
        if (!binary) file_slot0 <= !file_slot0;
        block0 <= block0 + 1'b1;
        // The accumulator that is read next may be the one that is about to be written.
        pause <= groups == 10'd1;
      end
      if (last_of_tile) begin
        block0 <= '0;
        bank0 <= !bank0;
        left <= left - tile;
        if (left <= tile) running <= 1'b0;
      end
    end
    if (reset) begin
      running <= 1'b0;
      file_slot0 <= 1'b0;
      bank0 <= 1'b0;
    end
  end

  // Stage 1: what belongs to the index line that has arrived.
  logic valid1, first1, filled1, file_slot1, binary_slot1, bank1;
  logic [GROUP_BITS-1:0] group1;
  logic [ADDER_BITS-1:0] adder1;
  logic [TURN_BITS-1:0] turn1;
  always_ff @(posedge clock) begin
    valid1 <= go && !reset;
    first1 <= block0 == '0;
    filled1 <= last_of_tile;
    file_slot1 <= file_slot0;
    binary_slot1 <= window_head;
    bank1 <= bank0;
    group1 <= GROUP_BITS'(group0);
    adder1 <= adder0;
    turn1 <= turn0;
  end
  assign file_slot = file_slot1;
  assign drives_lanes = valid1 && binary;
  assign window_slot = binary_slot1;
  assign turn = turn1;

  logic [INDEX_BITS-1:0] index[ADDERS*CHANNELS];
  logic [ADDERS*CHANNELS-1:0] negate1;
  always_comb begin
    for (int i = 0; i < ADDERS * CHANNELS; i++) begin
      logic [INDEX_BITS-1:0] low;
      for (int b = 0; b < INDEX_BITS; b++) index[i][b] = index_line[b*ADDERS*CHANNELS+i];
      negate1[i] = sign != 0 && !binary && |(index[i] >> (sign - 4'd1));
      low = sign != 0 ? index[i] & ~({INDEX_BITS{1'b1}} << (sign - 4'd1)) : index[i];
      file_kernels[i*KERNEL_BITS+:KERNEL_BITS] = KERNEL_BITS'(low);
    end
    for (int c = 0; c < CHANNELS; c++)
      kernels[9*c+:9] = 9'(index[32'(adder1)*CHANNELS+c]);
  end

  // Stage 2: what was picked, channels side by side for each adder and pixel.
  logic valid2, first2, filled2, bank2;
  logic [GROUP_BITS-1:0] group2;
  logic [ADDERS-1:0] adder_enable2;
  logic [PIXELS-1:0] pixel_enable2;
  logic [ADDERS*CHANNELS-1:0] negate2;
  logic [ADDERS*PIXELS*CHANNELS*RESPONSE_BITS-1:0] picked2;
  always_ff @(posedge clock) begin
    valid2 <= valid1;
    first2 <= first1;
    filled2 <= filled1;
    bank2 <= bank1;
    group2 <= group1;
    // The trees' responses lack the sign of tap 0.
    for (int a = 0; a < ADDERS; a++)
      for (int c = 0; c < CHANNELS; c++)
        negate2[a*CHANNELS+c] <= BINARY && binary ? !kernels[9*c] : negate1[a*CHANNELS+c];
    for (int a = 0; a < ADDERS; a++) adder_enable2[a] <= !binary || adder1 == ADDER_BITS'(a);
    for (int p = 0; p < PIXELS; p++)
      pixel_enable2[p] <= !binary || turn1 == TURN_BITS'(p / TREES);
    for (int a = 0; a < ADDERS; a++)
      for (int p = 0; p < PIXELS; p++)
        for (int c = 0; c < CHANNELS; c++)
          picked2[((a*PIXELS+p)*CHANNELS+c)*RESPONSE_BITS+:RESPONSE_BITS] <= BINARY && binary
              ? tree_responses[(c*TREES+p%TREES)*RESPONSE_BITS+:RESPONSE_BITS]
              : file_data[((a*CHANNELS+c)*PIXELS+p)*RESPONSE_BITS+:RESPONSE_BITS];
  end

  // Stage 3: sums over the channels; the accumulators have been read.
  logic valid3, first3, filled3, bank3;
  logic [GROUP_BITS-1:0] group3;
  logic [ADDERS*PIXELS-1:0] enable3;
  logic [ADDERS*PIXELS*SUM_BITS-1:0] sum2, sum3;
  logic [ADDERS-1:0] negate3;  // the sums lack the sign of channel 0
  for (genvar a = 0; a < ADDERS; a++) begin : adder
    for (genvar p = 0; p < PIXELS; p++) begin : pixel
      channel_tree #(
          .CHANNELS(CHANNELS),
          .RESPONSE_BITS(RESPONSE_BITS),
          .SUM_BITS(SUM_BITS)
      ) tree (
          .responses(picked2[(a*PIXELS+p)*CHANNELS*RESPONSE_BITS+:CHANNELS*RESPONSE_BITS]),
          .negate(negate2[a*CHANNELS+:CHANNELS]),
          .sum(sum2[(a*PIXELS+p)*SUM_BITS+:SUM_BITS])
      );
    end
  end
  assign read_enable = valid2;
  assign bank = bank2;
  assign read_group = group2;
  always_ff @(posedge clock) begin
    valid3 <= valid2;
    first3 <= first2;
    filled3 <= filled2;
    bank3 <= bank2;
    group3 <= group2;
    sum3 <= sum2;
    for (int a = 0; a < ADDERS; a++) negate3[a] <= negate2[a*CHANNELS];
    for (int a = 0; a < ADDERS; a++)
      for (int p = 0; p < PIXELS; p++)
        enable3[a*PIXELS+p] <= adder_enable2[a] && pixel_enable2[p];
  end

  assign write_enable = valid3 ? enable3 : '0;
  assign write_bank = bank3;
  assign write_group = group3;
  for (genvar i = 0; i < ADDERS * PIXELS; i++) begin : accumulator
    logic [ACCUMULATOR_BITS:0] total;
    signed_sum #(.BITS(ACCUMULATOR_BITS)) add (
        .a(first3 ? '0 : read_data[i*ACCUMULATOR_BITS+:ACCUMULATOR_BITS]),
        .b(ACCUMULATOR_BITS'($signed(sum3[i*SUM_BITS+:SUM_BITS]))), .negate(negate3[i/PIXELS]),
        .sum(total)
    );
    assign write_data[i*ACCUMULATOR_BITS+:ACCUMULATOR_BITS] = total[ACCUMULATOR_BITS-1:0];
  end
  assign bank_filled = valid3 && filled3;
  assign idle = !running && !valid1 && !valid2 && !valid3;
endmodule
