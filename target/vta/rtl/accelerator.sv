// The accelerator: engines, memories and tokens between an AXI4 master and an AXI4-Lite port.
module accelerator #(
    parameter int PIXELS = 3,
    parameter int CHANNELS = 8,
    parameter int ADDERS = 1,
    parameter int TREE_SHARING = 2,
    parameter int ALU_PIXELS = 2,
    parameter int ACTIVATION_BITS = 8,
    parameter int INDEX_BITS = 9,
    parameter int RESPONSES = 64,
    parameter int ACTIVATION_LINES = 512,
    parameter int SUBSET_LINES = 256,
    parameter int INDEX_LINES = 1024,
    parameter int OUTPUTS = 64,
    parameter int RESIDUAL_LINES = 256,
    parameter int PLANE_LINES = 512,
    parameter int VECTOR_LINES = 512,
    parameter int BUS_BYTES = 8,
    parameter int IDENTITY = 0  // what software knows this configuration by
) (
    input logic clock,
    input logic resetn,

    input  logic [ 7:0] s_axil_awaddr,
    input  logic        s_axil_awvalid,
    output logic        s_axil_awready,
    input  logic [31:0] s_axil_wdata,
    input  logic        s_axil_wvalid,
    output logic        s_axil_wready,
    output logic [ 1:0] s_axil_bresp,
    output logic        s_axil_bvalid,
    input  logic        s_axil_bready,
    input  logic [ 7:0] s_axil_araddr,
    input  logic        s_axil_arvalid,
    output logic        s_axil_arready,
    output logic [31:0] s_axil_rdata,
    output logic [ 1:0] s_axil_rresp,
    output logic        s_axil_rvalid,
    input  logic        s_axil_rready,

    output logic                   m_axi_arvalid,
    input  logic                   m_axi_arready,
    output logic [31:0]            m_axi_araddr,
    output logic [ 7:0]            m_axi_arlen,
    output logic                   m_axi_arid,
    output logic [ 2:0]            m_axi_arsize,
    output logic [ 1:0]            m_axi_arburst,
    output logic [ 3:0]            m_axi_arcache,
    output logic [ 2:0]            m_axi_arprot,
    input  logic                   m_axi_rvalid,
    output logic                   m_axi_rready,
    input  logic [BUS_BYTES*8-1:0] m_axi_rdata,
    input  logic                   m_axi_rid,
    input  logic [ 1:0]            m_axi_rresp,
    input  logic                   m_axi_rlast,
    output logic                   m_axi_awvalid,
    input  logic                   m_axi_awready,
    output logic [31:0]            m_axi_awaddr,
    output logic [ 7:0]            m_axi_awlen,
    output logic [ 2:0]            m_axi_awsize,
    output logic [ 1:0]            m_axi_awburst,
    output logic [ 3:0]            m_axi_awcache,
    output logic [ 2:0]            m_axi_awprot,
    output logic                   m_axi_wvalid,
    input  logic                   m_axi_wready,
    output logic [BUS_BYTES*8-1:0] m_axi_wdata,
    output logic [BUS_BYTES-1:0]   m_axi_wstrb,
    output logic                   m_axi_wlast,
    input  logic                   m_axi_bvalid,
    output logic                   m_axi_bready,
    input  logic [ 1:0]            m_axi_bresp,

    output logic finish_interrupt
);
  `include "isa.svh"

  localparam int RESPONSE_BITS = ACTIVATION_BITS + 5;
  localparam int ACCUMULATOR_BITS = 24;
  localparam int TREES = (PIXELS + TREE_SHARING - 1) / TREE_SHARING;
  localparam int TURN_BITS = TREE_SHARING > 1 ? $clog2(TREE_SHARING) : 1;
  localparam int LANE_BITS = $clog2(PIXELS + 1);
  localparam int LINE_BITS = $clog2(ACTIVATION_LINES);
  localparam int VECTOR_BITS = CHANNELS * ACTIVATION_BITS;
  localparam int KERNEL_BITS = $clog2(RESPONSES);
  localparam int GROUPS = OUTPUTS / ADDERS;
  localparam int GROUP_BITS = $clog2(GROUPS);
  localparam int PLANE_BITS = ADDERS * CHANNELS;
  localparam bit BINARY = INDEX_BITS == 9;
  localparam int ALU_TURNS = (PIXELS + ALU_PIXELS - 1) / ALU_PIXELS;
  localparam int BANK_LINE_BITS = $clog2(VECTOR_LINES) - $clog2(ALU_PIXELS);
  // Binary convolutions write an adder's and a turn's accumulators apart.
  localparam int ACCUMULATOR_FIELDS = BINARY ? ADDERS * PIXELS : 1;
  localparam int LOAD = 0, RESPONSE = 1, GATHER = 2, ALU_ENGINE = 3, STORE = 4;
  localparam int COUNTERS = 12, PLACES = 6;

  // ---------------------------------------------------------------- control
  logic start, clear, abandon, reset, begin_run, running, finished, bus_quiet;
  logic [2:0] trap, trap_engine;
  logic [31:0] program_address, program_length, memory_base, memory_size;
  logic [COUNTERS*32-1:0] counters;
  logic [PLACES*32-1:0] places;

  control_registers #(
      .COUNTERS(COUNTERS), .PLACES(PLACES), .IDENTITY(IDENTITY)
  ) registers (
      .clock,
      .resetn,
      .awaddr(s_axil_awaddr),
      .awvalid(s_axil_awvalid),
      .awready(s_axil_awready),
      .wdata(s_axil_wdata),
      .wvalid(s_axil_wvalid),
      .wready(s_axil_wready),
      .bresp(s_axil_bresp),
      .bvalid(s_axil_bvalid),
      .bready(s_axil_bready),
      .araddr(s_axil_araddr),
      .arvalid(s_axil_arvalid),
      .arready(s_axil_arready),
      .rdata(s_axil_rdata),
      .rresp(s_axil_rresp),
      .rvalid(s_axil_rvalid),
      .rready(s_axil_rready),
      .start,
      .clear,
      .bus_quiet,
      .program_address,
      .program_length,
      .memory_base,
      .memory_size,
      .running,
      .finished,
      .trap,
      .trap_engine,
      .counters,
      .places
  );

  // ---------------------------------------------------------------- instructions
  logic fetched, opcode_fault, field_fault;
  logic fetch_start, fetch_idle, fetch_valid, fetch_ready;
  logic [31:0] fetch_address;
  logic [23:0] fetch_words;
  logic [BUS_BYTES*8-1:0] fetch_word;
  logic fetch_fault, fetch_taken, dispatch_idle;
  logic [4:0] push, full, begin_work, engine_done, leave, busy;
  logic [127:0] instruction;
  logic [5*128-1:0] heads;

  fetch #(
      .BUS_BYTES(BUS_BYTES)
  ) fetch_engine (
      .clock,
      .reset,
      .start(begin_run),
      .program_address,
      .program_length,
      .finished(fetched),
      .opcode_fault,
      .field_fault,
      .reader_start(fetch_start),
      .reader_address(fetch_address),
      .reader_words(fetch_words),
      .reader_idle(fetch_idle),
      .word_valid(fetch_valid),
      .word_ready(fetch_ready),
      .word(fetch_word),
      .push,
      .taken(fetch_taken),
      .instruction,
      .full
  );

  dispatch instructions (
      .clock, .reset, .push, .instruction, .full, .heads, .begin_work, .done(engine_done), .leave,
      .busy, .idle(dispatch_idle)
  );

  // ---------------------------------------------------------------- memory bus
  logic load_start, reader_free, load_valid, load_ready, load_bus_fault;
  logic [31:0] load_address;
  logic [23:0] load_words;
  logic [BUS_BYTES*8-1:0] load_word;
  logic writer_start, writer_idle, write_valid, write_ready, store_bus_fault;
  logic [31:0] store_address;
  logic [23:0] writer_words;
  logic [BUS_BYTES*8-1:0] write_word;
  logic [BUS_BYTES-1:0] write_strobe;

  memory_bus #(
      .BUS_BYTES(BUS_BYTES)
  ) bus (
      .clock,
      .resetn,
      .abandon,
      .quiet(bus_quiet),
      .memory_base,
      .memory_size,
      .fetch_start,
      .fetch_address,
      .fetch_words,
      .fetch_idle,
      .fetch_valid,
      .fetch_ready,
      .fetch_word,
      .fetch_fault,
      .load_start,
      .load_address,
      .load_words,
      .load_free(reader_free),
      .load_valid,
      .load_ready,
      .load_word,
      .load_fault(load_bus_fault),
      .store_start(writer_start),
      .store_address,
      .store_words(writer_words),
      .store_idle(writer_idle),
      .store_valid(write_valid),
      .store_ready(write_ready),
      .store_word(write_word),
      .store_strobe(write_strobe),
      .store_fault(store_bus_fault),
      .arvalid(m_axi_arvalid),
      .arready(m_axi_arready),
      .araddr(m_axi_araddr),
      .arlen(m_axi_arlen),
      .arid(m_axi_arid),
      .arsize(m_axi_arsize),
      .arburst(m_axi_arburst),
      .arcache(m_axi_arcache),
      .arprot(m_axi_arprot),
      .rvalid(m_axi_rvalid),
      .rready(m_axi_rready),
      .rdata(m_axi_rdata),
      .rid(m_axi_rid),
      .rresp(m_axi_rresp),
      .rlast(m_axi_rlast),
      .awvalid(m_axi_awvalid),
      .awready(m_axi_awready),
      .awaddr(m_axi_awaddr),
      .awlen(m_axi_awlen),
      .awsize(m_axi_awsize),
      .awburst(m_axi_awburst),
      .awcache(m_axi_awcache),
      .awprot(m_axi_awprot),
      .wvalid(m_axi_wvalid),
      .wready(m_axi_wready),
      .wdata(m_axi_wdata),
      .wstrb(m_axi_wstrb),
      .wlast(m_axi_wlast),
      .bvalid(m_axi_bvalid),
      .bready(m_axi_bready),
      .bresp(m_axi_bresp)
  );

  // ---------------------------------------------------------------- activation banks
  // A bank has one write port. The store engine goes first; load meanwhile writes other banks.
  logic [3:0] load_bank_request, store_bank_enable;
  wire load_bank_granted = (load_bank_request & store_bank_enable) == 0;
  logic [LINE_BITS-1:0] load_bank_address, store_bank_address;
  logic [VECTOR_BITS-1:0] load_bank_data, store_vector;
  logic bank_read_enable;
  logic [4*LINE_BITS-1:0] bank_read_address;
  logic [4*VECTOR_BITS-1:0] bank_read_data;

  for (genvar b = 0; b < 4; b++) begin : activation_bank
    simple_ram #(.DEPTH(ACTIVATION_LINES), .FIELD_BITS(VECTOR_BITS)) memory (
        .clock,
        .write_enable(load_bank_request[b] | store_bank_enable[b]),
        .write_address(store_bank_enable[b] ? store_bank_address : load_bank_address),
        .write_data(store_bank_enable[b] ? store_vector : load_bank_data),
        .read_enable(bank_read_enable),
        .read_address(bank_read_address[b*LINE_BITS+:LINE_BITS]),
        .read_data(bank_read_data[b*VECTOR_BITS+:VECTOR_BITS])
    );
  end

  // ---------------------------------------------------------------- load
  logic load_fault;
  logic subset_write, parameter_write, residual_write;
  logic [$clog2(SUBSET_LINES)-1:0] subset_write_address, subset_read_address;
  logic [8:0] subset_write_data, subset_kernel;
  logic [INDEX_BITS-1:0] index_write;
  logic [$clog2(INDEX_LINES)-1:0] index_write_address, index_read_address;
  logic [INDEX_BITS*PLANE_BITS-1:0] index_write_data, index_line;
  logic [$clog2(OUTPUTS)-1:0] parameter_write_address, parameter_read_address;
  logic [127:0] parameter_write_data, parameters;
  logic [$clog2(RESIDUAL_LINES)-1:0] residual_write_address, residual_read_address;
  logic [PIXELS*16-1:0] residual_write_data, residuals;
  logic subset_read, index_read, alu_read, load_engine_idle;

  wire [127:0] load_head = heads[128*LOAD+:128];
  wire is_ldact = load_head[3:0] == OP_LDACT;
  load_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .INDEX_BITS(INDEX_BITS), .BUS_BYTES(BUS_BYTES), .ACTIVATION_LINES(ACTIVATION_LINES),
      .SUBSET_LINES(SUBSET_LINES), .INDEX_LINES(INDEX_LINES), .OUTPUTS(OUTPUTS),
      .RESIDUAL_LINES(RESIDUAL_LINES)
  ) load_unit (
      .clock,
      .reset,
      .start(begin_work[LOAD]),
      .activations(is_ldact),
      .idle(load_engine_idle),
      .address_fault(load_fault),
      .address(is_ldact ? load_head[LDACT_ADDRESS_LSB+:LDACT_ADDRESS_BITS]
          : load_head[LOAD_ADDRESS_LSB+:LOAD_ADDRESS_BITS]),
      .memory(load_head[LOAD_MEMORY_LSB+:LOAD_MEMORY_BITS]),
      .planes(load_head[LOAD_PLANES_LSB+:LOAD_PLANES_BITS]),
      .line(load_head[LOAD_LINE_LSB+:LOAD_LINE_BITS]),
      .count(load_head[LOAD_COUNT_LSB+:LOAD_COUNT_BITS]),
      .image_line(load_head[LDACT_LINE_LSB+:LDACT_LINE_BITS]),
      .first_row(load_head[LDACT_ROW_LSB+:LDACT_ROW_BITS]),
      .rows(load_head[LDACT_ROWS_LSB+:LDACT_ROWS_BITS]),
      .width(load_head[LDACT_WIDTH_LSB+:LDACT_WIDTH_BITS]),
      .blocks(load_head[LDACT_BLOCKS_LSB+:LDACT_BLOCKS_BITS]),
      .pitch(load_head[LDACT_PITCH_LSB+:LDACT_PITCH_BITS]),
      .stride(load_head[LDACT_STRIDE_LSB+:LDACT_STRIDE_BITS]),
      .reader_start(load_start),
      .reader_ready(reader_free),
      .reader_address(load_address),
      .reader_words(load_words),
      .word_valid(load_valid),
      .word_ready(load_ready),
      .word(load_word),
      .bank_request(load_bank_request),
      .bank_granted(load_bank_granted),
      .bank_address(load_bank_address),
      .bank_data(load_bank_data),
      .subset_enable(subset_write),
      .subset_address(subset_write_address),
      .subset_data(subset_write_data),
      .index_enable(index_write),
      .index_address(index_write_address),
      .index_data(index_write_data),
      .parameter_enable(parameter_write),
      .parameter_address(parameter_write_address),
      .parameter_data(parameter_write_data),
      .residual_enable(residual_write),
      .residual_address(residual_write_address),
      .residual_data(residual_write_data)
  );
  assign engine_done[LOAD] = load_engine_idle;

  simple_ram #(.DEPTH(SUBSET_LINES), .FIELD_BITS(9)) subset_memory (
      .clock, .write_enable(subset_write), .write_address(subset_write_address),
      .write_data(subset_write_data), .read_enable(subset_read),
      .read_address(subset_read_address), .read_data(subset_kernel)
  );
  simple_ram #(.DEPTH(INDEX_LINES), .FIELDS(INDEX_BITS), .FIELD_BITS(PLANE_BITS)) index_memory (
      .clock, .write_enable(index_write), .write_address(index_write_address),
      .write_data(index_write_data), .read_enable(index_read),
      .read_address(index_read_address), .read_data(index_line)
  );
  simple_ram #(.DEPTH(OUTPUTS), .FIELD_BITS(128)) parameter_memory (
      .clock, .write_enable(parameter_write), .write_address(parameter_write_address),
      .write_data(parameter_write_data), .read_enable(alu_read),
      .read_address(parameter_read_address), .read_data(parameters)
  );
  simple_ram #(.DEPTH(RESIDUAL_LINES), .FIELD_BITS(PIXELS * 16)) residual_memory (
      .clock, .write_enable(residual_write), .write_address(residual_write_address),
      .write_data(residual_write_data), .read_enable(alu_read),
      .read_address(residual_read_address), .read_data(residuals)
  );

  // ---------------------------------------------------------------- responses
  logic column_mode, stride_two, paired;
  logic [3:0] pad_top, pad_left;
  logic [9:0] height, width, out_width;
  logic [13:0] pitch;
  logic shaped;  // there was a SHAPE in this run
  wire [127:0] response_head = heads[128*RESPONSE+:128];
  wire is_shape = response_head[3:0] == OP_SHAPE;
  wire is_resp = response_head[3:0] == OP_RESP;
  always_ff @(posedge clock) begin
    if (begin_work[RESPONSE] && is_shape) begin
      shaped <= 1'b1;
      column_mode <= response_head[SHAPE_WINDOW_LSB];
      stride_two <= response_head[SHAPE_STRIDE_LSB+1];
      pad_top <= response_head[SHAPE_PAD_TOP_LSB+:SHAPE_PAD_TOP_BITS];
      pad_left <= response_head[SHAPE_PAD_LEFT_LSB+:SHAPE_PAD_LEFT_BITS];
      height <= response_head[SHAPE_HEIGHT_LSB+:SHAPE_HEIGHT_BITS];
      width <= response_head[SHAPE_WIDTH_LSB+:SHAPE_WIDTH_BITS];
      out_width <= response_head[SHAPE_OUT_WIDTH_LSB+:SHAPE_OUT_WIDTH_BITS];
      pitch <= response_head[SHAPE_PITCH_LSB+:SHAPE_PITCH_BITS];
      paired <= response_head[SHAPE_PARTS_LSB];
    end
    if (reset) shaped <= 1'b0;
  end

  wire [13:0] run_line =
      is_resp ? response_head[RESP_LINE_LSB+:RESP_LINE_BITS]
      : response_head[BCONV_LINE_LSB+:BCONV_LINE_BITS];
  wire [7:0] run_blocks =
      is_resp ? response_head[RESP_BLOCKS_LSB+:RESP_BLOCKS_BITS]
      : response_head[BCONV_BLOCKS_LSB+:BCONV_BLOCKS_BITS];
  wire [9:0] run_y = is_resp ? response_head[RESP_Y_LSB+:RESP_Y_BITS]
      : response_head[BCONV_Y_LSB+:BCONV_Y_BITS];
  wire [9:0] run_x = is_resp ? response_head[RESP_X_LSB+:RESP_X_BITS]
      : response_head[BCONV_X_LSB+:BCONV_X_BITS];
  wire [15:0] run_count =
      is_resp ? response_head[RESP_COUNT_LSB+:RESP_COUNT_BITS]
      : response_head[BCONV_COUNT_LSB+:BCONV_COUNT_BITS];
  wire [7:0] run_kernels = response_head[RESP_KERNELS_LSB+:RESP_KERNELS_BITS];

  logic loader_idle, window_fault, windows_free, windows_taken, windows_filled, window_some;
  logic [8:0] tap_enable;
  logic [9*LANE_BITS-1:0] tap_lane;
  logic [9*VECTOR_BITS-1:0] tap_data;
  logic tap_slot, tap_part;
  window_loader #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .ACTIVATION_LINES(ACTIVATION_LINES)
  ) windows (
      .clock,
      .reset,
      .start(begin_work[RESPONSE] && !is_shape),
      .idle(loader_idle),
      .line(run_line),
      .blocks(run_blocks),
      .first_y(run_y),
      .first_x(run_x),
      .count(run_count),
      .column_mode,
      .stride_two,
      .pad_top,
      .pad_left,
      .height,
      .width,
      .out_width,
      .pitch,
      .paired(paired && is_resp),
      .bank_enable(bank_read_enable),
      .bank_address(bank_read_address),
      .bank_data(bank_read_data),
      .address_fault(window_fault),
      .tap_enable,
      .tap_lane,
      .tap_data,
      .tap_slot,
      .tap_part,
      .slot_free(windows_free),
      .slot_taken(windows_taken),
      .slot_filled(windows_filled)
  );

  logic window_head, response_window_slot, gather_window_slot;
  logic response_part;
  logic [TURN_BITS-1:0] response_turn, gather_turn;
  logic [8:0] response_kernel;
  logic [9*CHANNELS-1:0] gather_kernels;
  logic [CHANNELS*TREES*RESPONSE_BITS-1:0] tree_responses;
  logic gather_drives;
  lanes #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .SHARING(TREE_SHARING),
      .ACTIVATION_BITS(ACTIVATION_BITS), .RESPONSE_BITS(RESPONSE_BITS)
  ) all_lanes (
      .clock,
      .tap_enable,
      .tap_lane,
      .tap_data,
      .tap_slot,
      .tap_part,
      .slot(BINARY && gather_drives ? gather_window_slot : response_window_slot),
      .part(BINARY && gather_drives ? 1'b0 : response_part),
      .turn(BINARY && gather_drives ? gather_turn : response_turn),
      .kernels(BINARY && gather_drives ? gather_kernels : {CHANNELS{response_kernel}}),
      .responses(tree_responses)
  );

  logic responses_idle, response_window_taken;
  logic file_free, file_taken, file_filled, file_some;
  logic file_write, file_write_slot;
  logic [TURN_BITS-1:0] file_write_turn;
  logic [KERNEL_BITS-1:0] file_write_kernel;
  logic [CHANNELS*TREES*RESPONSE_BITS-1:0] file_write_data;
  logic response_active;
  response_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .SHARING(TREE_SHARING),
      .RESPONSE_BITS(RESPONSE_BITS), .RESPONSES(RESPONSES), .SUBSET_LINES(SUBSET_LINES)
  ) response_unit (
      .clock,
      .reset,
      .start(begin_work[RESPONSE] && is_resp),
      .idle(responses_idle),
      .active(response_active),
      .subset(response_head[RESP_SUBSET_LSB+:RESP_SUBSET_BITS]),
      .kernels(run_kernels),
      .paired,
      .blocks(run_blocks),
      .count(run_count),
      .subset_enable(subset_read),
      .subset_address(subset_read_address),
      .subset_kernel,
      .window_ready(window_some),
      .window_head,
      .window_taken(response_window_taken),
      .slot_free(file_free),
      .slot_taken(file_taken),
      .slot_filled(file_filled),
      .window_slot(response_window_slot),
      .part(response_part),
      .turn(response_turn),
      .kernel(response_kernel),
      .responses(tree_responses),
      .file_enable(file_write),
      .file_slot(file_write_slot),
      .file_turn(file_write_turn),
      .file_kernel(file_write_kernel),
      .file_data(file_write_data)
  );
  assign engine_done[RESPONSE] =
      loader_idle && responses_idle && (is_shape || is_resp || !window_some);

  // ---------------------------------------------------------------- gather
  wire [127:0] gather_head = heads[128*GATHER+:128];
  wire is_bconv = gather_head[3:0] == OP_BCONV;
  logic gather_idle, gather_active, gather_fault, source_taken;
  logic banks_free, bank_taken, bank_filled, bank_some, bank_done;
  logic file_read_slot;
  logic [ADDERS*CHANNELS*KERNEL_BITS-1:0] file_kernels;
  logic [ADDERS*CHANNELS*PIXELS*RESPONSE_BITS-1:0] file_data;
  logic gather_read, gather_bank, gather_write_bank;
  logic [GROUP_BITS-1:0] gather_read_group, gather_write_group;
  logic [ADDERS*PIXELS-1:0] gather_write;
  logic [ADDERS*PIXELS*ACCUMULATOR_BITS-1:0] gather_write_data, bank_data[2];
  wire bconv_windows = busy[RESPONSE] && !is_shape && !is_resp;

  gather_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS), .SHARING(TREE_SHARING),
      .INDEX_BITS(INDEX_BITS), .RESPONSE_BITS(RESPONSE_BITS), .RESPONSES(RESPONSES),
      .INDEX_LINES(INDEX_LINES), .OUTPUTS(OUTPUTS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS)
  ) gather_unit (
      .clock,
      .reset,
      .start(begin_work[GATHER]),
      .idle(gather_idle),
      .active(gather_active),
      .address_fault(gather_fault),
      .binary(is_bconv),
      .line(is_bconv ? gather_head[BCONV_KERNEL_LINE_LSB+:BCONV_KERNEL_LINE_BITS]
          : gather_head[GATH_LINE_LSB+:GATH_LINE_BITS]),
      .groups(is_bconv ? gather_head[BCONV_GROUPS_LSB+:BCONV_GROUPS_BITS]
          : gather_head[GATH_GROUPS_LSB+:GATH_GROUPS_BITS]),
      .blocks(is_bconv ? gather_head[BCONV_BLOCKS_LSB+:BCONV_BLOCKS_BITS]
          : gather_head[GATH_BLOCKS_LSB+:GATH_BLOCKS_BITS]),
      .count(is_bconv ? gather_head[BCONV_COUNT_LSB+:BCONV_COUNT_BITS]
          : 16'(gather_head[GATH_TILES_LSB+:GATH_TILES_BITS])),
      .sign(gather_head[GATH_SIGN_LSB+:GATH_SIGN_BITS]),
      .index_enable(index_read),
      .index_address(index_read_address),
      .index_line,
      .source_ready(is_bconv ? window_some && bconv_windows : file_some),
      .window_head,
      .source_taken,
      .bank_free(banks_free),
      .bank_taken,
      .bank_filled,
      .file_slot(file_read_slot),
      .file_kernels,
      .file_data,
      .drives_lanes(gather_drives),
      .window_slot(gather_window_slot),
      .turn(gather_turn),
      .kernels(gather_kernels),
      .tree_responses,
      .read_enable(gather_read),
      .bank(gather_bank),
      .read_group(gather_read_group),
      .read_data(bank_data[gather_write_bank]),
      .write_enable(gather_write),
      .write_bank(gather_write_bank),
      .write_group(gather_write_group),
      .write_data(gather_write_data)
  );
  assign engine_done[GATHER] = gather_idle;

  response_file #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS), .SHARING(TREE_SHARING),
      .RESPONSE_BITS(RESPONSE_BITS), .RESPONSES(RESPONSES)
  ) responses_of_blocks (
      .clock,
      .write_enable(file_write),
      .write_slot(file_write_slot),
      .write_turn(file_write_turn),
      .write_kernel(file_write_kernel),
      .write_data(file_write_data),
      .read_slot(file_read_slot),
      .read_kernels(file_kernels),
      .read_data(file_data)
  );

  // Slots and banks: whose work may begin, and which may be filled.
  wire gather_window_taken = is_bconv && source_taken;
  always_ff @(posedge clock) begin
    if (response_window_taken || gather_window_taken) window_head <= !window_head;
    if (reset) window_head <= 1'b0;
  end
  slot_pair #(.BYPASS(1'b1)) window_slots (
      .clock, .reset, .taken(windows_taken), .filled(windows_filled),
      .emptied(response_window_taken || gather_window_taken), .free(windows_free),
      .some(window_some)
  );
  slot_pair #(.BYPASS(1'b1)) file_slots (
      .clock, .reset, .taken(file_taken), .filled(file_filled),
      .emptied(!is_bconv && source_taken), .free(file_free), .some(file_some)
  );
  slot_pair bank_slots (
      .clock, .reset, .taken(bank_taken), .filled(bank_filled), .emptied(bank_done),
      .free(banks_free), .some(bank_some)
  );

  // ---------------------------------------------------------------- accumulators and ALU
  logic alu_idle, alu_fault, alu_bank, alu_bank_q;
  logic [GROUP_BITS-1:0] alu_group;
  always_ff @(posedge clock) alu_bank_q <= alu_bank;
  for (genvar b = 0; b < 2; b++) begin : accumulator_bank
    wire by_gather = gather_read && gather_bank == 1'(b);
    simple_ram #(
        .DEPTH(GROUPS), .FIELDS(ACCUMULATOR_FIELDS),
        .FIELD_BITS(ADDERS * PIXELS * ACCUMULATOR_BITS / ACCUMULATOR_FIELDS)
    ) memory (
        .clock,
        .write_enable(gather_write_bank == 1'(b) ? gather_write[ACCUMULATOR_FIELDS-1:0] : '0),
        .write_address(gather_write_group),
        .write_data(gather_write_data),
        .read_enable(by_gather || (alu_read && alu_bank == 1'(b))),
        .read_address(by_gather ? gather_read_group : alu_group),
        .read_data(bank_data[b])
    );
  end

  logic [ALU_TURNS-1:0] plane_write;
  logic [ALU_PIXELS*CHANNELS-1:0] vector_write;
  logic [$clog2(PLANE_LINES)-1:0] plane_write_address, plane_read_address;
  logic [ALU_TURNS*ALU_PIXELS*32-1:0] plane_write_data, plane_line;
  logic [$clog2(VECTOR_LINES)-1:0] vector_read_address;
  logic [ALU_PIXELS*BANK_LINE_BITS-1:0] vector_write_address;
  logic [ALU_PIXELS*VECTOR_BITS-1:0] vector_write_data;
  wire [127:0] alu_head = heads[128*ALU_ENGINE+:128];
  alu_engine #(
      .PIXELS(PIXELS), .LANES(ALU_PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS),
      .ACTIVATION_BITS(ACTIVATION_BITS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS), .OUTPUTS(OUTPUTS),
      .RESIDUAL_LINES(RESIDUAL_LINES), .PLANE_LINES(PLANE_LINES), .VECTOR_LINES(VECTOR_LINES)
  ) alu_unit (
      .clock,
      .reset,
      .start(begin_work[ALU_ENGINE]),
      .idle(alu_idle),
      .address_fault(alu_fault),
      .tiles(alu_head[ALU_TILES_LSB+:ALU_TILES_BITS]),
      .groups(alu_head[ALU_GROUPS_LSB+:ALU_GROUPS_BITS]),
      .parameter_line(alu_head[ALU_PARAMETER_LSB+:ALU_PARAMETER_BITS]),
      .affine(alu_head[ALU_AFFINE_LSB]),
      .shift(alu_head[ALU_SHIFT_LSB+:ALU_SHIFT_BITS]),
      .residual(alu_head[ALU_RESIDUAL_LSB]),
      .prelu(alu_head[ALU_PRELU_LSB]),
      .clip(alu_head[ALU_CLIP_LSB]),
      .plane(alu_head[ALU_PLANE_LSB+:ALU_PLANE_BITS]),
      .plane_line(alu_head[ALU_PLANE_LINE_LSB+:ALU_PLANE_LINE_BITS]),
      .vector(alu_head[ALU_VECTOR_LSB+:ALU_VECTOR_BITS]),
      .vector_line(alu_head[ALU_VECTOR_LINE_LSB+:ALU_VECTOR_LINE_BITS]),
      .requantize(alu_head[ALU_REQUANTIZE_LSB+:ALU_REQUANTIZE_BITS]),
      .residual_line(alu_head[ALU_RESIDUAL_LINE_LSB+:ALU_RESIDUAL_LINE_BITS]),
      .bank_ready(bank_some),
      .bank_done,
      .read_enable(alu_read),
      .bank(alu_bank),
      .group(alu_group),
      .accumulators(bank_data[alu_bank_q]),
      .parameter_address(parameter_read_address),
      .parameters,
      .residual_address(residual_read_address),
      .residuals,
      .plane_enable(plane_write),
      .plane_address(plane_write_address),
      .plane_data(plane_write_data),
      .vector_enable(vector_write),
      .vector_address(vector_write_address),
      .vector_data(vector_write_data)
  );
  assign engine_done[ALU_ENGINE] = alu_idle;

  // ---------------------------------------------------------------- store
  logic store_read, store_idle, store_fault;
  simple_ram #(
      .DEPTH(PLANE_LINES), .FIELDS(ALU_TURNS), .FIELD_BITS(ALU_PIXELS * 32)
  ) plane_memory (
      .clock, .write_enable(plane_write), .write_address(plane_write_address),
      .write_data(plane_write_data), .read_enable(store_read),
      .read_address(plane_read_address), .read_data(plane_line)
  );
  vector_memory #(
      .LANES(ALU_PIXELS), .CHANNELS(CHANNELS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .VECTOR_LINES(VECTOR_LINES)
  ) vectors (
      .clock, .write_enable(vector_write), .write_address(vector_write_address),
      .write_data(vector_write_data), .read_enable(store_read),
      .read_address(vector_read_address), .read_data(store_vector)
  );

  wire [127:0] store_head = heads[128*STORE+:128];
  wire is_planes = store_head[3:0] == OP_STPLN;
  wire is_keep = store_head[3:0] == OP_KEEP;
  store_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .BUS_BYTES(BUS_BYTES), .ACTIVATION_LINES(ACTIVATION_LINES), .PLANE_LINES(PLANE_LINES),
      .VECTOR_LINES(VECTOR_LINES)
  ) store_unit (
      .clock,
      .reset,
      .start(begin_work[STORE]),
      .idle(store_idle),
      .address_fault(store_fault),
      .planes(is_planes),
      .keep(is_keep),
      .trunk(store_head[STPLN_PLANE_LSB+1]),
      .line(is_planes ? 14'(store_head[STPLN_LINE_LSB+:STPLN_LINE_BITS])
          : is_keep ? store_head[KEEP_LINE_LSB+:KEEP_LINE_BITS]
          : store_head[STVEC_LINE_LSB+:STVEC_LINE_BITS]),
      .count(is_planes ? store_head[STPLN_COUNT_LSB+:STPLN_COUNT_BITS]
          : is_keep ? 16'(store_head[KEEP_COUNT_LSB+:KEEP_COUNT_BITS])
          : store_head[STVEC_COUNT_LSB+:STVEC_COUNT_BITS]),
      .blocks(store_head[KEEP_BLOCKS_LSB+:KEEP_BLOCKS_BITS]),
      .block_lines(store_head[KEEP_BLOCK_LINES_LSB+:KEEP_BLOCK_LINES_BITS]),
      .first_row(store_head[KEEP_Y_LSB+:KEEP_Y_BITS]),
      .width(store_head[KEEP_WIDTH_LSB+:KEEP_WIDTH_BITS]),
      .destination(store_head[KEEP_DESTINATION_LSB+:KEEP_DESTINATION_BITS]),
      .pitch(store_head[KEEP_PITCH_LSB+:KEEP_PITCH_BITS]),
      .read_enable(store_read),
      .plane_address(plane_read_address),
      .plane_line(plane_line[PIXELS*32-1:0]),
      .vector_address(vector_read_address),
      .vector_line(store_vector),
      .writer_start,
      .writer_words,
      .word_valid(write_valid),
      .word_ready(write_ready),
      .word(write_word),
      .strobe(write_strobe),
      .bank_enable(store_bank_enable),
      .bank_address(store_bank_address)
  );
  assign store_address =
      is_planes ? store_head[STPLN_ADDRESS_LSB+:STPLN_ADDRESS_BITS]
      : store_head[STVEC_ADDRESS_LSB+:STVEC_ADDRESS_BITS];
  // A token says that what was stored is in memory.
  assign engine_done[STORE] = store_idle && (store_head[POST_LSB+:4] == 0 || writer_idle);

  // ---------------------------------------------------------------- the run
  logic [4:0] configuration_faults;
  logic subset_fault;
  configuration_check #(
      .INDEX_BITS(INDEX_BITS), .RESPONSES(RESPONSES), .GROUPS(GROUPS), .SUBSET_LINES(SUBSET_LINES)
  ) check (
      .begin_work, .heads, .shaped, .paired, .field_faults(configuration_faults), .subset_fault
  );

  run_control control (
      .clock,
      .resetn,
      .start,
      .clear,
      .bus_quiet,
      .done(fetched && dispatch_idle && writer_idle),
      .moving((m_axi_arvalid && m_axi_arready) || (m_axi_rvalid && m_axi_rready)
          || (m_axi_awvalid && m_axi_awready) || (m_axi_wvalid && m_axi_wready) || m_axi_bvalid
          || |begin_work || |leave || response_active || gather_active || alu_read
          || bank_read_enable || |load_bank_request || |store_bank_enable),
      .opcode_fault,
      // fetch, store, ALU, gather, response, load
      .field_faults({field_fault, configuration_faults}),
      .address_faults({1'b0, store_fault, alu_fault, gather_fault, window_fault || subset_fault,
          load_fault}),
      .bus_faults({fetch_fault, store_bus_fault, 3'b0, load_bus_fault}),
      .abandon,
      .reset,
      .begin_run,
      .running,
      .finished,
      .trap,
      .trap_engine,
      .interrupt(finish_interrupt)
  );

  wire clear_counters = start || clear || !resetn;
  event_counters #(.EVENTS(COUNTERS)) cycles_and_words (
      .clock, .clear(clear_counters), .counts(counters),
      .counted({
        busy[GATHER] && !gather_active && !banks_free,                    // gather: no bank
        busy[GATHER] && !gather_active && banks_free,                     // gather: no responses
        busy[RESPONSE] && !response_active && !file_free,                 // response: no slot
        busy[RESPONSE] && !response_active && file_free && !window_some,  // response: no windows
        m_axi_wvalid && m_axi_wready,                                     // words written
        m_axi_rvalid && m_axi_rready,                                     // words read
        busy[STORE],
        alu_read,
        gather_active,
        response_active,
        busy[LOAD],
        running
      })
  );
  // How far each engine came in the program: a trap leaves it to be read.
  event_counters #(.EVENTS(PLACES)) instructions_done (
      .clock, .clear(clear_counters), .counted(reset ? '0 : {leave, fetch_taken}), .counts(places)
  );
endmodule
