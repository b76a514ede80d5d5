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
  localparam int STAGES = 6;
  localparam int CHANNEL_BITS = $clog2(CHANNELS);
  localparam int VECTOR_LINE_BITS = $clog2(VECTOR_LINES);

  localparam int PRODUCT_BITS = ACCUMULATOR_BITS + 17;  // with a 16-bit scale, and a bias added
  localparam int WIDE_BITS = 48;

  function automatic logic signed [31:0] saturate(input logic signed [WIDE_BITS-1:0] value);
    saturate = value[31:0];
    if (value[WIDE_BITS-1:31] != {(WIDE_BITS-31){value[WIDE_BITS-1]}})
      saturate = {value[WIDE_BITS-1], {31{!value[WIDE_BITS-1]}}};
  endfunction

  // Stage 0: which pixels of which output of which tile.
  logic running;
  logic [11:0] tiles_left;
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
  wire [17:0] block_lines = 18'(tiles) * 18'(PIXELS);
  wire [16:0] vector0 = 17'(block0) + 17'(pixel0);

  // Lines past a memory's end.
  assign address_fault = (go && parameter0 >= 11'(OUTPUTS))
      || (go && residual && residual0 >= 13'(RESIDUAL_LINES))
      || (go && plane != 0 && plane0 >= 13'(PLANE_LINES))
      || (go && vector != 0 && vector0 + 17'(PIXELS) > 17'(VECTOR_LINES))
      || (start && vector != 0 && block_lines > 18'(VECTOR_LINES));

  assign read_enable = go;
  assign bank = bank0;
  assign group = GROUP_BITS'(group0);
  assign parameter_address = PARAMETER_LINE_BITS'(parameter0);
  assign residual_address = RESIDUAL_LINE_BITS'(residual0);
  assign bank_done = go && last_of_tile;

  always_ff @(posedge clock) begin
    if (start) begin
      running <= 1'b1;
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

  // What travels beside the data: stage i is in element i - 1.
  logic [STAGES-1:0] valid;
  logic [TURN_BITS-1:0] turn[STAGES];
  logic [CHANNEL_BITS-1:0] column[STAGES];
  logic [$clog2(PLANE_LINES)-1:0] plane_at[STAGES];
  logic [VECTOR_LINE_BITS-1:0] vector_at[STAGES];  // the line of the turn's first pixel
  logic [ADDER_BITS-1:0] adder1;
  logic [127:0] given[STAGES-1];  // as seen from stage 2 on
  logic [LANES*16-1:0] residuals1, residuals2, residuals3;
  always_ff @(posedge clock) begin
    valid <= {valid[STAGES-2:0], go};
    turn[0] <= turn0;
    column[0] <= column0;
    plane_at[0] <= PLANE_LINE_BITS'(plane0);
    vector_at[0] <= VECTOR_LINE_BITS'(vector0 + 17'(turn0) * 17'(LANES));
    adder1 <= adder0;
    for (int i = 1; i < STAGES; i++) begin
      turn[i] <= turn[i-1];
      column[i] <= column[i-1];
      plane_at[i] <= plane_at[i-1];
      vector_at[i] <= vector_at[i-1];
    end
    given[0] <= parameters;
    for (int i = 1; i < STAGES - 1; i++) given[i] <= given[i-1];
    residuals2 <= residuals1;
    residuals3 <= residuals2;
    if (reset) valid <= '0;
  end

  // Stage 1: the accumulators and residuals of the turn's pixels.
  logic [LANES*ACCUMULATOR_BITS-1:0] accumulators1;
  always_comb begin
    accumulators1 = '0;
    residuals1 = '0;
    for (int t = 0; t < TURNS; t++)
      for (int p = 0; p < LANES; p++)
        if (turn[0] == TURN_BITS'(t) && t * LANES + p < PIXELS) begin
          residuals1[p*16+:16] = residuals[((t*LANES+p)%PIXELS)*16+:16];
          for (int a = 0; a < ADDERS; a++)
            if (adder1 == ADDER_BITS'(a))
              accumulators1[p*ACCUMULATOR_BITS+:ACCUMULATOR_BITS] =
                  accumulators[(a*PIXELS+(t*LANES+p)%PIXELS)*ACCUMULATOR_BITS+:ACCUMULATOR_BITS];
        end
  end

  logic [LANES*ACTIVATION_BITS-1:0] made;
  logic [LANES*32-1:0] plane_values;
  for (genvar p = 0; p < LANES; p++) begin : pixel
    logic signed [ACCUMULATOR_BITS-1:0] accumulator;
    logic signed [PRODUCT_BITS-1:0] product2;
    logic signed [PRODUCT_BITS:0] doubled2, shifted2;
    logic signed [31:0] value3, value4, value5, value6;
    logic signed [WIDE_BITS-1:0] slope5;
    logic signed [31:0] rectified, bounded;
    wire signed [31:0] low = 32'($signed(given[3][111:96]));
    wire signed [31:0] high = 32'($signed(given[3][127:112]));
    assign accumulator = accumulators1[p*ACCUMULATOR_BITS+:ACCUMULATOR_BITS];
    // Half of what is shifted out last is added: rounds to the nearest, halves upwards.
    assign doubled2 = $signed({product2, 1'b0}) >>> shift;
    assign shifted2 = (doubled2 + (PRODUCT_BITS + 1)'(1)) >>> 1;
    always_ff @(posedge clock) begin
      product2 <= affine
          ? PRODUCT_BITS'(accumulator) * PRODUCT_BITS'($signed(parameters[15:0]))
              + PRODUCT_BITS'($signed(parameters[63:32]))
          : PRODUCT_BITS'(accumulator);
      value3 <= affine ? saturate(WIDE_BITS'(shifted2)) : product2[31:0];
      value4 <= residual
          ? saturate(WIDE_BITS'(value3) + WIDE_BITS'($signed(residuals3[p*16+:16]))) : value3;
      value5 <= value4;
      slope5 <= WIDE_BITS'(value4) * WIDE_BITS'($signed(given[2][31:16])) + WIDE_BITS'('h2000);
      value6 <= bounded;
    end

    always_comb begin
      rectified = prelu && value5 < 0 ? saturate(slope5 >>> 14) : value5;
      bounded = rectified;
      if (clip && rectified < low) bounded = low;
      if (clip && bounded > high) bounded = high;
    end

    // Stage 6: what is written.
    localparam logic signed [31:0] LARGEST = (1 << (ACTIVATION_BITS - 1)) - 1;
    logic signed [31:0] threshold;
    logic signed [32:0] doubled, rounded;
    logic signed [31:0] quantized;
    always_comb begin
      threshold = given[4][95:64];
      doubled = $signed({value6, 1'b0}) >>> requantize;
      rounded = (doubled + 33'sd1) >>> 1;
      if (vector == 2'd1)
        quantized = value6 > threshold ? 32'sd1 : value6 < threshold ? -32'sd1 : 32'sd0;
      else if (rounded > 33'(LARGEST)) quantized = LARGEST;
      else if (rounded < -33'(LARGEST) - 33'sd1) quantized = -LARGEST - 32'sd1;
      else quantized = rounded[31:0];
      made[p*ACTIVATION_BITS+:ACTIVATION_BITS] = quantized[ACTIVATION_BITS-1:0];
      plane_values[p*32+:32] = value6;
      if (plane == 2'd2) begin
        if (value6 > 32'sd32767) plane_values[p*32+:32] = 32'sd32767;
        if (value6 < -32'sd32768) plane_values[p*32+:32] = -32'sd32768;
      end
    end
  end

  wire written = valid[STAGES-1];
  assign plane_address = plane_at[STAGES-1];
  assign plane_data = {TURNS{plane_values}};
  for (genvar t = 0; t < TURNS; t++) begin : plane_field
    assign plane_enable[t] = written && plane != 0 && turn[STAGES-1] == TURN_BITS'(t);
  end

  // Pixel i of the turn goes into bank (first line + i) mod LANES. With its first channel, a line's
  // other fields are cleared.
  wire [VECTOR_LINE_BITS-1:0] first_line = vector_at[STAGES-1];
  wire first_channel = column[STAGES-1] == '0;
  for (genvar b = 0; b < LANES; b++) begin : vector_bank
    wire [BANK_BITS-1:0] pixel_of_turn = BANK_BITS'(b) - first_line[BANK_BITS-1:0];
    wire exists = 32'(turn[STAGES-1]) * LANES + 32'(pixel_of_turn) < PIXELS;
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
          enable && (first_channel || column[STAGES-1] == CHANNEL_BITS'(c));
      assign vector_data[(b*CHANNELS+c)*ACTIVATION_BITS+:ACTIVATION_BITS] =
          c == 0 || !first_channel ? value : '0;
    end
  end

  assign idle = !running && valid == '0;
endmodule
