// The ALU with its instruction.
module alu_unit #(
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
    parameter int BANK_LINE_BITS = $clog2(VECTOR_LINES) - $clog2(LANES),
    parameter int VECTOR_BITS = CHANNELS * ACTIVATION_BITS
) (
    input logic clock,
    input logic reset,

    input  logic         start,
    input  logic [127:0] instruction,
    output logic         done,
    output logic         address_fault,

    input  logic                                      bank_ready,
    output logic                                      bank_done,
    output logic                                      read_enable,  // of all that it reads
    output logic                                      bank,
    output logic [GROUP_BITS-1:0]                     group,
    input  logic [ADDERS*PIXELS*ACCUMULATOR_BITS-1:0] accumulators,
    output logic [$clog2(OUTPUTS)-1:0]                parameter_address,
    input  logic [127:0]                              parameters,
    output logic [$clog2(RESIDUAL_LINES)-1:0]         residual_address,
    input  logic [PIXELS*16-1:0]                      residuals,

    output logic [TURNS-1:0]                plane_enable,
    output logic [$clog2(PLANE_LINES)-1:0]  plane_address,
    output logic [TURNS*LANES*32-1:0]       plane_data,
    output logic [LANES*CHANNELS-1:0]       vector_enable,
    output logic [LANES*BANK_LINE_BITS-1:0] vector_address,
    output logic [LANES*VECTOR_BITS-1:0]    vector_data
);
  `include "isa.svh"

  alu_engine #(
      .PIXELS(PIXELS), .LANES(LANES), .CHANNELS(CHANNELS), .ADDERS(ADDERS),
      .ACTIVATION_BITS(ACTIVATION_BITS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS), .OUTPUTS(OUTPUTS),
      .RESIDUAL_LINES(RESIDUAL_LINES), .PLANE_LINES(PLANE_LINES), .VECTOR_LINES(VECTOR_LINES)
  ) engine (
      .clock, .reset, .start, .idle(done), .address_fault,
      .tiles(instruction[ALU_TILES_LSB+:ALU_TILES_BITS]),
      .groups(instruction[ALU_GROUPS_LSB+:ALU_GROUPS_BITS]),
      .parameter_line(instruction[ALU_PARAMETER_LSB+:ALU_PARAMETER_BITS]),
      .affine(instruction[ALU_AFFINE_LSB]),
      .shift(instruction[ALU_SHIFT_LSB+:ALU_SHIFT_BITS]),
      .residual(instruction[ALU_RESIDUAL_LSB]),
      .prelu(instruction[ALU_PRELU_LSB]),
      .clip(instruction[ALU_CLIP_LSB]),
      .plane(instruction[ALU_PLANE_LSB+:ALU_PLANE_BITS]),
      .plane_line(instruction[ALU_PLANE_LINE_LSB+:ALU_PLANE_LINE_BITS]),
      .vector(instruction[ALU_VECTOR_LSB+:ALU_VECTOR_BITS]),
      .vector_line(instruction[ALU_VECTOR_LINE_LSB+:ALU_VECTOR_LINE_BITS]),
      .requantize(instruction[ALU_REQUANTIZE_LSB+:ALU_REQUANTIZE_BITS]),
      .residual_line(instruction[ALU_RESIDUAL_LINE_LSB+:ALU_RESIDUAL_LINE_BITS]),
      .bank_ready, .bank_done, .read_enable, .bank, .group, .accumulators,
      .parameter_address, .parameters, .residual_address, .residuals,
      .plane_enable, .plane_address, .plane_data,
      .vector_enable, .vector_address, .vector_data
  );
endmodule
