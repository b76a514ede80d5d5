// The gather engine with its instructions: GATH, and the sums of BCONV.
module gather_unit #(
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
    parameter int GROUP_BITS = $clog2(OUTPUTS / ADDERS)
) (
    input logic clock,
    input logic reset,

    input  logic         start,
    input  logic [127:0] instruction,
    output logic         done,
    output logic         active,         // an index line is named in this cycle
    output logic         address_fault,

    output logic                                  index_enable,
    output logic [$clog2(INDEX_LINES)-1:0]        index_address,
    input  logic [INDEX_BITS*ADDERS*CHANNELS-1:0] index_line,

    // What it empties: a slot of the response file, or in binary convolutions one of the windows.
    input  logic responses_ready,
    output logic responses_taken,
    input  logic window_ready,
    input  logic window_head,
    output logic window_taken,
    // What it fills: a bank of accumulators.
    input  logic bank_free,
    output logic bank_taken,
    output logic bank_filled,

    output logic                                            file_slot,
    output logic [ADDERS*CHANNELS*KERNEL_BITS-1:0]          file_kernels,
    input  logic [ADDERS*CHANNELS*PIXELS*RESPONSE_BITS-1:0] file_data,

    // Driving the lanes in binary convolutions.
    output logic                                    drives_lanes,
    output logic                                    window_slot,
    output logic [TURN_BITS-1:0]                    turn,
    output logic [9*CHANNELS-1:0]                   kernels,
    input  logic [CHANNELS*TREES*RESPONSE_BITS-1:0] tree_responses,

    output logic                                      read_enable,
    output logic                                      bank,
    output logic [GROUP_BITS-1:0]                     read_group,
    input  logic [ADDERS*PIXELS*ACCUMULATOR_BITS-1:0] read_data,
    output logic [ADDERS*PIXELS-1:0]                  write_enable,
    output logic                                      write_bank,
    output logic [GROUP_BITS-1:0]                     write_group,
    output logic [ADDERS*PIXELS*ACCUMULATOR_BITS-1:0] write_data
);
  `include "isa.svh"

  wire binary = instruction[3:0] == OP_BCONV;
  logic source_taken;
  assign responses_taken = source_taken && !binary;
  assign window_taken = source_taken && binary;

  gather_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS), .SHARING(SHARING),
      .INDEX_BITS(INDEX_BITS), .RESPONSE_BITS(RESPONSE_BITS), .RESPONSES(RESPONSES),
      .INDEX_LINES(INDEX_LINES), .OUTPUTS(OUTPUTS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS)
  ) engine (
      .clock, .reset, .start, .idle(done), .active, .address_fault, .binary,
      .line(binary ? instruction[BCONV_KERNEL_LINE_LSB+:BCONV_KERNEL_LINE_BITS]
          : instruction[GATH_LINE_LSB+:GATH_LINE_BITS]),
      .groups(binary ? instruction[BCONV_GROUPS_LSB+:BCONV_GROUPS_BITS]
          : instruction[GATH_GROUPS_LSB+:GATH_GROUPS_BITS]),
      .blocks(binary ? instruction[BCONV_BLOCKS_LSB+:BCONV_BLOCKS_BITS]
          : instruction[GATH_BLOCKS_LSB+:GATH_BLOCKS_BITS]),
      .count(binary ? instruction[BCONV_COUNT_LSB+:BCONV_COUNT_BITS]
          : 16'(instruction[GATH_TILES_LSB+:GATH_TILES_BITS])),
      .sign(instruction[GATH_SIGN_LSB+:GATH_SIGN_BITS]),
      .index_enable, .index_address, .index_line,
      .source_ready(binary ? window_ready : responses_ready), .window_head, .source_taken,
      .bank_free, .bank_taken, .bank_filled,
      .file_slot, .file_kernels, .file_data,
      .drives_lanes, .window_slot, .turn, .kernels, .tree_responses,
      .read_enable, .bank, .read_group, .read_data,
      .write_enable, .write_bank, .write_group, .write_data
  );
endmodule
