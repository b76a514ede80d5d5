// Adds to each output's accumulators the responses that its indices pick.
//
// Stage 0 names an index line, stage 1 has it. In stage 3 responses are there: picked from the
// response file or, in binary convolutions, what the adder trees made of the kernels in the line
// since stage 2. Stages 4 and 5 add up the channels, stage 6 adds the sums to the accumulators.
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

    // Driving the lanes in binary convolutions; they answer in the next cycle.
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

  // What travels beside the data: stage i is in element i.
  localparam int STAGES = 6;
  logic [STAGES:1] valid, first, filled, banks;
  logic [GROUP_BITS-1:0] group[1:STAGES];
  logic [ADDER_BITS-1:0] adder[1:STAGES-1];
  logic [TURN_BITS-1:0] turns[1:STAGES-1];
  logic [3:1] file_slots;
  logic [2:1] window_slots;
  always_ff @(posedge clock) begin
    valid <= {valid[STAGES-1:1], go};
    first <= {first[STAGES-1:1], block0 == '0};
    filled <= {filled[STAGES-1:1], last_of_tile};
    banks <= {banks[STAGES-1:1], bank0};
    file_slots <= {file_slots[2:1], file_slot0};
    window_slots <= {window_slots[1], window_head};
    group[1] <= GROUP_BITS'(group0);
    adder[1] <= adder0;
    turns[1] <= turn0;
    for (int i = 2; i <= STAGES; i++) group[i] <= group[i-1];
    for (int i = 2; i < STAGES; i++) begin
      adder[i] <= adder[i-1];
      turns[i] <= turns[i-1];
    end
    if (reset) valid <= '0;
  end

  // The index bits that say which kernel; those above them say that it is subtracted.
  logic [INDEX_BITS-1:0] kernel_bits;
  always_ff @(posedge clock)
    if (start) kernel_bits <= sign != 0 ? ~({INDEX_BITS{1'b1}} << (sign - 4'd1)) : '1;

  // Stage 1: the index line has arrived.
  logic [INDEX_BITS-1:0] index[ADDERS*CHANNELS];
  logic [ADDERS*CHANNELS-1:0] negate1;
  logic [9*CHANNELS-1:0] kernels1;
  logic [ADDERS*CHANNELS*KERNEL_BITS-1:0] file_kernels1;
  always_comb begin
    for (int i = 0; i < ADDERS * CHANNELS; i++) begin
      for (int b = 0; b < INDEX_BITS; b++) index[i][b] = index_line[b*ADDERS*CHANNELS+i];
      file_kernels1[i*KERNEL_BITS+:KERNEL_BITS] = KERNEL_BITS'(index[i] & kernel_bits);
    end
    for (int c = 0; c < CHANNELS; c++)
      kernels1[9*c+:9] = 9'(index[32'(adder[1])*CHANNELS+c]);
    // The trees' responses lack the sign of tap 0.
    for (int a = 0; a < ADDERS; a++)
      for (int c = 0; c < CHANNELS; c++)
        negate1[a*CHANNELS+c] = BINARY && binary
            ? !kernels1[9*c] : |(index[a*CHANNELS+c] & ~kernel_bits);
  end

  // Stages 2 and 3: the lanes work; the response file answers in the third.
  logic [ADDERS*CHANNELS-1:0] negate2, negate3;
  logic [ADDERS*CHANNELS*KERNEL_BITS-1:0] file_kernels2;
  always_ff @(posedge clock) begin
    kernels <= kernels1;
    {negate3, negate2} <= {negate2, negate1};
    {file_kernels, file_kernels2} <= {file_kernels2, file_kernels1};
  end
  assign drives_lanes = valid[2] && binary;
  assign window_slot = window_slots[2];
  assign turn = turns[2];
  assign file_slot = file_slots[3];

  // Stages 4 and 5: what was picked, channels side by side for each adder and pixel; its sums.
  logic [ADDERS*CHANNELS-1:0] negate4;
  logic [ADDERS-1:0] negate5, negate6;  // of the sums: they lack the sign of channel 0
  logic [ADDERS*PIXELS*CHANNELS*RESPONSE_BITS-1:0] picked4;
  logic [ADDERS*PIXELS*SUM_BITS-1:0] sum5, sum6;
  always_ff @(posedge clock) begin
    for (int a = 0; a < ADDERS; a++)
      for (int p = 0; p < PIXELS; p++)
        for (int c = 0; c < CHANNELS; c++)
          picked4[((a*PIXELS+p)*CHANNELS+c)*RESPONSE_BITS+:RESPONSE_BITS] <= BINARY && binary
              ? tree_responses[(c*TREES+p%TREES)*RESPONSE_BITS+:RESPONSE_BITS]
              : file_data[((a*CHANNELS+c)*PIXELS+p)*RESPONSE_BITS+:RESPONSE_BITS];
    negate4 <= negate3;
    for (int a = 0; a < ADDERS; a++) negate5[a] <= negate4[a*CHANNELS];
    negate6 <= negate5;
    sum6 <= sum5;
  end
  for (genvar a = 0; a < ADDERS; a++) begin : adder_of
    for (genvar p = 0; p < PIXELS; p++) begin : pixel
      channel_tree #(
          .CHANNELS(CHANNELS),
          .RESPONSE_BITS(RESPONSE_BITS),
          .SUM_BITS(SUM_BITS)
      ) tree (
          .clock,
          .responses(picked4[(a*PIXELS+p)*CHANNELS*RESPONSE_BITS+:CHANNELS*RESPONSE_BITS]),
          .negate(negate4[a*CHANNELS+:CHANNELS]),
          .sum(sum5[(a*PIXELS+p)*SUM_BITS+:SUM_BITS])
      );
    end
  end

  // Stage 6: the accumulators have been read.
  logic [ADDERS*PIXELS-1:0] enable6;
  assign read_enable = valid[5];
  assign bank = banks[5];
  assign read_group = group[5];
  always_ff @(posedge clock)
    for (int a = 0; a < ADDERS; a++)
      for (int p = 0; p < PIXELS; p++)
        enable6[a*PIXELS+p] <= valid[5] && !reset && (!binary
            || (adder[5] == ADDER_BITS'(a) && turns[5] == TURN_BITS'(p / TREES)));
  assign write_enable = enable6;
  assign write_bank = banks[6];
  assign write_group = group[6];
  for (genvar i = 0; i < ADDERS * PIXELS; i++) begin : accumulator
    logic [ACCUMULATOR_BITS:0] total;
    signed_sum #(.BITS(ACCUMULATOR_BITS)) add (
        .a(first[6] ? '0 : read_data[i*ACCUMULATOR_BITS+:ACCUMULATOR_BITS]),
        .b(ACCUMULATOR_BITS'($signed(sum6[i*SUM_BITS+:SUM_BITS]))), .negate(negate6[i/PIXELS]),
        .sum(total)
    );
    assign write_data[i*ACCUMULATOR_BITS+:ACCUMULATOR_BITS] = total[ACCUMULATOR_BITS-1:0];
  end
  assign bank_filled = valid[6] && filled[6];
  assign idle = !running && valid == '0;
endmodule
