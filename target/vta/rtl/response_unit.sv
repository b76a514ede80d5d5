// The response engine and its window loader with their instructions: SHAPE, RESP, and the windows
// of BCONV, which the gather engine takes.
module response_unit #(
    parameter int PIXELS = 14,
    parameter int CHANNELS = 32,
    parameter int SHARING = 4,
    parameter int ACTIVATION_BITS = 8,
    parameter int RESPONSE_BITS = 13,
    parameter int RESPONSES = 64,
    parameter int ACTIVATION_LINES = 768,
    parameter int SUBSET_LINES = 256,
    parameter int TREES = (PIXELS + SHARING - 1) / SHARING,
    parameter int TURN_BITS = SHARING > 1 ? $clog2(SHARING) : 1,
    parameter int KERNEL_BITS = $clog2(RESPONSES),
    parameter int LANE_BITS = $clog2(PIXELS + 1),
    parameter int LINE_BITS = $clog2(ACTIVATION_LINES),
    parameter int VECTOR_BITS = CHANNELS * ACTIVATION_BITS
) (
    input logic clock,
    input logic reset,

    input  logic         start,
    input  logic         busy,           // executes the instruction
    input  logic [127:0] instruction,
    output logic         done,
    output logic         active,         // the response engine names a kernel in this cycle
    output logic         address_fault,
    output logic         shaped,         // there was a SHAPE in this run
    output logic         paired,         // its units are of two channels

    // Reading image and subset: data one cycle after the address.
    output logic                            bank_enable,
    output logic [4*LINE_BITS-1:0]          bank_address,
    input  logic [4*VECTOR_BITS-1:0]        bank_data,
    output logic                            subset_enable,
    output logic [$clog2(SUBSET_LINES)-1:0] subset_address,
    input  logic [8:0]                      subset_kernel,

    // Writing windows into the lanes.
    output logic [8:0]               tap_enable,
    output logic [9*LANE_BITS-1:0]   tap_lane,
    output logic [9*VECTOR_BITS-1:0] tap_data,
    output logic                     tap_slot,
    output logic                     tap_part,

    // Window slots: of which those of a BCONV are the gather engine's.
    output logic window_ready,
    output logic binary_window_ready,
    output logic window_head,          // the slot that is ready first
    input  logic binary_window_taken,

    // Driving the lanes, which answer in the next cycle.
    output logic                                    window_slot,
    output logic                                    part,
    output logic [TURN_BITS-1:0]                    turn,
    output logic [8:0]                              kernel,
    input  logic [CHANNELS*TREES*RESPONSE_BITS-1:0] responses,

    // Filling a slot of the response file.
    input  logic                                    slot_free,
    output logic                                    slot_taken,
    output logic                                    slot_filled,
    output logic                                    file_enable,
    output logic                                    file_slot,
    output logic [TURN_BITS-1:0]                    file_turn,
    output logic [KERNEL_BITS-1:0]                  file_kernel,
    output logic [CHANNELS*TREES*RESPONSE_BITS-1:0] file_data
);
  `include "isa.svh"

  wire is_shape = instruction[3:0] == OP_SHAPE;
  wire is_resp = instruction[3:0] == OP_RESP;

  // ---------------------------------------------------------------- the geometry
  logic column_mode, stride_two;
  logic [3:0] pad_top, pad_left;
  logic [9:0] height, width, out_width;
  logic [13:0] pitch;
  always_ff @(posedge clock) begin
    if (start && is_shape) begin
      shaped <= 1'b1;
      column_mode <= instruction[SHAPE_WINDOW_LSB];
      stride_two <= instruction[SHAPE_STRIDE_LSB+1];
      pad_top <= instruction[SHAPE_PAD_TOP_LSB+:SHAPE_PAD_TOP_BITS];
      pad_left <= instruction[SHAPE_PAD_LEFT_LSB+:SHAPE_PAD_LEFT_BITS];
      height <= instruction[SHAPE_HEIGHT_LSB+:SHAPE_HEIGHT_BITS];
      width <= instruction[SHAPE_WIDTH_LSB+:SHAPE_WIDTH_BITS];
      out_width <= instruction[SHAPE_OUT_WIDTH_LSB+:SHAPE_OUT_WIDTH_BITS];
      pitch <= instruction[SHAPE_PITCH_LSB+:SHAPE_PITCH_BITS];
      paired <= instruction[SHAPE_PARTS_LSB];
    end
    if (reset) shaped <= 1'b0;
  end

  // ---------------------------------------------------------------- the run
  wire [13:0] line = is_resp ? instruction[RESP_LINE_LSB+:RESP_LINE_BITS]
      : instruction[BCONV_LINE_LSB+:BCONV_LINE_BITS];
  wire [7:0] blocks = is_resp ? instruction[RESP_BLOCKS_LSB+:RESP_BLOCKS_BITS]
      : instruction[BCONV_BLOCKS_LSB+:BCONV_BLOCKS_BITS];
  wire [9:0] first_y = is_resp ? instruction[RESP_Y_LSB+:RESP_Y_BITS]
      : instruction[BCONV_Y_LSB+:BCONV_Y_BITS];
  wire [9:0] first_x = is_resp ? instruction[RESP_X_LSB+:RESP_X_BITS]
      : instruction[BCONV_X_LSB+:BCONV_X_BITS];
  wire [15:0] count = is_resp ? instruction[RESP_COUNT_LSB+:RESP_COUNT_BITS]
      : instruction[BCONV_COUNT_LSB+:BCONV_COUNT_BITS];

  logic loader_idle, windows_free, windows_taken, windows_filled;
  window_loader #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .ACTIVATION_LINES(ACTIVATION_LINES)
  ) loader (
      .clock, .reset, .start(start && !is_shape), .idle(loader_idle),
      .line, .blocks, .first_y, .first_x, .count,
      .column_mode, .stride_two, .pad_top, .pad_left, .height, .width, .out_width, .pitch,
      .paired(paired && is_resp),
      .bank_enable, .bank_address, .bank_data, .address_fault,
      .tap_enable, .tap_lane, .tap_data, .tap_slot, .tap_part,
      .slot_free(windows_free), .slot_taken(windows_taken), .slot_filled(windows_filled)
  );

  logic engine_idle, engine_window_taken;
  response_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .SHARING(SHARING),
      .RESPONSE_BITS(RESPONSE_BITS), .RESPONSES(RESPONSES), .SUBSET_LINES(SUBSET_LINES)
  ) engine (
      .clock, .reset, .start(start && is_resp), .idle(engine_idle), .active,
      .subset(instruction[RESP_SUBSET_LSB+:RESP_SUBSET_BITS]),
      .kernels(instruction[RESP_KERNELS_LSB+:RESP_KERNELS_BITS]),
      .paired, .blocks, .count,
      .subset_enable, .subset_address, .subset_kernel,
      .window_ready, .window_head, .window_taken(engine_window_taken),
      .slot_free, .slot_taken, .slot_filled,
      .window_slot, .part, .turn, .kernel, .responses,
      .file_enable, .file_slot, .file_turn, .file_kernel, .file_data
  );

  wire window_taken = engine_window_taken || binary_window_taken;
  slot_pair #(.BYPASS(1'b1)) windows (
      .clock, .reset, .taken(windows_taken), .filled(windows_filled), .emptied(window_taken),
      .free(windows_free), .some(window_ready)
  );
  always_ff @(posedge clock) begin
    if (window_taken) window_head <= !window_head;
    if (reset) window_head <= 1'b0;
  end

  wire is_binary = !is_shape && !is_resp;
  assign binary_window_ready = window_ready && busy && is_binary;
  assign done = loader_idle && engine_idle && !(is_binary && window_ready);
endmodule
