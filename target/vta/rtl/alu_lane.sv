// The epilogue's arithmetic for one pixel: it takes an accumulator in each cycle, and gives what is
// written of it nine cycles later.
//
// Parameters are those of the accumulator's output, neutral ones where a step is not wanted: a
// scale of 1, a slope of 1. They come with the accumulator, and are delayed here as far as needed.
module alu_lane #(
    parameter int ACTIVATION_BITS = 8,
    parameter int ACCUMULATOR_BITS = 24
) (
    input logic clock,

    // The instruction's.
    input logic [4:0] shift,
    input logic       clip,
    input logic       trunk,      // the plane takes 16 bits
    input logic       sign,       // the activation is the sign
    input logic [4:0] requantize,

    // Stage 2.
    input logic signed [ACCUMULATOR_BITS-1:0] accumulator,
    input logic signed [15:0]                 residual,
    input logic signed [15:0]                 scale,
    input logic signed [31:0]                 bias,
    // Of stages 7, 9 and 10.
    input logic signed [15:0]                 slope,
    input logic signed [15:0]                 low,
    input logic signed [15:0]                 high,
    input logic signed [31:0]                 threshold,

    // Stage 11.
    output logic signed [31:0]         plane_value,
    output logic [ACTIVATION_BITS-1:0] activation
);
  localparam int SUM_BITS = ACCUMULATOR_BITS + 17;  // accumulator times 16-bit scale, and bias
  localparam int WIDE_BITS = 48;
  localparam logic signed [31:0] LARGEST = (1 << (ACTIVATION_BITS - 1)) - 1;

  function automatic logic signed [31:0] saturate(input logic signed [WIDE_BITS-1:0] value);
    saturate = value[31:0];
    if (value[WIDE_BITS-1:31] != {(WIDE_BITS-31){value[WIDE_BITS-1]}})
      saturate = {value[WIDE_BITS-1], {31{!value[WIDE_BITS-1]}}};
  endfunction

  // Scale and bias; half of what is shifted out last is added: rounds to the nearest, halves
  // upwards.
  logic signed [SUM_BITS-1:0] product3, sum4;
  logic signed [SUM_BITS:0] doubled5;
  logic signed [31:0] bias3, value6;
  wire signed [SUM_BITS:0] rounded5 = (doubled5 + (SUM_BITS + 1)'(1)) >>> 1;
  always_ff @(posedge clock) begin
    product3 <= SUM_BITS'(accumulator) * SUM_BITS'(scale);
    bias3 <= bias;
    sum4 <= product3 + SUM_BITS'(bias3);
    doubled5 <= $signed({sum4, 1'b0}) >>> shift;
    value6 <= saturate(WIDE_BITS'(rounded5));
  end

  // Residual, PReLU, clip.
  logic signed [15:0] residual3, residual4, residual5, residual6;
  logic signed [31:0] value7, value8, value9, value10;
  logic signed [WIDE_BITS-1:0] sloped8;
  logic signed [31:0] bounded9;
  always_comb begin
    bounded9 = value9;
    if (clip && value9 > 32'(high)) bounded9 = 32'(high);
    // A lower bound above the upper one gives way to it.
    if (clip && value9 < 32'(low)) bounded9 = low > high ? 32'(high) : 32'(low);
  end
  always_ff @(posedge clock) begin
    {residual6, residual5, residual4, residual3} <= {residual5, residual4, residual3, residual};
    value7 <= saturate(WIDE_BITS'(value6) + WIDE_BITS'(residual6));
    value8 <= value7;
    sloped8 <= WIDE_BITS'(value7) * WIDE_BITS'(slope);
    value9 <= value8 < 0 ? saturate((sloped8 + WIDE_BITS'(32'sh2000)) >>> 14) : value8;
    value10 <= bounded9;
  end

  // What is written: the value, and an activation made of it.
  logic signed [31:0] value11;
  logic signed [32:0] doubled11;
  logic positive11, negative11;
  always_ff @(posedge clock) begin
    value11 <= value10;
    positive11 <= value10 > threshold;
    negative11 <= value10 < threshold;
    doubled11 <= $signed({value10, 1'b0}) >>> requantize;
  end
  wire signed [32:0] rounded11 = (doubled11 + 33'sd1) >>> 1;
  wire too_small11 = rounded11 < -33'(LARGEST) - 33'sd1;
  wire too_large11 = rounded11 > 33'(LARGEST);
  assign activation =
      sign && positive11 ? ACTIVATION_BITS'(1)
      : sign ? {ACTIVATION_BITS{negative11}}
      : too_small11 ? ACTIVATION_BITS'(-LARGEST - 32'sd1)
      : too_large11 ? LARGEST[ACTIVATION_BITS-1:0]
      : rounded11[ACTIVATION_BITS-1:0];
  assign plane_value =
      trunk && value11 < -32'sd32768 ? -32'sd32768
      : trunk && value11 > 32'sd32767 ? 32'sd32767
      : value11;
endmodule
