// The store engine with its instructions, STPLN, STVEC and KEEP, and the memories of results that
// it alone reads: what the ALU makes for each output, and for each pixel.
module store_unit #(
    parameter int PIXELS = 14,
    parameter int ALU_PIXELS = 4,
    parameter int CHANNELS = 32,
    parameter int ACTIVATION_BITS = 8,
    parameter int BUS_BYTES = 8,
    parameter int ACTIVATION_LINES = 768,
    parameter int PLANE_LINES = 512,
    parameter int VECTOR_LINES = 1024,
    parameter int ALU_TURNS = (PIXELS + ALU_PIXELS - 1) / ALU_PIXELS,
    parameter int BANK_LINE_BITS = $clog2(VECTOR_LINES) - $clog2(ALU_PIXELS),
    parameter int LINE_BITS = $clog2(ACTIVATION_LINES),
    parameter int VECTOR_BITS = CHANNELS * ACTIVATION_BITS
) (
    input logic clock,
    input logic reset,

    input  logic         start,
    input  logic [127:0] instruction,
    output logic         done,
    output logic         address_fault,

    // What the ALU writes.
    input logic [ALU_TURNS-1:0]                 plane_enable,
    input logic [$clog2(PLANE_LINES)-1:0]       plane_address,
    input logic [ALU_TURNS*ALU_PIXELS*32-1:0]   plane_data,
    input logic [ALU_PIXELS*CHANNELS-1:0]       vector_enable,
    input logic [ALU_PIXELS*BANK_LINE_BITS-1:0] vector_address,
    input logic [ALU_PIXELS*VECTOR_BITS-1:0]    vector_data,

    output logic                   writer_start,
    input  logic                   writer_idle,     // every word is in memory
    output logic [31:0]            writer_address,
    output logic [23:0]            writer_words,
    output logic                   word_valid,
    input  logic                   word_ready,
    output logic [BUS_BYTES*8-1:0] word,
    output logic [BUS_BYTES-1:0]   strobe,

    output logic [3:0]             bank_enable,
    output logic [LINE_BITS-1:0]   bank_address,
    output logic [VECTOR_BITS-1:0] bank_data
);
  `include "isa.svh"

  logic read_enable, idle;
  logic [$clog2(PLANE_LINES)-1:0] plane_source;
  logic [ALU_TURNS*ALU_PIXELS*32-1:0] plane_line;
  logic [$clog2(VECTOR_LINES)-1:0] vector_source;

  simple_ram #(
      .DEPTH(PLANE_LINES), .FIELDS(ALU_TURNS), .FIELD_BITS(ALU_PIXELS * 32)
  ) plane_memory (
      .clock, .write_enable(plane_enable), .write_address(plane_address),
      .write_data(plane_data), .read_enable, .read_address(plane_source), .read_data(plane_line)
  );
  vector_memory #(
      .LANES(ALU_PIXELS), .CHANNELS(CHANNELS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .VECTOR_LINES(VECTOR_LINES)
  ) vectors (
      .clock, .write_enable(vector_enable), .write_address(vector_address),
      .write_data(vector_data), .read_enable, .read_address(vector_source), .read_data(bank_data)
  );

  wire is_planes = instruction[3:0] == OP_STPLN;
  wire is_keep = instruction[3:0] == OP_KEEP;
  store_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .BUS_BYTES(BUS_BYTES), .ACTIVATION_LINES(ACTIVATION_LINES), .PLANE_LINES(PLANE_LINES),
      .VECTOR_LINES(VECTOR_LINES)
  ) engine (
      .clock, .reset, .start, .idle, .address_fault, .planes(is_planes), .keep(is_keep),
      .trunk(instruction[STPLN_PLANE_LSB+1]),
      .line(is_planes ? 14'(instruction[STPLN_LINE_LSB+:STPLN_LINE_BITS])
          : is_keep ? instruction[KEEP_LINE_LSB+:KEEP_LINE_BITS]
          : instruction[STVEC_LINE_LSB+:STVEC_LINE_BITS]),
      .count(is_planes ? instruction[STPLN_COUNT_LSB+:STPLN_COUNT_BITS]
          : is_keep ? 16'(instruction[KEEP_COUNT_LSB+:KEEP_COUNT_BITS])
          : instruction[STVEC_COUNT_LSB+:STVEC_COUNT_BITS]),
      .blocks(instruction[KEEP_BLOCKS_LSB+:KEEP_BLOCKS_BITS]),
      .block_lines(instruction[KEEP_BLOCK_LINES_LSB+:KEEP_BLOCK_LINES_BITS]),
      .first_row(instruction[KEEP_Y_LSB+:KEEP_Y_BITS]),
      .width(instruction[KEEP_WIDTH_LSB+:KEEP_WIDTH_BITS]),
      .destination(instruction[KEEP_DESTINATION_LSB+:KEEP_DESTINATION_BITS]),
      .pitch(instruction[KEEP_PITCH_LSB+:KEEP_PITCH_BITS]),
      .read_enable, .plane_address(plane_source), .plane_line(plane_line[PIXELS*32-1:0]),
      .vector_address(vector_source), .vector_line(bank_data),
      .writer_start, .writer_words, .word_valid, .word_ready, .word, .strobe,
      .bank_enable, .bank_address
  );
  assign writer_address = is_planes ? instruction[STPLN_ADDRESS_LSB+:STPLN_ADDRESS_BITS]
      : instruction[STVEC_ADDRESS_LSB+:STVEC_ADDRESS_BITS];
  // A token says that what was stored is in memory.
  assign done = idle && (instruction[POST_LSB+:4] == 0 || writer_idle);
endmodule
