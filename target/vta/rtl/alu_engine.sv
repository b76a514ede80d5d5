// The epilogue: scale, bias, residual, PReLU and saturation, one output channel of a tile a cycle.
//
// Results go to the plane memory as they come, channel by channel, and to the vector memory as
// activation vectors: `channels` results of a pixel are collected, then written pixel by pixel.
module alu_engine #(
    parameter int PIXELS = 14,
    parameter int CHANNELS = 32,
    parameter int ADDERS = 1,
    parameter int ACTIVATION_BITS = 8,
    parameter int ACCUMULATOR_BITS = 24,
    parameter int OUTPUTS = 512,
    parameter int RESIDUAL_LINES = 512,
    parameter int PLANE_LINES = 512,
    parameter int VECTOR_LINES = 1024,
    parameter int GROUP_BITS = $clog2(OUTPUTS / ADDERS),
    parameter int ADDER_BITS = ADDERS > 1 ? $clog2(ADDERS) : 1,
    parameter int VECTOR_BITS = CHANNELS * ACTIVATION_BITS
) (
    input logic clock,
    input logic reset,

    input  logic        start,
    output logic        idle,
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

    output logic                            plane_enable,
    output logic [$clog2(PLANE_LINES)-1:0]  plane_address,
    output logic [PIXELS*32-1:0]            plane_data,
    output logic                            vector_enable,
    output logic [$clog2(VECTOR_LINES)-1:0] vector_address,
    output logic [VECTOR_BITS-1:0]          vector_data
);
  localparam int STAGES = 6;
  localparam int CHANNEL_BITS = $clog2(CHANNELS);
  localparam int PIXEL_BITS = $clog2(PIXELS + 1);

  function automatic logic signed [31:0] saturate(input logic signed [55:0] value);
    saturate = value[31:0];
    if (value > 56'sh7fffffff) saturate = 32'sh7fffffff;
    if (value < -56'sh80000000) saturate = -32'sh80000000;
  endfunction

  // Stage 0: which output of which tile.
  logic running;
  logic [11:0] tiles_left;
  logic [9:0] group0;
  logic [ADDER_BITS-1:0] adder0;
  logic [CHANNEL_BITS-1:0] column0;
  logic [11:0] plane0, residual0;
  logic [9:0] parameter0;
  logic [13:0] block0, pixel0;  // vector lines of the block's first tile; of the tile
  logic bank0;
  logic flushing, vector_pending;

  wire last_adder = adder0 == ADDER_BITS'(ADDERS - 1);
  wire last_of_tile = last_adder && group0 + 10'd1 == groups;
  wire closes = vector != 0 && (column0 == CHANNEL_BITS'(CHANNELS - 1) || last_of_tile);
  wire go = running && bank_ready && !(closes && vector_pending);

  assign read_enable = go;
  assign bank = bank0;
  assign group = GROUP_BITS'(group0);
  assign parameter_address = $clog2(OUTPUTS)'(parameter0);
  assign residual_address = $clog2(RESIDUAL_LINES)'(residual0);
  assign bank_done = go && last_of_tile;

  always_ff @(posedge clock) begin
    if (start) begin
      running <= 1'b1;
      tiles_left <= tiles;
      group0 <= '0;
      adder0 <= '0;
      column0 <= '0;
      plane0 <= plane_line;
      residual0 <= residual_line;
      parameter0 <= parameter_line;
      block0 <= vector_line;
      pixel0 <= '0;
    end
    if (go) begin
      adder0 <= last_adder ? '0 : adder0 + 1'b1;
      if (last_adder) group0 <= group0 + 1'b1;
      column0 <= column0 + 1'b1;
      plane0 <= plane0 + 1'b1;
      residual0 <= residual0 + 1'b1;
      parameter0 <= parameter0 + 1'b1;
      if (closes) block0 <= block0 + 14'(tiles * PIXELS);
      if (last_of_tile) begin
        group0 <= '0;
        column0 <= '0;
        parameter0 <= parameter_line;
        block0 <= vector_line;
        pixel0 <= pixel0 + 14'(PIXELS);
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
  logic [STAGES-1:0] close;
  logic [CHANNEL_BITS-1:0] column[STAGES];
  logic [11:0] plane_at[STAGES];
  logic [13:0] vector_at[STAGES];
  logic [ADDER_BITS-1:0] adder1;
  logic [127:0] given[STAGES-1];  // as seen from stage 2 on
  logic [PIXELS*16-1:0] residuals2, residuals3;
  always_ff @(posedge clock) begin
    valid <= {valid[STAGES-2:0], go};
    close <= {close[STAGES-2:0], closes};
    column[0] <= column0;
    plane_at[0] <= plane0;
    vector_at[0] <= block0 + pixel0;
    adder1 <= adder0;
    for (int i = 1; i < STAGES; i++) begin
      column[i] <= column[i-1];
      plane_at[i] <= plane_at[i-1];
      vector_at[i] <= vector_at[i-1];
    end
    given[0] <= parameters;
    for (int i = 1; i < STAGES - 1; i++) given[i] <= given[i-1];
    residuals2 <= residuals;
    residuals3 <= residuals2;
    if (reset) valid <= '0;
  end

  logic [PIXELS*ACTIVATION_BITS-1:0] made;
  for (genvar p = 0; p < PIXELS; p++) begin : pixel
    logic signed [ACCUMULATOR_BITS-1:0] accumulator;
    logic signed [55:0] product2, shifted2;
    logic signed [31:0] value3, value4, value5, value6;
    logic signed [55:0] slope5;
    logic signed [31:0] rectified, bounded;
    assign accumulator = accumulators[(32'(adder1)*PIXELS+p)*ACCUMULATOR_BITS+:ACCUMULATOR_BITS];
    assign shifted2 = (product2 + (shift == 0 ? 56'sd0 : 56'sd1 <<< (shift - 5'd1))) >>> shift;
    always_ff @(posedge clock) begin
      product2 <= affine
          ? 56'(accumulator) * 56'($signed(parameters[15:0])) + 56'($signed(parameters[63:32]))
          : 56'(accumulator);
      value3 <= affine ? saturate(shifted2) : product2[31:0];
      value4 <= residual
          ? saturate(56'(value3) + 56'($signed(residuals3[p*16+:16]))) : value3;
      value5 <= value4;
      slope5 <= 56'(value4) * 56'($signed(given[2][31:16])) + 56'sh2000;
      value6 <= bounded;
    end

    always_comb begin
      rectified = prelu && value5 < 0 ? saturate(slope5 >>> 14) : value5;
      bounded = rectified;
      if (clip && rectified < 32'($signed(given[3][111:96]))) bounded = 32'($signed(given[3][111:96]));
      if (clip && bounded > 32'($signed(given[3][127:112]))) bounded = 32'($signed(given[3][127:112]));
    end

    // Stage 6: what is written.
    localparam logic signed [31:0] LARGEST = (1 << (ACTIVATION_BITS - 1)) - 1;
    logic signed [31:0] threshold;
    logic signed [32:0] rounded;
    logic signed [31:0] quantized;
    always_comb begin
      threshold = given[4][95:64];
      rounded = (33'(value6) + (requantize == 0 ? 33'sd0 : 33'sd1 <<< (requantize - 5'd1)))
          >>> requantize;
      if (vector == 2'd1) quantized = value6 > threshold ? 32'sd1 : value6 < threshold ? -32'sd1 : 0;
      else if (rounded > 33'(LARGEST)) quantized = LARGEST;
      else if (rounded < -33'(LARGEST) - 33'sd1) quantized = -LARGEST - 32'sd1;
      else quantized = rounded[31:0];
      made[p*ACTIVATION_BITS+:ACTIVATION_BITS] = quantized[ACTIVATION_BITS-1:0];
      plane_data[p*32+:32] = value6;
      if (plane == 2'd2) begin
        if (value6 > 32'sd32767) plane_data[p*32+:32] = 32'sd32767;
        if (value6 < -32'sd32768) plane_data[p*32+:32] = -32'sd32768;
      end
    end
  end

  assign plane_enable = valid[STAGES-1] && plane != 0;
  assign plane_address = $clog2(PLANE_LINES)'(plane_at[STAGES-1]);

  // Collecting vectors, and writing those that are complete.
  logic [PIXELS*VECTOR_BITS-1:0] collected, complete;
  logic [PIXEL_BITS-1:0] flushed;
  logic [13:0] flush_line;
  wire collect = valid[STAGES-1] && vector != 0;
  logic [PIXELS*VECTOR_BITS-1:0] with_column;
  always_comb begin
    with_column = column[STAGES-1] == '0 ? '0 : collected;
    for (int p = 0; p < PIXELS; p++)
      with_column[p*VECTOR_BITS+32'(column[STAGES-1])*ACTIVATION_BITS+:ACTIVATION_BITS] =
          made[p*ACTIVATION_BITS+:ACTIVATION_BITS];
  end

  assign vector_enable = flushing;
  assign vector_address = $clog2(VECTOR_LINES)'(flush_line);
  assign vector_data = complete[VECTOR_BITS-1:0];

  always_ff @(posedge clock) begin
    if (flushing) begin
      complete <= complete >> VECTOR_BITS;
      flush_line <= flush_line + 1'b1;
      flushed <= flushed + 1'b1;
      if (flushed == PIXEL_BITS'(PIXELS - 1)) begin
        flushing <= 1'b0;
        vector_pending <= 1'b0;
      end
    end
    if (go && closes) vector_pending <= 1'b1;
    if (collect) begin
      collected <= with_column;
      if (close[STAGES-1]) begin
        complete <= with_column;
        flush_line <= vector_at[STAGES-1];
        flushed <= '0;
        flushing <= 1'b1;
      end
    end
    if (reset) begin
      flushing <= 1'b0;
      vector_pending <= 1'b0;
    end
  end

  assign idle = !running && valid == '0 && !flushing;
endmodule
