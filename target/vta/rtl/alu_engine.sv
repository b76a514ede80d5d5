// The epilogue: scale, bias, residual, PReLU and saturation, for LANES pixels of an output channel
// of a tile in each cycle.
//
// Results go to the plane memory, channel by channel, and to the vector memory as activation
// vectors: a line of it is a pixel, and each result is written into the field of its channel. The
// lines of neighbouring pixels lie in different banks.
module alu_engine #(
    parameter int PIXELS = 14,
    parameter int LANES = 4,
    parameter int CHANNELS = 32,
    parameter int ADDERS = 1,
    parameter int ACTIVATION_BITS = 8,
    parameter int ACCUMULATOR_BITS = 24,
    parameter int OUTPUTS = 512,
    parameter int RESIDUAL_LINES = 512,
    parameter int PLANE_LINES = 512,
    parameter int VECTOR_LINES = 1024,
    parameter int TURNS = (PIXELS + LANES - 1) / LANES,
    parameter int GROUP_BITS = $clog2(OUTPUTS / ADDERS),
    parameter int ADDER_BITS = ADDERS > 1 ? $clog2(ADDERS) : 1,
    parameter int TURN_BITS = TURNS > 1 ? $clog2(TURNS) : 1,
    parameter int BANK_BITS = $clog2(LANES),
    parameter int BANK_LINE_BITS = $clog2(VECTOR_LINES) - BANK_BITS,
    parameter int VECTOR_BITS = CHANNELS * ACTIVATION_BITS
) (
    input logic clock,
    input logic reset,

    input  logic        start,
    output logic        idle,
    output logic        address_fault,
    input  logic [11:0] tiles,
    input  logic [ 9:0] groups,
    input  logic [ 9:0] parameter_line,
    input  logic        affine,
    input  logic [ 4:0] shift,
    input  logic        residual,
    input  logic        prelu,
    input  logic        clip,
    input  logic [ 1:0] plane,
    input  logic [11:0] plane_line,
    input  logic [ 1:0] vector,
    input  logic [13:0] vector_line,
    input  logic [ 4:0] requantize,
    input  logic [11:0] residual_line,

    input  logic bank_ready,
    output logic bank_done,

    output logic                                      read_enable,
    output logic                                      bank,
    output logic [GROUP_BITS-1:0]                     group,
    input  logic [ADDERS*PIXELS*ACCUMULATOR_BITS-1:0] accumulators,
    output logic [$clog2(OUTPUTS)-1:0]                parameter_address,
    input  logic [127:0]                              parameters,
    output logic [$clog2(RESIDUAL_LINES)-1:0]         residual_address,
    input  logic [PIXELS*16-1:0]                      residuals,

    // A field of the plane memory holds the pixels of a turn, one of a vector bank a channel.
    output logic [TURNS-1:0]                plane_enable,
    output logic [$clog2(PLANE_LINES)-1:0]  plane_address,
    output logic [TURNS*LANES*32-1:0]       plane_data,
    output logic [LANES*CHANNELS-1:0]       vector_enable,
    output logic [LANES*BANK_LINE_BITS-1:0] vector_address,
    output logic [LANES*VECTOR_BITS-1:0]    vector_data
);
  localparam int PARAMETER_LINE_BITS = $clog2(OUTPUTS);
  localparam int RESIDUAL_LINE_BITS = $clog2(RESIDUAL_LINES);
  localparam int PLANE_LINE_BITS = $clog2(PLANE_LINES);
  localparam int STAGES = 11;  // the last one writes; see alu_lane.sv
  localparam int CHANNEL_BITS = $clog2(CHANNELS);
  localparam int VECTOR_LINE_BITS = $clog2(VECTOR_LINES);

  // Stage 0: which pixels of which output of which tile.
  logic running, started;
  logic [11:0] tiles_left;
  logic [17:0] block_lines;  // vector lines of all tiles
  logic [9:0] group0;
  logic [ADDER_BITS-1:0] adder0;
  logic [TURN_BITS-1:0] turn0;
  logic [CHANNEL_BITS-1:0] column0;
  logic [12:0] plane0, residual0;
  logic [10:0] parameter0;
  logic [15:0] block0, pixel0;  // vector lines of the block's first tile; of the tile
  logic bank0;

  wire last_turn = turn0 == TURN_BITS'(TURNS - 1);
  wire last_adder = adder0 == ADDER_BITS'(ADDERS - 1);
  wire last_of_tile = last_turn && last_adder && group0 + 10'd1 == groups;
  wire go = running && bank_ready;
  wire [16:0] vector0 = 17'(block0) + 17'(pixel0);

  // Lines past a memory's end.
  assign address_fault = (go && parameter0 >= 11'(OUTPUTS))
      || (go && residual && residual0 >= 13'(RESIDUAL_LINES))
      || (go && plane != 0 && plane0 >= 13'(PLANE_LINES))
      || (go && vector != 0 && vector0 + 17'(PIXELS) > 17'(VECTOR_LINES))
      || (started && vector != 0 && block_lines > 18'(VECTOR_LINES));

  assign read_enable = go;
  assign bank = bank0;
  assign group = GROUP_BITS'(group0);
  assign parameter_address = PARAMETER_LINE_BITS'(parameter0);
  assign residual_address = RESIDUAL_LINE_BITS'(residual0);
  assign bank_done = go && last_of_tile;

  always_ff @(posedge clock) begin
    started <= start && !reset;
    if (start) begin
      running <= 1'b1;
      block_lines <= 18'(tiles) * 18'(PIXELS);
      tiles_left <= tiles;
      group0 <= '0;
      adder0 <= '0;
      turn0 <= '0;
      column0 <= '0;
      plane0 <= 13'(plane_line);
      residual0 <= 13'(residual_line);
      parameter0 <= 11'(parameter_line);
      block0 <= 16'(vector_line);
      pixel0 <= '0;
    end
    if (go) turn0 <= last_turn ? '0 : turn0 + 1'b1;
    if (go && last_turn) begin
      adder0 <= last_adder ? '0 : adder0 + 1'b1;
      if (last_adder) group0 <= group0 + 1'b1;
      column0 <= column0 + 1'b1;
      plane0 <= plane0 + 1'b1;
      residual0 <= residual0 + 1'b1;
      parameter0 <= parameter0 + 1'b1;
      if (column0 == CHANNEL_BITS'(CHANNELS - 1)) block0 <= block0 + 16'(block_lines);
      if (last_of_tile) begin
        group0 <= '0;
        column0 <= '0;
        parameter0 <= 11'(parameter_line);
        block0 <= 16'(vector_line);
        pixel0 <= pixel0 + 16'(PIXELS);
        bank0 <= !bank0;
        tiles_left <= tiles_left - 1'b1;
        if (tiles_left == 12'd1) running <= 1'b0;
      end
    end
    if (reset) begin
      running <= 1'b0;
      bank0 <= 1'b0;
    end
  end

  // What travels beside the data: stage i is in element i.
  logic [STAGES:1] valid;
  logic [TURN_BITS-1:0] turn[1:STAGES];
  logic [CHANNEL_BITS-1:0] column[1:STAGES];
  logic [PLANE_LINE_BITS-1:0] plane_at[1:STAGES];
  logic [VECTOR_LINE_BITS-1:0] vector_at[1:STAGES];  // the line of the turn's first pixel
  logic [ADDER_BITS-1:0] adder1;
  always_ff @(posedge clock) begin
    valid <= {valid[STAGES-1:1], go};
    turn[1] <= turn0;
    column[1] <= column0;
    plane_at[1] <= PLANE_LINE_BITS'(plane0);
    vector_at[1] <= VECTOR_LINE_BITS'(vector0 + 17'(turn0) * 17'(LANES));
    adder1 <= adder0;
    for (int i = 2; i <= STAGES; i++) begin
      turn[i] <= turn[i-1];
      column[i] <= column[i-1];
      plane_at[i] <= plane_at[i-1];
      vector_at[i] <= vector_at[i-1];
    end
    if (reset) valid <= '0;
  end

  // Stage 1: the accumulators and residuals of the turn's pixels.
  logic [LANES*ACCUMULATOR_BITS-1:0] accumulators1, accumulators2;
  logic [LANES*16-1:0] residuals1, residuals2;
  always_comb begin
    accumulators1 = '0;
    residuals1 = '0;
    for (int t = 0; t < TURNS; t++)
      for (int p = 0; p < LANES; p++)
        if (turn[1] == TURN_BITS'(t) && t * LANES + p < PIXELS) begin
          residuals1[p*16+:16] = residuals[((t*LANES+p)%PIXELS)*16+:16];
          for (int a = 0; a < ADDERS; a++)
            if (adder1 == ADDER_BITS'(a))
              accumulators1[p*ACCUMULATOR_BITS+:ACCUMULATOR_BITS] =
                  accumulators[(a*PIXELS+(t*LANES+p)%PIXELS)*ACCUMULATOR_BITS+:ACCUMULATOR_BITS];
        end
  end

  // Parameters go with them, neutral ones for the steps that are not wanted.
  logic [15:0] scale2;
  logic [31:0] bias2;
  logic [15:0] slope[2:7], low[2:9], high[2:9];
  logic [31:0] threshold[2:10];
  always_ff @(posedge clock) begin
    accumulators2 <= accumulators1;
    residuals2 <= residual ? residuals1 : '0;
    scale2 <= affine ? parameters[15:0] : 16'd1;
    bias2 <= affine ? parameters[63:32] : '0;
    slope[2] <= prelu ? parameters[31:16] : 16'h4000;
    threshold[2] <= parameters[95:64];
    low[2] <= parameters[111:96];
    high[2] <= parameters[127:112];
    for (int i = 3; i <= 7; i++) slope[i] <= slope[i-1];
    for (int i = 3; i <= 9; i++) low[i] <= low[i-1];
    for (int i = 3; i <= 9; i++) high[i] <= high[i-1];
    for (int i = 3; i <= 10; i++) threshold[i] <= threshold[i-1];
  end

  logic [LANES*ACTIVATION_BITS-1:0] made;
  logic [LANES*32-1:0] plane_values;
  for (genvar p = 0; p < LANES; p++) begin : pixel
    alu_lane #(
        .ACTIVATION_BITS(ACTIVATION_BITS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS)
    ) lane (
        .clock,
        .shift(affine ? shift : '0),
        .clip,
        .trunk(plane == 2'd2),
        .sign(vector == 2'd1),
        .requantize,
        .accumulator(accumulators2[p*ACCUMULATOR_BITS+:ACCUMULATOR_BITS]),
        .residual(residuals2[p*16+:16]),
        .scale(scale2),
        .bias(bias2),
        .slope(slope[7]),
        .low(low[9]),
        .high(high[9]),
        .threshold(threshold[10]),
        .plane_value(plane_values[p*32+:32]),
        .activation(made[p*ACTIVATION_BITS+:ACTIVATION_BITS])
    );
  end

  wire written = valid[STAGES];
  assign plane_address = plane_at[STAGES];
  assign plane_data = {TURNS{plane_values}};
  for (genvar t = 0; t < TURNS; t++) begin : plane_field
    assign plane_enable[t] = written && plane != 0 && turn[STAGES] == TURN_BITS'(t);
  end

  // Pixel i of the turn goes into bank (first line + i) mod LANES. With its first channel, a line's
  // other fields are cleared.
  wire [VECTOR_LINE_BITS-1:0] first_line = vector_at[STAGES];
  wire first_channel = column[STAGES] == '0;
  for (genvar b = 0; b < LANES; b++) begin : vector_bank
    wire [BANK_BITS-1:0] pixel_of_turn = BANK_BITS'(b) - first_line[BANK_BITS-1:0];
    wire exists = 32'(turn[STAGES]) * LANES + 32'(pixel_of_turn) < PIXELS;
    wire enable = written && vector != 0 && exists;
    logic [ACTIVATION_BITS-1:0] value;
    always_comb begin
      value = '0;
      for (int p = 0; p < LANES; p++)
        if (pixel_of_turn == BANK_BITS'(p)) value = made[p*ACTIVATION_BITS+:ACTIVATION_BITS];
    end
    wire [VECTOR_LINE_BITS-1:0] line = first_line + VECTOR_LINE_BITS'(pixel_of_turn);
    assign vector_address[b*BANK_LINE_BITS+:BANK_LINE_BITS] = line[VECTOR_LINE_BITS-1:BANK_BITS];
    for (genvar c = 0; c < CHANNELS; c++) begin : field
      assign vector_enable[b*CHANNELS+c] =
          enable && (first_channel || column[STAGES] == CHANNEL_BITS'(c));
      assign vector_data[(b*CHANNELS+c)*ACTIVATION_BITS+:ACTIVATION_BITS] =
          c == 0 || !first_channel ? value : '0;
    end
  end

  assign idle = !running && valid == '0;
endmodule
