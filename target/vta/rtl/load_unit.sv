// The load engine with its instructions, LOAD and LDACT, and the memories that it alone fills:
// subset, indices, parameters, residuals.
module load_unit #(
    parameter int PIXELS = 14,
    parameter int CHANNELS = 32,
    parameter int ADDERS = 1,
    parameter int ACTIVATION_BITS = 8,
    parameter int INDEX_BITS = 6,
    parameter int BUS_BYTES = 8,
    parameter int ACTIVATION_LINES = 768,
    parameter int SUBSET_LINES = 256,
    parameter int INDEX_LINES = 8192,
    parameter int OUTPUTS = 512,
    parameter int RESIDUAL_LINES = 512,
    parameter int LINE_BITS = $clog2(ACTIVATION_LINES),
    parameter int VECTOR_BITS = CHANNELS * ACTIVATION_BITS,
    parameter int PLANE_BITS = ADDERS * CHANNELS
) (
    input logic clock,
    input logic reset,

    input  logic         start,
    input  logic [127:0] instruction,
    output logic         done,
    output logic         address_fault,

    output logic                   reader_start,
    input  logic                   reader_ready,
    output logic [31:0]            reader_address,
    output logic [23:0]            reader_words,
    input  logic                   word_valid,
    output logic                   word_ready,
    input  logic [BUS_BYTES*8-1:0] word,

    output logic [3:0]             bank_request,
    input  logic                   bank_granted,
    output logic [LINE_BITS-1:0]   bank_address,
    output logic [VECTOR_BITS-1:0] bank_data,

    // What the other engines read: data one cycle after the address.
    input  logic                              subset_read,
    input  logic [$clog2(SUBSET_LINES)-1:0]   subset_address,
    output logic [8:0]                        subset_kernel,
    input  logic                              index_read,
    input  logic [$clog2(INDEX_LINES)-1:0]    index_address,
    output logic [INDEX_BITS*PLANE_BITS-1:0]  index_line,
    input  logic                              alu_read,
    input  logic [$clog2(OUTPUTS)-1:0]        parameter_address,
    output logic [127:0]                      parameters,
    input  logic [$clog2(RESIDUAL_LINES)-1:0] residual_address,
    output logic [PIXELS*16-1:0]              residuals
);
  `include "isa.svh"

  logic subset_enable, parameter_enable, residual_enable;
  logic [$clog2(SUBSET_LINES)-1:0] subset_target;
  logic [8:0] subset_data;
  logic [INDEX_BITS-1:0] index_enable;
  logic [$clog2(INDEX_LINES)-1:0] index_target;
  logic [INDEX_BITS*PLANE_BITS-1:0] index_data;
  logic [$clog2(OUTPUTS)-1:0] parameter_target;
  logic [127:0] parameter_data;
  logic [$clog2(RESIDUAL_LINES)-1:0] residual_target;
  logic [PIXELS*16-1:0] residual_data;

  wire is_ldact = instruction[3:0] == OP_LDACT;
  load_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .INDEX_BITS(INDEX_BITS), .BUS_BYTES(BUS_BYTES), .ACTIVATION_LINES(ACTIVATION_LINES),
      .SUBSET_LINES(SUBSET_LINES), .INDEX_LINES(INDEX_LINES), .OUTPUTS(OUTPUTS),
      .RESIDUAL_LINES(RESIDUAL_LINES)
  ) engine (
      .clock, .reset, .start, .activations(is_ldact), .idle(done), .address_fault,
      .address(is_ldact ? instruction[LDACT_ADDRESS_LSB+:LDACT_ADDRESS_BITS]
          : instruction[LOAD_ADDRESS_LSB+:LOAD_ADDRESS_BITS]),
      .memory(instruction[LOAD_MEMORY_LSB+:LOAD_MEMORY_BITS]),
      .planes(instruction[LOAD_PLANES_LSB+:LOAD_PLANES_BITS]),
      .line(instruction[LOAD_LINE_LSB+:LOAD_LINE_BITS]),
      .count(instruction[LOAD_COUNT_LSB+:LOAD_COUNT_BITS]),
      .image_line(instruction[LDACT_LINE_LSB+:LDACT_LINE_BITS]),
      .first_row(instruction[LDACT_ROW_LSB+:LDACT_ROW_BITS]),
      .rows(instruction[LDACT_ROWS_LSB+:LDACT_ROWS_BITS]),
      .width(instruction[LDACT_WIDTH_LSB+:LDACT_WIDTH_BITS]),
      .blocks(instruction[LDACT_BLOCKS_LSB+:LDACT_BLOCKS_BITS]),
      .pitch(instruction[LDACT_PITCH_LSB+:LDACT_PITCH_BITS]),
      .stride(instruction[LDACT_STRIDE_LSB+:LDACT_STRIDE_BITS]),
      .reader_start, .reader_ready, .reader_address, .reader_words,
      .word_valid, .word_ready, .word,
      .bank_request, .bank_granted, .bank_address, .bank_data,
      .subset_enable, .subset_address(subset_target), .subset_data,
      .index_enable, .index_address(index_target), .index_data,
      .parameter_enable, .parameter_address(parameter_target), .parameter_data,
      .residual_enable, .residual_address(residual_target), .residual_data
  );

  simple_ram #(.DEPTH(SUBSET_LINES), .FIELD_BITS(9)) subset_memory (
      .clock, .write_enable(subset_enable), .write_address(subset_target),
      .write_data(subset_data), .read_enable(subset_read), .read_address(subset_address),
      .read_data(subset_kernel)
  );
  simple_ram #(.DEPTH(INDEX_LINES), .FIELDS(INDEX_BITS), .FIELD_BITS(PLANE_BITS)) index_memory (
      .clock, .write_enable(index_enable), .write_address(index_target), .write_data(index_data),
      .read_enable(index_read), .read_address(index_address), .read_data(index_line)
  );
  simple_ram #(.DEPTH(OUTPUTS), .FIELD_BITS(128)) parameter_memory (
      .clock, .write_enable(parameter_enable), .write_address(parameter_target),
      .write_data(parameter_data), .read_enable(alu_read), .read_address(parameter_address),
      .read_data(parameters)
  );
  simple_ram #(.DEPTH(RESIDUAL_LINES), .FIELD_BITS(PIXELS * 16)) residual_memory (
      .clock, .write_enable(residual_enable), .write_address(residual_target),
      .write_data(residual_data), .read_enable(alu_read), .read_address(residual_address),
      .read_data(residuals)
  );
endmodule
